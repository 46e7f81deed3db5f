--- How jobs and their runs are, as tables for people.
-- @module saros.status_table
-- @local

local date_text = require "saros.date_text"

local MOST_ERROR = 80 -- characters

local status_table = {}

-- What a job is called, or fails with, is any text: here it is one line that changes no terminal.
local function one_line(text)
  return (text:gsub("\n.*", ""):gsub("%c", "?"):gsub("\xC2[\x80-\x9F]", "?"))
end

local function width(text)
  return utf8.len(text) or #text
end

local function shorten(text)
  text = one_line(text)
  if width(text) <= MOST_ERROR then return text end
  local cut = utf8.len(text) and utf8.offset(text, MOST_ERROR) or MOST_ERROR
  return text:sub(1, cut - 1) .. "..."
end

local function date(time)
  return time and date_text(time) or "-"
end

local function whole(number)
  return ("%.0f"):format(number)
end

-- Columns as wide as they must be; those of numbers are aligned on the right.
local function layout(rows, numbers)
  local widths = {}
  for _, row in ipairs(rows) do
    for i, cell in ipairs(row) do widths[i] = math.max(widths[i] or 0, width(cell)) end
  end
  local lines = {}
  for _, row in ipairs(rows) do
    local cells = {}
    for i, cell in ipairs(row) do
      local space = (" "):rep(widths[i] - width(cell))
      cells[i] = numbers[i] and space .. cell or cell .. space
    end
    lines[#lines + 1] = (table.concat(cells, "  "):gsub(" +$", ""))
  end
  return table.concat(lines, "\n") .. "\n"
end

--- How jobs are.
-- @tparam {[string]=table} jobs by name, each as `Scheduler:status` and the control socket tell it
-- @treturn string lines
function status_table.jobs(jobs)
  local names, rows = {}, {{"NAME", "NEXT RUN", "LAST RUN", "RUNS", "FAILURES", "STATE", "LAST ERROR"}}
  for name in pairs(jobs) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    local job = jobs[name]
    rows[#rows + 1] = {
      one_line(name), date(job.next_run_at), date(job.last_run_at), whole(job.runs), whole(job.failures), job.state,
      job.last_error and shorten(job.last_error) or "-",
    }
  end
  return layout(rows, {[4] = true, [5] = true})
end

--- What runs a job had.
-- @tparam {table,...} runs each as `Scheduler:history` tells it
-- @treturn string lines
function status_table.runs(runs)
  local rows = {{"DUE", "STARTED", "SECONDS", "ATTEMPTS", "OUTCOME", "NODE", "ERROR"}}
  for _, run in ipairs(runs) do
    rows[#rows + 1] = {
      date(run.fire_time), date(run.started_at), run.duration and ("%.3f"):format(run.duration) or "-",
      run.attempts and whole(run.attempts) or "-", run.outcome, one_line(run.node),
      run.error and shorten(run.error) or "-",
    }
  end
  return layout(rows, {[3] = true, [4] = true})
end

return status_table
