local saros = require "saros"
local databases = require "spec.support.databases"
local quote_all = require "spec.support.process".quote_all
local raises = require "spec.support.raises"
local scheduling = require "spec.support.scheduling"

local async = saros.testing.async

-- 2000-01-01T00:00:00Z: where the virtual wall clock starts.
local START = 946684800

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

  it("runs what goes by the loop's clock on time when the wall clock is set", async(function()
    local loop, times, fire_times = saros.get_running_loop(), {}, {}
    local scheduler <close> = saros.Scheduler {store = "sqlite:" .. path, lease = 1e6}
    scheduler:schedule_recurring("recurring", function() times[#times + 1] = math.floor(loop:time() + 0.5) end, 600, 0,
      {grace = 100})
    scheduler:schedule_cron("hourly", function(run)
      fire_times[#fire_times + 1] = run.fire_time - START
    end, "0 * * * *")
    saros.sleep(4000)
    loop:set_wall_time(loop:wall_time() - 3600)
    saros.sleep(2000)
    loop:set_wall_time(loop:wall_time() + 7200)
    saros.sleep(100)
    assert.same({0, 600, 1200, 1800, 2400, 3000, 3600, 4200, 4800, 5400, 6000}, times)
    assert.same({3600, 7200}, fire_times)
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

  it("knows at once what a process that was killed has left", function()
    local program = [[
      local saros = require "saros"
      saros.run(function()
        local scheduler = saros.Scheduler {store = arg[1], node = "killed"}
        scheduler:schedule_recurring("job", function()
          io.stdout:write("running\n") io.stdout:flush() saros.sleep(60)
        end, 0.3, {recover = true})
        saros.sleep(60)
      end)
    ]]
    local pipe = assert(io.popen("exec " .. quote_all {os.getenv("SAROS_LUA") or "lua5.4", "scripts/saros", "-e",
      "io.stdout:write(io.open('/proc/self/stat'):read('n'), '\\n') " .. program, "sqlite:" .. path}))
    local pid = pipe:read("n", "l")
    assert.equal("running", pipe:read("l"))
    os.execute("kill -KILL " .. math.tointeger(pid))
    pipe:close()
    local runs = {}
    saros.run(function()
      local lines = scheduling.logged(function()
        local scheduler <close> = saros.Scheduler {store = "sqlite:" .. path, node = "next", lease = 3600}
        scheduler:schedule_recurring("job", function(run) runs[#runs + 1] = run end, 0.3, {recover = true})
        for _ = 1, 3000 do
          if #runs > 1 and scheduler:history("job")[1].outcome == "finished" then break end
          saros.sleep(0.01)
        end
        -- Neither what is due nor what is to be run again waits for the end of the lease.
        saros.sleep(1.5)
      end)
      assert.same({"warn: the node 'killed' ended during a run of the job 'job', which is lost"}, lines)
    end)
    table.sort(runs, function(a, b) return a.fire_time < b.fire_time end)
    assert.equal(1, runs[1].token > 1 and 1)
    assert.is_true(runs[2].fire_time >= runs[1].fire_time + 0.299)
  end)

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

  -- No run of its jobs was claimed any more, as those of a job that another node has scheduled otherwise.
  it("goes on with what it knows of its jobs when somebody has made the tables anew", async(function()
    local runs = 0
    local function open()
      local scheduler = saros.Scheduler {store = "sqlite:" .. path, lease = 86400}
      scheduler:schedule_recurring("beat", function() runs = runs + 1 end, 10, 10)
      scheduler:schedule_recurring("paused", function() end, 10, 10)
      return scheduler
    end
    do
      local scheduler <close> = open()
      saros.sleep(25)
      local environment = require("luasql.sqlite3").sqlite3()
      local connection = environment:connect(path)
      assert(connection:execute("DELETE FROM saros_runs"))
      assert(connection:execute("DELETE FROM saros_jobs"))
      connection:close()
      environment:close()
      scheduler:pause("paused")
      saros.sleep(30)
      assert.equal(5, runs)
    end
    local scheduler <close> = open()
    assert.equal(5, scheduler:status().beat.runs)
    assert.is_true(scheduler:status().paused.paused)
    saros.sleep(10)
    assert.equal(6, runs)
  end))

  -- What was under way used to come back to whoever had been told that it failed, which raised an error.
  it("may be closed outside a task while it is used", async(function()
    local store = require("saros.scheduler_stores").open("sqlite:" .. path, {lease = 30})
    local contexts = scheduling.catch_errors()
    local environment = require("luasql.sqlite3").sqlite3()
    local connection = environment:connect(path)
    -- Its turn comes when this one is over.
    assert(connection:execute("BEGIN IMMEDIATE"))
    local history = saros.create_task(store.history, store, "job", 1)
    for _ = 1, 5 do saros.sleep(0) end
    local pump = store.queue.task
    saros.get_running_loop():call_soon(store.close, store)
    assert.matches("cannot be used: it is closed$", raises(saros.RuntimeError, history.await, history).message)
    assert(connection:execute("COMMIT"))
    -- What the thread had not begun yet is cancelled.
    saros.wait {pump}
    connection:close()
    environment:close()
    assert.same({}, contexts)
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
