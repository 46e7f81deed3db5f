local saros = require "saros"
local core = require "saros.core"
local network = require "spec.support.network"
local raises = require "spec.support.raises"

describe("core.io.lookup", function()
  it("resolves a name from the hosts file", function()
    network.quietly(function(loop)
      local list = core.look_up_host(loop, "localhost", "80", "inet")
      assert.same({{host = "127.0.0.1", port = 80, family = "inet"}}, list)
    end)
  end)

  it("raises the resolver's error, with its name", function()
    network.quietly(function(loop)
      local failure = raises(saros.OSError, core.look_up_host, loop, "no-such-host.invalid", "80")
      -- Without any name server the answer is that it cannot be asked.
      assert.is_true(failure.code == "EAI_NONAME" or failure.code == "EAI_AGAIN", failure.code)
      assert.matches("cannot resolve 'no%-such%-host%.invalid'", failure.message)
    end)
  end)

  it("lets a task that is cancelled go on at once", function()
    network.quietly(function(loop)
      local task = saros.create_task(function() return core.look_up_host(loop, "no-such-host.invalid", "80") end)
      saros.sleep(0)
      task:cancel()
      saros.sleep(0)
      assert.is_true(task:cancelled())
    end)
  end)

  it("survives many look-ups that nobody waits for, and the end of the loop", function()
    local loop = saros.new_event_loop()
    loop:run_until_complete(function()
      for _ = 1, 20 do
        saros.create_task(function() return core.look_up_host(loop, "localhost", "80") end)
      end
      for i, task in ipairs(saros.all_tasks()) do
        if i % 2 == 0 and task ~= saros.current_task() then task:cancel() end
      end
      saros.sleep(0)
    end)
    loop:set_exception_handler(function() end)
    loop:close()
  end)

  it("raises, and does not wait for ever, when the answer cannot be delivered", function()
    local Loop = saros.EventLoop:extend("Loop")
    local fails = false
    function Loop:call_soon(...)
      if fails then
        fails = false
        error("no room")
      end
      return saros.EventLoop.call_soon(self, ...)
    end
    local loop <close> = Loop()
    local reported
    loop:set_exception_handler(function(_, context) reported = context.message end)
    loop:run_until_complete(function()
      local task = saros.create_task(core.look_up_host, loop, "localhost", "80")
      saros.sleep(0)
      fails = true
      local failure = raises(saros.OSError, saros.wait_for, task, 30)
      assert.equal("EAI_MEMORY", failure.code)
    end)
    assert.equal("Cannot deliver the answer of the resolver", reported)
  end)

  it("finds the name of an address", function()
    network.quietly(function(loop)
      local names = core.look_up_address(loop, {host = "127.0.0.1", port = 80}, true, true)
      assert.same({"127.0.0.1", "80"}, names)
    end)
  end)

  it("refuses bytes that would end the name early", function()
    network.quietly(function(loop)
      raises(saros.ValueError, core.look_up_host, loop, "localhost\0.example", "80")
      raises(saros.ValueError, core.look_up_host, loop, "localhost", "80\0")
    end)
  end)

  it("says why it cannot wait outside a task", function()
    local loop <close> = saros.new_event_loop()
    local failure = raises(saros.RuntimeError, core.look_up_host, loop, "localhost", "80")
    assert.matches("cannot getaddrinfo outside a task", failure.message)
  end)
end)
