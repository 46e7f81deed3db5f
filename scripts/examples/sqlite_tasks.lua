-- A database library that blocks, used by tasks: LuaSQL with SQLite.
--
-- It shows an adapter of a few lines on saros.remote: the connection lives in a thread of its own,
-- a query suspends the task that makes it, and the loop goes on. Queries of several tasks are made
-- in the order in which they came. At the end of its scope the connection is closed.
--
--   scripts/run scripts/examples/sqlite_tasks.lua [FILE]          (without a file, in memory)
--
-- It needs LuaSQL's driver for SQLite: Debian's lua-sql-sqlite3, luasql-sqlite3 on LuaRocks.

local saros = require "saros"

-- ---- the adapter ----

-- In the connection's thread: LuaSQL's objects cannot travel and stay there. Rows are plain tables, which can.
local function open(path)
  local environment = require("luasql.sqlite3").sqlite3()
  local connection = assert(environment:connect(path))
  local database = {}

  local function quote(value)
    if value == nil then return "NULL" end
    if type(value) == "number" then return ("%.17g"):format(value) end
    return "'" .. connection:escape(tostring(value)) .. "'"
  end

  -- Each ? in the statement stands for a further argument.
  local function fill_in(statement, ...)
    local values, used = table.pack(...), 0
    local filled = statement:gsub("%?", function()
      used = used + 1
      return quote(values[used])
    end)
    if used ~= values.n then error(("the statement has %d places, got %d values"):format(used, values.n), 0) end
    return filled
  end

  -- A list of rows by column names, or how many rows were changed.
  function database.query(_, statement, ...)
    local cursor, problem = connection:execute(fill_in(statement, ...))
    if not cursor then error(problem, 0) end
    if type(cursor) == "number" then return math.tointeger(cursor) end
    local rows = {}
    local row = cursor:fetch({}, "a")
    while row do
      rows[#rows + 1] = row
      row = cursor:fetch({}, "a")
    end
    cursor:close()
    return rows
  end

  function database.close()
    connection:close()
    environment:close()
  end

  return database
end

local sqlite = {}

-- A connection with `query(statement, ...)`, which suspends, and `close`.
function sqlite.connect(path)
  return saros.remote(open, path)
end

-- ---- what uses it ----

local function visit(db, name, count)
  for i = 1, count do
    db:query("INSERT INTO visits (name, number) VALUES (?, ?)", name, i)
    saros.sleep(0.001)
  end
end

saros.run(function(path)
  local db <close> = sqlite.connect(path)
  db:query("DROP TABLE IF EXISTS visits")
  db:query("CREATE TABLE visits (name TEXT, number INTEGER)")

  do
    local group <close> = saros.TaskGroup()
    for _, name in ipairs {"Ann", "Ben", "Cid o'Hara"} do group:create_task(visit, db, name, 5) end
  end
  for _, row in ipairs(db:query("SELECT name, count(*) AS visits FROM visits GROUP BY name ORDER BY name")) do
    print(("%s: %d visits"):format(row.name, row.visits))
  end

  local beats = 0
  local heartbeat = saros.create_task(saros.periodic, 0.005, function() beats = beats + 1 end)
  local rows = db:query([[
    WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?)
    SELECT sum(n) AS total FROM numbers]], 300000)
  heartbeat:cancel()
  print(("a slow query: %d, and the heart went on: %s"):format(rows[1].total, beats > 1))

  local ok, problem = pcall(db.query, db, "SELECT name FROM nowhere")
  print(ok, problem)
end, arg[1] or ":memory:")
