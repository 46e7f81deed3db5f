local postgres = require "luasql.postgres"
local lfs = require "lfs"
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

  it("ends the server when the specs die", function()
    local program <close> = process.start(os.getenv("SAROS_LUA"), "-e", [[
      server = require "spec.support.postgresql".start()
      print("started", server.url, server.folder)
      io.stdout:flush()
      require "system".sleep(60)]])
    local url, folder = program:expect("started\t(%S+)\t(%S+)\n")
    assert.is_true(can_connect(url))
    program:signal("SIGKILL")
    assert.is_true(disappears(folder))
    assert.is_false(can_connect(url))
  end)
end)
