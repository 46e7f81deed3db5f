--- The command lines of the `saros` command's own commands, read by argparse.
--
-- argparse is needed by nothing else, and loaded when such a command runs.
-- @module saros.command_line
-- @local

local need_module = require "saros.need_module"

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
-- @tparam table parser argparse's
-- @tparam string name of the command
-- @tparam {string,...} arguments the command line after the command's name
-- @treturn ?table the values by name; nil if they are wrong, which standard error then says
function command_line.parse(parser, name, arguments)
  local ok, result = parser:pparse(arguments)
  if ok then return result end
  io.stderr:write(name, ": ", result, "\n", parser:get_usage(), "\n")
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
