local saros = require "saros"
local core = require "saros.core"
local network = require "spec.support.network"
local process = require "spec.support.process"

describe("core.io.listener", function()
  it("serves 1,000 connections at once, each exchanging data #many", function()
    network.quietly(function()
      local open, go_on = 0, saros.Event()
      local server <close> = saros.start_server(function(reader, writer)
        open = open + 1
        if open == 1000 then go_on:set() end
        for line in reader:lines() do
          writer:write(line:upper() .. "\n")
          writer:drain()
        end
        open = open - 1
      end, "127.0.0.1", 0, {backlog = 1000})
      local address = server:sockets()[1]
      local tasks = {}
      for i = 1, 1000 do
        tasks[i] = saros.create_task(function()
          local reader, writer = saros.open_connection(address.host, address.port)
          go_on:wait()
          for round = 1, 5 do
            local word = ("client %d round %d"):format(i, round)
            writer:write(word .. "\n")
            assert.equal(word:upper(), reader:read("l"))
          end
          writer:close()
          writer:wait_closed()
        end)
      end
      saros.gather(tasks):await()
      network.until_true(function() return open == 0 end)
    end)
  end)

  it("reports a factory's error and closes that connection only", function()
    local count = 0
    local contexts = network.run(function(loop)
      local server <close> = loop:create_server(function()
        count = count + 1
        if count == 1 then error("mine", 0) end
        if count == 2 then return 42 end
        return {connection_made = function(_, transport) transport:write("third") end}
      end, "127.0.0.1", 0)
      local address = server:sockets()[1]
      for _ = 1, 2 do
        local reader, writer = saros.open_connection(address.host, address.port)
        assert.equal("", reader:read())
        writer:close()
      end
      local reader, writer = saros.open_connection(address.host, address.port)
      assert.equal("third", reader:read(100))
      writer:close()
    end)
    assert.equal(2, #contexts)
    assert.equal("Error on transport creation for incoming connection", contexts[1].message)
    assert.equal("mine", contexts[1].exception)
    assert.equal("the protocol factory returned a number, not a protocol", contexts[2].exception.message)
  end)

  -- Where accept() fails for want of descriptors, epoll goes on reporting the socket: the listener must
  -- neither spin nor stop for good.
  it("goes on after the process has run out of descriptors", function()
    local script = [[
      local saros = require "saros"
      local messages = {}
      saros.run(function()
        local loop = saros.get_running_loop()
        loop:set_exception_handler(function(_, context)
          messages[#messages + 1] = context.message .. " " .. tostring(context.exception.code)
        end)
        local server <close> = saros.start_server(function(reader, writer)
          writer:write(reader:readline())
        end, "127.0.0.1", 0)
        local address = server:sockets()[1]
        local reader, writer = saros.open_connection(address.host, address.port)
        local files = {}
        repeat
          local file = io.open("/dev/null")
          files[#files + 1] = file
        until not file
        local transport = saros.create_task(function()
          -- The client needs a descriptor as well.
          files[#files]:close()
          files[#files] = nil
          local r, w = saros.open_connection(address.host, address.port)
          w:write("late\n")
          return r:readline()
        end)
        local iterations = loop:stats().iterations
        saros.sleep(0.2)
        assert(loop:stats().iterations - iterations < 100, "the loop spins")
        assert(#messages == 1, #messages)
        for _, file in ipairs(files) do file:close() end
        writer:write("early\n")
        io.write(reader:readline(), transport:await(), messages[1], "\n")
      end)
    ]]
    local command = 'ulimit -n 60; exec "$SAROS_LUA" -e "$0"'
    local outcome, output, errors = process.run(30, "sh", "-c", command, script)
    assert.equal("", errors)
    assert.equal("early\nlate\naccept() is out of system resources EMFILE\n", output)
    assert.equal("exit 0", outcome)
  end)

  it("is closed with its loop", function()
    local before = network.descriptors()
    local loop = saros.new_event_loop()
    local server = loop:run_until_complete(function()
      return saros.start_server(function() end, "127.0.0.1", 0)
    end)
    loop:close()
    assert.equal(before, network.descriptors())
    assert.same({}, server:sockets())
    server:close()
  end)

  it("keeps nothing alive once it is closed", function()
    network.quietly(function(loop)
      local listener = core.bind_listener(loop, {host = "127.0.0.1", port = 0})
      local weak = setmetatable({listener}, {__mode = "v"})
      listener:start(5, function() end)
      listener = nil
      collectgarbage()
      collectgarbage()
      assert.is_userdata(weak[1])
      weak[1]:close()
      collectgarbage()
      collectgarbage()
      assert.is_nil(weak[1])
      assert.is_nil(listener)
    end)
  end)
end)
