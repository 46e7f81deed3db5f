--- The `saros` command line, as its users see it: output, messages, exit statuses.
local saros = require "saros"
local process = require "spec.support.process"
local scripts = require "spec.support.scripts"

local LIMIT = scripts.LIMIT
local launch, output_of, failure_of = scripts.launch, scripts.output_of, scripts.failure_of

describe("the saros command", function()
  it("tells its version and those of what it is made of", function()
    local outcome, output = launch("--version")
    assert.equal("exit 0", outcome)
    assert.matches("^saros %d+%.%d+%.%d+ %(Lua 5%.4, libuv %d+%.%d+%.%d+, %w+%)\n$", output)
  end)

  it("explains itself when asked, on its output", function()
    local outcome, output, errors = launch("--help")
    assert.equal("exit 0", outcome)
    assert.matches("^usage: saros\n +saros FILE", output)
    assert.equal("", errors)
  end)

  it("names an option that it does not know, and explains itself", function()
    for _, option in ipairs {"--frobnicate", "-x", "-e1"} do
      local outcome, output, errors = launch(option, "x")
      assert.equal("exit 2", outcome)
      assert.equal("", output)
      assert.matches("^saros: unknown option '" .. option:gsub("%p", "%%%0") .. "'\nusage: ", errors)
    end
  end)

  it("says which file cannot be read, and why", function()
    local outcome, _, errors = launch("/nowhere/script.lua")
    assert.equal("exit 1", outcome)
    assert.equal("saros: cannot open /nowhere/script.lua: No such file or directory\n", errors)
  end)

  it("says where a script cannot be parsed", function()
    assert.equal("saros: FILE:1: unexpected symbol near '='", (failure_of("x = = 3")))
  end)

  it("reads a script from standard input", function()
    local outcome, output = process.run(LIMIT, "sh", "-c",
      [[echo 'require("saros").sleep(0) print(arg[0], arg[1], ...)' | "${SAROS_LUA:-lua5.4}" scripts/saros - one]])
    assert.equal("exit 0", outcome)
    assert.equal("-\tone\tone\n", output)
  end)

  it("reads a script from standard input without arguments too, if that is no terminal", function()
    local outcome, output, errors = process.run(LIMIT, "sh", "-c",
      [[echo 'require("saros").sleep(0) print(arg[0], #arg, ...)' | "${SAROS_LUA:-lua5.4}" scripts/saros]])
    assert.equal("", errors)
    assert.equal("exit 0", outcome)
    assert.equal("scripts/saros\t0\n", output)
  end)

  it("names standard input where what it reads there fails", function()
    for code, message in pairs {
      ["x = = 3"] = "stdin:1: unexpected symbol near '='\n",
      ["error('boom')"] = "stdin:1: boom\nstack traceback:\n",
    } do
      local outcome, _, errors = process.run(LIMIT, "sh", "-c",
        ([[echo "%s" | "${SAROS_LUA:-lua5.4}" scripts/saros]]):format(code))
      assert.equal("exit 1", outcome)
      assert.equal("saros: " .. message, errors:sub(1, #"saros: " + #message))
    end
  end)

  it("gives a script its arguments as `lua` does", function()
    assert.equal("FILE\ta\t-b\t2\ta\t-b\nscripts/saros\n",
      output_of("print(arg[0], arg[1], arg[2], #arg, ...) print(arg[-1])", "a", "-b"))
  end)

  it("runs a script whose first line is for the shell", function()
    local path = os.tmpname()
    local file = assert(io.open(path, "w"))
    file:write("#!/usr/bin/env saros\nprint('ran')\n")
    file:close()
    local outcome, output = launch(path)
    os.remove(path)
    assert.equal("exit 0", outcome)
    assert.equal("ran\n", output)
  end)

  -- What was opened next took their numbers, and was written to: a database, or a pipe of libuv's, which aborted.
  it("gives the numbers of standard streams that are closed to nothing else", function()
    local path = os.tmpname()
    local script <close> = scripts.write([[
      saros.sleep(0)
      local files = {}
      for i = 1, 3 do files[i] = assert(io.open(arg[1], "a")) end
      print("to the output")
      io.stderr:write("to the errors")
      files[3]:write(tostring(io.read("a")), "end")
    ]])
    local outcome = process.run(LIMIT, "sh", "-c", [["${SAROS_LUA:-lua5.4}" scripts/saros "$0" "$1" <&- >&- 2>&-]],
      script.path, path)
    local file <close> = assert(io.open(path))
    os.remove(path)
    assert.equal("exit 0", outcome)
    assert.equal("end", file:read("a"))
  end)
end)

describe("saros -e", function()
  -- Runs code that is to succeed, silently but for its output.
  local function output(code, ...)
    local outcome, text, errors = launch("-e", code, ...)
    assert.equal("", errors)
    assert.equal("exit 0", outcome)
    return text
  end

  -- Runs code that is to fail; its errors.
  local function failure(code)
    local outcome, _, errors = launch("-e", code)
    assert.equal("exit 1", outcome)
    return errors
  end

  it("runs code that may await anywhere, with saros as a global", function()
    assert.equal("slept\ttrue\n", output("print(saros.sleep(0, 'slept'), saros == require 'saros')"))
  end)

  it("gives it its arguments, as `lua` would if the code were a file", function()
    local code = "print(#arg, arg[1], arg[2], arg[-1], arg[-2], ...) print(arg[0])"
    assert.equal("2\tone\t--two\t-e\tscripts/saros\tone\t--two\n" .. code .. "\n", output(code, "one", "--two"))
  end)

  it("runs what the code leaves scheduled", function()
    assert.equal("end\ntask\n", output("saros.create_task(print, 'task') print('end')"))
  end)

  it("runs no code at all", function()
    assert.equal("", output(""))
  end)

  it("does not read an expression as a statement", function()
    assert.equal("saros: (command line):1: unexpected symbol near '1'\n", failure("1 + 1"))
  end)

  it("shows an error with its traceback", function()
    assert.equal("saros: (command line):1: boom\nstack traceback:\n\t[C]: in global 'error'\n"
      .. "\t(command line):1: in main chunk\n\t[C]: in ?\n", failure("saros.sleep(0) error('boom')"))
  end)

  it("needs the code", function()
    local outcome, text, errors = launch("-e")
    assert.equal("exit 2", outcome)
    assert.equal("", text)
    assert.matches("^saros: '%-e' needs code to run\nusage: ", errors)
  end)

  it("ends silently on Ctrl-C, with status 130", function()
    local running <close> = process.saros("-e",
      "io.stdout:setvbuf('no') saros.create_task(print, 'ready') saros.sleep(60)")
    running:expect("ready\n")
    running:signal("SIGINT")
    assert.equal("exit 130", running:wait(LIMIT))
    assert.equal("", running:errors())
  end)
end)

describe("SIGUSR1 under the saros command", function()
  it("prints the tasks of a script that", function()
    local callbacks = "local loop = require 'saros.loop' loop.call_later(60, print) loop.call_soon(print, 'ready') "
    for what, code in pairs {
      sleeps = "saros.create_task(print, 'ready') saros.sleep(60)",
      ["has ended, and left a task"] = "saros.create_task(function() print('ready') saros.sleep(60) end)",
      ["is in callback style"] = callbacks,
      ["runs its loop itself"] = callbacks .. "loop.run()",
      ["calls saros.run"] = "saros.run(function() saros.create_task(print, 'ready') saros.sleep(60) end)",
    } do
      local running <close> = process.saros("-e",
        "io.stdout:setvbuf('no') function saros.print_tasks() print('the tasks') end " .. code)
      running:expect("^ready\n$")
      running:signal("SIGUSR1")
      assert.equal("ready\nthe tasks\n", running:expect("^ready\nthe tasks\n$"), what)
    end
  end)

  it("shows who awaits whom", function()
    local running <close> = process.saros("-e", [[
      io.stdout:setvbuf("no")
      local task = saros.create_task(function() print("ready") saros.Event():wait() end):set_name("child")
      task:await()]])
    running:expect("^ready\n$")
    running:signal("SIGUSR1")
    local limit = saros.monotonic() + LIMIT
    while not running:errors():find("child", 1, true) and saros.monotonic() < limit do os.execute("sleep 0.01") end
    assert.matches("^%S+ %(main%): waiting .-child: waiting .- in Event:wait", running:errors())
  end)

  it("is the script's own when it handles it", function()
    local running <close> = process.saros("-e", [[
      io.stdout:setvbuf("no")
      function saros.print_tasks() print("the tasks") end
      local asked = saros.Event()
      saros.get_event_loop():add_signal_handler("SIGUSR1", asked.set, asked)
      saros.create_task(print, "ready")
      asked:wait()
      print("own")]])
    running:expect("ready\n")
    running:signal("SIGUSR1")
    assert.equal("exit 0", running:wait(LIMIT))
    assert.equal("ready\nown\n", running:output())
  end)
end)
