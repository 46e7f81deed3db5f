local saros = require "saros"
local fds = require "spec.support.fds"
local raises = require "spec.support.raises"
local virtual_clocks = require "spec.support.virtual_clocks"

local SOON, here = virtual_clocks.SOON, virtual_clocks.here
local limited, delayed_byte = virtual_clocks.limited, virtual_clocks.delayed_byte

local VirtualClockLoop = saros.testing.VirtualClockLoop

describe("virtual_clock", function()
  local loop, order
  local function record(...) order[#order + 1] = table.concat({ ... }, " ") end
  local function run(main) return loop:run_until_complete(main) end

  before_each(function()
    loop = limited(VirtualClockLoop())
    order = {}
  end)

  after_each(function() loop:close() end)

  describe("while something is outstanding", function()
    it("does not let a time limit expire while bytes are on their way", function()
      local payload = ("x"):rep(1 << 20)
      run(function()
        local server <close> = saros.start_server(function(reader, writer)
          writer:write(reader:readexactly(#payload))
          writer:drain()
        end, "127.0.0.1", 0)
        local reader, writer = saros.open_connection("127.0.0.1", server:sockets()[1].port)
        writer:write(payload)
        local echo = saros.wait_for(reader.readexactly, 30, reader, #payload)
        assert.is_true(echo == payload)
        writer:close()
        assert.is_true(loop:time() < 30)
      end)
    end)

    it("fires a timer when its deadline is reached by real time, never early", function()
      run(function()
        local server <close> = saros.start_server(function(reader) reader:read() end, "127.0.0.1", 0)
        saros.sleep(100)
        local reader, writer = saros.open_connection("127.0.0.1", server:sockets()[1].port)
        local began, from = saros.monotonic(), loop:time()
        raises(saros.TimeoutError, saros.wait_for, reader.read, SOON, reader, 1)
        assert.is_true(loop:time() - from >= SOON)
        assert.is_true(saros.monotonic() - began >= SOON)
        writer:close()
      end)
    end)

    it("jumps again when the connection is closed, and never goes back", function()
      run(function()
        do
          local server <close> = saros.start_server(function(reader) reader:read() end, "127.0.0.1", 0)
          local _, writer = saros.open_connection("127.0.0.1", server:sockets()[1].port)
          local last = loop:time()
          for _ = 1, 1000 do
            local now = loop:time()
            assert.is_true(now >= last)
            last = now
          end
          writer:close()
        end
        local left = loop:time()
        saros.sleep(3600)
        assert.is_true(loop:time() >= left + 3600)
        assert.is_true(loop:time() < left + 3660)
        local still = loop:time()
        assert.equal(still, loop:time())
      end)
    end)

    it("keeps the time that passed while a connection was open", function()
      run(function()
        local server <close> = saros.start_server(function(reader) reader:read() end, "127.0.0.1", 0)
        local transport = loop:create_connection(function() return {} end, "127.0.0.1", server:sockets()[1].port)
        saros.sleep(SOON)
        transport:abort()
        server:abort_clients()
        server:close()
        local open = loop:time()
        server:wait_closed()
        local closed = loop:time()
        assert.is_true(closed >= open)
        assert.is_true(closed >= SOON)
        assert.equal(closed, loop:time())
      end)
    end)

    it("sends what protocols write in the poll", function()
      local rounds = 0
      run(function()
        local done = loop:create_future()
        local server <close> = loop:create_server(function()
          local echo = {}
          function echo:connection_made(transport) self.transport = transport end
          function echo:data_received(data) self.transport:write(data) end
          return echo
        end, "127.0.0.1", 0)
        local client = {}
        function client:connection_made(transport)
          self.transport = transport
          transport:write("ping")
        end
        function client:data_received(data)
          rounds = rounds + 1
          if rounds == 100 then return done:set_result() end
          self.transport:write(data)
        end
        loop:create_connection(function() return client end, "127.0.0.1", server:sockets()[1].port)
        saros.wait_for(done, 50)
        client.transport:close()
      end)
      assert.equal(100, rounds)
      assert.is_true(loop:time() < 50)
    end)

    it("ends the run when a protocol stops the loop, or an interrupt is raised in one", function()
      local client = {}
      function client.data_received(_, data)
        if data == "stop" then loop:stop() else error(saros.KeyboardInterrupt(data)) end
      end
      local peer
      run(function()
        local server = loop:create_server(function()
          return { connection_made = function(_, transport) peer = transport end }
        end, "127.0.0.1", 0)
        loop:create_connection(function() return client end, "127.0.0.1", server:sockets()[1].port)
        while not peer do saros.sleep(0) end
      end)
      loop:call_later(3600, record, "timer")
      peer:write("stop")
      loop:run_forever()
      peer:write("interrupt")
      assert.equal("interrupt", raises(saros.KeyboardInterrupt, loop.run_forever, loop).message)
      assert.same({}, order)
    end)

    it("waits for a look-up", function()
      run(function()
        local addresses = saros.wait_for(loop.getaddrinfo, 3600, loop, "localhost", 80)
        assert.is_true(#addresses > 0)
        assert.is_true(loop:time() < 3600)
      end)
    end)

    it("waits for a reader", function()
      local file <close> = delayed_byte()
      loop:add_reader(file, function()
        record("read", file:read(1))
        loop:remove_reader(file)
      end)
      loop:call_later(3600, record, "timer")
      loop:run()
      assert.same({ "read x", "timer" }, order)
      assert.is_true(loop:time() >= 3600)
    end)

    it("waits for a writer", function()
      local reader, writer = fds.pipe()
      fds.fill(writer)
      loop:add_writer(writer, function()
        record("written")
        loop:remove_writer(writer)
      end)
      local file <close> = delayed_byte()
      loop:add_reader(file, function()
        loop:remove_reader(file)
        while #(fds.read(reader, 65536) or "") == 65536 do end
      end)
      loop:call_later(3600, record, "timer")
      loop:run()
      fds.close(reader)
      fds.close(writer)
      assert.same({ "written", "timer" }, order)
    end)

    it("jumps in spite of listeners and signal handlers", function()
      run(function()
        local _ <close> = saros.start_server(function() end, "127.0.0.1", 0)
        loop:add_signal_handler("SIGUSR1", print)
        saros.sleep(3600)
      end)
      assert.equal(3600, loop:time())
    end)
  end)

  describe("when nothing can happen", function()
    it("raises an error that names the tasks and the lines where they wait", function()
      local lines = {}
      local failure = raises(saros.RuntimeError, run, function()
        saros.create_task(function()
          lines[1] = here() + 1
          saros.Event():wait()
        end):set_name("worker")
        saros.current_task():set_name("main")
        lines[2] = here() + 1
        saros.Queue():get()
      end)
      assert.equal(("the loop waits for ever: nothing is ready, timed or outstanding; 2 waiting tasks:\n"
        .. "  main at spec/virtual_clock_idle_spec.lua:%d\n"
        .. "  worker at spec/virtual_clock_idle_spec.lua:%d"):format(lines[2], lines[1]), failure.message)
    end)

    it("raises it out of run_until_complete, run_forever, run and run_once, and the loop can be used again", function()
      local message = "the loop waits for ever: nothing is ready, timed or outstanding"
      assert.equal(message, raises(saros.RuntimeError, loop.run_until_complete, loop, loop:create_future()).message)
      assert.equal(message, raises(saros.RuntimeError, loop.run_forever, loop).message)
      assert.equal(message, raises(saros.RuntimeError, loop.run_once, loop).message)
      local task = loop:create_task(function() saros.Event():wait() end):set_name("stuck")
      local failure = raises(saros.RuntimeError, loop.run, loop)
      assert.matches("1 waiting task:\n  stuck at spec/virtual_clock_idle_spec.lua:%d+$", failure.message)
      assert.is_false(loop:is_running())
      task:cancel()
      assert.equal(5, run(function()
        saros.sleep(1)
        return 5
      end))
    end)

    it("raises it for a server that nobody will call", function()
      local failure = raises(saros.RuntimeError, run, function()
        local server <close> = saros.start_server(function() end, "127.0.0.1", 0)
        server:serve_forever()
      end)
      assert.matches("1 waiting task:\n  Task%-%d+ at spec/virtual_clock_idle_spec.lua:%d+$", failure.message)
    end)

    it("returns from run() when nothing is left at all", function()
      loop:call_later(5, record, "timer")
      loop:run()
      assert.same({ "timer" }, order)
      loop:run()
      assert.equal(5, loop:time())
    end)

    it("tells a task that has not begun by its function", function()
      loop.call_soon = function(self) return VirtualClockLoop.call_soon(self, function() end) end
      local line = here() + 1
      loop:create_task(function() end):set_name("forgotten")
      local failure = raises(saros.RuntimeError, loop.run, loop)
      assert.matches("\n  forgotten at spec/virtual_clock_idle_spec.lua:" .. line .. "$", failure.message)
    end)
  end)
end)
