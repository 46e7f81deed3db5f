--- RESP, the protocol of Redis: turns the bytes of a client into commands, and
-- values into replies.
--
-- The parser is incremental: packets may end anywhere. It reads exactly what a
-- real server reads, its leniencies included (the two bytes after a value are
-- skipped unseen; a header ends at "\r", whatever follows), and fails with a
-- real server's words. Lua code runs per value, never per byte, and a value that
-- arrives in many packets is put together once.

local byte, find, match, sub = string.byte, string.find, string.match, string.sub
local concat = table.concat

local ASTERISK, DOLLAR = byte("*$", 1, 2)
local MAX_HEADER = 64 * 1024
local MAX_VALUE = 512 * 1024 * 1024
local MAX_VALUES = 2 ^ 31 - 1

local resp = {}

--- Reads an integer as strictly as Redis does: no sign "+", no spaces, no zeros in front.
-- @tparam string text
-- @treturn integer|nil nil also for what 64 bits cannot hold
function resp.integer(text)
  if text == "0" then return 0 end
  if not find(text, "^%-?[1-9]%d*$") then return nil end
  return math.tointeger(tonumber(text))
end

-- Inline commands ------------------------------------------------------------

local ESCAPES = { n = "\n", r = "\r", t = "\t", b = "\b", a = "\a" }

