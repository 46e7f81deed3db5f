local saros = require "saros"
local network = require "spec.support.network"
local raises = require "spec.support.raises"

-- Runs fn(reader, writer): what the writer writes, the reader reads.
local function with_stream(fn, options)
  network.quietly(function()
    local client, peer, server = network.streams {client = options}
    local _ <close> = server
    fn(client.reader, peer.writer, peer)
    client.writer:close()
  end)
end

-- Writes the pieces, each in packets of its own.
local function write_slowly(writer, pieces)
  return saros.create_task(function()
    for _, piece in ipairs(pieces) do
      writer:write(piece)
      saros.sleep(0.002)
    end
  end)
end

describe("core.io.reader", function()
  describe("read", function()
    it("gives what there is, up to so many bytes", function()
      with_stream(function(reader, writer)
        writer:write("hello")
        assert.equal("hello", reader:read(100))
        writer:write("world")
        assert.equal("wo", reader:read(2))
        assert.equal("rld", reader:read(100))
      end)
    end)

    it("waits for the first byte only", function()
      with_stream(function(reader, writer)
        local task = write_slowly(writer, {"a", "b"})
        assert.equal("a", reader:read(100))
        assert.equal("b", reader:read(100))
        task:await()
      end)
    end)

    it("gives nil at the end of the file, again and again", function()
      with_stream(function(reader, writer)
        writer:write("x")
        writer:write_eof()
        assert.is_false(reader:at_eof())
        assert.equal("x", reader:read(10))
        assert.is_nil(reader:read(10))
        assert.is_nil(reader:read(10))
        assert.is_true(reader:at_eof())
        assert.is_nil(reader:readline())
        assert.is_nil(reader:readexactly(3))
        assert.is_nil(reader:readuntil(";"))
        assert.is_nil(reader:read("l"))
        assert.is_nil(reader:read("L"))
        assert.is_nil(reader:read(0))
        assert.equal("", reader:readexactly(0))
        assert.equal("", reader:read())
        assert.equal("", reader:read("a"))
      end)
    end)

    it("reads everything without a size, with a negative one, and with 'a'", function()
      for _, size in ipairs {-1, "a", "*a", false} do
        with_stream(function(reader, writer)
          local pieces = {}
          for i = 1, 10 do pieces[i] = ("x"):rep(50000) .. i end
          local task = write_slowly(writer, pieces)
          task:add_done_callback(function() writer:write_eof() end)
          local data
          if size then data = reader:read(size) else data = reader:read() end
          assert.is_true(data == table.concat(pieces))
          assert.equal("", reader:read(-1))
        end)
      end
    end)

    it("gives nothing at once when nothing is asked for", function()
      with_stream(function(reader, writer)
        assert.equal("", reader:read(0))
        assert.equal("", reader:readexactly(0))
        writer:write("x")
        assert.equal("x", reader:read(1))
      end)
    end)

    it("takes Lua's formats for lines", function()
      with_stream(function(reader, writer)
        writer:write("one\ntwo\n\nthree")
        writer:write_eof()
        assert.equal("one", reader:read("l"))
        assert.equal("two\n", reader:read("L"))
        assert.equal("", reader:read("l"))
        assert.equal("three", reader:read("L"))
        assert.is_nil(reader:read("l"))
      end)
    end)

    it("keeps any bytes as they are", function()
      with_stream(function(reader, writer)
        local bytes = {}
        for i = 0, 255 do bytes[#bytes + 1] = string.char(i) end
        bytes = table.concat(bytes)
        writer:write(bytes)
        assert.equal(bytes, reader:readexactly(256))
      end)
    end)
  end)

  describe("readexactly", function()
    it("waits until it has so many bytes", function()
      with_stream(function(reader, writer)
        write_slowly(writer, {"ab", "cde", "fgh"})
        assert.equal("abcd", reader:readexactly(4))
        assert.equal("efgh", reader:readexactly(4))
      end)
    end)

    it("reads more than the limit", function()
      with_stream(function(reader, writer)
        local data = ("0123456789"):rep(100000)
        writer:write(data)
        assert.is_true(reader:readexactly(#data) == data)
      end, {limit = 1000})
    end)

    it("raises what was read if the file ends first", function()
      with_stream(function(reader, writer)
        writer:write("abc")
        writer:write_eof()
        local failure = raises(saros.IncompleteReadError, reader.readexactly, reader, 5)
        assert.equal("abc", failure.partial)
        assert.equal(5, failure.expected)
        assert.equal("3 bytes read on a total of 5 expected bytes", failure.message)
        assert.is_nil(reader:read(1))
      end)
    end)
  end)

  describe("readuntil", function()
    it("reads up to and with the separator, wherever packets end", function()
      with_stream(function(reader, writer)
        write_slowly(writer, {"one", "-", "-;two--", ";", "--;", "three-", "--;rest"})
        assert.equal("one--;", reader:readuntil("--;"))
        assert.equal("two--;", reader:readuntil("--;"))
        assert.equal("--;", reader:readuntil("--;"))
        assert.equal("three---;", reader:readuntil("--;"))
        assert.equal("rest", reader:read(10))
      end)
    end)

    it("takes a newline without a separator", function()
      with_stream(function(reader, writer)
        writer:write("one\ntwo")
        assert.equal("one\n", reader:readuntil())
      end)
    end)

    it("raises what was read if the file ends first", function()
      with_stream(function(reader, writer)
        writer:write("abc")
        writer:write_eof()
        local failure = raises(saros.IncompleteReadError, reader.readuntil, reader, ";")
        assert.equal("abc", failure.partial)
        assert.is_nil(failure.expected)
        assert.is_nil(reader:readuntil(";"))
      end)
    end)

    it("raises LimitOverrunError for a separator beyond the limit, and leaves the data", function()
      with_stream(function(reader, writer)
        writer:write(("x"):rep(15) .. ";")
        local failure = raises(saros.LimitOverrunError, reader.readuntil, reader, ";")
        assert.equal(15, failure.consumed)
        assert.equal(("x"):rep(15), reader:readexactly(failure.consumed))
        assert.equal(";", reader:readuntil(";"))
      end, {limit = 10})
    end)

    it("raises LimitOverrunError for no separator up to the limit", function()
      with_stream(function(reader, writer)
        writer:write(("x"):rep(8))
        local task = saros.create_task(function() return reader:readuntil("--") end)
        saros.sleep(0.01)
        assert.is_false(task:done())
        writer:write(("x"):rep(8))
        local failure = raises(saros.LimitOverrunError, task.await, task)
        assert.equal(15, failure.consumed)
        assert.equal(("x"):rep(16), reader:read(100))
      end, {limit = 10})
    end)

    it("takes what is just within the limit", function()
      with_stream(function(reader, writer)
        writer:write(("x"):rep(10) .. "--;")
        assert.equal(("x"):rep(10) .. "--;", reader:readuntil("--;"))
      end, {limit = 10})
    end)
  end)

  describe("readline", function()
    it("keeps the newline, and takes a last line without one", function()
      with_stream(function(reader, writer)
        write_slowly(writer, {"one\nt", "wo\n", "\n", "last"}):add_done_callback(function() writer:write_eof() end)
        assert.equal("one\n", reader:readline())
        assert.equal("two\n", reader:readline())
        assert.equal("\n", reader:readline())
        assert.equal("last", reader:readline())
        assert.is_nil(reader:readline())
      end)
    end)

    it("drops a line over the limit, so that the next one can be read", function()
      with_stream(function(reader, writer)
        writer:write(("x"):rep(15) .. "\nshort\n" .. ("y"):rep(20))
        local failure = raises(saros.LimitOverrunError, reader.readline, reader)
        assert.equal(15, failure.consumed)
        assert.equal("short\n", reader:readline())
        raises(saros.LimitOverrunError, reader.readline, reader)
        writer:write("rest\n")
        assert.equal("rest\n", reader:readline())
      end, {limit = 10})
    end)
  end)

  describe("lines", function()
    it("iterates over the lines that are left", function()
      with_stream(function(reader, writer)
        write_slowly(writer, {"first\none\ntw", "o\n\nlast"}):add_done_callback(function() writer:write_eof() end)
        assert.equal("first\n", reader:readline())
        local lines = {}
        for line in reader:lines() do lines[#lines + 1] = line end
        assert.same({"one", "two", "", "last"}, lines)
        assert.is_nil(reader:lines()(reader))
      end)
    end)
  end)

  describe("cancellation", function()
    it("of a waiting read leaves the reader usable", function()
      with_stream(function(reader, writer)
        for _, read in ipairs {
          function() return reader:read(10) end,
          function() return reader:readexactly(10) end,
          function() return reader:readline() end,
          function() return reader:read("a") end,
        } do
          local task = saros.create_task(read)
          saros.sleep(0)
          task:cancel()
          raises(saros.CancelledError, task.await, task)
        end
        writer:write("line\n")
        assert.equal("line\n", reader:readline())
      end)
    end)

    it("keeps what a read of many bytes had already", function()
      with_stream(function(reader, writer)
        local task = saros.create_task(function() return reader:readexactly(10) end)
        writer:write("abc")
        saros.sleep(0.01)
        task:cancel()
        raises(saros.CancelledError, task.await, task)
        assert.equal("abc", reader:read(10))
      end)
    end)

    -- The string is on its way to the task when the task is cancelled: it must come back, in its place.
    -- Both packets are sent in this order before one poll, whose callbacks come in the same order.
    for _, case in ipairs {{"read", "line\nmore"}, {"readline", "line\n"}, {"readexactly", "lin"}} do
      local method, taken = table.unpack(case)
      it("between the arrival of data and the turn of a task in " .. method .. " loses nothing", function()
        with_stream(function(reader, writer)
          local task = saros.create_task(function()
            return reader[method](reader, method ~= "readline" and (method == "read" and 100 or 3) or nil)
          end)
          local client, _, server = network.protocols(nil, {data_received = function() task:cancel() end})
          local _ <close> = server
          writer:write("line\nmore")
          client.transport:write("now")
          raises(saros.CancelledError, task.await, task)
          assert.equal(taken, reader:readexactly(#taken))
          if #taken < 9 then assert.equal(("line\nmore"):sub(#taken + 1), reader:read(100)) end
          client.transport:close()
        end)
      end)
    end
  end)

  describe("the end of the connection", function()
    it("by an error is raised by every read, the same object each time", function()
      network.quietly(function()
        local client, peer, server = network.streams()
        local _ <close> = server
        client.reader:read(0)
        peer.writer:write("data")
        saros.sleep(0.01)
        -- Reset the connection: unread data is dropped with the socket.
        client.writer:write("unread")
        saros.sleep(0.01)
        peer.writer.transport:pause_reading()
        peer.writer.transport:abort()
        local failure
        network.until_true(function()
          local ok
          ok, failure = pcall(client.writer.drain, client.writer)
          client.writer:write("x")
          return not ok
        end)
        assert.is_true(saros.is_error(failure, saros.OSError))
        assert.equal(failure, client.reader:exception())
        for _, read in ipairs {"read", "readline", "readuntil"} do
          assert.equal(failure, raises(saros.OSError, client.reader[read], client.reader))
        end
        assert.equal(failure, raises(saros.OSError, client.reader.readexactly, client.reader, 0))
        assert.equal(failure, raises(saros.OSError, client.writer.wait_closed, client.writer))
      end)
    end)

    it("by this side lets what was received be read", function()
      with_stream(function(reader, _, peer)
        peer.writer:write("received")
        saros.sleep(0.02)
        assert.matches("8 bytes", tostring(reader))
        assert.is_nil(reader:exception())
      end)
      network.quietly(function()
        local client, peer, server = network.streams()
        local _ <close> = server
        peer.writer:write("received")
        network.until_true(function() return tostring(client.reader):find("8 bytes") end)
        client.writer:close()
        client.writer:wait_closed()
        assert.equal("received", client.reader:read(100))
        assert.is_nil(client.reader:read(100))
      end)
    end)

    it("wakes a read that waits", function()
      network.quietly(function()
        local client, _, server = network.streams()
        local _ <close> = server
        local task = saros.create_task(function() return client.reader:read(10), "woken" end)
        saros.sleep(0)
        client.writer:close()
        assert.same({n = 2, nil, "woken"}, table.pack(task:await()))
      end)
    end)
  end)

  it("stops reading above twice its limit, and goes on below it", function()
    network.quietly(function()
      local client, peer, server = network.streams {client = {limit = 1000}}
      local _ <close> = server
      local much = 64 * 1024 * 1024
      peer.writer:write(("x"):rep(much))
      saros.sleep(0.05)
      -- One receive more than twice the limit at most.
      local buffered = tonumber(tostring(client.reader):match("(%d+) bytes"))
      assert.is_true(buffered > 2000 and buffered <= 2000 + 256 * 1024, buffered)
      assert.is_true(peer.writer.transport:get_write_buffer_size() > 0)
      assert.matches("paused", tostring(client.reader))
      local total = 0
      while total < much do total = total + #client.reader:read(100000) end
      assert.equal(much, total)
      assert.equal(0, peer.writer.transport:get_write_buffer_size())
    end)
  end)

  it("serves one task at a time", function()
    with_stream(function(reader, writer)
      local task = saros.create_task(function() return reader:read(10) end)
      saros.sleep(0)
      local failure = raises(saros.RuntimeError, reader.readline, reader)
      assert.equal("readline() called while another task is already waiting for incoming data", failure.message)
      writer:write("x")
      assert.equal("x", task:await())
    end)
  end)

  it("wakes its task through an overridden call_soon", function()
    local Loop = saros.EventLoop:extend("Loop")
    function Loop:call_soon(fn, ...)
      return saros.EventLoop.call_soon(self, fn, ...)
    end
    local runner <close> = saros.Runner {loop_factory = Loop}
    runner:run(function()
      local client, peer, server = network.streams()
      local _ <close> = server
      local task = write_slowly(peer.writer, {"one\n", "two\n", "thr", "ee\n"})
      assert.equal("one\n", client.reader:readline())
      assert.equal("two\n", client.reader:read(100))
      assert.equal("three\n", client.reader:readexactly(6))
      task:await()
    end)
  end)

  it("refuses bad arguments", function()
    with_stream(function(reader)
      raises(saros.ValueError, reader.readexactly, reader, -1)
      raises(saros.ValueError, reader.readuntil, reader, "")
      assert.error_matches(function() reader:readexactly() end,
        "bad argument #1 to 'readexactly' %(number expected, got no value%)")
      assert.error_matches(function() reader:readuntil({}) end,
        "bad argument #1 to 'readuntil' %(string expected, got table%)")
      assert.error_matches(function() reader:read("x") end, "bad argument #1 to 'read' %(invalid format%)")
      assert.error_matches(function() reader:read({}) end, "bad argument #1 to 'read' %(number expected, got table%)")
      assert.error_matches(function() reader:read(1.5) end, "number has no integer representation")
      assert.error_matches(function() reader.read({}, 1) end, "StreamReader expected, got table")
    end)
  end)

  it("says why it cannot wait outside a task", function()
    local loop = saros.new_event_loop()
    local client
    local server
    loop:run_until_complete(function()
      local _
      client, _, server = network.streams()
    end)
    local failure = raises(saros.RuntimeError, client.reader.read, client.reader, 1)
    assert.matches("cannot read outside a task", failure.message)
    loop:run_until_complete(function()
      server:close()
      server:abort_clients()
    end)
    loop:close()
    loop = saros.new_event_loop()
    loop:run_until_complete(function()
      failure = raises(saros.RuntimeError, client.reader.read, client.reader, 1)
      assert.equal("Event loop is closed", failure.message)
    end)
    loop:close()
  end)

  it("gives one nil at the end, where it gave nothing at all", function()
    network.quietly(function()
      local client, peer, server = network.streams()
      local _ <close> = server
      peer.writer:write_eof()
      for _, call in ipairs {
        {"read", 5}, {"read", "l"}, {"read", "L"}, {"readline"}, {"readexactly", 2}, {"readuntil", "x"}, {"read", 0},
        {"exception"},
      } do
        local reader = client.reader
        assert.same({n = 1}, table.pack(reader[call[1]](reader, call[2])), call[1])
      end
    end)
  end)
end)
