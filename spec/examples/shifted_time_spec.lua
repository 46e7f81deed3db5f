local process = require "spec.support.process"

describe("scripts/examples/shifted_time.lua", function()
  it("lets hours pass at once, in the order of the deadlines", function()
    local program <close> = process.saros("scripts/examples/shifted_time.lua")
    assert.equal("exit 0", program:wait(20))
    assert.equal("", program:errors())
    assert.equal([[
the clock is ahead by 1000000 s
 1800 s: a timer, after half an hour
 1200 s: the clock was set back
 3600 s: slept for an hour
 7200 s: waited for a day, at most two hours: false, TimeoutError
 7200 s: all in less than five seconds
]], program:output())
  end)
end)
