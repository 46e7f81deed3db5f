--- What is in a scheduler's store, asked for in SQL behind its back: `sql.rows("sqlite:jobs.db", "SELECT ...")`.

local sql = {}

local function connect(url)
  local path = url:match("^sqlite:(.*)$")
  if path then
    local environment = require "luasql.sqlite3".sqlite3()
    return assert(environment:connect(path)), environment
  end
  local environment = require "luasql.postgres".postgres()
  return assert(environment:connect(url)), environment
end

-- One driver gives numbers, the other texts.
local function convert(row)
  for name, value in pairs(row) do row[name] = tonumber(value) or value end
  return row
end

--- The rows of a statement.
-- @tparam string url the store's
-- @tparam string statement
-- @treturn {table,...} by the names of columns
function sql.rows(url, statement)
  local connection, environment = connect(url)
  local cursor, rows = assert(connection:execute(statement)), {}
  local row = cursor:fetch({}, "a")
  while row do
    rows[#rows + 1] = convert(row)
    row = cursor:fetch({}, "a")
  end
  cursor:close()
  connection:close()
  environment:close()
  return rows
end

return sql
