local postgres = require "luasql.postgres"
local lfs = require "lfs"
local saros = require "saros"
local system = require "system"
local postgresql = require "spec.support.postgresql"
local process = require "spec.support.process"

local LIMIT = 20 -- seconds

describe("spec.support.postgresql", function()
  local function ask(url, statement)
    local connection = assert(postgres.postgres():connect(url))
    local cursor = assert(connection:execute(statement))
    local value = cursor:fetch()
    cursor:close()
    connection:close()
    return value
  end

  local function can_connect(url)
    local connection = postgres.postgres():connect(url)
    if connection then connection:close() end
    return connection ~= nil
  end

  local function disappears(folder)
    local deadline = system.monotime() + LIMIT
    while lfs.attributes(folder) do
      if system.monotime() > deadline then return false end
      system.sleep(0.02)
    end
    return true
  end

  it("starts a server, which can go away and come back, and is gone with its files in the end", function()
    local server <close> = postgresql.start()
    assert.equal("postgres", ask(server.url, "SELECT current_database()"))
    local url = server:new_database("jobs")
    assert.equal("jobs", ask(url, "SELECT current_database()"))
    server:kill()
    assert.is_false(can_connect(url))
    server:start()
    assert.is_true(can_connect(url))
    server:stop()
    assert.is_false(can_connect(url))
    assert.is_nil(lfs.attributes(server.folder))
  end)

  for _, how in ipairs { "", "server:freeze()" } do
    it("ends the server when the specs die" .. (how ~= "" and ", though it is frozen" or ""), function()
      local program <close> = process.start(os.getenv("SAROS_LUA"), "-e", ([[
        server = require "spec.support.postgresql".start()
        %s
        print("started", server.url, server.folder)
        io.stdout:flush()
        require "system".sleep(60)]]):format(how))
      local url, folder = program:expect("started\t(%S+)\t(%S+)\n")
      if how == "" then assert.is_true(can_connect(url)) end
      program:signal("SIGKILL")
      assert.is_true(disappears(folder))
      assert.is_false(can_connect(url))
    end)
  end
end)

describe("saros.sql_store", function()
  local LUA = os.getenv("SAROS_LUA") or "lua5.4"

  local path

  before_each(function() path = os.tmpname() end)

  after_each(function()
    for _, suffix in ipairs { "", "-wal", "-shm" } do os.remove(path .. suffix) end
  end)

  local function nothing() end

  -- How many jobs another process finds, which then closes the file.
  local function count_elsewhere()
    local program = 'print(#require "spec.support.sql".rows(%q, "SELECT name FROM saros_jobs"))'
    local outcome, output, errors = process.run(LIMIT, LUA, "-e", program:format("sqlite:" .. path))
    assert.equal("", errors)
    assert.equal("exit 0", outcome)
    return tonumber(output)
  end

  -- Looking whether an SQLite file is there used to let go of the locks on it. Who closed it next then took itself
  -- for the last one, and removed the log to which the other one went on writing.
  it("loses nothing when another process closes the file", function()
    saros.run(function()
      local scheduler <close> = saros.Scheduler { store = "sqlite:" .. path }
      for n = 1, 4 do
        scheduler:schedule_once("job" .. n, nothing, 60)
        assert.equal(n, count_elsewhere())
      end
    end)
  end)

  -- One of them used to be told at once that the file is locked.
  it("is made by several at the same time", function()
    local function open_and_close()
      local scheduler <close> = saros.Scheduler { store = "sqlite:" .. path }
      return scheduler ~= nil
    end
    for _ = 1, 30 do
      os.remove(path)
      saros.run(function()
        local group <close> = saros.TaskGroup()
        for _ = 1, 4 do group:create_task(open_and_close) end
      end)
    end
  end)
end)
