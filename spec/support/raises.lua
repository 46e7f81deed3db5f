--- `raises(kind, fn, ...)`: asserts that the call raises an error object of this kind, and gives
-- the object back.

local saros = require "saros"

return function(kind, fn, ...)
  local ok, failure = pcall(fn, ...)
  if ok then error("expected " .. tostring(kind) .. ", but nothing was raised", 2) end
  if not saros.is_error(failure, kind) then
    error(("expected %s, got %s"):format(tostring(kind), tostring(failure)), 2)
  end
  return failure
end
