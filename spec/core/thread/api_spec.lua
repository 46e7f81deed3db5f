local saros = require "saros"
local process = require "spec.support.process"

local LIMIT = 60 -- seconds: compilers may be slow

local function shell(line)
  local outcome, output, errors = process.run(LIMIT, "sh", "-c", line)
  assert.equal("exit 0", outcome, output .. errors)
  return output
end

-- The example, built with the header as it is installed, and with nothing of the source tree.
describe("core.thread.api #threads", function()
  local folder, alarm_clock

  setup(function()
    folder = shell("mktemp -d"):match("%S+")
    shell(("cmake --install build/%s --prefix %s/prefix"):format(os.getenv("SAROS_BUILD") or "release", folder))
    shell(("cp scripts/examples/c_threads/alarm_clock.c %s"):format(folder))
    shell(([[cd %s; for lua in lua5.4 lua-5.4 lua54 lua; do
      if pkg-config --exists $lua; then flags=$(pkg-config --cflags $lua); break; fi
    done
    cc -std=c11 -Wall -Wextra -Wpedantic -Werror -D_GNU_SOURCE -shared -fPIC -I prefix/include $flags \
      -o alarm_clock.so alarm_clock.c $([ "$(uname)" != Darwin ] || echo -undefined dynamic_lookup)]]):format(folder))
    alarm_clock = assert(package.loadlib(folder .. "/alarm_clock.so", "luaopen_alarm_clock"))()
  end)

  teardown(function()
    if folder then os.execute("rm -rf " .. folder) end
  end)

  it("links neither Lua nor saros", function()
    local libraries = shell(("ldd %s/alarm_clock.so || otool -L %s/alarm_clock.so"):format(folder, folder))
    assert.is_nil(libraries:match("liblua"))
    assert.is_nil(libraries:match("core%.so"))
  end)

  it("calls functions on the loop, in order", function()
    saros.run(function()
      local rings = saros.Queue()
      local _ <close> = alarm_clock.start(nil, 0.001, 20, function(number) rings:put_nowait(number) end)
      for i = 1, 20 do assert.equal(i, rings:get()) end
    end)
  end)

  it("serves a loop that does not run yet", function()
    local loop <close> = saros.new_event_loop()
    local rings = {}
    local clock = alarm_clock.start(loop, 0.0001, 10, function(number)
      rings[#rings + 1] = number
      if number == 10 then loop:stop() end
    end)
    assert.same({}, rings)
    loop:run_forever()
    clock:stop()
    assert.same({1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, rings)
  end)

  it("gives errors to the exception handler", function()
    local contexts = {}
    saros.run(function()
      local loop = saros.get_running_loop()
      local done = loop:create_future()
      loop:set_exception_handler(function(_, context)
        contexts[#contexts + 1] = context
        done:set_result()
      end)
      local _ <close> = alarm_clock.start(loop, 0.001, 1, function() error(saros.ValueError("in a ring")) end)
      done:await()
    end)
    assert.equal("in a ring", contexts[1].exception.message)
    assert.equal("Exception in a call from another thread", contexts[1].message)
  end)

  it("refuses calls once the loop is closed, and frees those that are on their way", function()
    for round = 1, 10 do
      local loop = saros.new_event_loop()
      local clock = alarm_clock.start(loop, 0.0002, 50, function() end)
      if round % 2 == 0 then
        loop:call_later(0.002, loop.stop, loop)
        loop:run_forever()
      else
        saros.blocking_sleep(0.002)
      end
      loop:close()
      saros.blocking_sleep(0.001)
      clock:stop()
    end
  end)

  it("serves a loop of another thread, by its proxy", function()
    saros.run(function()
      local loop = saros.get_running_loop()
      local path = folder .. "/alarm_clock.so"
      local rings = saros.Channel(10)
      -- The calls come to the state of the loop, which does not know the clock of the other state and ignores them.
      local ended = saros.to_thread(load([[
        local path, loop, rings = ...
        local alarm_clock = assert(package.loadlib(path, "luaopen_alarm_clock"))()
        local clock = alarm_clock.start(loop, 0.001, 3, print)
        require("saros").blocking_sleep(0.02)
        clock:stop()
        rings:send("stopped")
        return true
      ]]), path, loop, rings)
      assert.is_true(ended)
      assert.equal("stopped", rings:recv())
    end)
  end)

  it("refuses what is no open loop", function()
    assert.error_matches(function() alarm_clock.start("loop", 1, 1, print) end, "EventLoop expected, got string")
    assert.error_matches(function() alarm_clock.start(nil, 1, 1, print) end, "no running event loop")
    local loop = saros.new_event_loop()
    loop:close()
    assert.error_matches(function() alarm_clock.start(loop, 1, 1, print) end, "Event loop is closed")
  end)
end)
