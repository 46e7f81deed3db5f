local saros = require "saros"
local task_on = require "saros.task_on"

describe("saros.task_on", function()
  it("gives the task that runs on the loop", function()
    saros.run(function()
      assert.equal(saros.current_task(), task_on(saros.get_running_loop()))
    end)
  end)

  it("gives nil in a callback, on another loop, and outside of any", function()
    local loop <close> = saros.new_event_loop()
    assert.is_nil(task_on(loop))
    local seen = {n = 0}
    loop:call_soon(function() seen = table.pack(task_on(loop)) end)
    loop:run()
    assert.same({n = 1}, seen)
    saros.run(function() assert.is_nil(task_on(loop)) end)
  end)
end)
