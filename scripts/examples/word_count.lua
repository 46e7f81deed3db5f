-- The words of many files, counted by all processors, with a progress bar.
--
--   scripts/run scripts/examples/word_count.lua [--threads] FILES...
--
-- The files are counted in processes of their own, or with --threads in threads: both executors have the same face.
-- A file that cannot be read is reported, and the others count. The bar goes to the error output, the ten most
-- frequent words to the output.

local saros = require "saros"

local WIDTH = 30
local MOST = 10

-- In a worker: how often each word is in a file.
local function count_words(path)
  local file <close> = assert(io.open(path))
  local counts = {}
  for line in file:lines() do
    for word in line:lower():gmatch("%a+") do counts[word] = (counts[word] or 0) + 1 end
  end
  return counts
end

local function draw_bar(done, total)
  local filled = done * WIDTH // total
  io.stderr:write(("\r[%s%s] %d of %d files"):format(("#"):rep(filled), ("."):rep(WIDTH - filled), done, total))
  if done == total then io.stderr:write("\n") end
end

local function add(totals, counts)
  for word, count in pairs(counts) do totals[word] = (totals[word] or 0) + count end
end

-- The words in order of their frequency, and of the alphabet where that is equal.
local function sorted(totals)
  local words = {}
  for word in pairs(totals) do words[#words + 1] = word end
  table.sort(words, function(a, b)
    if totals[a] ~= totals[b] then return totals[a] > totals[b] end
    return a < b
  end)
  return words
end

local function count_all(executor, paths)
  local futures, totals, problems = {}, {}, {}
  for i, path in ipairs(paths) do futures[i] = executor:submit(count_words, path) end
  local done = 0
  draw_bar(done, #paths)
  for future in saros.as_completed(futures) do
    -- saros.pcall lets a cancellation through: Ctrl-C is no file that cannot be read.
    local ok, result = saros.pcall(future.await, future)
    if ok then add(totals, result) else problems[#problems + 1] = tostring(result) end
    done = done + 1
    draw_bar(done, #paths)
  end
  return totals, problems
end

local paths = {table.unpack(arg)}
local make_executor = saros.ProcessPoolExecutor
if paths[1] == "--threads" then
  make_executor = saros.ThreadPoolExecutor
  table.remove(paths, 1)
end
if #paths == 0 then
  io.stderr:write("usage: word_count.lua [--threads] FILES...\n")
  os.exit(2, true)
end

local totals, problems = saros.run(function()
  local executor <close> = make_executor {max_workers = saros.cpu_count()}
  return count_all(executor, paths)
end)

for _, problem in ipairs(problems) do io.stderr:write(problem, "\n") end
for i, word in ipairs(sorted(totals)) do
  if i > MOST then break end
  print(("%7d %s"):format(totals[word], word))
end
os.exit(#problems == 0 and 0 or 1, true)
