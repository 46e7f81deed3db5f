--- A node of a scheduler, to be killed: `scheduler_node.lua FILE STORE NODE LEASE [SKEW]`, where FILE returns a
-- function that is given the scheduler. Its clock is SKEW seconds ahead of the machine's.

local core = require "saros.core"
local saros = require "saros"

local file, store, node, lease, skew = table.unpack(arg)

-- More runs of each job than there are: what tells of a run must not be gone before it is looked at.
local HISTORY = 100000

local EventLoop = core.EventLoop
local wall_time = EventLoop.wall_time
function EventLoop:wall_time() return wall_time(self) + tonumber(skew or 0) end

local scheduler <close> = saros.Scheduler { store = store, node = node, lease = tonumber(lease), history = HISTORY }
dofile(file)(scheduler)
print("up")
io.stdout:flush()
scheduler:serve()
