local process = require "spec.support.process"

local SCRIPT = "scripts/examples/debugging_loop.lua"

-- The number of the first line of the script with this text.
local function line_of(text)
  local number = 0
  for line in io.lines(SCRIPT) do
    number = number + 1
    if line:find(text, 1, true) then return number end
  end
  error("no such line: " .. text)
end

describe("scripts/examples/debugging_loop.lua", function()
  it("logs what is scheduled, steps of tasks by name and line, and every iteration", function()
    local program <close> = process.saros(SCRIPT)
    assert.equal("exit 0", program:wait(20))
    assert.equal("", program:errors())
    local output = program:output()
    -- What ends the program is the library's own.
    output = output:match("^(.-    main ends\n)")
    -- A poll may come back early, and then an iteration has nothing to do.
    output = output:gsub("iteration %d+\n", "iteration\n"):gsub("iteration\niteration\n", "iteration\n")
    output = output:gsub("iteration\niteration\n", "iteration\n")
    local expected = {
      "  call_soon TaskStep: Task-1 at FILE:" .. line_of("saros.run(function()"),
      "iteration",
      "  call_soon TaskStep: Task-2 at FILE:" .. line_of("local function worker"),
      "iteration",
      "    the worker begins",
      "  call_soon TaskStep: worker at FILE:" .. line_of("saros.sleep(0)"),
      "iteration",
      "    the worker goes on",
      "  call_soon TaskStep: main at FILE:" .. line_of("task:await()"),
      "iteration",
      "  call_soon FILE:" .. line_of('log("    a callback")'),
      "  call_later in 0.01 s: a function in C",
      "  call_at, 0.01 s from now: a function in C",
      "iteration",
      "    a callback",
      "iteration",
      "  call_soon TaskStep: main at FILE:" .. line_of("saros.sleep(0.01)"),
      "iteration",
      "    main ends",
    }
    assert.equal(table.concat(expected, "\n") .. "\n", (output:gsub("scripts/examples/debugging_loop%.lua", "FILE")))
  end)
end)
