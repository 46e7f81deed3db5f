-- timeout scopes: nested, rescheduled, and together with cancellation from outside.
local twin = require "spec.support.twin"
local saros, attempt, trace, watch = twin.saros, twin.attempt, twin.trace, twin.watch

-- try: body() / finally: clean_up().
local function finally(body, clean_up)
  local results = table.pack(pcall(body))
  clean_up()
  return twin.finish(table.unpack(results, 1, results.n))
end

local function main(loop)
  local me = saros.current_task()

  local function from_now(when)
    return when and when - loop:time()
  end

  local function within(name, delay, sleep)
    local scope
    finally(function()
      scope = saros.timeout(delay)
      local _ <close> = scope
      trace(name, "when", from_now(scope:when()))
      saros.sleep(sleep)
      trace(name, "slept", scope:expired())
    end, function()
      trace(name, "left", scope:expired(), me:cancelling())
    end)
  end

  watch("in time", within, "a", 5, 1)
  watch("too late", within, "b", 2, 9)
  watch("without end", within, "c", nil, 1)
  for _, delay in ipairs { 0, -1 } do
    watch("at once", within, "d", delay, 3)
    watch("at once, no await", within, "e", delay, 0)
  end

  -- timeout_at takes a time of the loop's clock.
  local function until_time(when)
    local _ <close> = saros.timeout_at(when)
    saros.sleep(9)
  end

  watch("at", until_time, loop:time() + 2)
  watch("past", until_time, loop:time() - 2)

  -- Nested: whichever expires first turns the cancellation into its TimeoutError.
  local function nested(outer_delay, inner_delay)
    local outer <close> = saros.timeout(outer_delay)
    local inner
    finally(function()
      local ok, err = pcall(function()
        inner = saros.timeout(inner_delay)
        local _ <close> = inner
        saros.sleep(9)
      end)
      if saros.is_error(err, saros.TimeoutError) then
        trace("inner", inner:expired(), outer:expired())
        saros.sleep(1)
      elseif not ok then
        error(err, 0)
      end
    end, function()
      trace("between", inner:expired(), outer:expired(), me:cancelling())
    end)
  end

  watch("inner first", nested, 6, 2)
  watch("outer first", nested, 2, 6)
  watch("inner, then outer", nested, 3, 2)
  watch("both at once", nested, 2, 2.25)
  watch("both at once, outer later", nested, 2.25, 2)

  -- The body swallows it: then the scope has expired and raises nothing.
  local function swallows(after)
    local scope = saros.timeout(1)
    do
      local _ <close> = scope
      watch("body", saros.sleep, 9)
      trace("expired", scope:expired())
      saros.sleep(after)
    end
    trace("left", scope:expired(), me:cancelling())
  end

  watch("swallows", swallows, 0)
  watch("swallows", swallows, 3)

  -- An error of the body goes through, before and after the scope expired.
  local function fails(late)
    local _ <close> = saros.timeout(1)
    pcall(saros.sleep, late and 9 or 0)
    error(saros.ValueError("body"))
  end

  watch("fails", fails, false)
  watch("fails late", fails, true)
  trace("cancelling", me:cancelling())

  -- Rescheduled: later, earlier, never, and into the past.
  local function moves(first, second, sleep)
    local scope = saros.timeout(first)
    do
      local _ <close> = scope
      saros.sleep(1)
      scope:reschedule(second and loop:time() + second)
      trace("moved", from_now(scope:when()))
      saros.sleep(sleep)
    end
    trace("left", scope:expired())
    return "moves"
  end

  watch("later", moves, 3, 6, 4)
  watch("earlier", moves, 9, 1, 4)
  watch("never", moves, 3, nil, 5)
  watch("never to soon", moves, nil, 1, 4)
  watch("past", moves, 9, -1, 4)
  local over = saros.timeout(1)
  do local _ <close> = over end
  attempt("reschedule after the end", over.reschedule, over, 5)
  local _, err = pcall(function()
    over = saros.timeout(0)
    local _ <close> = over
    saros.sleep(2)
  end)
  if saros.is_error(err, saros.TimeoutError) then
    attempt("reschedule after expiry", over.reschedule, over, 5)
  end

  -- Cancelled from outside: before expiry, with it, and after.
  local function scoped(name)
    local scope
    finally(function()
      scope = saros.timeout(2)
      local _ <close> = scope
      saros.sleep(9)
    end, function()
      trace(name, "left", scope:expired(), saros.current_task():cancelling())
    end)
  end

  for turns = 1, 5 do
    trace("cancelled after", turns)
    local task = loop:create_task(scoped, "scoped")
    for _ = 1, turns do saros.sleep(0) end
    trace("cancel", task:cancel())
    watch("scoped", task)
    trace(task:cancelled(), task:cancelling())
  end

  -- Cancelled before it entered: that count stays out of the scope's business.
  local task = loop:create_task(function()
    local own = saros.current_task()
    watch("cancelled", saros.sleep, 9)
    trace("cancelling", own:cancelling())
    watch("scope", scoped, "counted")
    trace("cancelling", own:cancelling())
    return "end"
  end)
  saros.sleep(0)
  task:cancel()
  watch("counted", task)

  -- In scopes with nothing to wait for, nothing happens; many of them leave no timer behind.
  for _ = 1, 3 do
    local _ <close> = saros.timeout(1)
    saros.sleep(0)
  end
  saros.sleep(4)
  trace("no leftovers")
end

twin.run(main)
