--- compare.lua [ROUNDS] [ROW...]: runs the programs in turn and prints the table.
--
-- Started by scripts/bench/run, which builds and sets the environment.

local root = assert(os.getenv("SAROS_BENCH_ROOT"), "start scripts/bench/run")
package.path = root .. "/scripts/bench/?.lua;" .. package.path

local programs = require "programs"
local report = require "report"
local all_rows = require "rows"

local terminal = os.getenv("SAROS_BENCH_TERMINAL") == "yes"

local function fail(...)
  io.stderr:write("scripts/bench/run: ", ..., "\n")
  os.exit(2)
end

local function names(rows)
  local list = {}
  for i, row in ipairs(rows) do
    list[i] = row.name
  end
  return table.concat(list, " ")
end

-- The rows whose names contain one of the words; all without a word.
local function choose(words)
  local chosen, used = {}, {}
  for _, row in ipairs(all_rows) do
    local wanted = #words == 0
    for _, word in ipairs(words) do
      if row.name:find(word, 1, true) then
        wanted, used[word] = true, true
      end
    end
    row.subject = row.subject or "Saros"
    chosen[#chosen + 1] = wanted and row or nil
  end
  for _, word in ipairs(words) do
    if not used[word] then
      fail("no row is called ", word, "; there are: ", names(all_rows))
    end
  end
  return chosen
end

-- One progress line that is written over on a terminal, and a line a round elsewhere.
local function progress(round, rounds, done, count, what)
  if terminal then
    io.stderr:write(("\r\27[Kround %d of %d, %d of %d: %s"):format(round, rounds, done, count, what))
  elseif done == 1 then
    io.stderr:write(("round %d of %d\n"):format(round, rounds))
  end
end

-- Runs a program once and adds its `metric value` lines to `metrics`.
local function run_once(program, metrics)
  local pipe = assert(io.popen(program.command))
  local found = false
  for line in pipe:lines() do
    local metric, value = line:match("^(%S+)%s+(%-?[%d.e+-]+)$")
    if metric then
      metrics[metric] = metrics[metric] or {}
      table.insert(metrics[metric], tonumber(value))
      found = true
    end
  end
  if not (pipe:close() and found) then
    io.stderr:write(terminal and "\n" or "", "failed: ", program.command, "\n")
  end
end

-- The programs to run, group by group, each group once however many rows it serves. Returns them
-- as a list, the order of each group's names, and what is missing on this machine.
local function plan(rows)
  local list, order, missing, subjects = {}, {}, {}, {}
  for _, row in ipairs(rows) do
    subjects[row.group .. row.subject] = true
  end
  for _, row in ipairs(rows) do
    if not order[row.group] then
      order[row.group] = {}
      for _, program in ipairs(programs.group(row.group)) do
        -- Another row's subject need not run when only this row was asked for.
        local wanted = not program.name:find("^Saros .") or subjects[row.group .. program.name]
        if wanted and not programs.present(program) then
          missing[program.peer] = program.package
        elseif wanted then
          program.group = row.group
          list[#list + 1] = program
          table.insert(order[row.group], program.name)
        end
      end
    end
  end
  return list, order, missing
end

local function measure(list, rounds)
  local results = {}
  for round = 1, rounds do
    for index, program in ipairs(list) do
      progress(round, rounds, index, #list, program.group .. ", " .. program.name)
      local group = results[program.group] or {}
      results[program.group] = group
      group[program.name] = group[program.name] or {}
      run_once(program, group[program.name])
    end
  end
  io.stderr:write(terminal and "\r\27[K" or "")
  return results
end

local words = {...}
if words[1] == "--list" then
  print((names(all_rows):gsub(" ", "\n")))
  return
end
local rounds = math.tointeger(tonumber(words[1]))
if rounds then
  table.remove(words, 1)
end
if rounds and rounds < 1 then
  fail("ROUNDS is at least 1")
end

local rows = choose(words)
local list, order, missing = plan(rows)
report.print(rows, measure(list, rounds or 5), order, io.stdout)
for peer, package in pairs(missing) do
  print(("Not on this machine: %s (Debian: %s)."):format(peer, package))
end
