--- Signal numbers of this platform by name: `saros.signal.SIGTERM`.
-- Mirrors the constants of Python's `signal`.
-- @module saros.signal

local core = require "saros.core"
local check = require "saros.check"

-- Second names of a number: `signal.name` gives the first one.
local ALIASES = {SIGIOT = true, SIGCLD = true, SIGPOLL = true, SIGUNUSED = true}

local signal = {}
local names = {}
for name, number in pairs(core.signals) do
  signal[name] = number
  if not ALIASES[name] then names[number] = name end
end

--- The name of a signal, as Python's `signal.Signals(number).name`.
-- @tparam integer number the signal's number
-- @treturn string such as `"SIGTERM"`
-- @raise `bad argument`; `ValueError` for what is no signal's number here
function signal.name(number)
  number = check.number(number, 1, "name")
  local name = names[number]
  if not name then
    error(core.errors.ValueError(("%s is not the number of a signal"):format(number)))
  end
  return name
end

return signal
