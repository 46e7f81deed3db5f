-- The Redis-compatible server beside a real one: the same bytes to both, the same bytes from
-- both. redis-cli and redis-benchmark drive it too. It is one file, however long, because all of it shares the two
-- servers; most are requests, command by command.

local exchange = require "spec.examples.exchange"
local process = require "spec.support.process"
local saros = require "saros"

local SCRIPT = "scripts/examples/redis_server.lua"

-- A request in the protocol's own form.
local function command(...)
  local words = { ... }
  for i, word in ipairs(words) do words[i] = ("$%d\r\n%s\r\n"):format(#word, word) end
  return "*" .. #words .. "\r\n" .. table.concat(words)
end

-- Inline requests, one a line.
local function lines(text)
  return (text:gsub("^%s+", ""):gsub("\n%s*", "\r\n"))
end

local ASK, STOP = command("ECHO", "<that is all>"), "<that is all>\r\n"

local function free_port()
  return saros.run(function()
    local server <close> = saros.start_server(function() end, "127.0.0.1", 0)
    return server:sockets()[1].port
  end)
end

describe("scripts/examples/redis_server.lua", function()
  local ours, real, port, real_port

  lazy_setup(function()
    ours = process.saros(SCRIPT, "127.0.0.1", "0")
    port = select(2, ours:listening())
    real_port = free_port()
    real = process.start("redis-server", "--port", tostring(real_port), "--bind", "127.0.0.1",
      "--save", "", "--appendonly", "no", "--dir", "/tmp")
    real:expect("Ready to accept connections")
  end)

  lazy_teardown(function()
    ours:close()
    real:close()
  end)

  local function ask(from, bytes, size)
    local reply, closed = exchange.ask(from, command("FLUSHALL") .. bytes, ASK, STOP, size)
    -- The number of a connection differs between any two.
    return reply:gsub("(\r\nid\r\n:)%d+", "%1N"), closed
  end

  -- Fails where two replies begin to differ, and shows only what is around.
  local function assert_same_bytes(expected, reply)
    if expected == reply then return end
    local at = 1
    while expected:byte(at) == reply:byte(at) do at = at + 1 end
    local from = math.max(at - 100, 1)
    assert.equal(expected:sub(from, at + 100), reply:sub(from, at + 100))
  end

  -- Asks both and compares. Returns what they said.
  local function compare(bytes, size)
    local expected, expected_end = ask(real_port, bytes, size)
    local reply, ended = ask(port, bytes, size)
    assert_same_bytes(expected, reply)
    assert.equal(expected_end, ended)
    return reply, ended
  end

  describe("answers like a real server:", function()
    it("PING and ECHO", function()
      compare(lines([[
        PING
        ping hello
        PING a b
        ECHO x
        ECHO
        ECHO a b
        ECHO ""
      ]]))
    end)

    it("SET and its options", function()
      local reply = compare(lines([[
        SET a 1
        GET a
        SET a 2 NX
        SET b 2 NX
        SET c 3 XX
        SET a 3 XX
        SET a 4 GET
        SET d 4 GET
        SET d 5 NX GET
        SET e 5 XX GET
        SET a 5 EX 100
        TTL a
        SET a 6 KEEPTTL
        TTL a
        SET a 7
        TTL a
        SET a 8 PX 100000
        TTL a
        SET a 9 EXAT 4102444800
        EXPIRETIME a
        SET a 9 PXAT 4102444800123
        PEXPIRETIME a
        SET a 9 ex 10 ex 20
        TTL a
        SET a 1 EXAT 1
        GET a
        SET a 1 PERSIST
        SET a 1 EX
        SET a 1 EX x
        SET a 1 EX 0
        SET a 1 PX -1
        SET a 1 EX 9223372036854775807
        SET a 1 PX 9223372036854775807
        SET a 1 EX 10 PX 10
        SET a 1 NX XX
        SET a 1 KEEPTTL EX 10
        SET a 1 NX NX nx
        SET a 1 GET GET
        SET a
        SET a b c
        SETNX n 1
        SETNX n 2
        SETEX n 100 v
        TTL n
        SETEX n 0 v
        PSETEX n -1 v
        PSETEX n 100000 v
        TTL n
        GETSET n w
        TTL n
        GETDEL n
        GETDEL n
        MSET a 1 b 2
        MSET a 1 b
        MGET a b nothing
        APPEND a xyz
        APPEND new xyz
        STRLEN a
        STRLEN nothing
      ]]))
      -- That both answer is seen here once: the rest compares.
      assert.truthy(reply:find("+OK\r\n+OK\r\n$1\r\n1\r\n$-1\r\n", 1, true))
    end)

    it("INCR and its kin, up to the ends of 64 bits", function()
      compare(lines([[
        INCR n
        INCR n
        DECR n
        INCRBY n 40
        DECRBY n 20
        GET n
        SET n 9223372036854775807
        INCR n
        INCRBY n 1
        DECR n
        SET n -9223372036854775808
        DECR n
        DECRBY n 1
        INCRBY n -1
        INCR n
        DECRBY n -9223372036854775808
        INCRBY n 9223372036854775808
        INCRBY n x
        INCRBY n
        SET n " 1"
        INCR n
        SET n 01
        INCR n
        SET n -0
        INCR n
        SET n +1
        INCR n
        SET n 1.5
        INCR n
        SET n ""
        INCR n
        SET n 5 EX 100
        INCR n
        TTL n
      ]]))
    end)

    it("EXPIRE, TTL -1 and -2, and their kin", function()
      local reply = compare(lines([[
        TTL nothing
        PTTL nothing
        SET k v
        TTL k
        PTTL k
        EXPIRE k 100
        TTL k
        EXPIRE k 50 GT
        EXPIRE k 200 GT
        TTL k
        EXPIRE k 300 LT
        EXPIRE k 30 LT
        EXPIRE k 40 NX
        EXPIRE k 40 XX
        TTL k
        PERSIST k
        PERSIST k
        PERSIST nothing
        TTL k
        EXPIRE k 100 XX
        EXPIRE k 100 GT
        EXPIRE k 100 LT
        PEXPIRE k 90000
        TTL k
        EXPIREAT k 4102444800
        EXPIRETIME k
        PEXPIREAT k 4102444800999
        PEXPIRETIME k
        EXPIRETIME k
        EXPIRETIME nothing
        EXPIRE k 0
        GET k
        SET k v
        EXPIRE k -1
        EXISTS k
        EXPIRE nothing 10
        EXPIRE k
        EXPIRE k x
        EXPIRE k 10 FOO
        EXPIRE k 10 NX XX
        EXPIRE k 10 GT LT
        EXPIRE k x NX GT
        EXPIRE k 9223372036854775807
        EXPIRE k -9223372036854775807
        PEXPIRE k 9223372036854775807
        EXPIREAT k 9223372036854775807
      ]]))
      assert.truthy(reply:find("+OK\r\n:-2\r\n:-2\r\n+OK\r\n:-1\r\n:-1\r\n:1\r\n:100\r\n", 1, true))
    end)

    it("DEL, EXISTS, TYPE and the databases", function()
      compare(lines([[
        MSET a 1 b 2 c 3
        EXISTS a a b nothing
        DEL a b nothing
        UNLINK c c
        TYPE nothing
        SET a 1
        TYPE a
        DBSIZE
        SELECT 3
        DBSIZE
        GET a
        SET z 1
        SELECT 0
        FLUSHDB
        DBSIZE
        SELECT 3
        DBSIZE
        FLUSHALL async
        DBSIZE
        FLUSHALL nonsense
        SELECT 16
        SELECT -1
        SELECT x
        SELECT 99999999999
        SELECT
        DEL
        EXISTS
        TYPE
      ]]))
    end)

    it("unknown commands and wrong numbers of arguments", function()
      compare(lines([[
        FOO
        foo a b
        GET
        GET a b
        get
        SELECT
        DBSIZE x
        AUTH secret
        AUTH default secret
        AUTH joe secret
      ]])
        .. command("F\r\nO\0O", "a\r\nb", "c\0d", "e")
        .. command("FOO", ("a"):rep(200), "b")
        .. command("FOO", ("a"):rep(100), ("b"):rep(50), "c")
        .. command(("F"):rep(200), "b")
        .. command("", "a")
        .. command("EXPIRE", "a", "1", "F\r\n"))
    end)

    it("values of any bytes, empty and large ones", function()
      local bytes = {}
      for code = 0, 255 do bytes[#bytes + 1] = string.char(code) end
      local all = table.concat(bytes)
      compare(command("SET", all, all .. all) .. command("GET", all) .. command("STRLEN", all)
        .. command("KEYS", "*") .. command("SET", "", "") .. command("GET", "") .. command("ECHO", "\r\n")
        .. command("APPEND", all, "\0") .. command("GETSET", all, "$5\r\nhello\r\n") .. command("GET", all))
      local large = all:rep(8000) -- 2 MB
      compare(command("SET", "large", large) .. command("STRLEN", "large") .. command("GET", "large"))
    end)

    it("patterns", function()
      local keys = { "", "a", "b", "abc", "abd", "a-c", "a*c", "a?c", "[a]", "a\\c", "]", "^", "a\0c", "a\nc", "\xff" }
      local script = {}
      for _, key in ipairs(keys) do script[#script + 1] = command("SET", key, "1") end
      local common = table.concat(script)
      -- Servers list keys in an order of their own: with one key at a time there is but one.
      for _, pattern in ipairs({
        "*", "**", "?", "a?c", "a*", "*c", "a*c", "a\\*c", "a\\?c", "[a]", "[^a]", "[ab]", "[a-c]", "[c-a]", "[^b-z]",
        "a[b-]c", "a[-]c", "a[*]c", "\\[a\\]", "[]]", "[\\]]", "[a", "[", "[^", "\\", "a\\", "a\\\\c", "", "^", "[\\^]",
        "???", "*?*", "a[^b]c", "a[\0\n]c", "[\x80-\xff]", "*[", "[a-", "*\\", "abc*", "*abc", "*b*", "A*",
      }) do
        local found = {}
        for _, from in ipairs({ real_port, port }) do
          local reply = ask(from, common .. command("KEYS", pattern))
          local sorted = {}
          local list = reply:match("%*%d+\r\n.*$")
          for _, key in ipairs(keys) do
            if list:find(("$%d\r\n%s\r\n"):format(#key, key), 1, true) then sorted[#sorted + 1] = key end
          end
          found[#found + 1] = { count = list:match("^%*(%d+)"), keys = sorted }
        end
        assert.same(found[1], found[2], pattern)
      end
    end)

    it("inline commands with quotes and blanks", function()
      compare("  PING  \r\n\tECHO\tx \r\n"
        .. "ECHO \"a \\x41\\n\\r\\t\\\"\\q\\x4g\"\r\nECHO 'a\\x41\\'\\n'\r\nECHO a\"b\"\r\n"
        .. "\r\n\r\n\n  \r\nPING\nECHO ''\r\nECHO a\\x41\r\n\"\"\r\nPING\x0bx\r\nPING \r\r\n")
    end)

    it("lenient readings of the protocol", function()
      compare("*-1\r\n*0\r\n*-10\r\n" .. "*1\rX$4\rXPINGXX" .. "*1\r\n$4\r\nPING\r\n" .. command("PING", ""))
    end)

    it("protocol errors, after which it closes", function()
      for _, bytes in ipairs({
        "*x\r\n", "*\r\n", "*+1\r\n", "*1 \r\n", "*01\r\n", "*2147483648\r\n", "*1\r\n$-1\r\n", "*1\r\n$x\r\n",
        "*1\r\n$01\r\n", "*1\r\n$536870913\r\n", "*1\r\n:4\r\n", "*1\r\n\r\n", "*1\r\n\n\r\n", "*1\r\n\xff\r\n",
        "*2\r\n$3\r\nGET\r\n$-1\r\n", "\"PING\r\n", "PING 'a\r\n", "ECHO \"a\"b\r\n", "ECHO 'a'b\r\n",
        "PING\r\n*1\r\nx\r\nPING\r\n",
      }) do
        local reply, closed = compare(bytes)
        assert.truthy(reply:find("-ERR Protocol error: ", 1, true))
        assert.is_true(closed)
      end
    end)

    it("headers and lines that never end", function()
      for _, bytes in ipairs({ "x", "*1", "*1\r\n$1" }) do
        bytes = bytes .. ("1"):rep(70000)
        local expected, expected_end = exchange.ask(real_port, bytes, "", STOP)
        local reply, ended = exchange.ask(port, bytes, "", STOP)
        assert.equal(expected, reply)
        assert.truthy(reply:find("-ERR Protocol error: too big ", 1, true))
        assert.is_true(expected_end and ended)
      end
    end)

    it("QUIT, after which it closes", function()
      local _, closed = compare("PING\r\nQUIT\r\nPING\r\n")
      assert.is_true(closed)
      compare("quit now please\r\nPING\r\n")
    end)

    it("HELLO in both versions of the protocol", function()
      compare(lines([[
        HELLO
        HELLO 2
        HELLO 3
        GET nothing
        SET n 1 GET
        SET n 1 NX
        MGET n nothing
        GETDEL nothing
        CONFIG GET save
        CONFIG GET nothing*
        COMMAND DOCS nothing
        COMMAND INFO get nothing
        HELLO 2 SETNAME me
        GET nothing
        HELLO 2 AUTH default any SETNAME me
        HELLO 4
        HELLO x
        HELLO 2 AUTH joe any
        HELLO 2 AUTH default
        HELLO 2 FOO
        HELLO 2 SETNAME "a b"
      ]]))
    end)

    it("CONFIG", function()
      compare(lines([[
        CONFIG GET save
        CONFIG GET SAVE save
        CONFIG GET appendonly
        CONFIG GET [s]ave
        CONFIG GET databases
        CONFIG GET nothing
        CONFIG GET
        CONFIG
        CONFIG FOO
        CONFIG HELP
        CONFIG HELP x
        CONFIG SET save ""
        CONFIG SET save "" save ""
        CONFIG SET databases 5
        CONFIG SET nothing 1
        CONFIG SET save "" nothing 1
        CONFIG SET a b c
        CONFIG SET save
        CONFIG RESETSTAT
        CONFIG REWRITE
      ]]))
    end)

    it("COMMAND, for all the commands that it has", function()
      local reply = ask(port, "COMMAND LIST\r\n")
      local names = {}
      for name in reply:gmatch("%$%d+\r\n(%l+)\r\n") do names[#names + 1] = name end
      assert.is_true(#names > 35)
      local script = { "HELLO 2\r\n" }
      for version = 2, 3 do
        script[#script + 1] = "HELLO " .. version .. "\r\n"
        for _, name in ipairs(names) do
          -- A real server lists more subcommands of these two, in an order of its own.
          if name ~= "config" and name ~= "command" then
            script[#script + 1] = command("COMMAND", "INFO", name)
          end
        end
      end
      script[#script + 1] = lines([[
        COMMAND INFO config|get config|set command|info nothing get|x
        COMMAND FOO
        COMMAND HELP
        COMMAND HELP x
        COMMAND COUNT x
        COMMAND LIST x
        COMMAND GETKEYS mset a 1 b 2
        COMMAND GETKEYS del a b c
        COMMAND GETKEYS get a b
        COMMAND GETKEYS ping x
        COMMAND GETKEYS nothing x
        COMMAND GETKEYS config get x
        COMMAND GETKEYS set a
      ]])
      compare(table.concat(script))
    end)

    it("a long pipeline", function()
      local script = {}
      for i = 1, 3000 do
        script[#script + 1] = command("SET", "k" .. i % 50, "v" .. i)
        script[#script + 1] = command("INCR", "n" .. i % 7)
        script[#script + 1] = command("GET", "k" .. i % 53)
        if i % 10 == 0 then script[#script + 1] = "PING\r\nNONSENSE a b\r\n" end
      end
      compare(table.concat(script))
    end)

    it("a pipeline that is sent before any of its replies is read", function()
      compare(command("SET", "k", ("x"):rep(1000)) .. ("GET k\r\n"):rep(20000))
    end)

    it("packets of one byte, and of a few", function()
      local script = lines([[
        SET a 1 EX 100
        GET a
        nonsense 'a b'
        TTL a
      ]]) .. command("SET", "b", "\r\n\0*1\r\n") .. command("GET", "b") .. "*-1\r\n\r\n" .. command("PING")
      for _, size in ipairs({ 1, 2, 3, 7 }) do compare(script, size) end
      compare(script .. "*1\r\n:", 1)
    end)
  end)

  it("lets keys expire that nobody asks for", function()
    exchange.run(function()
      exchange.with(port, function(reader, writer)
        local function request(...)
          writer:write(command(...))
          return reader:readline()
        end
        request("FLUSHALL")
        request("SET", "stays", "v", "EX", "1000")
        local script = {}
        for i = 1, 500 do script[i] = command("SET", "gone" .. i, "v", "PX", "150") end
        writer:write(table.concat(script) .. "DBSIZE\r\n")
        assert.equal(("+OK\r\n"):rep(500) .. ":501\r\n", reader:readexactly(500 * 5 + 6))
        while request("DBSIZE") ~= ":1\r\n" do saros.sleep(0.02) end
        assert.equal("*1\r\n", request("KEYS", "*"))
        assert.equal("$5\r\n", reader:readline())
        assert.equal("stays\r\n", reader:readline())
      end)
    end)
  end)

  it("hides a key from the moment it expires", function()
    exchange.run(function()
      exchange.with(port, function(reader, writer)
        writer:write(command("FLUSHALL") .. command("SET", "k", "v", "PX", "30"))
        assert.equal("+OK\r\n+OK\r\n", reader:readexactly(10))
        saros.sleep(0.035)
        writer:write("KEYS *\r\nEXISTS k\r\nTTL k\r\nGET k\r\n")
        assert.equal("*0\r\n:0\r\n:-2\r\n$-1\r\n", reader:readexactly(18))
      end)
    end)
  end)

  it("answers others while one does not read its replies", function()
    exchange.run(function()
      exchange.with(port, function(_, slow)
        slow:write(command("SET", "large", ("x"):rep(1000000)))
        -- 1 GB of replies, if they were all made.
        slow:write(command("GET", "large"):rep(1000))
        exchange.with(port, function(reader, writer)
          for _ = 1, 100 do
            writer:write("PING\r\n")
            assert.equal("+PONG\r\n", reader:readline())
          end
        end)
      end)
    end)
    local status = io.open("/proc/" .. ours:pid() .. "/status")
    -- Linux alone can tell, and a sanitizer's own memory would count.
    if status and (os.getenv("SAROS_BUILD") or "release") == "release" then
      local kilobytes = tonumber(status:read("a"):match("VmHWM:%s+(%d+)"))
      status:close()
      assert.is_true(kilobytes < 500 * 1024)
    end
  end)

  it("is driven by redis-cli", function()
    local input = lines([[
      FLUSHALL
      SET greeting 'hello world' EX 100
      GET greeting
      TTL greeting
      GET nothing
      INCR n
      INCR greeting
      NONSENSE
      MGET greeting n nothing
      KEYS n*
      CONFIG GET save
      DBSIZE
      FLUSHALL
    ]])
    local outputs = {}
    for _, each in ipairs({ real_port, port }) do
      for _, style in ipairs({ "--no-raw", "--raw", "-3", "--csv" }) do
        local outcome, output, errors =
          process.run(20, "sh", "-c", 'printf "%s" "$1" | redis-cli -p "$2" "$3"', "sh", input, each, style)
        assert.equal("exit 0", outcome)
        assert.equal("", errors)
        outputs[#outputs + 1] = output
      end
    end
    for i = 1, 4 do assert.equal(outputs[i], outputs[i + 4]) end
    assert.truthy(outputs[5]:find('"hello world"', 1, true))
    assert.truthy(outputs[5]:find("(integer) 100", 1, true))
  end)

  it("is driven by redis-benchmark", function()
    -- A build with a sanitizer, or a collector that is forced, is many times slower.
    local slow = (os.getenv("SAROS_BUILD") or "release") ~= "release" or os.getenv("SAROS_GC")
    local outcome, output, errors = process.run(120, "redis-benchmark", "-p", tostring(port), "-t",
      "ping,set,get,incr", "-P", "16", "-c", "50", "-n", slow and "10000" or "100000", "-q")
    assert.equal("exit 0", outcome)
    assert.equal("", errors)
    for _, name in ipairs({ "PING_INLINE", "PING_MBULK", "SET", "GET", "INCR" }) do
      assert.truthy(output:find(name .. ": [%d.]+ requests per second"), name)
    end
    assert.is_nil(output:lower():find("err"))
    assert.is_nil(output:lower():find("warn"))
  end)

  for _, signal in ipairs({ "SIGINT", "SIGTERM" }) do
    it("ends within a second of " .. signal .. " with an idle client connected", function()
      local server <close> = process.saros(SCRIPT, "127.0.0.1", "0")
      local _, its_port = server:listening()
      exchange.run(function()
        exchange.with(its_port, function(reader, writer)
          writer:write("PING\r\n")
          assert.equal("+PONG\r\n", reader:readline())
          server:signal(signal)
          assert.equal("exit 0", server:wait(1))
          assert.is_nil(reader:read(1))
        end)
      end)
      assert.equal("", server:errors())
      assert.truthy(server:output():find("\nstopped after 1 commands, with 0 keys and 1 clients\n$"), server:output())
    end)
  end

  it("says which address is taken", function()
    local outcome, _, errors = process.run(20, os.getenv("SAROS_LUA") or "lua5.4", "scripts/saros", SCRIPT,
      "127.0.0.1", tostring(port))
    assert.equal("exit 1", outcome)
    assert.truthy(errors:find("EADDRINUSE", 1, true) or errors:find("address already in use", 1, true))
  end)

  it("reported no error in all this", function()
    assert.equal("", ours:errors())
  end)
end)
