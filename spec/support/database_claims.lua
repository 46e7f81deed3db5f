--- Which claims a database store accepts, and which it refuses.

local assert = require "luassert"
local saros = require "saros"
local raises = require "spec.support.raises"

-- `tools`: as spec.support.databases makes them.
return function(tools)
  local describe, it = tools.describe, tools.it
  local run, now, open_store = tools.run, tools.now, tools.open_store
  local bare_job, never = tools.bare_job, tools.never

  describe("a claim", function()
    local store, job

    local function open(options)
      store, job = open_store("node", options), bare_job("job", options)
      store:adopt(job, job:state(), true)
    end

    local function claim(fire_time, how)
      local record = {fire_time = fire_time, node = "node"}
      local token, reason, seconds = store:claim(record, job, how or {})
      record.token = token
      return record, reason, seconds
    end

    local function finish(record)
      record.outcome, record.duration, record.attempts = "finished", 0, 1
      store:finish(record, job)
    end

    it("succeeds once", run(function()
      open()
      assert.equal(1, claim(1060).token)
      local _, reason = claim(1060)
      assert.equal("taken", reason)
      store:close()
    end))

    it("is refused before its time, by the database's clock", run(function()
      open()
      local _, reason, seconds = claim(now() + 100, {earliest = now() + 100})
      assert.equal("early", reason)
      assert.is_true(seconds > 95 and seconds < 105)
      store:close()
    end))

    it("is refused when it is too late", run(function()
      open()
      local _, reason = claim(now() - 11, {latest = now() - 1})
      assert.equal("late", reason)
      assert.is_truthy(claim(now() - 9, {latest = now() + 1}).token)
      store:close()
    end))

    it("is refused for a job that another node has paused, cancelled or scheduled anew", run(function()
      open()
      local other, theirs = open_store("other"), bare_job("job")
      other:adopt(theirs, theirs:state())
      local state = theirs:state()
      function theirs.state() return state end
      for _, what in ipairs {"paused", "cancelled"} do
        state[what] = true
        other:save(theirs)
        local _, reason = claim(1060)
        assert.equal(what, reason)
      end
      state.paused, state.cancelled, state.trigger = false, false, "every 61 s after 0 s"
      other:adopt(theirs, state, true)
      local _, reason = claim(1060)
      assert.equal("superseded", reason)
      other:close()
      store:close()
    end))

    it("that is performed twice, as nobody knew, is one", run(function()
      open()
      local queue = store.queue
      local operation
      local submit = queue.submit
      function queue.submit(self, given, ...)
        if given.kind == "claim" then operation = given end
        return submit(self, given, ...)
      end
      local record = claim(1060)
      assert.equal(record.token, submit(queue, operation):await().token)
      finish(record)
      assert.equal(1, #store:history("job", 10))
      assert.equal(1, store:adopt(job, job:state()).runs)
      store:close()
    end))

    it("that nobody waits for any more is given back", run(function()
      open()
      local task = saros.create_task(claim, 1060)
      saros.sleep(0)
      task:cancel()
      raises(saros.CancelledError, task.await, task)
      saros.sleep(0.1)
      local list = store:history("job", 10)
      if list[1] then assert.equal("cancelled", list[1].outcome) end
      store:close()
    end))

    it("that nobody waits for when it is made is given back, too", run(function()
      open()
      tools.cancel_at_result(store, claim, 1060)
      -- It stayed in progress until its lease was over.
      tools.eventually(function() return store:history("job", 10)[1].outcome == "cancelled" end)
      store:close()
    end))

    it("of a run that is kept no more is refused, too", run(function()
      open {history = 3}
      for i = 1, 6 do
        job.next_fire_time = 1000 + 60 * (i + 1)
        finish(claim(1000 + 60 * i))
      end
      local list = store:history("job", 10)
      assert.equal(3, #list)
      assert.equal(1360, list[1].fire_time)
      for i = 1, 6 do
        local _, reason = claim(1000 + 60 * i)
        assert.equal("taken", reason)
      end
      store:close()
    end))

    it("is made with others in one transaction when many come together", run(function()
      open {overlap = "allow"}
      local before, tasks = store:renew(never) and store.change, {}
      for i = 1, 100 do tasks[i] = saros.create_task(claim, 1000 + 60 * i) end
      for _, task in ipairs(tasks) do assert.is_truthy(task:await().token) end
      store:renew(never)
      assert.is_true(store.change - before <= 3)
      store:close()
    end))
  end)
end
