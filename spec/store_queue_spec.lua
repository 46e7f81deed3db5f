local saros = require "saros"
local system = require "system"
local postgresql = require "spec.support.postgresql"
local raises = require "spec.support.raises"
local scheduling = require "spec.support.scheduling"
local sql = require "spec.support.sql"

local async, logged = saros.testing.async, scheduling.logged

local function nothing() end

local function wait_until(condition)
  local deadline = saros.monotonic() + 20
  while not condition() do
    assert.is_true(saros.monotonic() < deadline, "it did not come to pass")
    saros.sleep(0.02)
  end
end

describe("saros.store_queue", function()
  local path, url

  before_each(function()
    path = os.tmpname()
    url = "sqlite:" .. path
  end)

  after_each(function()
    for _, suffix in ipairs { "", "-wal", "-shm", "-journal" } do os.remove(path .. suffix) end
  end)

  local INTERVAL = 0.1

  -- Schedules a job, lets the database be away for a while, and sees what ran and what the log says.
  local function run_through(store, go_away, come_back)
    local fire_times = {}
    local lines = logged(function()
      saros.run(function()
        local scheduler <close> = saros.Scheduler { store = store }
        scheduler:schedule_recurring("job", function(run)
          fire_times[#fire_times + 1] = run.fire_time
        end, INTERVAL, { overlap = "allow", coalesce = "all" })
        wait_until(function() return #fire_times > 2 end)
        go_away()
        local count = #fire_times
        saros.sleep(3)
        assert.is_true(#fire_times <= count + 1)
        come_back()
        wait_until(function() return #fire_times > count + 35 end)
      end)
    end)
    return fire_times, lines
  end

  local function assert_each_once(fire_times)
    table.sort(fire_times)
    for i = 2, #fire_times do
      assert.is_true(math.abs(fire_times[i] - fire_times[i - 1] - INTERVAL) < 1e-5)
    end
    local rows = sql.rows(url, "SELECT fire_time FROM saros_runs WHERE outcome = 'finished' ORDER BY fire_time")
    assert.equal(#fire_times, #rows)
  end

  local function assert_said_once(lines, problem)
    assert.equal(2, #lines)
    assert.equal(("error: the store '%s' cannot be used, and is tried again until it can: "):format(url),
      lines[1]:sub(1, #lines[1] - #problem))
    assert.equal(problem, lines[1]:sub(-#problem))
    assert.equal(("info: the store '%s' can be used again"):format(url), lines[2])
  end

  -- Another program has the file to itself.
  local function lock()
    local connection = assert(require "luasql.sqlite3".sqlite3():connect(path))
    local deadline = system.monotime() + 5
    while not connection:execute("BEGIN EXCLUSIVE") do assert.is_true(system.monotime() < deadline) end
    return connection
  end

  local function unlock(connection)
    assert(connection:execute("COMMIT"))
    connection:close()
  end

  describe("with an SQLite file", function()
    it("goes on when another program lets go of it: every run is made up for, once", function()
      local connection
      local fire_times, lines = run_through(url, function() connection = lock() end, function() unlock(connection) end)
      assert_each_once(fire_times)
      assert_said_once(lines, "database is locked")
    end)

    it("that is locked for long, or cannot be made, is not opened", function()
      local connection = lock()
      local function open(store)
        return raises(saros.RuntimeError, saros.run, function() saros.Scheduler { store = store } end).message
      end
      assert.equal(("the store '%s' cannot be opened: database is locked"):format(url), open(url))
      unlock(connection)
      assert.equal("the store 'sqlite:/no/such/folder/jobs.db' cannot be opened: unable to open database file",
        open("sqlite:/no/such/folder/jobs.db"))
    end)
  end)

  describe("with a PostgreSQL server", function()
    local server

    setup(function() server = postgresql.start() end)

    teardown(function() server:stop() end)

    it("goes on when that is back: every run is made up for, once", function()
      url = server:new_database("back")
      local fire_times, lines = run_through(url, function() server:kill() end, function() server:start() end)
      assert_each_once(fire_times)
      assert.equal(2, #lines)
      assert.matches("^error: the store '.*' cannot be used, and is tried again until it can: ", lines[1])
      assert.matches("^info: the store '.*' can be used again$", lines[2])
    end)

    it("that is not there, or has no such database, is not opened, and its password not shown", function()
      for message, store in pairs {
        ['database "none" does not exist'] = server.url:gsub("@", ":secret@"):gsub("[^/]*$", "none"),
        ["Connection refused"] = "postgresql://joe:secret@127.0.0.1:1/jobs",
        ['invalid percent-encoded token: "***"'] = "postgresql://joe:secret%zz@127.0.0.1:1/jobs",
      } do
        local failure = raises(saros.RuntimeError, saros.run, function() saros.Scheduler { store = store } end)
        assert.is_truthy(failure.message:find(":***@", 1, true), failure.message)
        assert.is_truthy(failure.message:find(message, 1, true), failure.message)
        assert.is_falsy(failure.message:find("secret", 1, true), failure.message)
      end
    end)

    -- As when a network is cut: the thread waits for an answer, and cannot be ended.
    it("that does not answer lets a scheduler be closed", function()
      local lines = logged(function()
        saros.run(function()
          local scheduler = saros.Scheduler { store = server:new_database("frozen"), shutdown_timeout = 0.1 }
          scheduler:schedule_recurring("job", nothing, 0.05, { overlap = "queue" })
          saros.sleep(0.2)
          server:freeze()
          saros.sleep(0.2)
          local began = saros.monotonic()
          local ok, failure = pcall(scheduler.close, scheduler)
          server:thaw()
          assert(ok, failure)
          assert.is_true(saros.monotonic() - began < 25)
        end)
      end)
      assert.matches("^error: the store '.*' is closed, and 1 change could not be written: it does not answer$",
        lines[#lines])
    end)
  end)

  describe("that is closed while the database is away", function()
    -- With a virtual clock: how long it takes does not take long.
    local function close_without_database(prepare)
      local took
      local lines = logged(async(function()
        local scheduler = saros.Scheduler { store = url, shutdown_timeout = 1 }
        scheduler:schedule_recurring("job", nothing, 1, 1)
        scheduler:schedule_recurring("other", nothing, 60, 60)
        saros.sleep(1.5)
        os.remove(path)
        prepare(scheduler)
        local began = saros.get_running_loop():time()
        scheduler:close()
        took = saros.get_running_loop():time() - began
        scheduler:close()
      end))
      local gone = ("the file '%s' is gone"):format(path)
      assert.equal(("error: the store '%s' cannot be used, and is tried again until it can: %s"):format(url, gone),
        lines[1])
      assert.equal(gone, lines[#lines]:sub(-#gone))
      return took, lines
    end

    it("gives up after some time, and says so", function()
      local took, lines = close_without_database(function() saros.sleep(2) end)
      assert.is_true(took > 5 and took < 25, took)
      local closed = ("error: the store '%s' is closed, and 2 changes could not be written: "):format(url)
      assert.equal(closed, lines[#lines]:sub(1, #closed))
    end)

    -- It used to wait for that for ever.
    it("gives up the states of jobs as well", function()
      local took, lines = close_without_database(function(scheduler)
        for _, name in ipairs { "job", "other" } do
          saros.create_task(function() scheduler:cancel(name, { keep_running = true }) end)
        end
        saros.sleep(0.2)
      end)
      assert.is_true(took > 5 and took < 25, took)
      assert.equal("error: the scheduler has ended before the states of 2 jobs could be stored", lines[2])
    end)

    -- It used to be half closed, so that whoever closed it next waited for ever.
    it("can be cancelled, and is closed then", function()
      local raised
      local took = close_without_database(function(scheduler)
        saros.sleep(2)
        local task = saros.create_task(scheduler.close, scheduler)
        saros.sleep(3)
        task:cancel()
        raised = raises(saros.CancelledError, task.await, task)
      end)
      assert.is_truthy(raised)
      assert.is_true(took < 5, took)
    end)
  end)

  it("does not hold a loop that ends without closing it", function()
    local lines = logged(function()
      saros.run(function()
        local scheduler = saros.Scheduler { store = url }
        for _, name in ipairs { "job", "other" } do scheduler:schedule_recurring(name, nothing, 60, 60) end
        os.remove(path)
        for _, name in ipairs { "job", "other" } do
          saros.create_task(function() scheduler:cancel(name) end)
        end
        saros.sleep(0.2)
      end)
    end)
    assert.matches("cannot be used, and is tried again until it can", lines[1])
  end)
end)
