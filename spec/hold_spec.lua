local saros = require "saros"
local raises = require "spec.support.raises"

-- The primitives that can be held, and whether one is.
local makers = {
  Lock = saros.Lock,
  Condition = saros.Condition,
  Semaphore = function() return saros.Semaphore(1) end,
  BoundedSemaphore = function() return saros.BoundedSemaphore(1) end,
}

local function each(check)
  for name, make in pairs(makers) do
    local primitive = make()
    check(primitive, name)
    assert.is_false(primitive:locked(), name)
  end
end

describe("saros.hold", function()
  it("holds until the end of the scope", function()
    each(function(primitive)
      do
        local held <close> = primitive:hold()
        assert.matches("^Hold: ", tostring(held))
        assert.is_true(primitive:locked())
      end
      assert.is_false(primitive:locked())
    end)
  end)

  it("releases after a return, with the values returned", function()
    each(function(primitive)
      local function held()
        local _ <close> = primitive:hold()
        return "a", nil, primitive:locked()
      end
      assert.same({n = 3, "a", nil, true}, table.pack(held()))
    end)
  end)

  it("releases after a break, in each turn of a loop", function()
    each(function(primitive)
      for i = 1, 5 do
        local _ <close> = primitive:hold()
        if i == 3 then break end
      end
      assert.is_false(primitive:locked())
    end)
  end)

  it("releases after an error, which goes on unchanged", function()
    each(function(primitive)
      local object = saros.ValueError("mine")
      local failure = raises(saros.ValueError, function()
        local _ <close> = primitive:hold()
        error(object)
      end)
      assert.equal(object, failure)
    end)
  end)

  it("releases after a cancellation, in the middle of the scope or in the wait for it", function()
    each(function(primitive)
      saros.run(function()
        local function use()
          local _ <close> = primitive:hold()
          saros.sleep(3600)
        end
        local holder, waiter = saros.create_task(use), saros.create_task(use)
        saros.sleep(0)
        waiter:cancel()
        saros.sleep(0)
        assert.is_true(waiter:cancelled())
        assert.is_true(primitive:locked())
        holder:cancel()
        saros.sleep(0)
        assert.is_true(holder:cancelled())
        assert.is_false(primitive:locked())
      end)
    end)
  end)

  it("releases after a time limit", function()
    each(function(primitive)
      saros.run(function()
        raises(saros.TimeoutError, saros.wait_for, function()
          local _ <close> = primitive:hold()
          saros.sleep(3600)
        end, 0.001)
      end)
    end)
  end)

  it("lets those who wait in when the scope ends", function()
    each(function(primitive)
      saros.run(function()
        local trace = {}
        for i = 1, 3 do
          saros.create_task(function()
            local _ <close> = primitive:hold()
            saros.sleep(0)
            trace[#trace + 1] = i
          end)
        end
        for _ = 1, 8 do saros.sleep(0) end
        assert.same({1, 2, 3}, trace)
      end)
    end)
  end)

  it("releases once, however often it is closed", function()
    each(function(primitive)
      local held <close> = primitive:hold()
      held:close()
      assert.is_false(primitive:locked())
      local again <close> = primitive:hold()
      held:close()
      assert.is_true(primitive:locked())
      again:close()
    end)
  end)

  it("raises at the end of the scope when somebody else has released a lock meanwhile", function()
    local lock = saros.Lock()
    raises(saros.RuntimeError, function()
      local _ <close> = lock:hold()
      lock:release()
    end)
  end)

  it("releases a lock when its task is left behind by a loop that closes", function()
    local lock = saros.Lock()
    local loop = saros.new_event_loop()
    loop:create_task(function()
      local _ <close> = lock:hold()
      saros.sleep(3600)
    end)
    loop:run_once()
    assert.is_true(lock:locked())
    loop:close()
    assert.is_false(lock:locked())
  end)
end)
