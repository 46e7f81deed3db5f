--- Scripts for the `saros` command: runs a text as one, and tells how that went.

local assert = require "luassert"
local process = require "spec.support.process"

local LIMIT = 20 -- seconds
local LUA = os.getenv("SAROS_LUA") or "lua5.4"
local FIRST_LINE = 'local saros = require "saros" '

local scripts = {LIMIT = LIMIT}

--- Writes a script that goes when the scope of the result is left; its name is in `path`.
function scripts.write(text)
  local path = os.tmpname()
  local file = assert(io.open(path, "w"))
  file:write(FIRST_LINE, text)
  file:close()
  return setmetatable({path = path}, {__close = function() os.remove(path) end})
end

-- The script's own name in messages is FILE, wherever it was.
local function hide_name(text, path)
  return (text:gsub(path:gsub("%p", "%%%0"), "FILE"))
end

--- Runs the command to its end: how it ended, its output, its errors.
function scripts.launch(...)
  return process.run(LIMIT, LUA, "scripts/saros", ...)
end

--- Runs a script to its end: how it ended, its output, its errors.
function scripts.run(text, ...)
  local file <close> = scripts.write(text)
  local outcome, output, errors = scripts.launch(file.path, ...)
  return outcome, hide_name(output, file.path), hide_name(errors, file.path)
end

--- Runs a script that is to succeed, silently but for its output.
function scripts.output_of(text, ...)
  local outcome, output, errors = scripts.run(text, ...)
  assert.equal("", errors)
  assert.equal("exit 0", outcome)
  return output
end

--- Runs a script that is to fail; the first line of its errors, and all of them.
function scripts.failure_of(text)
  local outcome, _, errors = scripts.run(text)
  assert.equal("exit 1", outcome)
  return errors:match("^[^\n]*"), errors
end

return scripts
