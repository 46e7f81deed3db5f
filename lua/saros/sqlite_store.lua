--- The store of a scheduler in an SQLite database, by LuaSQL: `sqlite:PATH`.
--
-- For one machine. Several processes may share the file. Every run's beginning is on the disk before
-- the run begins.
-- @module saros.sqlite_store
-- @local

local claimant = require "saros.claimant"
local core = require "saros.core"

-- Milliseconds for which a transaction waits for that of another process.
local BUSY_TIMEOUT = 2000

-- Seconds between two attempts where SQLite itself does not wait.
local PAUSE = 0.01

-- "No such file or directory".
local ENOENT = 2

local sqlite_store = {
  -- What it is written with: "the store needs ...".
  lua_module = "luasql.sqlite3",
  debian = "lua-sql-sqlite3",
  rock = "luasql-sqlite3",
  -- The machine's clock is the database's.
  has_clock = false,
  -- Everyone is on this machine, and who has ended is known before its leases are over: a program that
  -- starts again after a crash goes on at once.
  is_gone = claimant.is_gone,
}

local function path_of(url)
  return url:match("^sqlite:(.+)$")
end

--- Open a store.
-- @tparam string url
-- @tparam table options
-- @treturn table the store
-- @raise `ValueError` for a URL without a path; `RuntimeError`
function sqlite_store.open(url, options)
  if not path_of(url) then
    error(core.errors.ValueError(("the store '%s' has no path: sqlite:PATH is expected"):format(url)))
  end
  return require("saros.sql_store").open(sqlite_store, "saros.sqlite_store", url, options)
end

-- ---- in the store's thread ----

-- It is asked for a folder of that name, so that the file is not opened: where any descriptor of it is
-- closed, the system lets go of all the locks that SQLite has on it in this process.
local function exists(path)
  local file, _, code = io.open(path .. "/", "r")
  if file then file:close() end
  return code ~= ENOENT
end

--- Make sure that the file is still there: a database writes to one that was removed as if nothing
-- had happened.
-- @tparam string url
-- @raise what is wrong
function sqlite_store.check(url)
  local path = path_of(url)
  if path ~= ":memory:" and not exists(path) then error(("the file '%s' is gone"):format(path), 0) end
end

--- Connect.
-- @tparam string url
-- @tparam boolean is_first whether the file may be made
-- @treturn userdata LuaSQL's environment
-- @treturn userdata its connection
-- @raise the database's text
function sqlite_store.connect(url, is_first)
  if not is_first then sqlite_store.check(url) end
  local environment = require("luasql.sqlite3").sqlite3()
  local connection, problem = environment:connect(path_of(url))
  if connection then return environment, connection end
  environment:close()
  error(problem, 0)
end

-- A transaction is one write to the disk, and who reads disturbs nobody. Two processes that open a new file
-- at the same time are in each other's way here, and are told so at once, however long they would wait.
local function use_log(database)
  local deadline = core.monotonic() + BUSY_TIMEOUT / 1000
  while true do
    local ok, problem = pcall(database.rows, database, "PRAGMA journal_mode = WAL")
    if ok then return end
    if not tostring(problem):find("locked", 1, true) or core.monotonic() >= deadline then error(problem, 0) end
    core.blocking_sleep(PAUSE)
  end
end

--- Say how a new connection is to work.
-- @tparam table database
-- @raise the database's text
function sqlite_store.prepare(database)
  database:rows(("PRAGMA busy_timeout = %d"):format(BUSY_TIMEOUT))
  use_log(database)
  database:execute("PRAGMA synchronous = FULL")
end

--- Begin a transaction, the only one at this time.
-- @tparam table database
-- @tparam integer now the time of who asks, in microseconds
-- @treturn integer the time by which it is
-- @raise the database's text
function sqlite_store.begin(database, now)
  database:execute("BEGIN IMMEDIATE")
  return now
end

return sqlite_store
