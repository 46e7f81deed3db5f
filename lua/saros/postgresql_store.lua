--- The store of a scheduler in a PostgreSQL database, by LuaSQL: `postgresql://USER@HOST/DATABASE`.
--
-- For several machines that run the same jobs. The database's clock decides what is due and which
-- lease is over, so theirs need not agree.
-- @module saros.postgresql_store
-- @local

local core = require "saros.core"
local store_url = require "saros.store_url"

-- The advisory lock that makes the transactions of all nodes follow each other: an arbitrary number.
local LOCK = 0x5a505

-- Seconds after which the database ends the transaction of a node that has stopped.
local TURN = 10

-- What a URL says unless it says otherwise, so that no statement waits for ever: seconds, milliseconds.
local DEFAULTS = {
  "connect_timeout=10", "tcp_user_timeout=30000", "keepalives_idle=10", "keepalives_interval=5", "keepalives_count=3",
}

local BEGIN = ("BEGIN; SELECT pg_advisory_xact_lock(%d); "):format(LOCK)
  .. "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS now"

local postgresql_store = {
  lua_module = "luasql.postgres",
  debian = "lua-sql-postgres",
  rock = "luasql-postgres",
  has_clock = true,
}

--- Open a store.
-- @tparam string url
-- @tparam table options
-- @treturn table the store
-- @raise `ValueError`; `RuntimeError`
function postgresql_store.open(url, options)
  if not url:find("^postgres[ql]*://") then
    error(core.errors.ValueError(("the store '%s' is none: postgresql://USER@HOST/DATABASE is expected"):format(
      store_url.shown(url))))
  end
  return require("saros.sql_store").open(postgresql_store, "saros.postgresql_store", url, options)
end

-- ---- in the store's thread ----

local function with_defaults(url)
  for _, setting in ipairs(DEFAULTS) do
    local name = setting:match("^[^=]*")
    if not url:find("[?&]" .. name .. "=") then
      url = url .. (url:find("?", 1, true) and "&" or "?") .. setting
    end
  end
  return url
end

--- Nothing that a statement would not notice.
function postgresql_store.check()
end

--- Connect.
-- @tparam string url
-- @treturn userdata LuaSQL's environment
-- @treturn userdata its connection
-- @raise the database's text
function postgresql_store.connect(url)
  local environment = require("luasql.postgres").postgres()
  local connection, problem = environment:connect(with_defaults(url))
  if connection then return environment, connection end
  environment:close()
  error(problem, 0)
end

--- Say how a new connection is to work.
-- @tparam table database
-- @raise the database's text
function postgresql_store.prepare(database)
  -- Backslashes are plain, so that quotes are all that has to be escaped.
  database:execute("SET standard_conforming_strings = on")
  -- All nodes take turns. One that stops in its turn, with its machine say, must not hold the others for ever.
  database:execute(("SET idle_in_transaction_session_timeout = '%ds'"):format(TURN))
  -- What a statement cannot write is no reason to take it for another.
  database:execute("SET client_encoding = 'UTF8'")
end

--- Begin a transaction, the only one at this time.
-- @tparam table database
-- @treturn integer the time by which it is, in microseconds
-- @raise the database's text
function postgresql_store.begin(database)
  return database:row(BEGIN).now
end

return postgresql_store
