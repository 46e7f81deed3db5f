--- What specs of transfer need.

local saros = require "saros"
local raises = require "spec.support.raises"

local transfers = {}

--- There and back through a channel of this state.
function transfers.copy(value)
  local channel = saros.Channel(1)
  channel:send(value)
  return channel:recv()
end

function transfers.refusal(value)
  return raises(saros.TransferError, transfers.copy, value).message
end

return transfers
