--- What `hold()` of locks, semaphores and conditions returns.
-- @module saros.hold

local Class = require "saros.class"

--- Holds a primitive until the end of its scope.
-- @type Hold
local Hold = Class.new("Hold")

function Hold:init(primitive)
  self.primitive = primitive
end

--- Release the primitive. The end of the scope does so; a second time does nothing.
function Hold:close()
  local primitive = self.primitive
  self.primitive = nil
  if primitive then primitive:release() end
end

Hold.__close = Hold.close

return Hold
