--- Types: from those that comments have, ldoc's, to those of LuaLS.
--
--     ?string                    string?
--     string|number              string|number
--     {string,...}               string[]
--     {[string]=number}          table<string, number>
--     {host=string,port=integer} {host: string, port: integer}
--     fun(loop:EventLoop):any    fun(loop: saros.EventLoop): any
--     Queue                      saros.Queue

local BUILTIN = {
  any = "any", boolean = "boolean", integer = "integer", number = "number", string = "string",
  table = "table", thread = "thread", userdata = "userdata", ["nil"] = "nil", ["true"] = "true",
  ["false"] = "false", ["function"] = "function", file = "file*", awaitable = "saros.awaitable",
}

local Types = {}
Types.__index = Types

--- Make a converter.
-- @tparam table named what begins with a capital: a table with the names as keys
-- @treturn Types
function Types.new(named)
  return setmetatable({named = named}, Types)
end

-- Cuts a text at a separator, but not inside of brackets or quotes.
local function split(text, separator)
  local parts, depth, start, quoted = {}, 0, 1, nil
  for i = 1, #text do
    local c = text:sub(i, i)
    if quoted then
      if c == quoted then quoted = nil end
    elseif c == '"' then
      quoted = c
    elseif c:find("[%(%[{<]") then
      depth = depth + 1
    elseif c:find("[%)%]}>]") then
      depth = depth - 1
    elseif c == separator and depth == 0 then
      parts[#parts + 1] = text:sub(start, i - 1)
      start = i + 1
    end
  end
  parts[#parts + 1] = text:sub(start)
  return parts
end

local function table_entry(self, text)
  local key, value = text:match("^%[(.-)%]=(.*)$")
  if key then return ("[%s]: %s"):format(self:convert(key), self:convert(value)) end
  key, value = text:match("^([%w_]+%??)=(.*)$")
  if key then return ("%s: %s"):format(key, self:convert(value)) end
  error({unknown = text})
end

local function convert_table(self, inside)
  local element = inside:match("^(.*),%.%.%.$")
  if element then
    local kind = self:convert(element)
    return (kind:find("[|?(]") and "(" .. kind .. ")" or kind) .. "[]"
  end
  local key, value = inside:match("^%[(.-)%]=([^,]*)$")
  if key then return ("table<%s, %s>"):format(self:convert(key), self:convert(value)) end
  local entries = {}
  for i, entry in ipairs(split(inside, ",")) do entries[i] = table_entry(self, entry) end
  return "{ " .. table.concat(entries, ", ") .. " }"
end

local function convert_function(self, arguments, result)
  local list = {}
  for i, argument in ipairs(arguments == "" and {} or split(arguments, ",")) do
    local name, kind = argument:match("^([%w_.]+%??):(.*)$")
    if name == nil and argument ~= "..." then error({unknown = argument}) end
    list[i] = name and ("%s: %s"):format(name, self:convert(kind)) or "...: any"
  end
  local text = ("fun(%s)"):format(table.concat(list, ", "))
  if result == "" then return text end
  return text .. ": " .. self:convert(result:sub(2))
end

local function convert_name(self, name)
  if BUILTIN[name] then return BUILTIN[name] end
  if name:find('^".*"$') or name:find("^%-?%d+$") then return name end
  if self.named[name] then return "saros." .. name end
  error({unknown = name})
end

local function convert_one(self, text)
  if text:sub(-2) == "[]" then return convert_one(self, text:sub(1, -3)) .. "[]" end
  local inside = text:match("^{(.+)}$")
  if inside then return convert_table(self, inside) end
  local arguments, result = text:match("^fun%((.-)%)(.*)$")
  if arguments then return convert_function(self, arguments, result) end
  return convert_name(self, text)
end

--- Convert a type.
-- @tparam string text as comments have it
-- @treturn string as LuaLS has it
-- @raise a table with the field `unknown`, the part that is not understood
function Types:convert(text)
  local inner = text:match("^%?(.+)$")
  local parts = split(inner or text, "|")
  for i, part in ipairs(parts) do parts[i] = convert_one(self, part) end
  if not inner then return table.concat(parts, "|") end
  local converted = table.concat(parts, "|")
  return #parts == 1 and not converted:find("^fun") and converted .. "?" or converted .. "|nil"
end

--- Whether a type is understood.
-- @tparam string text as comments have it
-- @treturn ?string nil if so, else the part that is not
function Types:complaint(text)
  local ok, problem = pcall(self.convert, self, text)
  if ok then return nil end
  if type(problem) ~= "table" then error(problem, 0) end
  return problem.unknown
end

return Types
