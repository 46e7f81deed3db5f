--- `isomorphic(a, b)`: nil if two values have the same structure, else where they differ. Tables,
-- their metatables and functions correspond one to one; functions by their bytecode and upvalues.
--
-- `isomorphic.random(seed)` makes a structure with cycles, shared parts, metatables and closures.

local isomorphic = {}

-- What identifies a key without its identity: tables and functions are matched by their "name".
local function is_plain(value)
  local kind = type(value)
  return kind == "number" or kind == "string" or kind == "boolean" or kind == "nil"
end

local function same_plain(a, b)
  return a == b and math.type(a) == math.type(b) or (a ~= a and b ~= b)
end

local compare

-- Keys that are no plain values: each has a counterpart, which is found by trying.
local function find_counterpart(key, other, pairing)
  for candidate in next, other do
    if type(candidate) == type(key) and not pairing.back[candidate] then
      local trial = {
        there = setmetatable({}, {__index = pairing.there}),
        back = setmetatable({}, {__index = pairing.back}),
      }
      if not compare(key, candidate, "key", trial) then return candidate, trial end
    end
  end
end

local function merge(pairing, trial)
  for a, b in pairs(trial.there) do pairing.there[a] = b end
  for b, a in pairs(trial.back) do pairing.back[b] = a end
end

local function compare_tables(a, b, path, pairing)
  local count = 0
  for key, value in next, a do
    count = count + 1
    local counterpart = key
    if not is_plain(key) then
      counterpart = pairing.there[key]
      if counterpart == nil then
        local trial
        counterpart, trial = find_counterpart(key, b, pairing)
        if counterpart == nil then return path .. ": no counterpart of a key" end
        merge(pairing, trial)
      end
    end
    local difference = compare(value, rawget(b, counterpart), path .. "[" .. tostring(key) .. "]", pairing)
    if difference then return difference end
  end
  for _ in next, b do count = count - 1 end
  if count ~= 0 then return path .. ": another number of keys" end
  return compare(debug.getmetatable(a), debug.getmetatable(b), path .. ".(metatable)", pairing)
end

local function compare_functions(a, b, path, pairing)
  if string.dump(a) ~= string.dump(b) then return path .. ": other bytecode" end
  for i = 1, debug.getinfo(a, "u").nups do
    local id_a, id_b = debug.upvalueid(a, i), debug.upvalueid(b, i)
    if pairing.there[id_a] ~= pairing.there[id_a] or (pairing.there[id_a] and pairing.there[id_a] ~= id_b) then
      return path .. ": an upvalue is not shared"
    end
    pairing.there[id_a], pairing.back[id_b] = id_b, id_a
    local _, value_a = debug.getupvalue(a, i)
    local _, value_b = debug.getupvalue(b, i)
    local difference = compare(value_a, value_b, path .. ", upvalue " .. i, pairing)
    if difference then return difference end
  end
end

function compare(a, b, path, pairing)
  if is_plain(a) or is_plain(b) then
    if not same_plain(a, b) then return ("%s: %s, %s"):format(path, a, b) end
    return nil
  end
  if pairing.there[a] or pairing.back[b] then
    if pairing.there[a] ~= b or pairing.back[b] ~= a then return path .. ": another reference" end
    return nil
  end
  if type(a) ~= type(b) then return path .. ": another type" end
  pairing.there[a], pairing.back[b] = b, a
  if type(a) == "table" then return compare_tables(a, b, path, pairing) end
  if type(a) == "function" then return compare_functions(a, b, path, pairing) end
  return path .. ": a " .. type(a)
end

-- A generator of its own, so that a seed gives the same structure everywhere.
local function generator(seed)
  local state = seed * 2654435761 % 4294967296
  return function(n)
    state = (state * 1664525 + 1013904223) % 4294967296
    return state // 65536 % n + 1
  end
end

local PLAIN = {0, 1, -1, 1.5, 2.0, math.huge, math.mininteger, "", "text", "a\0b", ("long"):rep(30), true, false}

local function closures(pick, objects)
  local first, second = objects[pick(#objects)], pick(100)
  local function get() return first, second end
  local function set(value) second = value; return get end
  return get, set
end

function isomorphic.random(seed)
  local pick = generator(seed)
  local objects = {{}}
  for _ = 1, 30 do
    if pick(4) == 1 then
      local get, set = closures(pick, objects)
      objects[#objects + 1] = get
      objects[#objects + 1] = set
    else
      objects[#objects + 1] = {}
    end
  end
  local number = 0
  for _, object in ipairs(objects) do
    if type(object) == "table" then
      number = number + 1
      object.number = number -- so that tables that are keys can be told from each other
      for _ = 1, pick(6) do
        local value = pick(2) == 1 and PLAIN[pick(#PLAIN)] or objects[pick(#objects)]
        local way = pick(4)
        if way == 1 then
          object[#object + 1] = value
        elseif way == 2 then
          object[pick(20)] = value
        elseif way == 3 then
          object["key " .. pick(5)] = value
        else
          local key = objects[pick(#objects)]
          if type(key) == "table" then object[key] = value end
        end
      end
      local metatable = objects[pick(#objects)]
      if pick(5) == 1 and type(metatable) == "table" then setmetatable(object, metatable) end
    end
  end
  local root = {}
  for i, object in ipairs(objects) do root[i] = object end
  return root
end

return setmetatable(isomorphic, {
  __call = function(_, a, b) return compare(a, b, "value", {there = {}, back = {}}) end,
})
