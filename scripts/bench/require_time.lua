-- require_time.lua: how long `require "saros"` takes in a fresh process.

local begin = os.clock()
require "saros"
print("require_ms", (os.clock() - begin) * 1e3)
