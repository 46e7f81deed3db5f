--- Chooses the garbage collection that SAROS_GC names, for the whole of a Lua program.
-- Lua runs this file at its start, by LUA_INIT_5_4 (see scripts/test). The `lua` program of 5.4 is
-- generational unless told otherwise, a Lua state made in C incremental.

local mode = os.getenv("SAROS_GC")
if mode == "generational" then
  -- A young collection each time memory has grown by one percent, the least that Lua takes.
  collectgarbage("generational", 1)
elseif mode == "stress" then
  -- No pause between two cycles, and the largest multiplier that Lua keeps: with the memory of a
  -- common spec each step is a whole cycle, and the next allocation begins another. What nothing
  -- refers to is gone at once. Lua takes a pause of 0 for none given, and stores quarters, so that
  -- 1 is what makes it 0.
  collectgarbage("incremental", 1, 1000, 10)
end
