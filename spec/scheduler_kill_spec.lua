-- Services are killed while they work. What their jobs write down outside of the store says afterwards whether
-- each firing ran exactly once, or is marked lost. SAROS_SEED repeats the moments of a run that failed.

local system = require "system"
local process = require "spec.support.process"
local postgresql = require "spec.support.postgresql"
local sql = require "spec.support.sql"
local witness = require "spec.support.witness"

local LUA = os.getenv("SAROS_LUA") or "lua5.4"

local KILLS = 50
local DATABASE_KILLS = 10
local LEASE = 0.6 -- seconds
-- How long a node lives: seconds from when it is up.
local SHORTEST, LONGEST = 0.03, 0.4
-- One of so many is killed earlier: while it begins.
local EARLY_ONES, EARLY = 5, 0.15
-- Seconds, for what must come to an end.
local LIMIT = 60

local RULES = { skip = { skips = true }, recover = { recovers = true } }

local MICROSECONDS = 1e6

describe("the judge of the killed", function()
  local run_count

  -- A job that was to run at 0, 1 and 2 seconds, and what is noted of each of its runs.
  local function new_case(name)
    local case = { jobs = {}, runs = {}, lines = {} }
    case.jobs[1] = { name = name, schedule = "every 1 s after 0 s", anchor = 0, next_fire_time = 3 * MICROSECONDS }
    run_count = 0
    return case
  end

  local function add(case, seconds, outcome, events, recovery)
    run_count = run_count + 1
    local name, fire_time = case.jobs[1].name, math.tointeger(seconds * MICROSECONDS)
    table.insert(case.runs, {
      name = name, fire_time = fire_time, started_at = fire_time + run_count, token = run_count, outcome = outcome,
      recovery = recovery or 0,
    })
    for _, event in ipairs(events) do
      table.insert(case.lines, { event = event, name = name, fire_time = fire_time, token = run_count })
    end
  end

  local function complaints(case)
    return witness.judge(case.jobs, case.runs, case.lines, RULES)
  end

  local BOTH = { "begin", "end" }

  local function good_case()
    local case = new_case("job")
    add(case, 0, "finished", BOTH)
    add(case, 1, "lost", { "begin" })
    add(case, 2, "finished", BOTH)
    return case
  end

  it("has nothing against runs that finished once or are lost, wherever they were lost", function()
    assert.same({}, complaints(good_case()))
    for _, events in ipairs { {}, BOTH } do
      local case = new_case("job")
      add(case, 0, "finished", BOTH)
      add(case, 1, "lost", events)
      add(case, 2, "finished", BOTH)
      assert.same({}, complaints(case))
    end
  end)

  it("sees what is not so", function()
    for expected, tamper in pairs {
      ["ran twice: job at 0, token 1"] = function(case) table.insert(case.lines, case.lines[1]) end,
      ["did not come to its end: job at 0, token 1"] = function(case) table.remove(case.lines, 2) end,
      ["ran without a row: job 7 9"] = function(case)
        table.insert(case.lines, { event = "begin", name = "job", fire_time = 7, token = 9 })
      end,
      ["has no row: job at 1000000"] = function(case)
        table.remove(case.runs, 2)
        table.remove(case.lines, 3)
      end,
      ["is nil: job at 1000000, token 2"] = function(case)
        case.runs[2].outcome = nil
        table.insert(case.lines, 4, { event = "end", name = "job", fire_time = case.runs[2].fire_time, token = 2 })
      end,
      ["was not to run then: job at 1500000"] = function(case)
        add(case, 1.5, "lost", {})
        case.runs[4].started_at = 2500000
      end,
      ["began too early: job at 2000000, token 3"] = function(case) case.runs[3].started_at = 1900000 end,
      ["has a token out of order: job at 2000000, token 3"] = function(case) case.runs[2].started_at = 2100000 end,
    } do
      local case = good_case()
      tamper(case)
      assert.same({ expected }, complaints(case))
    end
  end)

  it("wants what is lost to run again, where it is to be", function()
    local case = new_case("recover")
    case.jobs[1].next_fire_time = 2 * MICROSECONDS
    add(case, 0, "finished", BOTH)
    add(case, 1, "lost", { "begin" })
    assert.same({ "was lost and did not run again: recover at 1000000, token 2" }, complaints(case))
    add(case, 1, "finished", BOTH, 1)
    assert.same({}, complaints(case))
    case.runs[2].outcome = "finished"
    table.insert(case.lines, { event = "end", name = "recover", fire_time = case.runs[2].fire_time, token = 2 })
    assert.same({ "ran again though it was not lost: recover at 1000000, token 3" }, complaints(case))
  end)
end)

