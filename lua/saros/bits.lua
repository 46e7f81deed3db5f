--- Sets of the numbers from 0 to 62, as the bits of an integer.
-- @module saros.bits
-- @local

-- The powers of two leave different remainders here.
local DIVISOR = 67

local POSITIONS = {}
for position = 0, 62 do POSITIONS[(1 << position) % DIVISOR] = position end

local bits = {}

--- The least member that is not below a number.
-- @tparam integer set the set
-- @tparam integer number from 0 to 63
-- @treturn ?integer nil if there is none
function bits.next(set, number)
  set = set >> number << number
  return POSITIONS[(set & -set) % DIVISOR]
end

--- The greatest member that is not above a number.
-- @tparam integer set the set
-- @tparam integer number from -1 to 62
-- @treturn ?integer nil if there is none
function bits.previous(set, number)
  set = set & ((1 << number + 1) - 1)
  set = set | set >> 1
  set = set | set >> 2
  set = set | set >> 4
  set = set | set >> 8
  set = set | set >> 16
  set = set | set >> 32
  return POSITIONS[(set ~ set >> 1) % DIVISOR]
end

return bits
