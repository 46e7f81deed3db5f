--- What happens to an error that nobody can catch: the loop's exception handler.
--
-- The core reports every error in a callback, and every failed future that nobody
-- looked at, by calling `loop:call_exception_handler(context)`. A context is a table
-- with `message` and, where they apply, `exception` `traceback` `future` `task`
-- `handle` `protocol` `transport` `source_traceback` (where the object was created,
-- in debug mode).
--
-- Loading this adds four methods to `saros.EventLoop`, which mirror asyncio's.
-- @module saros.exceptions

local core = require "saros.core"
local check = require "saros.check"
local error_text = require "saros.error_text"
local logger = require "saros.logger"
local safe_text = require "saros.safe_text"

local EventLoop = core.EventLoop
local KeyboardInterrupt = core.errors.KeyboardInterrupt

-- Fields of a context that are not printed as `name: value`.
local PRINTED_APART = {message = true, exception = true, traceback = true}

-- handlers[loop]: weak, because a handler usually refers to its loop.
local handlers = setmetatable({}, {__mode = "k"})

local function indent(text)
  return (text:gsub("\n", "\n  "))
end

-- The names as texts, whatever they are, with the values.
local function sorted_fields(context)
  local fields = {}
  for name, value in pairs(context) do
    -- A task is a future, too, and need not be told of twice.
    local repeated = name == "future" and value == context.task
    if not PRINTED_APART[name] and not repeated then
      fields[#fields + 1] = {name = safe_text(name), value = value}
    end
  end
  table.sort(fields, function(a, b) return a.name < b.name end)
  return fields
end

local function format_context(context)
  local lines = {safe_text(context.message or "Unhandled exception in event loop")}
  for _, field in ipairs(sorted_fields(context)) do
    local name, value = field.name, field.value
    if name == "context" and type(value) == "table" then
      value = indent(format_context(value))
    elseif name == "source_traceback" then
      name, value = "created at", safe_text(value)
    else
      value = safe_text(value)
    end
    lines[#lines + 1] = name .. ": " .. value
  end
  if context.exception ~= nil then
    local exception, traceback = context.exception, context.traceback
    lines[#lines + 1] = error_text(exception, traceback, safe_text)
    if traceback and core.is_error(exception) and exception.traceback == nil then
      lines[#lines + 1] = safe_text(traceback)
    end
  elseif context.traceback then
    lines[#lines + 1] = safe_text(context.traceback)
  end
  return table.concat(lines, "\n")
end

-- What failed in a handler, with the traceback that only its message handler can see.
local function describe_failure(exception)
  return {exception = exception, traceback = debug.traceback(nil, 2)}
end

-- Call a handler; the description of its failure, or nil. An interrupt is no failure
-- of the handler's, it goes on to the program.
local function attempt(handler, loop, context)
  local ok, failure = xpcall(handler, describe_failure, loop, context)
  if ok then return nil end
  if type(failure) ~= "table" or failure.traceback == nil then
    -- Out of memory, or an error in the message handler: Lua hands over what it has.
    return {exception = failure}
  end
  if core.is_error(failure.exception, KeyboardInterrupt) then
    error(failure.exception, 0)
  end
  return failure
end

local function log_failure(message, failure)
  failure.message = message
  logger.error("%s", format_context(failure))
end

--- Set the function to call with errors that nobody can catch.
-- Mirrors `loop.set_exception_handler`.
-- @function EventLoop:set_exception_handler
-- @tparam ?fun(loop:EventLoop,context:table) handler called as `handler(loop, context)`; nil for the default handler
-- @raise `bad argument` for what cannot be called
function EventLoop:set_exception_handler(handler)
  if handler ~= nil then check.callable(handler, 1, "set_exception_handler") end
  handlers[self] = handler
end

--- The handler that was set, or nil when it is the default one.
-- Mirrors `loop.get_exception_handler`.
-- @function EventLoop:get_exception_handler
-- @treturn ?fun(loop:EventLoop,context:table) what `set_exception_handler` was given
function EventLoop:get_exception_handler()
  return handlers[self]
end

--- Log a context through the library's logger: its message, the other fields sorted
-- by name, then the error with its traceback.
-- Mirrors `loop.default_exception_handler`; loop classes may override it.
-- @function EventLoop:default_exception_handler
-- @tparam table context `message` and, where they apply, `exception` `traceback` `future`
-- `task` `handle` `protocol` `transport` `source_traceback`
-- @raise `bad argument` for what is no table
function EventLoop.default_exception_handler(_, context)
  if type(context) ~= "table" then
    check.fail(1, "default_exception_handler", "table", context)
  end
  logger.error("%s", format_context(context))
end

--- Report an error that nobody can catch.
-- Mirrors `loop.call_exception_handler`. An error inside the handler is reported by the
-- default handler, an error inside that one is logged; a `KeyboardInterrupt` passes.
-- @function EventLoop:call_exception_handler
-- @tparam table context `message` and, where they apply, `exception` `traceback` `future`
-- `task` `handle` `protocol` `transport` `source_traceback`
-- @raise `bad argument` for what is no table
function EventLoop:call_exception_handler(context)
  if type(context) ~= "table" then
    check.fail(1, "call_exception_handler", "table", context)
  end
  local handler = handlers[self]
  if handler == nil then
    local failure = attempt(self.default_exception_handler, self, context)
    if failure then log_failure("Exception in default exception handler", failure) end
    return
  end
  local failure = attempt(handler, self, context)
  if not failure then return end
  failure.message = "Unhandled error in exception handler"
  failure.context = context
  failure = attempt(self.default_exception_handler, self, failure)
  if failure then
    log_failure("Exception in default exception handler while handling an unexpected "
      .. "error in custom exception handler", failure)
  end
end
