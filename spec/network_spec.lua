local saros = require "saros"

describe("saros.network", function()
  it("gives every loop class its methods", function()
    local Loop = saros.EventLoop:extend("Loop")
    local loop <close> = Loop()
    for _, method in ipairs {"create_connection", "create_unix_connection", "create_server",
      "create_unix_server", "getaddrinfo", "getnameinfo"} do
      assert.is_function(loop[method])
      assert.is_function(saros.EventLoop[method])
    end
  end)

  it("lets a class override them and call what it overrides", function()
    local Loop = saros.EventLoop:extend("Loop")
    local asked
    function Loop:getaddrinfo(host, ...)
      asked = host
      return saros.EventLoop.getaddrinfo(self, host, ...)
    end
    local runner <close> = saros.Runner {loop_factory = Loop}
    runner:run(function()
      local loop = saros.get_running_loop()
      assert.equal("127.0.0.1", loop:getaddrinfo("127.0.0.1", 80)[1].host)
    end)
    assert.equal("127.0.0.1", asked)
  end)
end)
