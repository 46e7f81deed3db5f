--- What specs of generators need.

local saros = require "saros"

local generators = {}

--- A scope that calls `fn` with the error that unwinds it.
function generators.scope(fn)
  return setmetatable({}, {__close = function(_, failure) fn(failure) end})
end

function generators.wait_forever()
  saros.get_running_loop():create_future():await()
end

--- Yields 1 to `n`, awaiting before and after each.
function generators.count(yield, n)
  for i = 1, n do
    saros.sleep(0)
    yield(i)
    saros.sleep(0)
  end
end

function generators.collect(generator)
  local values = {}
  for value in generator do values[#values + 1] = value end
  return values
end

return generators
