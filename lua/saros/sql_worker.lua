--- What a database store's thread does: it performs operations, many of them in one transaction.
--
-- The connection lives here and never leaves the thread. When anything fails, the transaction is as
-- if it had never begun, and the connection is made anew for the next one.
-- @module saros.sql_worker
-- @local

local operations = require "saros.sql_operations"

-- The columns that are numbers; some drivers give every value as a string.
local NUMBERS = {}
for _, name in ipairs {
  "anchor", "attempts", "cancel", "cancelled", "change", "claim", "duration", "failures", "fire_time", "last_duration",
  "last_run_at", "lease_until", "misses", "next_fire_time", "now", "paused", "recover", "recovery", "runs",
  "started_at", "token", "trimmed", "version",
} do NUMBERS[name] = true end

local Database = {}
Database.__index = Database

local function quote(connection, value)
  local kind = math.type(value) or type(value)
  if value == nil then return "NULL" end
  if kind == "integer" then return ("%d"):format(value) end
  if kind == "float" then return ("%.17g"):format(value) end
  if kind == "boolean" then return value and "1" or "0" end
  return "'" .. connection:escape(value) .. "'"
end

-- Each ? stands for a further argument.
local function fill_in(connection, statement, ...)
  local values, used = {...}, 0
  return (statement:gsub("%?", function()
    used = used + 1
    return quote(connection, values[used])
  end))
end

--- Execute a statement.
-- @tparam string statement with a `?` for each value
-- @param ... the values
-- @treturn integer|userdata how many rows it changed, or a cursor
-- @raise the database's text
function Database:execute(statement, ...)
  local result, problem = self.connection:execute(fill_in(self.connection, statement, ...))
  if not result then error(problem, 0) end
  return result
end

--- Execute a statement that has rows.
-- @tparam string statement
-- @param ... its values
-- @treturn {table,...} the rows by column names
-- @raise the database's text
function Database:rows(statement, ...)
  local cursor, rows = self:execute(statement, ...), {}
  local row = cursor:fetch({}, "a")
  while row do
    for name, value in pairs(row) do
      if NUMBERS[name] then row[name] = tonumber(value) end
    end
    rows[#rows + 1] = row
    row = cursor:fetch({}, "a")
  end
  cursor:close()
  return rows
end

--- Execute a statement that has one row at most.
-- @tparam string statement
-- @param ... its values
-- @treturn ?table the row
-- @raise the database's text
function Database:row(statement, ...)
  return self:rows(statement, ...)[1]
end

-- ---- the connection ----

local database -- this thread's, nil while there is none

local function disconnect()
  if not database then return end
  pcall(database.connection.close, database.connection)
  pcall(database.environment.close, database.environment)
  database = nil
end

local function connect(driver, url, is_first)
  local environment, connection = driver.connect(url, is_first)
  database = setmetatable({environment = environment, connection = connection}, Database)
  driver.prepare(database)
end

local function perform(driver, list, now)
  local began = driver.begin(database, now)
  local transaction = operations.begin(database, began)
  local results = {now = began}
  for i, operation in ipairs(list) do
    results[i] = operations[operation.kind](transaction, operation) or false
  end
  operations.finish(transaction)
  database:execute("COMMIT")
  return results
end

local function explain(problem)
  return (tostring(problem):gsub("^LuaSQL: ", ""):gsub("%s+", " "):gsub(" $", ""))
end

local sql_worker = {}

--- Connect, and make the tables if they are not there.
-- @tparam string module the driver's
-- @tparam string url
-- @tparam integer now the time of who asks, in microseconds
-- @treturn ?table the time at which it was done (`now`), the last `change` to a job, and the runs that were `lost`
-- with processes that are known to have ended
-- @treturn ?string why it was not
function sql_worker.open(module, url, now)
  local driver = require(module)
  disconnect()
  local ok, result = pcall(function()
    connect(driver, url, true)
    local began = driver.begin(database, now)
    operations.create_tables(database)
    local transaction = operations.begin(database, began)
    local lost = driver.is_gone and operations.bury(transaction, driver.is_gone) or {}
    operations.finish(transaction)
    database:execute("COMMIT")
    return {now = began, change = transaction.last_change, lost = lost}
  end)
  if ok then return result end
  disconnect()
  return nil, explain(result)
end

--- Perform operations in one transaction.
-- @tparam string module the driver's
-- @tparam string url
-- @tparam integer now the time of who asks, in microseconds
-- @tparam {table,...} list the operations
-- @treturn ?table a list of the results, false for none; and `now`, the time by which they were made
-- @treturn ?string why not, and then none was performed, or at worst all were, unnoticed
function sql_worker.perform(module, url, now, list)
  local driver = require(module)
  local ok, result = pcall(function()
    if not database then connect(driver, url, false) end
    driver.check(url)
    return perform(driver, list, now)
  end)
  if ok then return result end
  disconnect()
  return nil, explain(result)
end

--- End the connection.
function sql_worker.close()
  disconnect()
end

return sql_worker
