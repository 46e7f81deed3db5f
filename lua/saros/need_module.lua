--- Lua modules of others that only a part of Saros needs.
-- @module saros.need_module
-- @local

local core = require "saros.core"

--- Load a module that may not be installed.
-- @tparam string module
-- @tparam string what needs it, for the message
-- @tparam string debian the package that has it
-- @tparam string rock the rock that has it
-- @return the module
-- @raise `RuntimeError` that says where to get it
local function need_module(module, what, debian, rock)
  local found, loaded = pcall(require, module)
  if found then return loaded end
  error(core.errors.RuntimeError(("%s needs the Lua module %s, which is not installed "
    .. "(Debian and Ubuntu have it as %s, LuaRocks as %s)"):format(what, module, debian, rock)))
end

return need_module