-- The text of the quoted string that opens at `pos`, and the position after it;
-- nil when it never ends, or something sticks to its end.
local function quoted(line, pos)
  local quote = sub(line, pos, pos)
  local special = quote == '"' and '["\\]' or "['\\]"
  local parts, from = {}, pos + 1
  while true do
    local at = find(line, special, from)
    if not at then return nil end
    parts[#parts + 1] = sub(line, from, at - 1)
    from = at + 2
    if sub(line, at, at) == quote then
      if find(line, "^%S", at + 1) then return nil end
      return concat(parts), at + 1
    end
    local escaped = sub(line, at + 1, at + 1)
    if quote == "'" then
      if escaped ~= "'" then escaped, from = "\\", at + 1 end
    else
      local hex = match(line, "^x(%x%x)", at + 1)
      if hex then
        escaped, from = string.char(tonumber(hex, 16)), at + 4
      else
        escaped = ESCAPES[escaped] or escaped
      end
    end
    parts[#parts + 1] = escaped
  end
end

--- Splits a line into words, with the quotes and escapes that Redis knows.
-- @tparam string line without its line end
-- @treturn table|nil the list of words; nil when the quotes do not match
function resp.split(line)
  local words = {}
  local pos = find(line, "%S")
  while pos do
    -- Unquoted text ends at these four blanks, while all of %s may stand between words.
    local word, after = match(line, "^([^ \t\r\n\"']*)()", pos)
    if find(line, "^[\"']", after) then
      local text
      text, after = quoted(line, after)
      if not text then return nil end
      word = word .. text
    end
    words[#words + 1] = word
    pos = find(line, "%S", after)
  end
  return words
end

-- Requests --------------------------------------------------------------------

local Parser = {}
Parser.__index = Parser

--- Makes the parser of one connection.
function resp.Parser()
  return setmetatable({
    buffer = "", -- bytes from `pos` on are still to be read
    pos = 1,
    chunks = {}, -- packets not yet part of the buffer
    missing = 0, -- with fewer bytes than this in `chunks`, there is nothing to do
    args = nil, -- the request being read, and how many values it will have
    count = 0,
    length = nil, -- the length of the value being read
  }, Parser)
end

--- Hands the parser the bytes of one packet.
-- @tparam string data
function Parser:feed(data)
  if self.pos > #self.buffer and self.missing == 0 then
    self.buffer, self.pos = data, 1
    return
  end
  local chunks = self.chunks
  chunks[#chunks + 1] = data
  self.missing = self.missing - #data
  if self.missing <= 0 then
    self.buffer = sub(self.buffer, self.pos) .. concat(chunks)
    self.pos, self.chunks, self.missing = 1, {}, 0
  end
end

-- What is left is too short by `missing` bytes at least.
function Parser:wait(pos, missing)
  self.pos, self.missing = pos, missing
  return nil
end

-- The header line at `pos` without its first character, and the position after
-- it; nil when it is incomplete, with true when it is too long already. A zero byte
-- hides all that follows it, as it does for a server written in C.
local function header(buffer, pos)
  local stop = find(buffer, "[\r\0]", pos)
  if not stop or byte(buffer, stop) == 0 then return nil, #buffer - pos >= MAX_HEADER end
  if stop == #buffer then return nil, false end
  return sub(buffer, pos + 1, stop - 1), stop + 2
end

-- Begins a request of several values. True: go on with its values, or with the
-- next request when it has none.
function Parser:begin(pos)
  local buffer = self.buffer
  local text, after = header(buffer, pos)
  if not text then
    if after then return nil, "too big mbulk count string" end
    return self:wait(pos, 1)
  end
  local count = resp.integer(text)
  if not count or count > MAX_VALUES then return nil, "invalid multibulk length" end
  self.pos = after
  if count > 0 then self.args, self.count = {}, count end
  return true
end

-- Reads the length of the value whose header starts at `pos`.
function Parser:measure(pos)
  local buffer = self.buffer
  local text, after = header(buffer, pos)
  if not text then
    if after then return nil, "too big bulk count string" end
    return self:wait(pos, 1)
  end
  if byte(buffer, pos) ~= DOLLAR then
    return nil, "expected '$', got '" .. sub(buffer, pos, pos) .. "'"
  end
  local length = resp.integer(text)
  if not length or length < 0 or length > MAX_VALUE then return nil, "invalid bulk length" end
  self.length, self.pos = length, after
  return true
end

-- Reads a request that is one line of words.
function Parser:inline(pos)
  local buffer = self.buffer
  local stop = find(buffer, "[\n\0]", pos)
  if not stop or byte(buffer, stop) == 0 then
    if #buffer - pos >= MAX_HEADER then return nil, "too big inline request" end
    return self:wait(pos, 1)
  end
  self.pos = stop + 1
  local args = resp.split(sub(buffer, pos, stop - 1))
  if not args then return nil, "unbalanced quotes in request" end
  return args
end

-- Reads the values of a request that has begun.
function Parser:values()
  local buffer, args = self.buffer, self.args
  for i = #args + 1, self.count do
    local pos, length = self.pos, self.length
    if not length then
      local ok, problem = self:measure(pos)
      if not ok then return nil, problem end
      pos, length = self.pos, self.length
    end
    local stop = pos + length
    if stop + 1 > #buffer then
      self.length = length
      return self:wait(pos, stop + 1 - #buffer)
    end
    args[i] = sub(buffer, pos, stop - 1)
    self.pos, self.length = stop + 2, nil
  end
  self.args = nil
  return args
end

-- The short value that follows the line end at `pos`, and its last position.
local function short(buffer, pos)
  local _, last, length = find(buffer, "^..%$([1-9]%d?%d?)\r\n", pos)
  if not last then return nil, pos end
  local stop = last + tonumber(length)
  return sub(buffer, last + 1, stop), stop
end

-- The fast way for what nearly all requests are: up to three short values, all in the
-- buffer. Returns the values and the position after them, or nil for whatever is unusual.
local function usual(buffer, pos)
  local _, last, count, length = find(buffer, "^%*([1-3])\r\n%$([1-9]%d?%d?)\r\n", pos)
  if not count then return nil end
  local stop = last + tonumber(length)
  local name, second, third = sub(buffer, last + 1, stop), nil, nil
  if count ~= "1" then
    second, stop = short(buffer, stop + 1)
    if not second then return nil end
    if count == "3" then
      third, stop = short(buffer, stop + 1)
      if not third then return nil end
    end
  end
  if stop + 2 > #buffer then return nil end
  return { name, second, third }, stop + 3
end

--- Takes the next whole command out of what was fed.
-- @treturn table|nil its values, the name first; nil when it is not all there yet
-- @treturn string|nil what is wrong, when the stream is broken for good
function Parser:next()
  if self.missing > 0 then return nil end
  while not self.args do
    local buffer, pos = self.buffer, self.pos
    if pos > #buffer then return nil end
    local args, after = usual(buffer, pos)
    if args then
      self.pos = after
      return args
    elseif byte(buffer, pos) == ASTERISK then
      local ok, problem = self:begin(pos)
      if not ok then return nil, problem end
    else
      local problem
      args, problem = self:inline(pos)
      if not args or args[1] then return args, problem end
    end
  end
  return self:values()
end

-- Replies ----------------------------------------------------------------------

resp.OK = "+OK\r\n"
resp.EMPTY = "*0\r\n"

--- A value of any bytes.
-- @tparam string value
function resp.bulk(value)
  return "$" .. #value .. "\r\n" .. value .. "\r\n"
end

--- A list of replies.
-- @tparam table replies encoded already
function resp.array(replies)
  return "*" .. #replies .. "\r\n" .. concat(replies)
end

--- A list of texts without line ends.
-- @tparam table texts
function resp.lines(texts)
  return "*" .. #texts .. "\r\n+" .. concat(texts, "\r\n+") .. "\r\n"
end

--- A map: in the older protocol, a list of its keys and values in turn.
-- @tparam table connection knows its `protocol`, 2 or 3
-- @tparam table replies encoded keys and values in turn
function resp.map(connection, replies)
  if connection.protocol == 2 then return resp.array(replies) end
  return "%" .. #replies // 2 .. "\r\n" .. concat(replies)
end

--- A set: in the older protocol, a list.
-- @tparam table connection knows its `protocol`, 2 or 3
-- @tparam table replies encoded already
function resp.set(connection, replies)
  if connection.protocol == 2 then return resp.array(replies) end
  return "~" .. #replies .. "\r\n" .. concat(replies)
end

--- What a server written in C sees of a text that it formats into a message.
-- @tparam string text
-- @tparam[opt=128] integer limit in bytes
function resp.c_string(text, limit)
  return sub(match(text, "^[^\0]*"), 1, limit or 128)
end

--- An error. A line end in it would break the protocol: it becomes blanks, and nothing
-- at the end of the text.
-- @tparam string message begins with its kind, as in "ERR syntax error"
function resp.error(message)
  message = string.gsub(match(message, "^.*[^\r\n]"), "[\r\n]", " ")
  return "-" .. message .. "\r\n"
end

return resp
