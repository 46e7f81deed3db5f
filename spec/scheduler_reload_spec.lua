--- What becomes of jobs when another version of their file is loaded.
local jobs_file = require "saros.jobs_file"
local saros = require "saros"
local scheduler_reload = require "saros.scheduler_reload"
local testing = require "saros.testing"

-- A scheduler that is kept to texts, as a service is to its file. `ran` has the names of the jobs that ran.
local function new_keeper(store)
  local keeper = {scheduler = saros.Scheduler {store = store}, ran = {}}
  local path = os.tmpname()

  -- Loads a text, the body of the file's function; the counts, or nil and what is wrong.
  function keeper.load(body)
    local file = assert(io.open(path, "w"))
    file:write("local ran = NOTES\nlocal function run(info) ran[#ran + 1] = info.name end\n",
      "return function(scheduler)\n", body, "\nend\n")
    file:close()
    _G.NOTES = keeper.ran
    local plan, problem = jobs_file.load(path, keeper.scheduler)
    _G.NOTES = nil
    if not plan then return nil, problem end
    local former = keeper.plan
    keeper.plan = plan
    return scheduler_reload.apply(keeper.scheduler, plan, former)
  end

  function keeper.job(name) return keeper.scheduler:status()[name] end

  return setmetatable(keeper, {__close = function()
    os.remove(path)
    keeper.scheduler:close()
  end})
end

local function counts(added, rescheduled, unchanged, cancelled)
  return {added = added, rescheduled = rescheduled, unchanged = unchanged, cancelled = cancelled}
end

