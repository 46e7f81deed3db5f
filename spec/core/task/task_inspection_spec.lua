local saros = require "saros"
local raises = require "spec.support.raises"

describe("core.task.task", function()
  local loop, contexts

  before_each(function()
    loop = saros.new_event_loop()
    contexts = {}
    loop:set_exception_handler(function(_, context) contexts[#contexts + 1] = context end)
  end)

  after_each(function() loop:close() end)

  describe("names", function()
    it("are given by the loop, and set by set_name, which returns the task", function()
      local one, two = loop:create_task(function() end), loop:create_task(function() end)
      local n = tonumber(one:get_name():match("^Task%-(%d+)$"))
      assert.equal("Task-" .. n + 1, two:get_name())
      assert.equal(one, one:set_name("mine"))
      assert.equal("mine", one:get_name())
      assert.matches("mine", tostring(one))
      loop:run()
      assert.equal("mine", one:get_name())
      one:set_name("after the end")
      assert.equal("after the end", one:get_name())
    end)

    it("refuse what is no string", function()
      local task = loop:create_task(function() end)
      assert.error_matches(function() task:set_name({}) end,
        "bad argument #1 to 'set_name' %(string expected, got table%)")
      assert.error_matches(function() task:set_name() end,
        "bad argument #1 to 'set_name' %(string expected, got no value%)")
      loop:run()
    end)
  end)

  describe("traceback", function()
    it("shows where a task waits", function()
      local line
      local function waits_here()
        line = debug.getinfo(1, "l").currentline + 1
        saros.sleep(3600)
      end
      local task = loop:create_task(function() waits_here() end)
      loop:run_once()
      local text = task:traceback()
      assert.matches("waits_here", text)
      assert.matches("task_inspection_spec.lua:" .. line, text, 1, true)
      task:cancel()
      pcall(loop.run_until_complete, loop, task)
    end)

    it("shows where it is, when it asks itself", function()
      loop:run_until_complete(function()
        local function asks() return (saros.current_task():traceback()) end
        assert.matches("task_inspection_spec.lua:%d+", asks())
      end)
    end)

    it("shows where it failed, and nothing when it ended well", function()
      local function fails_here() error("text") end
      local failed = loop:create_task(function() fails_here() end)
      local object = loop:create_task(function() error(saros.ValueError("m")) end)
      local fine = loop:create_task(function() end)
      loop:run()
      assert.matches("fails_here", failed:traceback())
      assert.equal(object:exception().traceback, object:traceback())
      assert.is_nil(fine:traceback())
      failed:exception()
    end)

    it("of a task that has not started says so, or shows nothing", function()
      local task = loop:create_task(function() end)
      local text = task:traceback()
      assert.is_true(text == nil or type(text) == "string")
      loop:run()
    end)
  end)

  describe("print_stack", function()
    local function printed(task)
      local path = os.tmpname()
      local file = assert(io.open(path, "w"))
      task:print_stack(file)
      file:close()
      local text = assert(io.open(path)):read("a")
      os.remove(path)
      return text
    end

    it("writes the name and the stack to a file", function()
      local function waits_here() saros.sleep(3600) end
      local task = loop:create_task(function() waits_here() end):set_name("sleeper")
      loop:run_once()
      local text = printed(task)
      assert.matches("sleeper", text)
      assert.matches("waits_here", text)
      assert.matches("task_inspection_spec.lua:%d+", text)
      task:cancel()
      pcall(loop.run_until_complete, loop, task)
      assert.is_string(printed(task))
    end)

    it("writes the error of a failed task", function()
      local task = loop:create_task(function() error(saros.ValueError("what went wrong")) end)
      loop:run()
      assert.matches("what went wrong", printed(task))
      task:exception()
    end)
  end)

  describe("current_task", function()
    it("is the task that runs, also inside a callback-free nest of calls", function()
      local task
      task = loop:create_task(function()
        assert.equal(task, saros.current_task())
        saros.sleep(0)
        assert.equal(task, saros.current_task())
        pcall(function() assert.equal(task, saros.current_task()) end)
        coroutine.wrap(function() assert.equal(task, saros.current_task()) end)()
        return "seen"
      end)
      assert.equal("seen", loop:run_until_complete(task))
    end)

    it("is nil in a callback, and raises outside of a loop", function()
      local seen = "unset"
      loop:call_soon(function() seen = saros.current_task() end)
      loop:run()
      assert.is_nil(seen)
      raises(saros.RuntimeError, saros.current_task)
      raises(saros.RuntimeError, saros.create_task, print)
      raises(saros.RuntimeError, saros.all_tasks)
    end)
  end)

  describe("all_tasks", function()
    it("lists those that are not done, in order of creation", function()
      local tasks = {}
      for i = 1, 6 do tasks[i] = loop:create_task(function() saros.sleep(i % 2 == 0 and 3600 or 0) end) end
      assert.same(tasks, saros.all_tasks(loop))
      for _ = 1, 2 do loop:run_once() end
      assert.same({ tasks[2], tasks[4], tasks[6] }, saros.all_tasks(loop))
      local late = loop:create_task(function() return saros.all_tasks() end)
      local seen = loop:run_until_complete(late)
      assert.same({ tasks[2], tasks[4], tasks[6], late }, seen)
      for i = 2, 6, 2 do tasks[i]:cancel() end
      loop:run()
      assert.same({}, saros.all_tasks(loop))
    end)

    it("is empty for a closed loop", function()
      local other = saros.new_event_loop()
      other:create_task(saros.sleep, 3600)
      other:close()
      assert.same({}, saros.all_tasks(other))
    end)

    it("refuses what is no loop", function()
      assert.error_matches(function() saros.all_tasks({}) end,
        "bad argument #1 to 'all_tasks' %(EventLoop expected, got table%)")
    end)
  end)
end)
