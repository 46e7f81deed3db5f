--- Classes: `extend` makes a subclass, calling a class makes an instance.
--
--     local Echo = saros.Protocol:extend("Echo")
--     function Echo:init(name) self.name = name end       -- optional
--     function Echo:data_received(data) self.transport:write(data) end
--     local echo = Echo("first")
--
-- A class is the metatable of its instances, so that metamethods are defined like
-- methods (`function Echo:__close() ... end`); a subclass inherits those that its
-- parent has when `extend` is called.
-- @module saros.class

local Class = {}

local function construct(class, ...)
  local object = setmetatable({}, class)
  local init = class.init
  if init then init(object, ...) end
  return object
end

local function describe(class)
  return getmetatable(class).__name
end

local function new(name, parent)
  local class = {}
  for key, value in pairs(parent) do
    -- Lua finds metamethods by a raw access, so they cannot be left to __index.
    if type(key) == "string" and key:sub(1, 2) == "__" then class[key] = value end
  end
  class.__index = class
  class.__name = name
  return setmetatable(class, {
    __name = "class " .. name,
    __index = parent,
    __call = construct,
    __tostring = describe,
  })
end

--- What the classes of the library inherit, other than loops and kinds of errors.
-- @type Object
local Object = {__name = "Object"}

--- Make a subclass.
-- @tparam string name the subclass's name, as messages and `tostring` show it
-- @treturn table the class: calling it makes an instance and passes its arguments to
-- the method `init`, where there is one
-- @raise `bad argument` for a name that is no string
function Object:extend(name)
  if type(name) ~= "string" then
    error(("bad argument #1 to 'extend' (string expected, got %s)"):format(type(name)), 2)
  end
  return new(name, self)
end

--- @section end

--- Make a class without a parent.
-- @local
-- @tparam string name its name
-- @treturn table the class
function Class.new(name)
  return new(name, Object)
end

--- Whether a value is an instance of a class or of one of its subclasses.
-- @local
-- @tparam any value any value
-- @tparam table class a class
-- @treturn boolean
function Class.is_instance(value, class)
  if type(value) ~= "table" then return false end
  local candidate = getmetatable(value)
  while type(candidate) == "table" do
    if candidate == class then return true end
    local metatable = getmetatable(candidate)
    candidate = type(metatable) == "table" and metatable.__index or nil
  end
  return false
end

return Class
