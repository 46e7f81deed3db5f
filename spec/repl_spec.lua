--- The REPL of the `saros` command on a terminal, as who types there sees it: with GNU readline, which
-- `scripts/setup` sees to, and without.
local core = require "saros.core"
local lfs = require "lfs"
local terminals = require "spec.support.terminal"

local CTRL_A, CTRL_C, CTRL_D, CTRL_P = "\1", "\3", "\4", "\16"
local INTERRUPTED = "^%^?C?KeyboardInterrupt: interrupted\n$"

-- Waits until it answers, though it is not certain when there was a prompt.
local function expect_answer(terminal)
  terminal:type("'go' .. 'ne'\n")
  terminal:expect("gone\n> $")
end

-- Starts the REPL and waits for its first prompt.
local function start(environment)
  local terminal = terminals.saros(environment)
  terminal:expect("> $")
  return terminal
end

-- A file that may be there or not, for what waits for that.
local function temporary_name()
  local flag = {path = os.tmpname()}
  function flag.raise() assert(io.open(flag.path, "w")):close() end
  function flag.lower() os.remove(flag.path) end
  flag.lower()
  return setmetatable(flag, {__close = flag.lower})
end

-- Types a line whose statement is not complete.
local function begin(terminal, line)
  terminal:type(line .. "\n")
  terminal:expect("\n>> $")
end

-- Types a line and waits until it has printed "ready".
local function run_until_ready(terminal, code)
  terminal:type("print('rea' .. 'dy') " .. code .. "\n")
  terminal:expect("\nready\n")
end

-- Types a line and waits until it waits.
local function run_until_waiting(terminal, code)
  terminal:type("saros.get_running_loop():call_soon(print, 'wai' .. 'ting') " .. code .. "\n")
  terminal:expect("\nwaiting\n")
end

