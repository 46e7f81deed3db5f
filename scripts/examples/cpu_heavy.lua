-- A computation that takes seconds, while a heartbeat goes on.
--
--   scripts/run scripts/examples/cpu_heavy.lua [LIMIT]
--
-- It counts the primes below LIMIT, two millions by default. In a task that would hold up everything else; in the
-- threads of an executor it does not, and all processors take part. Ctrl-C stops it at once.

local saros = require "saros"

local INTERVAL = 0.1 -- seconds between two beats
local CHUNKS = 64    -- more than there are processors, as the later ones take longer

-- In a worker: how many primes there are from `first` to `last`.
local function count_primes(first, last)
  local count = 0
  for n = math.max(first, 2), last do
    local divisor = 2
    while divisor * divisor <= n and n % divisor ~= 0 do divisor = divisor + 1 end
    if divisor * divisor > n then count = count + 1 end
  end
  return count
end

-- How late the latest beat was is what the computation could have spoilt.
local worst = 0

local function beat()
  local loop = saros.get_running_loop()
  local start, beats = loop:time(), 0
  while true do
    beats = beats + 1
    local due = start + beats * INTERVAL
    saros.sleep(due - loop:time())
    worst = math.max(worst, loop:time() - due)
    io.stderr:write("*")
  end
end

local function count_in_chunks(executor, limit)
  local futures = {}
  for i = 1, CHUNKS do
    futures[i] = executor:submit(count_primes, (i - 1) * limit // CHUNKS, i * limit // CHUNKS - 1)
  end
  local sum = 0
  for _, count in ipairs(saros.gather(futures):await()) do sum = sum + count end
  return sum
end

local limit = assert(math.tointeger(tonumber(arg[1] or 2000000)), "LIMIT must be an integer")

saros.run(function()
  local executor <close> = saros.ThreadPoolExecutor {max_workers = saros.cpu_count()}
  local heart = saros.create_task(beat)
  local count = count_in_chunks(executor, limit)
  heart:cancel()
  io.stderr:write("\n")
  print(("%d primes below %d; no beat was later than %.0f ms"):format(count, limit, math.ceil(worst * 1000)))
end)
