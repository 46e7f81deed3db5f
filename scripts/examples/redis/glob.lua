--- Glob patterns as Redis matches them: `*` `?` `[abc]` `[^a-z]` and `\` before
-- a character that is meant literally.
--
-- A pattern is compiled once into a list of steps, of which all but "*" take
-- exactly one run of bytes; matching then needs to remember the last star only.

local byte, find, sub = string.byte, string.find, string.sub

local STAR, ANY = {}, {}
local ASTERISK, QUESTION, OPEN, CLOSE, ESCAPE, CARET, DASH = byte("*?[]\\^-", 1, 7)

-- Redis compares the ends of a range as C's `char`, which has a sign where
-- Debian's servers run.
local function signed(code)
  return code < 128 and code or code - 256
end

-- Compiles the class that opens at `pos` into a table of the bytes in it. Returns
-- it and the position after it. A class that is never closed ends with the pattern.
local function class(pattern, pos)
  local length = #pattern
  local inside = {}
  pos = pos + 1
  local negated = byte(pattern, pos) == CARET
  if negated then pos = pos + 1 end
  while pos <= length do
    local code = byte(pattern, pos)
    if code == ESCAPE and pos < length then
      pos = pos + 1
      inside[byte(pattern, pos)] = true
    elseif code == CLOSE then
      break
    elseif pos + 2 <= length and byte(pattern, pos + 1) == DASH then
      local low, high = signed(code), signed(byte(pattern, pos + 2))
      if low > high then low, high = high, low end
      for each = low, high do inside[each % 256] = true end
      pos = pos + 2
    else
      inside[code] = true
    end
    pos = pos + 1
  end
  if negated then
    local others = {}
    for code = 0, 255 do others[code] = not inside[code] or nil end
    inside = others
  end
  return inside, pos + 1
end

-- The steps of a pattern: STAR, ANY, a string to find literally, or a class.
local function compile(pattern)
  local steps, literal, pos = {}, "", 1
  local function add(step)
    if literal ~= "" then
      steps[#steps + 1], literal = literal, ""
    end
    if step and not (step == STAR and steps[#steps] == STAR) then steps[#steps + 1] = step end
  end
  while pos <= #pattern do
    local code = byte(pattern, pos)
    if code == ASTERISK then
      add(STAR)
    elseif code == QUESTION then
      add(ANY)
    elseif code == OPEN then
      local set, after = class(pattern, pos)
      add(set)
      pos = after - 1
    else
      if code == ESCAPE and pos < #pattern then pos = pos + 1 end
      literal = literal .. sub(pattern, pos, pos)
    end
    pos = pos + 1
  end
  add(nil)
  return steps
end

-- The position after what `step` takes at `pos`, nil when it does not fit.
local function take(step, text, pos)
  if type(step) == "string" then
    local after = pos + #step
    return sub(text, pos, after - 1) == step and after or nil
  end
  local code = byte(text, pos)
  return code and (step == ANY or step[code]) and pos + 1 or nil
end

local function run(steps, text)
  local count, length = #steps, #text
  local at, pos = 1, 1
  local star, from -- the last star, and where the text after it was tried
  while true do
    local step = steps[at]
    local after
    if step == STAR then
      if at == count then return true end
      star, from = at, pos
      after = pos
    elseif step then
      after = take(step, text, pos)
    elseif pos > length then
      return true
    end
    if after then
      at, pos = at + 1, after
    else
      -- Give the last star one byte more; or, to a literal after it, all up to there.
      if not star or from >= length then return false end
      from = from + 1
      local following = steps[star + 1]
      if type(following) == "string" then
        from = find(text, following, from, true)
        if not from then return false end
      end
      at, pos = star + 1, from
    end
  end
end

local glob = {}

--- Compiles a pattern.
-- @tparam string pattern
-- @treturn function tells of a text whether all of it matches
function glob.compile(pattern)
  if not find(pattern, "[*?%[\\]") then
    return function(text) return text == pattern end
  end
  local steps = compile(pattern)
  -- No pattern of Redis matches the empty text but the empty pattern, not even "*".
  return function(text) return text ~= "" and run(steps, text) end
end

return glob