describe("saros.scheduler_reload", function()
  it("schedules what is new and cancels what has gone", testing.async(function()
    local keeper <close> = new_keeper()
    assert.same(counts(2, 0, 0, 0), keeper.load [[
      scheduler:schedule_recurring("a", run, 5, 5)
      scheduler:schedule_recurring("b", run, 5, 5)]])
    assert.same(counts(1, 0, 1, 1), keeper.load [[
      scheduler:schedule_recurring("b", run, 5, 5)
      scheduler:schedule_recurring("c", run, 5, 5)]])
    assert.is_true(keeper.job("a").cancelled)
    saros.sleep(6)
    assert.same({"b", "c"}, keeper.ran)
    -- What comes back begins anew.
    assert.same(counts(1, 0, 0, 2), keeper.load [[scheduler:schedule_recurring("a", run, 5, 5)]])
    saros.sleep(6)
    assert.same({"b", "c", "a"}, keeper.ran)
    assert.equal(1, keeper.job("a").runs)
  end))

  it("lets what is unchanged go on: its time, its counts, its pause", testing.async(function()
    local keeper <close> = new_keeper()
    local text = [[
      scheduler:schedule_recurring("a", run, 10, 4)
      scheduler:schedule_recurring("p", run, 10, 4)
      scheduler:schedule_once("o", run, 1)
      scheduler:schedule_cron("c", run, "* * * * *")]]
    keeper.load(text)
    saros.sleep(5)
    keeper.scheduler:pause("p")
    local before = keeper.scheduler:status()
    assert.same(counts(0, 0, 4, 0), keeper.load(text))
    assert.same(before, keeper.scheduler:status())
    assert.equal(1, keeper.job("a").runs)
    assert.is_true(keeper.job("p").paused)
    saros.sleep(10)
    -- The one that runs once has done so.
    assert.same({"o", "a", "p", "a"}, keeper.ran)
  end))

  it("gives a job that has the same times its new function and options, and leaves the rest", testing.async(function()
    local keeper <close> = new_keeper()
    keeper.load [[scheduler:schedule_recurring("a", function() error("old") end, 10, 4)]]
    saros.get_running_loop():set_exception_handler(function() end)
    saros.sleep(5)
    local next_run = keeper.job("a").next_run
    assert.same(counts(0, 0, 1, 0),
      keeper.load [[scheduler:schedule_recurring("a", function(x) ran[1] = x end, 10, 4, {args = {"new"}})]])
    assert.equal(next_run, keeper.job("a").next_run)
    assert.equal(1, keeper.job("a").failures)
    saros.sleep(10)
    assert.same({"new"}, keeper.ran)
    assert.equal(2, keeper.job("a").runs)
  end))

  it("lets a job with another trigger run by that, counting on, paused or not", testing.async(function()
    local keeper <close> = new_keeper()
    keeper.load [[
      scheduler:schedule_recurring("a", run, 10)
      scheduler:schedule_recurring("p", run, 10)]]
    saros.sleep(1)
    keeper.scheduler:pause("p")
    assert.same(counts(0, 2, 0, 0), keeper.load [[
      scheduler:schedule_recurring("a", run, 3, 1)
      scheduler:schedule_cron("p", run, "@every_second")]])
    saros.sleep(5.5)
    assert.equal(3, keeper.job("a").runs) -- the first one, then after 1 and 4 seconds
    assert.equal(1, keeper.job("p").runs)
    assert.is_true(keeper.job("p").paused)
    assert.equal("@every_second", keeper.job("p").expression)
  end))

  it("leaves alone what somebody has cancelled, until its trigger changes", testing.async(function()
    local keeper <close> = new_keeper()
    keeper.load [[scheduler:schedule_recurring("a", run, 10, 1)]]
    keeper.scheduler:cancel("a")
    keeper.load [[scheduler:schedule_recurring("a", run, 10, 1)]]
    assert.is_true(keeper.job("a").cancelled)
    -- What else the file asks for used to fail, when everything had changed already.
    assert.same(counts(1, 0, 1, 0), keeper.load [[
      scheduler:schedule_recurring("a", run, 10, 1)
      scheduler:pause("a")
      scheduler:run_now("a")
      scheduler:schedule_recurring("b", run, 10, 10)
      scheduler:pause("b")]])
    assert.is_true(keeper.job("a").cancelled)
    assert.is_true(keeper.job("b").paused)
    keeper.load [[scheduler:schedule_recurring("a", run, 10, 2)]]
    assert.is_false(keeper.job("a").cancelled)
  end))

  it("changes nothing for a file that fails half-way", testing.async(function()
    local keeper <close> = new_keeper()
    keeper.load [[scheduler:schedule_recurring("a", run, 10, 1)]]
    local before = keeper.scheduler:status()
    for text, problem in pairs {
      ["scheduler:schedule_once('b', run, 1) error('boom')"] = ":4: boom$",
      ["scheduler:schedule_once('a', run, 1) scheduler:schedule_once('a', run, 1)"] = "there is a job 'a' already",
      ["scheduler:schedule_once('b', run, 1) scheduler:schedule_once('c', run, 1, {often = true})"] =
        "unknown option 'often'",
      ["scheduler:on('started', run) scheduler:schedule_cron('b', run, '61 * * * *')"] = "invalid cron expression",
      ["scheduler:schedule_once('b', run, 1) scheduler:reschedule('b', {interval = -1})"] =
        ":4: ValueError: the interval must be a positive number",
      ["scheduler:schedule_once('b', run, 1) scheduler:reschedule('b', {expression = '0 0 30 2 *'})"] = "never runs",
      ["scheduler:schedule_once('b', run, 1) scheduler:reschedule('b')"] = "table expected, got nil",
      ["x = = 1"] = "unexpected symbol",
    } do
      local done, message = keeper.load(text)
      assert.is_nil(done)
      assert.matches(problem, message)
      assert.same(before, keeper.scheduler:status())
    end
    saros.sleep(2)
    assert.same({"a"}, keeper.ran)
  end))

  it("replaces what the file listens to", testing.async(function()
    local keeper <close> = new_keeper()
    local text = [[
      scheduler:schedule_recurring("a", function() end, 10)
      scheduler:on("finished", function(event) ran[#ran + 1] = %q .. event.name end)
      scheduler:on("finished", function() ran[#ran + 1] = "never" end)()]]
    keeper.load(text:format("1"))
    saros.sleep(1)
    keeper.load(text:format("2"))
    saros.sleep(10)
    assert.same({"1a", "2a"}, keeper.ran)
  end))

  it("does what else the file asks for: pause, run, take back, move", testing.async(function()
    local keeper <close> = new_keeper()
    keeper.load [[
      for _, name in ipairs {"p", "r", "c", "m"} do scheduler:schedule_once(name, run, 100) end
      ran[1] = tostring(scheduler:pause("p"))
      ran[2] = tostring(scheduler:cancel("c"))
      ran[3] = tostring(scheduler:cancel("c"))
      scheduler:run_now("r")
      scheduler:reschedule("m", {delay = 1})
      scheduler:schedule_once("p", run, 200, {replace = true})
      scheduler:pause("p")
      ran[4] = tostring(next(scheduler:status())) .. #scheduler:history("p")]]
    saros.sleep(2)
    assert.same({"true", "true", "false", "nil0", "r", "m"}, keeper.ran)
    assert.is_true(keeper.job("p").paused)
    assert.is_nil(keeper.job("c"))
  end))

  -- A database takes its time: jobs that were due at once had begun before they were paused or moved.
  it("runs nothing before it is paused or moved", testing.async(function()
    local path = os.tmpname()
    local text = [[
      scheduler:schedule_recurring("paused", run, 100)
      scheduler:pause("paused")
      scheduler:schedule_once("moved", run, 0)
      scheduler:reschedule("moved", {delay = 50})
      scheduler:schedule_recurring("resumed", run, 100, 5)
      scheduler:pause("resumed")
      scheduler:resume("resumed")]]
    for _, store in ipairs {"memory", "sqlite:" .. path} do
      local keeper <close> = new_keeper(store)
      assert.same(counts(3, 0, 0, 0), keeper.load(text))
      saros.sleep(10)
      assert.is_true(keeper.job("paused").paused)
      assert.same({"resumed"}, keeper.ran)
      keeper.scheduler:resume("paused")
      assert.same(counts(0, 0, 3, 0), keeper.load(text))
      assert.is_true(keeper.job("paused").paused)
      saros.sleep(45)
      assert.same({"resumed", "moved"}, keeper.ran)
    end
    for _, suffix in ipairs {"", "-wal", "-shm"} do os.remove(path .. suffix) end
  end))

  it("lets jobs use the scheduler later on, and keeps what they schedule", testing.async(function()
    local keeper <close> = new_keeper()
    local text = [[
      scheduler:schedule_once("a", function()
        scheduler:schedule_once("later", run, 5)
        scheduler:on("started", function(event) ran[#ran + 1] = "started " .. event.name end)
        scheduler:pause("later")
        scheduler:resume("later")
        ran[#ran + 1] = tostring(scheduler:cancel("nothing")) .. tostring(scheduler:status().later.paused)
      end, 1)]]
    keeper.load(text)
    saros.sleep(2)
    assert.same(counts(0, 0, 1, 0), keeper.load(text))
    saros.sleep(10)
    assert.same({"falsefalse", "later", "started later"}, keeper.ran)
  end))

  it("schedules many jobs in few transactions", testing.async(function()
    local path = os.tmpname()
    do
      local keeper <close> = new_keeper("sqlite:" .. path)
      assert.same(counts(300, 0, 0, 0), keeper.load [[
        for i = 1, 300 do scheduler:schedule_recurring("job" .. i, run, 60, 60) end]])
      local store = keeper.scheduler.store
      store:renew(function() return false end)
      assert.is_true(store.change >= 1 and store.change <= 5, store.change)
    end
    for _, suffix in ipairs {"", "-wal", "-shm"} do os.remove(path .. suffix) end
  end))

  it("raises what the store raises, as it is", testing.async(function()
    local store = require("saros.memory_store").open("memory", {})
    function store.adopt() error(saros.OSError("the disk is full"), 0) end
    local keeper <close> = new_keeper(store)
    local ok, failure = pcall(keeper.load, [[scheduler:schedule_once("a", run, 1)]])
    assert.is_false(ok)
    assert.is_true(saros.is_error(failure, saros.OSError))
  end))
end)
