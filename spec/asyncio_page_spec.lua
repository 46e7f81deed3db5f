--- docs/asyncio.md has every name of asyncio, and tells the truth about the names of Saros.
local page = require "spec.support.page"
local process = require "spec.support.process"
local saros = require "saros"

local PYTHON = "/usr/bin/python3"
local LIMIT = 20 -- seconds
-- In the first column, names that this Python need not have.
local ELSEWHERE = {"%(3%.1[234]%)", "on Windows"}

local asyncio = page.read("docs/asyncio.md")

local function code_spans(text)
  local list = {}
  for span in text:gmatch("`([^`]+)`") do list[#list + 1] = span end
  return list
end

-- The rows of tables whose first column is headed so: lists of cells, with the number of the line.
local function rows(heading)
  local list, inside, number = {}, false, 0
  for line in (asyncio.text .. "\n"):gmatch("([^\n]*)\n") do
    number = number + 1
    local cells = {}
    for cell in line:gmatch("|([^|]*)") do cells[#cells + 1] = cell:match("^%s*(.-)%s*$") end
    if #cells < 2 then
      inside = false
    elseif heading[cells[1]] then
      inside = true
    elseif inside and not cells[1]:find("^%-%-%-") then
      cells.line = number
      list[#list + 1] = cells
    end
  end
  return list
end

local function asyncio_rows()
  return rows {asyncio = true, contextvars = true}
end

local function is_elsewhere(cell)
  for _, pattern in ipairs(ELSEWHERE) do
    if cell:find(pattern) then return true end
  end
  return false
end

-- Every name in the first column: set[name] = whether this Python has to have it.
local function names_of_asyncio()
  local set = {}
  for _, cells in ipairs(asyncio_rows()) do
    for _, span in ipairs(code_spans(cells[1])) do
      set[span:match("^[%w_.]+")] = not is_elsewhere(cells[1])
    end
  end
  return set
end

-- What asyncio itself says: its names, and those of ours that it does not know.
local function ask_python(names)
  local outcome, output, errors = process.run(LIMIT, PYTHON, "spec/support/asyncio_names.py", table.unpack(names))
  assert.equal("", errors)
  assert.equal("exit 0", outcome)
  local known, unknown = {}, {}
  local list = known
  for line in output:gmatch("[^\n]+") do
    if line == "unknown" then list = unknown else list[#list + 1] = line end
  end
  return known, unknown
end

-- One object of each class, by the name that the page gives it; the function is called with all of them.
local function with_samples(fn)
  saros.run(function()
    local loop = saros.get_running_loop()
    local server <close> = saros.start_server(function(reader) reader:read() end, "127.0.0.1", 0)
    local port = server:sockets()[1].port
    local reader, writer = saros.open_connection("127.0.0.1", port)
    local transport = loop:create_connection(saros.Protocol, "127.0.0.1", port)
    local timeout <close> = saros.timeout(nil)
    local group
    do
      local scope <close> = saros.TaskGroup()
      group = scope
    end
    fn {
      saros = saros,
      loop = loop, policy = saros.get_event_loop_policy(), runner = saros.Runner(),
      future = loop:create_future(), task = saros.current_task(),
      handle = loop:call_soon(type, 1), timer = loop:call_later(60, print),
      timeout = timeout, group = group,
      lock = saros.Lock(), event = saros.Event(), condition = saros.Condition(),
      semaphore = saros.Semaphore(), barrier = saros.Barrier(1), queue = saros.Queue(),
      server = server, reader = reader, writer = writer, transport = transport, protocol = saros.Protocol,
      var = saros.ContextVar("var"), context = saros.copy_context(),
    }
    writer:close()
    transport:close()
  end)
end

-- Whether there is such a name: `saros.signal.SIGTERM`, `loop:call_soon`; nil if it is none of Saros's.
local function look_up(samples, name)
  local value
  for part in name:gmatch("[^.:]+") do
    if value == nil then
      value = samples[part]
      if value == nil then return nil end
    else
      -- What cannot be indexed has no such name either.
      local ok, field = pcall(function() return value[part] end)
      if not ok or field == nil then return false end
      value = field
    end
  end
  return true
end

-- The names in code: `saros.wait_for(saros.sleep, 1)` has two.
local function names_in(code)
  local list = {}
  for name in code:gmatch("%f[%w_][%a_][%w_]*[.:][%w_.:]+") do list[#list + 1] = name:match("^(.-)[.:]*$") end
  return list
end

local function is_not_yet(cell)
  return cell:find("^not yet") ~= nil
end

-- Complains about the names in a cell that are not there.
local function check_cell(samples, cell, line, complaints)
  for _, span in ipairs(code_spans(cell)) do
    for _, name in ipairs(names_in(span)) do
      if look_up(samples, name) == false then complaints[#complaints + 1] = ("line %d: no %s"):format(line, name) end
    end
  end
end

describe("docs/asyncio.md #many", function()
  it("has every public name of asyncio", function()
    local set, missing = names_of_asyncio(), {}
    local known = ask_python {}
    assert.is_true(#known > 300)
    for _, name in ipairs(known) do
      if set[name] == nil then missing[#missing + 1] = name end
    end
    assert.same({}, missing)
  end)

  it("has no name that asyncio has not", function()
    local list = {}
    for name, has in pairs(names_of_asyncio()) do
      if has then list[#list + 1] = name end
    end
    local _, unknown = ask_python(list)
    assert.same({}, unknown)
    -- What it does not know would be found.
    local _, found = ask_python {"sleeep", "loop.call_sooon", "sleep"}
    assert.same({"sleeep", "loop.call_sooon"}, found)
  end)

  it("tells of each name what it is, will be, or why it is not", function()
    for _, cells in ipairs(asyncio_rows()) do
      local kind = cells[2]:match("^not yet") or cells[2]:match("^none$") or cells[2]:match("^`")
      assert.truthy(kind, cells.line)
      if kind == "none" then assert.truthy(cells[3]:find("%S"), cells.line) end
    end
  end)

  it("names nothing of Saros that is not there", function()
    with_samples(function(samples)
      local complaints = {}
      for _, cells in ipairs(asyncio_rows()) do
        if not is_not_yet(cells[2]) then
          check_cell(samples, cells[2], cells.line, complaints)
          check_cell(samples, cells[3], cells.line, complaints)
        end
      end
      for _, cells in ipairs(rows {["you look for"] = true}) do
        if not is_not_yet(cells[3]) then check_cell(samples, cells[3], cells.line, complaints) end
      end
      for _, cells in ipairs(rows {["in asyncio"] = true}) do check_cell(samples, cells[2], cells.line, complaints) end
      assert.same({}, complaints)
    end)
  end)

  it("gives only names that can be looked up", function()
    with_samples(function(samples)
      for _, cells in ipairs(asyncio_rows()) do
        for _, span in ipairs(is_not_yet(cells[2]) and {} or code_spans(cells[2])) do
          for _, name in ipairs(names_in(span)) do
            assert.truthy(look_up(samples, name), ("line %d: %s"):format(cells.line, name))
          end
        end
      end
    end)
  end)

  it("calls nothing missing that is there", function()
    with_samples(function(samples)
      local complaints = {}
      local function check(cell, line)
        if not is_not_yet(cell) then return end
        for _, span in ipairs(code_spans(cell)) do
          for _, name in ipairs(names_in(span)) do
            if look_up(samples, name) then
              complaints[#complaints + 1] = ("line %d: %s is not missing any more"):format(line, name)
            end
          end
        end
      end
      for _, cells in ipairs(asyncio_rows()) do check(cells[2], cells.line) end
      for _, cells in ipairs(rows {["you look for"] = true}) do check(cells[3], cells.line) end
      assert.same({}, complaints)
    end)
  end)

  it("names nothing in its text that is not there", function()
    with_samples(function(samples)
      local complaints, number = {}, 0
      for line in (asyncio.text .. "\n"):gmatch("([^\n]*)\n") do
        number = number + 1
        if line:sub(1, 1) ~= "|" then check_cell(samples, line, number, complaints) end
      end
      assert.same({}, complaints)
    end)
  end)

  it("points to what is there", function()
    assert.is_true(asyncio:check_links() > 0)
  end)
end)