for name, environment in pairs { ["with readline"] = {}, ["without readline"] = {SAROS_READLINE = ""} } do
  describe("the REPL, " .. name .. ",", function()
    it("says what it is", function()
      local terminal <close> = terminals.saros(environment)
      terminal:expect("^saros %d+%.%d+%.%d+ %(Lua 5%.4, libuv %d+%.%d+%.%d+, %w+%)\n> $")
    end)

    it("prints the values of expressions as `lua` does", function()
      local terminal <close> = start(environment)
      for line, shown in pairs {
        ["1 + 1"] = "2\n",
        ["= 1 + 1"] = "2\n",
        ["=1, nil"] = "1\tnil\n",
        ["'a', nil, 2.5"] = "a\tnil\t2.5\n",
        ["nil"] = "nil\n",
        ["return 7"] = "7\n",
        ["(function() end)()"] = "",
        ["local unused = 1"] = "",
        [""] = "",
        ["-- nothing"] = "",
        ["setmetatable({}, {__tostring = function() return 'mine' end})"] = "mine\n",
      } do
        assert.equal(shown, terminal:run(line), line)
      end
    end)

    it("prints by the global print", function()
      local terminal <close> = start(environment)
      terminal:run("function print(...) io.write('<', ..., '>\\n') end")
      assert.equal("<3>\n", terminal:run("3"))
      terminal:run("print = nil")
      assert.matches("^error calling 'print' %(.*attempt to call a nil value", terminal:run("3"))
    end)

    it("has saros as a global, and keeps globals, not locals", function()
      local terminal <close> = start(environment)
      assert.equal("true\n", terminal:run("saros == require 'saros'"))
      terminal:run("x = 3 local y = 4")
      assert.equal("3\tnil\n", terminal:run("x, y"))
    end)

    it("awaits at the prompt", function()
      local terminal <close> = start(environment)
      assert.equal("slept\n", terminal:run("saros.sleep(0.01, 'slept')"))
      assert.equal("", terminal:run("task = saros.create_task(function() saros.sleep(0.01) return 1, nil end)"))
      assert.equal("1\tnil\n", terminal:run("task:await()"))
      assert.equal("a b\n", terminal:run("table.concat(saros.gather(function() return 'a' end, "
        .. "function() return 'b' end):await(), ' ')"))
    end)

    it("reads on until a statement is complete", function()
      local terminal <close> = start(environment)
      begin(terminal, "for i = 1, 2 do")
      begin(terminal, "  print(i)")
      assert.equal("1\n2\n", terminal:run("end"))
      begin(terminal, "= {")
      assert.equal("0\n", terminal:run("} and 0"))
      begin(terminal, "s = [[a")
      terminal:run("b]]")
      assert.equal('"a\\\nb"\n', terminal:run("('%q'):format(s)"))
    end)

    it("shows an error with its traceback, and goes on", function()
      local terminal <close> = start(environment)
      assert.equal("stdin:1: boom\nstack traceback:\n\t[C]: in global 'error'\n"
        .. "\tstdin:1: in main chunk\n\t[C]: in ?\n", terminal:run("error('boom')"))
      assert.matches("^ValueError: bad\nstack traceback:\n.*stdin:1: in main chunk",
        terminal:run("saros.sleep(0) error(saros.ValueError('bad'))"))
      assert.equal("(error object is a nil value)", (terminal:run("error()"):match("^[^\n]*")))
      assert.equal("stdin:1: unexpected symbol near '='\n", terminal:run("x = = 3"))
      assert.equal("2\n", terminal:run("1 + 1"))
    end)

    it("prompts as _PROMPT and _PROMPT2 say", function()
      local terminal <close> = start(environment)
      terminal:type("_PROMPT, _PROMPT2 = setmetatable({}, {__tostring = function() return '1? ' end}), '2? '\n")
      terminal:expect("\n1%? $")
      terminal:type("do\n")
      terminal:expect("\n2%? $")
      terminal:type("end _PROMPT = setmetatable({}, {__tostring = error})\n")
      terminal:expect("\n> $")
    end)

    it("lets tasks go on while the prompt waits, and while a line is typed", function()
      local terminal <close> = start(environment)
      local flag <close> = temporary_name()
      terminal:run(("path = %q"):format(flag.path))
      terminal:run("function wait() while not io.open(path) do saros.sleep(0.01) end print('seen') end")
      terminal:run("task = saros.create_task(wait)")
      flag:raise()
      terminal:expect("^seen\n$")
      flag:lower()
      terminal:run("task = saros.create_task(wait)")
      terminal:type("1 +")
      terminal:expect("1 %+$")
      flag:raise()
      terminal:expect("seen\n$")
      terminal:type(" 1\n")
      terminal:expect("\n2\n> $")
    end)

    it("reports what fails in the background, and goes on", function()
      local terminal <close> = start(environment)
      terminal:type("saros.get_running_loop():call_later(0.01, error, 'in a callback', 0)\n")
      terminal:expect("Exception in callback.-\nin a callback\n")
      expect_answer(terminal)
    end)

    it("is not stopped by a line that stops the loop", function()
      local terminal <close> = start(environment)
      assert.equal("on\n", terminal:run("saros.get_running_loop():stop() saros.sleep(0) print('on')"))
      assert.matches("^RuntimeError: saros%.run%(%) cannot be called from a running event loop\n",
        terminal:run("saros.run(print)"))
      assert.equal("2\n", terminal:run("1 + 1"))
    end)

    describe("on Ctrl-C", function()
      it("clears what is typed", function()
        local terminal <close> = start(environment)
        terminal:type("print('never')")
        terminal:expect("never'%)$")
        terminal:type(CTRL_C)
        terminal:expect("\n> $")
        assert.equal("2\n", terminal:run("1 + 1"))
      end)

      it("forgets a statement that is not complete", function()
        local terminal <close> = start(environment)
        begin(terminal, "print(")
        terminal:type(CTRL_C)
        terminal:expect("\n> $")
        assert.equal("2\n", terminal:run("1 + 1"))
      end)

      it("cancels a line that waits, which may clean up", function()
        local terminal <close> = start(environment)
        run_until_waiting(terminal, "local scope <close> = setmetatable({}, {__close = function() saros.sleep(0) "
          .. "print('cleaned up') end}) saros.sleep(60)")
        terminal:type(CTRL_C)
        terminal:expect("cleaned up\nKeyboardInterrupt: interrupted\n> $")
        assert.equal("2\n", terminal:run("1 + 1"))
      end)

      it("ends a line that computes", function()
        local terminal <close> = start(environment)
        for _ = 1, 2 do
          run_until_ready(terminal, "while true do end")
          terminal:type(CTRL_C)
          assert.matches(INTERRUPTED, (terminal:expect("^(.-)> $")))
        end
        run_until_ready(terminal, "saros.sleep(0) while true do end")
        terminal:type(CTRL_C)
        assert.matches(INTERRUPTED, (terminal:expect("^(.-)> $")))
        assert.equal("2\n", terminal:run("1 + 1"))
      end)

      it("ends an endless print", function()
        local terminal <close> = start(environment)
        terminal:type("setmetatable({}, {__tostring = function() io.write('ready\\n') while true do end end})\n")
        terminal:expect("\nready\n")
        terminal:type(CTRL_C)
        assert.matches(INTERRUPTED, (terminal:expect("^(.-)> $")))
      end)

      it("takes each press as the first", function()
        local terminal <close> = start(environment)
        run_until_waiting(terminal, "for i = 1, 2 do print(pcall(saros.sleep, 60)) "
          .. "saros.create_task(print, 'again') end saros.sleep(60)")
        for _ = 1, 2 do
          terminal:type(CTRL_C)
          terminal:expect("false\tCancelledError\nagain\n")
        end
        terminal:type(CTRL_C)
        assert.matches(INTERRUPTED, (terminal:expect("^(.-)> $")))
      end)

      it("lets tasks in the background go on", function()
        local terminal <close> = start(environment)
        terminal:run("n = 0")
        terminal:run("ticker = saros.create_task(saros.periodic, 0.001, function() n = n + 1 end)")
        run_until_waiting(terminal, "saros.sleep(60)")
        terminal:type(CTRL_C)
        terminal:expect("KeyboardInterrupt: interrupted\n> $")
        assert.equal("false\n", terminal:run("ticker:done()"))
      end)

      it("ends a task that computes when pressed again", function()
        local terminal <close> = start(environment)
        terminal:type("saros.create_task(function() io.write('ready\\n') while true do end end)\n")
        terminal:expect("\nready\n")
        terminal:press_until(CTRL_C, "KeyboardInterrupt: interrupted\nstack traceback:\n")
        expect_answer(terminal)
      end)

      it("is a line's own when it handles SIGINT", function()
        local terminal <close> = start(environment)
        terminal:run("loop, pressed = saros.get_running_loop(), saros.Event()")
        terminal:run("loop:add_signal_handler('SIGINT', pressed.set, pressed)")
        run_until_waiting(terminal, "pressed:wait() loop:remove_signal_handler('SIGINT') print('own')")
        terminal:type(CTRL_C)
        assert.matches("own\n$", (terminal:expect("^(.-)> $")))
        run_until_waiting(terminal, "saros.sleep(60)")
        terminal:type(CTRL_C)
        assert.matches(INTERRUPTED, (terminal:expect("^(.-)> $")))
      end)
    end)

    describe("on Ctrl-D", function()
      it("leaves, with status 0 and the terminal in order", function()
        local terminal <close> = start(environment)
        terminal:type(CTRL_D)
        local outcome, shown = terminal:wait()
        assert.equal("exit 0", outcome)
        assert.equal("\n", shown)
        assert.is_true(terminal.pty:is_usual())
      end)

      it("cancels the tasks that are left, which may clean up", function()
        local terminal <close> = start(environment)
        terminal:run("function scope() return setmetatable({}, {__close = function() saros.sleep(0.01) "
          .. "print('cleaned up') end}) end")
        terminal:run("task = saros.create_task(function() local s <close> = scope() saros.sleep(60) end)")
        terminal:type(CTRL_D)
        local outcome, shown = terminal:wait()
        assert.equal("exit 0", outcome)
        assert.equal("\ncleaned up\n", shown)
      end)

      it("leaves tasks behind that clean up for too long, after Ctrl-C, with status 130", function()
        local terminal <close> = start(environment)
        terminal:run("function scope() return setmetatable({}, {__close = function() print('cleaning') "
          .. "saros.sleep(60) end}) end")
        terminal:run("task = saros.create_task(function() local s <close> = scope() saros.sleep(60) end)")
        terminal:type(CTRL_D)
        terminal:expect("cleaning\n")
        terminal:type(CTRL_C)
        assert.equal("exit 130", (terminal:wait()))
      end)

      it("says what is missing in a statement, and goes on", function()
        local terminal <close> = start(environment)
        begin(terminal, "print(")
        terminal:type(CTRL_D)
        terminal:expect("^stdin:1: unexpected symbol near <eof>\n> $")
        assert.equal("2\n", terminal:run("1 + 1"))
      end)
    end)

    for what, code in pairs {
      ["in a line"] = "os.exit(7)",
      ["in a line, closing the state"] = "saros.sleep(0) os.exit(7, true)",
      ["in a task, while the prompt waits"] = "saros.get_running_loop():call_later(0.05, os.exit, 7)",
      ["in a task, closing the state"] = "saros.create_task(function() saros.sleep(0.05) os.exit(7, true) end)",
    } do
      it("ends with the status that os.exit is given " .. what, function()
        local terminal <close> = start(environment)
        terminal:type(code .. "\n")
        assert.equal("exit 7", (terminal:wait()))
        assert.is_true(terminal.pty:is_usual())
      end)
    end

    it("prints the tasks on SIGUSR1", function()
      local terminal <close> = start(environment)
      terminal:run("saros.print_tasks = function() print('the tasks') end")
      terminal:signal(core.signals.SIGUSR1)
      terminal:expect("the tasks\n")
      assert.equal("2\n", terminal:run("1 + 1"))
    end)

    it("reads what is typed before it asks", function()
      local terminal <close> = start(environment)
      terminal:type("saros.sleep(0.1)\nx = 6 * 7\nprint('x is', x)\n")
      terminal:expect("x is\t42\n> $")
    end)
  end)
