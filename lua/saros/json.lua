--- JSON: values as text by this, text as values by lua-cjson.
--
-- lua-cjson writes numbers with 14 digits, which is not enough for a time, writes an empty list as an
-- object, and copies bytes that are no UTF-8.
-- @module saros.json
-- @local

local need_module = require "saros.need_module"

-- How deep what is read may be.
local MAX_DEPTH = 20

local json = {}

local LIST = {}

local SHORT = {['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t"}

--- Have a table written as a list, even if nothing is in it.
-- @tparam table list
-- @treturn table the same
function json.list(list)
  return setmetatable(list, LIST)
end

-- Bytes that are no UTF-8 become U+FFFD, one each.
local function valid_utf8(text)
  local parts, from = {}, 1
  while true do
    local length, bad = utf8.len(text, from)
    if length then break end
    parts[#parts + 1] = text:sub(from, bad - 1) .. "\u{FFFD}"
    from = bad + 1
  end
  parts[#parts + 1] = text:sub(from)
  return table.concat(parts)
end

local function encode_string(text)
  text = valid_utf8(text):gsub('[%c"\\]', function(character)
    return SHORT[character] or ("\\u%04x"):format(character:byte())
  end)
  return '"' .. text .. '"'
end

-- The shortest text that reads as the same number.
local function encode_number(number)
  if math.type(number) == "integer" then return tostring(number) end
  if number ~= number or number == math.huge or number == -math.huge then return "null" end
  if number % 1 == 0 and math.abs(number) < 2 ^ 53 then return ("%.0f"):format(number) end
  for digits = 14, 16 do
    local text = ("%." .. digits .. "g"):format(number)
    if tonumber(text) == number then return text end
  end
  return ("%.17g"):format(number)
end

local encode

local function encode_list(list)
  local parts = {}
  for i, value in ipairs(list) do parts[i] = encode(value) end
  return "[" .. table.concat(parts, ",") .. "]"
end

-- Names in order, so that the same is written the same way.
local function encode_object(object)
  local names, parts = {}, {}
  for name in pairs(object) do names[#names + 1] = name end
  table.sort(names)
  for i, name in ipairs(names) do parts[i] = encode_string(name) .. ":" .. encode(object[name]) end
  return "{" .. table.concat(parts, ",") .. "}"
end

local ENCODERS = {
  boolean = tostring,
  ["nil"] = function() return "null" end,
  number = encode_number,
  string = encode_string,
  table = function(value)
    return getmetatable(value) == LIST and encode_list(value) or encode_object(value)
  end,
}

--- Write a value. Tables are objects with strings as names, but for those of `json.list`.
-- @param value
-- @treturn string one line
function encode(value)
  return ENCODERS[type(value)](value)
end

json.encode = encode

local cjson

--- Load what reads JSON.
-- @raise `RuntimeError` where lua-cjson is not installed
function json.prepare()
  if cjson then return end
  local loaded = need_module("cjson", "this command", "lua-cjson", "lua-cjson").new()
  loaded.decode_invalid_numbers(false)
  loaded.decode_max_depth(MAX_DEPTH)
  cjson = loaded
end

--- Read a text.
-- @tparam string text
-- @treturn boolean whether it is JSON
-- @return the value, or what is wrong
-- @raise `RuntimeError` where lua-cjson is not installed
function json.decode(text)
  json.prepare()
  local ok, value = pcall(cjson.decode, text)
  if value == cjson.null then value = nil end
  return ok, value
end

return json
