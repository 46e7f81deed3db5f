--- A PostgreSQL server of a spec's own, in a temporary folder, where it listens on a Unix socket alone:
--
--     local server <close> = postgresql.start()
--     local url = server:new_database("jobs")
--     server:kill()
--     server:start()
--
-- It takes about two seconds to start, so it is one for each spec file, started in `setup` and stopped in
-- `teardown`. When the specs die half-way the server goes with them: a shell waits for the end of a
-- pipe from here. As root, which PostgreSQL refuses, it runs as the user postgres. The calls here block.

local quote_all = require "spec.support.process".quote_all

-- Debian has the programs of each version in a folder of its own.
local DEBIAN = "/usr/lib/postgresql"

local PORT = 5432 -- a part of the socket's name

-- No room for the name of a socket in a longer folder.
local MOST_PATH = 107 - #("/.s.PGSQL." .. PORT)

-- What is lost when the machine fails does not matter here.
local SETTINGS = {
  "listen_addresses=",
  "port=" .. PORT,
  "fsync=off",
  "full_page_writes=off",
  "shared_buffers=16MB",
  "max_wal_senders=0",
  "wal_level=minimal",
}

-- Ends the server when a line comes, or the end of who would send it; Ctrl-C reaches this shell as well. What is
-- frozen does not end.
local WATCHER = [[
trap "" HUP INT TERM
cd /
folder=%s
read -r _
{ read -r pid <"$folder/data/postmaster.pid" && kill -CONT "$pid" $(ps -o pid= --ppid "$pid"); } 2>/dev/null
%s >/dev/null 2>&1
rm -rf "$folder"
]]

local postgresql = {}

local Server = {}
Server.__index = Server

-- What a command prints; an error if it fails. It is no `os.execute`, for a server started by that
-- would have the ends of all the pipes that are open here.
local function run(line)
  local pipe = assert(io.popen("{ cd / && " .. line .. "; } 2>&1"))
  local output = pipe:read("a")
  local ok = pipe:close()
  if not ok then error(("%s: %s"):format(line, output), 0) end
  return output
end

-- The folder of the newest version's programs, with a slash; empty if they are found by their names.
local function find_programs()
  local newest = 0
  local pipe <close> = assert(io.popen("ls " .. DEBIAN .. " 2>/dev/null"))
  for name in pipe:lines() do newest = math.max(newest, tonumber(name) or 0) end
  return newest > 0 and ("%s/%d/bin/"):format(DEBIAN, newest) or ""
end

-- A command line for one of its programs, as a user as whom it runs.
local function command(self, program, ...)
  return self.as_user .. quote_all { self.programs .. program, ... }
end

local function make_folder()
  local folder = run("mktemp -d"):match("[^\n]+")
  if #folder <= MOST_PATH then return folder end
  run(quote_all { "rmdir", folder })
  return run("mktemp -d /tmp/saros.XXXXXX"):match("[^\n]+")
end

local function control(self, ...)
  return command(self, "pg_ctl", "-D", self.folder .. "/data", ...)
end

local function initialize(self)
  run(command(self, "initdb", "-D", self.folder .. "/data", "-U", "postgres", "-A", "trust", "--encoding=UTF8",
    "--locale=C", "--no-sync", "--no-instructions"))
  local file = assert(io.open(self.folder .. "/data/postgresql.conf", "a"))
  for _, setting in ipairs(SETTINGS) do
    local name, value = setting:match("^(.-)=(.*)$")
    file:write(("%s = '%s'\n"):format(name, value))
  end
  file:write(("unix_socket_directories = '%s'\n"):format(self.folder))
  file:close()
end

-- The URL of one of its databases; the folder of the socket takes the place of the host.
local function url_of(self, name)
  return ("postgresql://postgres@%s/%s"):format(self.folder:gsub("/", "%%2F"), name)
end

--- Make a server, and start it.
-- @treturn Server with the `url` of a database that is there
function postgresql.start()
  local is_root = run("id -u") == "0\n"
  local self = setmetatable({
    folder = make_folder(),
    programs = find_programs(),
    as_user = is_root and "runuser -u postgres -- " or "",
  }, Server)
  if is_root then run(quote_all { "chown", "postgres", self.folder }) end
  self.watcher = assert(io.popen(WATCHER:format(quote_all { self.folder },
    control(self, "stop", "-m", "immediate", "-w")), "w"))
  initialize(self)
  self:start()
  self.url = url_of(self, "postgres")
  return self
end

--- Start it again after `kill`.
function Server:start()
  run(control(self, "start", "-w", "-l", self.folder .. "/log"))
end

--- End it as if the machine had failed; all connections are gone.
function Server:kill()
  run(control(self, "stop", "-m", "immediate", "-w"))
end

local function signal_all(self, signal)
  local file <close> = assert(io.open(self.folder .. "/data/postmaster.pid"))
  local pid = file:read("n")
  run(("kill -%s %d $(ps -o pid= --ppid %d)"):format(signal, pid, pid))
end

--- Let it answer nobody until `thaw`, as if the network were cut.
function Server:freeze()
  signal_all(self, "STOP")
end

--- End what `freeze` began.
function Server:thaw()
  signal_all(self, "CONT")
end

--- Make an empty database.
-- @tparam string name
-- @treturn string its URL
function Server:new_database(name)
  run(command(self, "createdb", "-h", self.folder, "-p", tostring(PORT), "-U", "postgres", name))
  return url_of(self, name)
end

--- What it has logged.
-- @treturn string
function Server:log()
  local file <close> = assert(io.open(self.folder .. "/log"))
  return file:read("a")
end

--- End it, and remove all of it.
function Server:stop()
  if not self.watcher then return end
  self.watcher:write("stop\n")
  self.watcher:close()
  self.watcher = nil
end

Server.__close = Server.stop
Server.__gc = Server.stop

return postgresql
