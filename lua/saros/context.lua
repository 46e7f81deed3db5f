--- Context variables: values that belong to a task, not to a module.
--
--     local request_id = saros.ContextVar("request_id", "none")
--     local function handle() print(request_id:get()) end
--     request_id:set("4711")
--     saros.create_task(handle):await()        --> 4711
--
-- Each task starts with a copy of its creator's context, each callback runs in a copy of the
-- one that it was scheduled in: what either sets, the others do not see. Mirrors Python's
-- module `contextvars`.
-- @module saros.context

local core = require "saros.core"
local check = require "saros.check"
local Class = require "saros.class"

local current_context = core.current_context
local errors = core.errors

-- Stands for a variable that has no value, where a value is expected.
local NOTHING = setmetatable({}, {__tostring = function() return "no value" end})

-- The values of a context, replaced by others but for one: they are never changed, as copies of the
-- context share them. nil is kept as NIL, because it counts as a value.
local NIL = setmetatable({}, {__tostring = function() return "nil" end})

local function with_value(vars, var, value)
  local copy = {}
  for key, kept in pairs(vars or {}) do copy[key] = kept end
  copy[var] = value
  return copy
end

local function value_in(context, var)
  local vars = context and context.vars
  local value = vars and vars[var]
  if value == nil then return NOTHING end
  if value == NIL then return nil end
  return value
end

--- What `ContextVar:set` gives, and `ContextVar:reset` takes back once. Mirrors
-- `contextvars.Token`.
-- @type Token
local Token = Class.new("Token")

function Token:__tostring()
  return ("Token: of %s%s"):format(self.var, self.used and ", used" or "")
end

--- A variable whose value belongs to a task; make it once, at the top of a module. Mirrors
-- `contextvars.ContextVar`.
-- @type ContextVar
local ContextVar = Class.new("ContextVar")

--- Make a variable.
-- @tparam string name its name, as messages show it
-- @param[opt] ... its default, where there is one
-- @raise `bad argument`
function ContextVar:init(name, ...)
  if type(name) ~= "string" then check.fail(1, "ContextVar", "string", name) end
  self.name = name
  self.default = NOTHING
  if select("#", ...) > 0 then self.default = (...) end
end

function ContextVar:__tostring()
  return "ContextVar: " .. self.name
end

--- The variable's value in the current context. Mirrors `contextvars.ContextVar.get`.
-- @param[opt] ... what to return where it has none, instead of the variable's own default
-- @treturn any the value; the default; nil where there is neither
function ContextVar:get(...)
  local value = value_in(current_context(), self)
  if value ~= NOTHING then return value end
  if select("#", ...) > 0 then return (...) end
  if self.default ~= NOTHING then return self.default end
  return nil
end

--- Give the variable a value in the current context. Mirrors `contextvars.ContextVar.set`.
-- @tparam any value any value; nil counts as one
-- @treturn Token for `reset`
function ContextVar:set(value)
  local context = core.own_context()
  local vars = context.vars
  local token = Token()
  token.var, token.context, token.old_value = self, context, vars and vars[self]
  if value == nil then value = NIL end
  context.vars = with_value(vars, self, value)
  return token
end

--- Give the variable back the value that it had before a `set`, or none if it had none.
-- Mirrors `contextvars.ContextVar.reset`.
-- @tparam Token token what that `set` returned
-- @raise `RuntimeError` if the token was used already; `ValueError` if it is another variable's,
-- or was made in another context; `bad argument`
function ContextVar:reset(token)
  if not Class.is_instance(token, Token) then check.fail(1, "reset", "Token", token) end
  if token.used then
    error(errors.RuntimeError(("the token of the variable '%s' was used already"):format(self.name)))
  end
  if token.var ~= self then
    error(errors.ValueError(("the token is of the variable '%s', not of '%s'"):format(token.var.name, self.name)))
  end
  local context = current_context()
  if token.context ~= context then
    error(errors.ValueError(("the token of the variable '%s' was made in another context"):format(self.name)))
  end
  token.used = true
  context.vars = with_value(context.vars, self, token.old_value)
end

--- The values of all variables, as `copy_context` gives them. Mirrors `contextvars.Context`.
-- @type Context
local Context = core.Context
Context.__index = {}

local function check_context(context, name)
  if getmetatable(context) ~= Context then check.fail(1, name, "Context", context) end
end

-- Left when the function has ended, however it did.
local Entered = {}

function Entered:__close()
  core.change_context(self.outer)
  self.context.entered = nil
end

--- Call a function in this context: what it sets stays in the context. It may suspend. To run a
-- task in the context: `context:run(saros.create_task, fn)`. Mirrors `contextvars.Context.run`.
-- @tparam function fn any callable
-- @param ... its arguments
-- @treturn any ... all its results
-- @raise its own error; `RuntimeError` while another call runs in this context; `bad argument`
function Context.__index:run(fn, ...)
  check_context(self, "run")
  check.callable(fn, 1, "run")
  if self.entered then error(errors.RuntimeError("cannot enter the context: it is entered already")) end
  self.entered = true
  local _ <close> = setmetatable({context = self, outer = core.change_context(self)}, Entered)
  return fn(...)
end

--- The value of a variable in this context. Mirrors `contextvars.Context.get`.
-- @tparam ContextVar var the variable
-- @tparam[opt] any default what to return where it has none
-- @treturn any the value, or the default
-- @raise `bad argument` for what is no variable
function Context.__index:get(var, default)
  check_context(self, "get")
  if not Class.is_instance(var, ContextVar) then check.fail(1, "get", "ContextVar", var) end
  local value = value_in(self, var)
  if value == NOTHING then return default end
  return value
end

--- A copy of this context. Mirrors `contextvars.Context.copy`.
-- @treturn Context
function Context.__index:copy()
  check_context(self, "copy")
  return setmetatable({vars = self.vars}, Context)
end

--- @section end

local context = {ContextVar = ContextVar}

--- A copy of the current context. Mirrors `contextvars.copy_context`.
-- @function copy_context
-- @treturn Context
context.copy_context = core.copy_context

return context
