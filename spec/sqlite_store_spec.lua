local saros = require "saros"
local databases = require "spec.support.databases"
local raises = require "spec.support.raises"

local async = saros.testing.async

describe("saros.sqlite_store", function()
  local path

  before_each(function() path = os.tmpname() end)

  after_each(function()
    for _, suffix in ipairs {"", "-wal", "-shm", "-journal"} do os.remove(path .. suffix) end
  end)

  databases.specs({describe = describe, it = it, before_each = before_each}, function() return "sqlite:" .. path end)

  it("follows the loop's clock: a year passes at once, and is made up for", async(function()
    local runs = 0
    local function session(seconds)
      local scheduler <close> = saros.Scheduler {store = "sqlite:" .. path, lease = 86400 * 30}
      scheduler:schedule_cron("monthly", function() runs = runs + 1 end, "0 9 1 * *", {coalesce = "all"})
      saros.sleep(seconds)
    end
    session(86400 * 100)
    assert.equal(4, runs)
    saros.sleep(86400 * 200)
    session(86400 * 65)
    assert.equal(12, runs)
  end))

  it("makes the file, and keeps it when it is there", async(function()
    os.remove(path)
    for _ = 1, 2 do
      local scheduler <close> = saros.Scheduler {store = "sqlite:" .. path}
      scheduler:schedule_once("job", function() end, 1)
      assert.equal("file", io.open(path) and "file")
      saros.sleep(2)
      assert.equal(1, scheduler:status().job.runs)
    end
  end))

  it("refuses a URL without a path, a folder that is not there, and what is no database", async(function()
    assert.equal("the store 'sqlite:' has no path: sqlite:PATH is expected",
      raises(saros.ValueError, saros.Scheduler, {store = "sqlite:"}).message)
    assert.equal("the store 'sqlite:/nowhere/at all.db' cannot be opened: unable to open database file",
      raises(saros.RuntimeError, saros.Scheduler, {store = "sqlite:/nowhere/at all.db"}).message)
    local file <close> = io.open(path, "w")
    file:write(("no database "):rep(100))
    file:close()
    assert.equal(("the store 'sqlite:%s' cannot be opened: file is not a database"):format(path),
      raises(saros.RuntimeError, saros.Scheduler, {store = "sqlite:" .. path}).message)
  end))

  it("refuses tables of another version", async(function()
    do
      local scheduler <close> = saros.Scheduler {store = "sqlite:" .. path}
      assert.same({}, scheduler:status())
    end
    local environment = require("luasql.sqlite3").sqlite3()
    local connection = environment:connect(path)
    assert(connection:execute("UPDATE saros_store SET version = 99"))
    connection:close()
    environment:close()
    assert.equal(("the store 'sqlite:%s' cannot be opened: its tables are of version 99, this program knows version 1")
      :format(path), raises(saros.RuntimeError, saros.Scheduler, {store = "sqlite:" .. path}).message)
  end))

  it("needs a task, as it has to wait", function()
    local loop = saros.new_event_loop()
    local failure
    loop:call_soon(function() failure = select(2, pcall(saros.Scheduler, {store = "sqlite:" .. path})) end)
    loop:run()
    loop:close()
    assert.equal("RuntimeError", failure.name)
  end)
end)
