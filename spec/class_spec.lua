local saros = require "saros"
local Class = require "saros.class"

describe("saros.class", function()
  it("makes an instance by a call and passes the arguments to init", function()
    local Point = Class.new("Point")
    function Point:init(x, y) self.x, self.y = x, y end
    function Point:sum() return self.x + self.y end
    assert.equal(5, Point(2, 3):sum())
  end)

  it("needs no init", function()
    local Empty = Class.new("Empty")
    assert.same({}, Empty("ignored"))
  end)

  it("inherits methods and calls the parent's by name", function()
    local Base = Class.new("Base")
    function Base:init(name) self.name = name end
    function Base:greet() return "hello " .. self.name end
    local Derived = Base:extend("Derived")
    function Derived:greet() return Base.greet(self) .. "!" end
    assert.equal("hello world!", Derived("world"):greet())
    assert.equal("hello world", Base("world"):greet())
  end)

  it("sees a method that the parent gains later", function()
    local Base = Class.new("Base")
    local object = Base:extend("Derived")()
    function Base:late() return "late" end
    assert.equal("late", object:late())
  end)

  it("inherits the metamethods that the parent has at extend", function()
    local Base = Class.new("Base")
    local closed = 0
    function Base:__close() closed = closed + 1 end
    do
      local _ <close> = Base:extend("Derived")()
    end
    assert.equal(1, closed)
  end)

  it("shows names in tostring and in messages of wrong types", function()
    local Derived = Class.new("Base"):extend("Derived")
    assert.equal("class Derived", tostring(Derived))
    assert.matches("^Derived: ", tostring(Derived()))
    assert.error_matches(function() saros.timeout(Derived()) end, "number expected, got Derived")
  end)

  it("tells instances of a class and of its subclasses", function()
    local Base = Class.new("Base")
    local Derived = Base:extend("Derived")
    assert.is_true(Class.is_instance(Base(), Base))
    assert.is_true(Class.is_instance(Derived(), Base))
    assert.is_false(Class.is_instance(Base(), Derived))
    assert.is_false(Class.is_instance(Derived, Base))
    assert.is_false(Class.is_instance({}, Base))
    assert.is_false(Class.is_instance("text", Base))
    assert.is_false(Class.is_instance(nil, Base))
  end)

  it("refuses a name that is no string", function()
    assert.error_matches(function() Class.new("Base"):extend() end,
      "bad argument #1 to 'extend' %(string expected, got nil%)")
  end)
end)
