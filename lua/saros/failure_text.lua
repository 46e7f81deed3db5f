--- What failed, in one line for whoever uses a command.
-- @module saros.failure_text
-- @local

local core = require "saros.core"
local safe_text = require "saros.safe_text"

--- The message of one of the library's errors, without its kind; anything else as text.
-- @param failure any value
-- @treturn string
local function failure_text(failure)
  local message = core.is_error(failure) and failure.message
  return safe_text(message or failure)
end

return failure_text
