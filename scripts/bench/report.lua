--- The table: medians, ratios and whether each budget is met.

local report = {}

local HEADINGS = {"work", "Saros", "peers", "ratio", "budget", "met"}

-- The middle one of a list of numbers, or nil.
local function median(list)
  if not list then
    return nil
  end
  local sorted = table.move(list, 1, #list, 1, {})
  table.sort(sorted)
  return sorted[(#sorted + 1) // 2]
end

-- The median of a metric, or the sum of several metrics' medians; nil if one is missing.
local function value_of(metrics, metric)
  if type(metric) == "string" then
    return median(metrics[metric])
  end
  local sum = 0
  for _, name in ipairs(metric) do
    local value = median(metrics[name])
    if not value then
      return nil
    end
    sum = sum + value
  end
  return sum
end

local function with_commas(whole)
  local text = ("%.0f"):format(whole)
  repeat
    local count
    text, count = text:gsub("^(%-?%d+)(%d%d%d)", "%1,%2")
  until count == 0
  return text
end

-- Three digits that count.
local function number(value)
  local size = math.abs(value)
  if size >= 1000 or value == math.floor(value) then
    return with_commas(value)
  end
  return (size >= 100 and "%.0f" or size >= 10 and "%.1f" or "%.2f"):format(value)
end

local function with_unit(value, unit)
  return number(value) .. (unit:find("^%a") and " " or "") .. unit
end

-- The peers of a protocol are protocols, those of streams streams; what has only one of them is a peer of both.
local function is_peer(program, subject)
  local other = subject:find(" protocol$") and " streams$" or subject:find(" streams$") and " protocol$"
  return program ~= subject and not (other and program:find(other))
end

local function peers_cell(row, line, results, order)
  local list = {}
  for _, program in ipairs(order) do
    local value = is_peer(program, row.subject) and value_of(results[program] or {}, line.metric)
    if value then
      list[#list + 1] = program .. " " .. number(value)
    end
  end
  return table.concat(list, ", ")
end

local function ratio_cell(value, reference, line)
  if not line.of then
    return ""
  elseif not reference then
    return "no " .. line.of
  end
  local ratio = value / reference
  return (ratio < 0.1 and "%.3f of %s" or "%.2f of %s"):format(ratio, line.of)
end

local function budget_cells(judged, line)
  local limit = line.at_most or line.at_least
  if not limit then
    return "", ""
  end
  local text = (line.at_most and "≤ " or "≥ ")
  if not line.of then
    text = text .. with_unit(limit, line.unit)
  elseif limit < 0.5 and math.abs(1 / limit - math.floor(1 / limit + 0.5)) < 1e-9 then
    text = text .. ("1/%.0f"):format(1 / limit)
  else
    text = text .. ("%.2f"):format(limit):gsub("0$", "")
  end
  if not judged then
    return text, "?"
  end
  local met = judged <= (line.at_most or math.huge) and judged >= (line.at_least or -math.huge)
  return text, met and "yes" or "**no**"
end

-- The cells of one line of a row. `results` maps programs to metrics to lists of values.
local function line_cells(row, index, results, order)
  local line = row.lines[index]
  local value = value_of(results[row.subject] or {}, line.metric)
  local title = index == 1 and row.title or line.label or ""
  if not value then
    return {title, "failed", peers_cell(row, line, results, order), "", budget_cells(nil, line)}
  end
  local reference = line.of and value_of(results[line.of] or {}, line.metric)
  local judged = value
  if line.of then
    judged = reference and value / reference
  end
  local repeated = index > 1 and not line.label -- the same figure against another peer
  return {
    title,
    repeated and "" or with_unit(value, line.unit),
    repeated and "" or peers_cell(row, line, results, order),
    ratio_cell(value, reference, line),
    budget_cells(judged, line),
  }
end

-- Columns, not bytes: the cells have signs outside ASCII.
local function pad(text, width)
  return text .. (" "):rep(width - utf8.len(text))
end

local function print_table(lines, out)
  local widths = {}
  for _, cells in ipairs(lines) do
    for i, cell in ipairs(cells) do
      widths[i] = math.max(widths[i] or 3, utf8.len(cell))
    end
  end
  for index, cells in ipairs(lines) do
    local padded = {}
    for i, cell in ipairs(cells) do
      padded[i] = pad(cell, widths[i])
    end
    out:write("| ", table.concat(padded, " | "), " |\n")
    if index == 1 then
      for i, width in ipairs(widths) do
        padded[i] = ("-"):rep(width)
      end
      out:write("| ", table.concat(padded, " | "), " |\n")
    end
  end
end

--- Prints the table, in Markdown that reads as plain text.
-- @tparam {table,...} rows of rows.lua
-- @tparam table results group → program → metric → list of values
-- @tparam table order group → list of the programs' names, in the order to show
-- @tparam file out where to
function report.print(rows, results, order, out)
  local lines = {HEADINGS}
  for _, row in ipairs(rows) do
    for index in ipairs(row.lines) do
      lines[#lines + 1] = line_cells(row, index, results[row.group] or {}, order[row.group])
    end
  end
  print_table(lines, out)
end

return report
