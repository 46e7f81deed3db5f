local leftovers = require "saros.leftovers"
local saros = require "saros"

describe("leftovers", function()
  local loop

  before_each(function() loop = saros.new_event_loop() end)
  after_each(function() loop:close() end)

  it("are nothing on a new loop", function()
    local found = { errors = leftovers.errors({}) }
    for _, kind in ipairs { "tasks", "timers", "transports", "servers", "descriptors" } do
      found[kind] = leftovers[kind](loop)
      assert.same({}, found[kind], kind)
    end
    assert.is_nil(leftovers.format(found))
    assert.is_nil(leftovers.format({}))
  end)

  it("are told by kind, one and several", function()
    assert.equal("1 task is still pending:\n  a\n2 errors were handled by nobody:\n  b\n    more\n  c",
      leftovers.format { errors = { "b\n  more", "c" }, tasks = { "a" } })
  end)

  it("count the callbacks of timers, not what tasks sleep on", function()
    loop:create_task(saros.sleep, 60)
    loop:call_later(0, function() end)
    loop:call_soon(function() end)
    loop:run_once()
    loop:call_at(5e9, print, 1, 2)
    local callable = setmetatable({}, { __call = function() end })
    loop:call_at(4e9, callable)
    local timers = leftovers.timers(loop)
    assert.equal(2, #timers)
    assert.matches("^table: .*, due at 4000000000.0$", timers[1])
    assert.matches(", due at 5000000000.0$", timers[2])
  end)

  it("do not count transports that are closing", function()
    loop:run_until_complete(function()
      local server <close> = saros.start_server(function(reader) reader:read() end, "127.0.0.1", 0)
      local _, writer = saros.open_connection("127.0.0.1", server:sockets()[1].port)
      assert.equal(1, #leftovers.servers(loop))
      saros.sleep(0)
      assert.is_true(#leftovers.transports(loop) >= 1)
      local before = #leftovers.transports(loop)
      writer:close()
      assert.equal(before - 1, #leftovers.transports(loop))
    end)
    assert.same({}, leftovers.servers(loop))
  end)

  it("tell an error with what the context says about it", function()
    local failure = saros.ValueError { message = "no", traceback = "stack:\n\tline" }
    assert.same({ "message: ValueError: no\n  stack:\n  \tline\n  created at: there", "just this" },
      leftovers.errors { { message = "message", exception = failure, source_traceback = "there" },
        { message = "just this" } })
  end)
end)
