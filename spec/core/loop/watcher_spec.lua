local saros = require "saros"
local fds = require "spec.support.fds"
local raises = require "spec.support.raises"

describe("core.loop.watcher", function()
  local loop, order, opened

  local function record(...) order[#order + 1] = table.concat({ ... }, " ") end

  local function open(kind)
    local a, b = fds[kind]()
    opened[#opened + 1] = a
    opened[#opened + 1] = b
    return a, b
  end

  before_each(function()
    loop = saros.new_event_loop()
    order, opened = {}, {}
  end)

  after_each(function()
    loop:close()
    for _, fd in ipairs(opened) do fds.close(fd) end
  end)

  it("calls a reader with its arguments for as long as there is something to read", function()
    local reader, writer = open("pipe")
    loop:add_reader(reader, function(...)
      record("reads", fds.read(reader, 2), ...)
      if #order == 3 then loop:remove_reader(reader) end
    end, "with", "arguments")
    fds.write(writer, "abcde")
    loop:run()
    assert.same({ "reads ab with arguments", "reads cd with arguments", "reads e with arguments" }, order)
  end)

  it("calls a reader at the end of file", function()
    local reader, writer = fds.pipe()
    opened[1] = reader
    loop:add_reader(reader, function()
      record("read", #fds.read(reader))
      loop:remove_reader(reader)
    end)
    loop:call_soon(fds.close, writer)
    loop:run()
    assert.same({ "read 0" }, order)
  end)

  it("calls a writer when there is room", function()
    local reader, writer = open("pipe")
    local filled = fds.fill(writer)
    assert.is_true(filled > 0)
    loop:add_writer(writer, function()
      record("writes", fds.write(writer, "x"))
      loop:remove_writer(writer)
    end)
    loop:call_later(0.001, function()
      record("drains")
      repeat local data = fds.read(reader, 65536) until not data or #data == 0
    end)
    loop:run()
    assert.same({ "drains", "writes 1" }, order)
  end)

  it("watches both directions of one descriptor", function()
    local one, two = open("socketpair")
    loop:add_reader(one, function()
      record("reads", fds.read(one))
      assert.is_true(loop:remove_reader(one))
    end)
    loop:add_writer(one, function()
      record("writes")
      fds.write(one, "ping")
      assert.is_true(loop:remove_writer(one))
    end)
    loop:add_reader(two, function()
      record("answers", fds.read(two))
      fds.write(two, "pong")
      loop:remove_reader(two)
    end)
    loop:run()
    assert.same({ "writes", "answers ping", "reads pong" }, order)
  end)

  it("calls the reader before the writer when both are ready", function()
    local one, two = open("socketpair")
    fds.write(two, "data")
    loop:add_writer(one, function() record("writer") loop:remove_writer(one) end)
    loop:add_reader(one, function() record("reader") loop:remove_reader(one) end)
    loop:run()
    assert.same({ "reader", "writer" }, order)
  end)

  it("replaces the function when one is added again", function()
    local reader, writer = open("pipe")
    loop:add_reader(reader, record, "old")
    loop:add_reader(reader, function()
      record("new")
      loop:remove_reader(reader)
    end)
    fds.write(writer, "x")
    loop:run()
    assert.same({ "new" }, order)
  end)

  it("says whether there was something to remove", function()
    local reader, writer = open("pipe")
    assert.is_false(loop:remove_reader(reader))
    assert.is_false(loop:remove_writer(writer))
    loop:add_reader(reader, print)
    assert.is_false(loop:remove_writer(reader))
    assert.is_true(loop:remove_reader(reader))
    assert.is_false(loop:remove_reader(reader))
  end)

  it("does not call a reader that was removed in the iteration of its event", function()
    local r1, w1 = open("pipe")
    local r2, w2 = open("pipe")
    -- Whichever comes first removes both.
    local function only_one()
      record("called")
      loop:remove_reader(r1)
      loop:remove_reader(r2)
    end
    loop:add_reader(r1, only_one)
    loop:add_reader(r2, only_one)
    fds.write(w1, "x")
    fds.write(w2, "x")
    loop:run()
    assert.same({ "called" }, order)
  end)

  it("reports an error of the function and keeps watching", function()
    local reader, writer = open("pipe")
    local failures = 0
    loop:set_exception_handler(function(_, context)
      failures = failures + (context.exception == "went wrong" and 1 or 100)
    end)
    loop:add_reader(reader, function()
      fds.read(reader, 1)
      if failures == 2 then loop:remove_reader(reader) end
      error("went wrong", 0)
    end)
    fds.write(writer, "abc")
    loop:run()
    assert.equal(3, failures)
  end)

  it("takes a Lua file", function()
    local pipe = io.popen("sleep 0.002; echo hello")
    loop:add_reader(pipe, function()
      record(pipe:read("l"))
      loop:remove_reader(pipe)
    end)
    loop:run()
    pipe:close()
    assert.same({ "hello" }, order)
  end)

  it("lets go of the function and its arguments", function()
    local reader = open("pipe")
    local weak = setmetatable({}, { __mode = "v" })
    do
      local first, second = {}, {}
      weak[1], weak[2] = first, second
      loop:add_reader(reader, print, first)
      loop:add_reader(reader, print, second)
    end
    collectgarbage()
    collectgarbage()
    assert.is_nil(weak[1])
    assert.is_table(weak[2])
    loop:remove_reader(reader)
    collectgarbage()
    collectgarbage()
    assert.is_nil(weak[2])
  end)

  it("watches a hundred descriptors, and a number that is used anew", function()
    local left = 100
    for _ = 1, 100 do
      local reader, writer = open("pipe")
      loop:add_reader(reader, function()
        loop:remove_reader(reader)
        left = left - 1
      end)
      loop:call_soon(fds.write, writer, "x")
    end
    loop:run()
    assert.equal(0, left)
    for _ = 1, 5 do
      local reader, writer = fds.pipe()
      loop:add_reader(reader, function()
        record("read")
        loop:remove_reader(reader)
      end)
      fds.write(writer, "x")
      loop:run()
      fds.close(reader)
      fds.close(writer)
    end
    assert.equal(5, #order)
  end)

  describe("bad input", function()
    it("refuses types", function()
      for _, method in ipairs { "add_reader", "add_writer" } do
        assert.error_matches(function() local m = loop[method] m(loop, "0", print) end, "expected, got string")
        assert.error_matches(function() local m = loop[method] m(loop, nil, print) end, "expected, got nil")
        assert.error_matches(function() local m = loop[method] m(loop, 0) end, "function expected, got no value")
      end
      assert.error_matches(function() loop:add_reader({}, print) end,
        "bad argument #1 to 'add_reader' %(.+ expected, got table%)")
      assert.error_matches(function() loop:add_reader(0, 0) end,
        "bad argument #2 to 'add_reader' %(function expected, got number%)")
      assert.error_matches(function() loop:remove_writer(print) end,
        "bad argument #1 to 'remove_writer' %(.+ expected, got function%)")
    end)

    it("refuses numbers that cannot be a descriptor, and closed files", function()
      assert.matches("%-1", raises(saros.ValueError, loop.add_reader, loop, -1, print).message)
      assert.matches("99999999999", raises(saros.ValueError, loop.add_writer, loop, 99999999999, print).message)
      local file = io.open("/dev/null")
      file:close()
      assert.matches("closed file", raises(saros.ValueError, loop.add_reader, loop, file, print).message)
    end)

    it("raises the system's error for what cannot be watched", function()
      local reader, writer = fds.pipe()
      fds.close(reader)
      fds.close(writer)
      assert.equal("EBADF", raises(saros.OSError, loop.add_reader, loop, reader, print).code)
      local file <close> = assert(io.open("spec/core/loop/watcher_spec.lua"))
      assert.equal("EPERM", raises(saros.OSError, loop.add_reader, loop, file, print).code)
      assert.equal(0, #order)
      loop:run()
    end)
  end)
end)
