--- Runs busted under the Lua that runs this file.
-- The `busted` command names an interpreter of its own in its first line, often not Lua 5.4, and
-- where LuaRocks installed it, it is a shell script.

-- The leak checker ends a process that leaks at once, and what was not written yet is lost: busted's
-- list of failures.
io.stdout:setvbuf("line")

require("busted.runner")({ standalone = false })
