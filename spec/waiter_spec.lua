local saros = require "saros"
local release = require "saros.waiter".release

describe("saros.waiter", function()
  it("finishes a future that is pending", function()
    local loop <close> = saros.new_event_loop()
    local future = loop:create_future()
    release(future)
    assert.is_true(future:done())
    assert.is_nil(future:result())
  end)

  it("leaves one alone that is done or cancelled", function()
    local loop <close> = saros.new_event_loop()
    local done, cancelled = loop:create_future(), loop:create_future()
    done:set_result("first")
    cancelled:cancel()
    release(done)
    release(cancelled)
    assert.equal("first", done:result())
    assert.is_true(cancelled:cancelled())
  end)
end)