describe("a service that is killed", function()
  local folder, seed

  before_each(function()
    local pipe <close> = io.popen("mktemp -d")
    folder = pipe:read("l")
    seed = tonumber(os.getenv("SAROS_SEED")) or os.time()
    math.randomseed(seed)
  end)

  after_each(function()
    os.execute("rm -rf " .. folder)
  end)

  -- ---- nodes ----

  local function start_node(url, name, skew)
    return process.start("env", "WITNESS=" .. folder .. "/witness", "SKEW=" .. skew,
      "LUA_INIT_5_4=@spec/support/clock_skew.lua", LUA, "scripts/saros", "scheduler", "spec/support/witness_jobs.lua",
      "--store", url, "--node", name, "--lease", LEASE)
  end

  local function between(least, most)
    return least + (most - least) * math.random()
  end

  local function kill_at_random(node)
    if math.random(EARLY_ONES) == 1 then
      system.sleep(between(0, EARLY))
    else
      node:expect("up\n")
      system.sleep(between(SHORTEST, LONGEST))
    end
    node:signal("SIGKILL")
    assert.equal("signal 9", node:wait(LIMIT))
    node:close()
    -- Whatever goes wrong in a scheduler is told with this word; that a run is lost is not among it.
    assert.is_nil(node:errors():match("[^\n]*cannot[^\n]*"))
  end

  local function stop_gracefully(node)
    node:expect("up\n")
    node:signal("SIGTERM")
    local outcome = node:wait(LIMIT)
    assert.equal("exit 0", outcome, node:errors())
    node:close()
  end

  -- Starts a node for each skew, and lets a function do what it will with them.
  local function with_nodes(url, skews, disturb)
    local nodes <close> = setmetatable({}, { __close = function(nodes)
      for _, node in ipairs(nodes) do node:close() end
    end })
    local function start(i) nodes[i] = start_node(url, "node" .. i, skews[i]) end
    for i in ipairs(skews) do start(i) end
    disturb(nodes, start)
    for _, node in ipairs(nodes) do stop_gracefully(node) end
  end

  local function kill_nodes(kills)
    return function(nodes, start)
      for _ = 1, kills do
        local i = math.random(#nodes)
        kill_at_random(nodes[i])
        start(i)
      end
    end
  end

  local function kill_database(server)
    return function(nodes)
      for _, node in ipairs(nodes) do node:expect("up\n") end
      for _ = 1, DATABASE_KILLS do
        system.sleep(between(SHORTEST, LONGEST))
        server:kill()
        system.sleep(between(0, LEASE))
        server:start()
      end
    end
  end

  -- ---- what they leave ----

  local UNSETTLED = {
    "SELECT name FROM saros_jobs WHERE next_fire_time <= %d",
    "SELECT name FROM saros_runs WHERE started_at <= %d AND outcome IS NULL",
    "SELECT name FROM saros_runs WHERE started_at <= %d AND outcome = 'lost' AND recover = 1",
  }

  -- Whether all that was due at a time has come to an end.
  local function is_settled(url, time)
    for _, statement in ipairs(UNSETTLED) do
      if #sql.rows(url, statement:format(time)) > 0 then return false end
    end
    return true
  end

  -- A last node makes up for what was missed, and finds out what is lost.
  local function settle(url)
    local node <close> = start_node(url, "last", 0)
    local now = system.gettime()
    while not is_settled(url, math.floor(now * MICROSECONDS)) do
      assert.is_true(system.gettime() < now + LIMIT, "the last node does not come to an end")
      system.sleep(0.1)
    end
    stop_gracefully(node)
  end

  local function judge(url, slack)
    local jobs = sql.rows(url, "SELECT * FROM saros_jobs")
    local runs = sql.rows(url, "SELECT * FROM saros_runs")
    local lines = witness.read(folder .. "/witness")
    assert.same({}, witness.judge(jobs, runs, lines, RULES, slack))
    -- Nor did the judge sleep.
    table.remove(lines)
    assert.equal(1, #witness.judge(jobs, runs, lines, RULES, slack))
  end

  local function assert_nothing_lost(url, skews, disturb, slack)
    local ok, failure = pcall(function()
      with_nodes(url, skews, disturb)
      settle(url)
      judge(url, slack)
    end)
    if not ok then error(("with SAROS_SEED=%d: %s"):format(seed, tostring(failure)), 0) end
  end

  it("loses nothing that it has claimed in SQLite #many", function()
    assert_nothing_lost(("sqlite:%s/jobs.db"):format(folder), { 0 }, kill_nodes(KILLS))
  end)

  it("loses nothing that it has claimed in SQLite, where another one goes on #many", function()
    -- The time of a claim is that of the process, which then waits for the other one's transaction.
    assert_nothing_lost(("sqlite:%s/jobs.db"):format(folder), { 0, 0 }, kill_nodes(KILLS // 2), 2)
  end)

  describe("with PostgreSQL", function()
    local server

    setup(function() server = postgresql.start() end)

    teardown(function() server:stop() end)

    it("loses nothing that it has claimed, and others go on whose clocks differ #many", function()
      assert_nothing_lost(server:new_database("nodes"), { -5, 0, 5 }, kill_nodes(KILLS))
    end)

    it("loses nothing when the database is killed instead #many", function()
      assert_nothing_lost(server:new_database("database"), { -5, 5 }, kill_database(server))
    end)
  end)
end)
