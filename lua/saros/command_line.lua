--- The command lines of the `saros` command's own commands, read by argparse.
--
-- argparse is needed by nothing else, and loaded when such a command runs.
-- @module saros.command_line
-- @local

local need_module = require "saros.need_module"

local FAILED, BAD_USAGE = 1, 2

local command_line = {}

--- A parser, to be told of arguments and options.
-- @tparam string name of the command, such as `"saros cron"`
-- @tparam string description what it does
-- @treturn table argparse's Parser
-- @raise `RuntimeError` where argparse is not installed
function command_line.parser(name, description)
  return need_module("argparse", "this command", "lua-argparse", "argparse")(name, description)
end

--- Read the arguments of a command.
-- @tparam string name of the command
-- @tparam fun():table new_parser makes a parser, as of `parser`
-- @tparam {string,...} arguments the command line after the command's name
-- @treturn ?table the values by name; nil if there are none, which standard error then explains
-- @treturn ?integer the exit status then: 1 where argparse is not installed, 2 for arguments that are wrong
function command_line.read(name, new_parser, arguments)
  local is_there, parser = pcall(new_parser)
  if not is_there then
    io.stderr:write(name, ": ", parser.message, "\n")
    return nil, FAILED
  end
  local ok, result = parser:pparse(arguments)
  if ok then return result end
  io.stderr:write(name, ": ", result, "\n", parser:get_usage(), "\n")
  return nil, BAD_USAGE
end

--- The conversion of an option's value to a whole number, for argparse.
-- @tparam string option its name, for the message
-- @tparam integer least the least one that is right
-- @treturn fun(text:string):?integer
function command_line.integer(option, least)
  return function(text)
    local number = text:find("^%d+$") and math.tointeger(tonumber(text))
    if number and number >= least then return number end
    return nil, ("'%s' needs a whole number from %d on, got '%s'"):format(option, least, text)
  end
end

return command_line
