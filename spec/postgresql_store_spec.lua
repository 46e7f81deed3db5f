local saros = require "saros"
local databases = require "spec.support.databases"
local postgresql = require "spec.support.postgresql"
local raises = require "spec.support.raises"

describe("saros.postgresql_store", function()
  local server

  setup(function() server = postgresql.start() end)

  teardown(function() server:stop() end)

  -- Gives the database without the tables that were there.
  local function empty_database()
    local environment = require("luasql.postgres").postgres()
    local connection = assert(environment:connect(server.url))
    assert(connection:execute("DROP TABLE IF EXISTS saros_jobs, saros_runs, saros_store"))
    connection:close()
    environment:close()
    return server.url
  end

  databases.specs({describe = describe, it = it, before_each = before_each}, empty_database)

  local run_ahead = databases.run_ahead

  it("ends the turn of a node that has stopped in the middle of it #many", function()
    local url, ran = empty_database(), false
    local environment = require("luasql.postgres").postgres()
    local connection = assert(environment:connect(url))
    local driver = require "saros.postgresql_store"
    local database = {connection = connection}
    function database.execute(_, statement) return assert(connection:execute(statement)) end
    driver.prepare(database)
    saros.run(function()
      local scheduler <close> = saros.Scheduler {store = url}
      -- It takes its turn, and is not heard of again.
      database:execute("BEGIN")
      database:execute("LOCK TABLE saros_store")
      local began = saros.get_running_loop():time()
      scheduler:schedule_once("job", function() ran = true end, 0)
      for _ = 1, 3000 do
        if ran then break end
        saros.sleep(0.01)
      end
      assert.is_true(ran)
      local waited = saros.get_running_loop():time() - began
      assert.is_true(waited > 5 and waited < 30)
    end)
    connection:close()
    environment:close()
  end)

  describe("where a node's clock is wrong", function()
    for _, skew in ipairs {-3600, 3600} do
      it(("by %d seconds runs jobs at the database's time"):format(skew), function()
        local url, runs = empty_database(), {}
        run_ahead(skew, function()
          local scheduler <close> = saros.Scheduler {store = url}
          local function job(info) runs[#runs + 1] = {fire_time = info.fire_time, at = saros.monotonic()} end
          scheduler:schedule_cron("cron", job, "@every_second", {coalesce = "all"})
          scheduler:schedule_recurring("recurring", job, 60)
          for _ = 1, 2000 do
            if #runs > 3 then break end
            saros.sleep(0.01)
          end
          assert.is_true(math.abs(scheduler:status().cron.last_run_at - os.time()) < 60)
        end)
        assert.is_true(#runs > 3 and #runs < 60)
        for _, run in ipairs(runs) do assert.is_true(math.abs(run.fire_time - os.time()) < 60) end
      end)
    end

    it("is told how early it is, and waits", function()
      local url = empty_database()
      run_ahead(0, function()
        local scheduler <close> = saros.Scheduler {store = url}
        local ran_at
        -- What is known of the database's clock is wrong until the next look at it.
        scheduler.store.clock_offset = function() return 0.5 end
        scheduler:schedule_at("job", function() ran_at = saros.get_running_loop():wall_time() end,
          saros.get_running_loop():wall_time() + 0.7)
        local due = saros.get_running_loop():wall_time() + 0.7
        saros.sleep(0.4)
        assert.is_nil(ran_at)
        saros.sleep(0.6)
        assert.is_true(ran_at >= due - 0.06)
      end)
    end)

    it("lets nodes whose clocks differ have each run once", function()
      local url, runs = empty_database(), {}
      saros.run(function()
        local executor <close> = saros.ThreadPoolExecutor {max_workers = 3}
        local futures = {}
        for i, skew in ipairs {-5, 0, 5} do futures[i] = executor:submit(databases.run_node, url, skew, 3.2) end
        for _, future in ipairs(futures) do
          for _, run in ipairs(future:await()) do runs[#runs + 1] = run end
        end
      end)
      table.sort(runs, function(a, b) return a.fire_time < b.fire_time end)
      assert.is_true(#runs >= 3 and #runs <= 4)
      for i = 2, #runs do assert.equal(runs[i - 1].fire_time + 1, runs[i].fire_time) end
    end)
  end)

  it("refuses a server that is not there, and URLs that are none, without telling passwords", function()
    saros.run(function()
      local url = "postgresql://me:secret@%2Fnowhere%2Fat%2Fall/jobs"
      local message = raises(saros.RuntimeError, saros.Scheduler, {store = url}).message
      assert.matches("^the store 'postgresql://me:%*%*%*@%%2Fnowhere%%2Fat%%2Fall/jobs' cannot be opened: ", message)
      assert.matches("No such file or directory", message)
      assert.is_nil(message:find("secret", 1, true))
      url = "postgresql://%2Fnowhere%2Fat%2Fall/jobs?user=me&password=secret&x=y"
      message = raises(saros.RuntimeError, saros.Scheduler, {store = url}).message
      assert.matches("user=me&password=%*%*%*&x=y' cannot be opened: ", message)
      assert.is_nil(message:find("secret", 1, true))
      assert.equal("the store 'postgres:jobs' is none: postgresql://USER@HOST/DATABASE is expected",
        raises(saros.ValueError, saros.Scheduler, {store = "postgres:jobs"}).message)
    end)
  end)
end)
