--- Chooses the garbage collection that SAROS_GC names, for the whole of a Lua program.
-- Lua runs this file at its start, by LUA_INIT_5_4 (see scripts/test). The `lua` program of 5.4 is
-- generational unless told otherwise, a Lua state made in C incremental.

local mode = os.getenv("SAROS_GC")
if mode == "generational" then
  -- A young collection each time memory has grown by one percent, the least that Lua takes.
  collectgarbage("generational", 1)
elseif mode == "stress" then
  -- No pause between two cycles, the largest multiplier that Lua keeps, and a step as soon as a
  -- kilobyte was allocated: an object that nothing refers to is soon gone.
  collectgarbage("incremental", 0, 1000, 10)
end
