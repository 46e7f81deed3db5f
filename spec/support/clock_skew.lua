--- Lets all loops of a program have a wall clock that is SKEW seconds ahead of the machine's. The program is started
-- with `LUA_INIT_5_4=@spec/support/clock_skew.lua`.

local EventLoop = require "saros.core".EventLoop

local skew = tonumber(os.getenv("SKEW"))
local wall_time = EventLoop.wall_time

function EventLoop:wall_time() return wall_time(self) + skew end