end

describe("the REPL's lines", function()
  local folder, path

  before_each(function()
    folder = os.tmpname()
    os.remove(folder)
    assert(lfs.mkdir(folder))
    path = folder .. "/history"
  end)

  after_each(function()
    for name in lfs.dir(folder) do
      if name ~= "." and name ~= ".." then os.remove(folder .. "/" .. name) end
    end
    lfs.rmdir(folder)
  end)

  local function read(name)
    local file = io.open(name)
    if not file then return nil end
    local text = file:read("a")
    file:close()
    return text
  end

  -- Runs lines in a session that ends by Ctrl-D.
  local function session(environment, ...)
    local terminal <close> = start(environment)
    for _, line in ipairs {...} do terminal:run(line) end
    terminal:type(CTRL_D)
    assert.equal("exit 0", (terminal:wait()))
  end

  it("are edited by readline", function()
    local terminal <close> = start()
    assert.is_false(terminal.pty:is_usual())
    terminal:type("2 * 3" .. CTRL_A .. "1 + \n")
    terminal:expect("\n7\n> $")
  end)

  it("are edited by the terminal when SAROS_READLINE names no library that is there", function()
    for _, library in ipairs {"", "/nowhere/libreadline.so"} do
      local terminal <close> = start {SAROS_READLINE = library, SAROS_HISTORY = path}
      assert.is_true(terminal.pty:is_usual())
      assert.equal("2\n", terminal:run("1 + 1"))
    end
    assert.is_nil(read(path))
  end)

  it("come back, statements of several lines as one", function()
    local terminal <close> = start()
    assert.equal("42\n", terminal:run("6 * 7"))
    terminal:type(CTRL_P .. "\n")
    terminal:expect("6 %* 7\n42\n> $")
    begin(terminal, "for i = 1, 2 do")
    terminal:run("print('i', i) end")
    terminal:type(CTRL_P .. "\n")
    terminal:expect("i\t1\ni\t2\n> $")
  end)

  it("are remembered in the file that SAROS_HISTORY names, those that repeat once", function()
    session({SAROS_HISTORY = path}, "x = 6 * 7", "x = 6 * 7", "= x", "")
    assert.equal("x = 6 * 7\n= x\n", read(path))
    session({SAROS_HISTORY = path}, "3")
    assert.equal("x = 6 * 7\n= x\n3\n", read(path))
    local terminal <close> = start {SAROS_HISTORY = path}
    terminal:type(CTRL_P .. CTRL_P .. CTRL_P .. " + 1\n")
    terminal:expect("x = 6 %* 7 %+ 1\n> $")
    assert.equal("43\n", terminal:run("x"))
  end)

  it("are remembered in the home folder without SAROS_HISTORY, and nowhere if that is empty", function()
    session({SAROS_HISTORY = false, HOME = folder}, "1")
    assert.equal("1\n", read(folder .. "/.saros_history"))
    session({SAROS_HISTORY = "", HOME = folder}, "2")
    assert.equal("1\n", read(folder .. "/.saros_history"))
  end)

  it("are remembered when a line calls os.exit", function()
    local terminal <close> = start {SAROS_HISTORY = path}
    terminal:type("os.exit(0)\n")
    assert.equal("exit 0", (terminal:wait()))
    assert.equal("os.exit(0)\n", read(path))
  end)

  it("fill the history up to 1,000 lines", function()
    local file = assert(io.open(path, "w"))
    for i = 1, 1200 do file:write(i, "\n") end
    file:close()
    session({SAROS_HISTORY = path}, "'last'")
    local _, count = read(path):gsub("\n", "")
    assert.equal(1000, count)
    assert.matches("\n1200\n'last'\n$", read(path))
  end)

  it("follow the terminal's size", function()
    local terminal <close> = start()
    terminal.pty:resize(24, 77)
    terminal:wait_until(function() return terminal:run("os.getenv('COLUMNS')") == "77\n" end)
  end)

  it("are edited on after the process was stopped", function()
    local terminal <close> = start()
    terminal:type("6 *")
    terminal:expect("6 %*$")
    terminal:signal(core.signals.SIGSTOP)
    terminal.pty:make_usual()
    terminal:signal(core.signals.SIGCONT)
    terminal:wait_until(function() return not terminal.pty:is_usual() end)
    terminal:type(" 7\n")
    terminal:expect("\n42\n> $")
  end)
end)
