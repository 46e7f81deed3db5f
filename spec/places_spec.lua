local places = require "saros.places"
local saros = require "saros"

local function here()
  return debug.getinfo(2, "l").currentline
end

describe("places", function()
  local loop

  before_each(function() loop = saros.new_event_loop() end)
  after_each(function() loop:close() end)

  -- The description of a task that has come to where it waits.
  local function describe_started(fn, ...)
    local task = loop:create_task(fn, ...):set_name("task")
    loop:call_soon(function() end)
    loop:run_once()
    return places.describe(task)
  end

  it("tell the program's line of a task that waits inside of the library", function()
    local line
    local description = describe_started(function()
      line = here() + 1
      saros.Queue():get()
    end)
    assert.equal("task at spec/places_spec.lua:" .. line, description)
  end)

  it("tell the innermost line", function()
    local function inner()
      saros.sleep(60)
    end
    local line = debug.getinfo(inner, "S").linedefined + 1
    assert.equal("task at spec/places_spec.lua:" .. line, describe_started(function()
      inner()
      return 1
    end))
  end)

  it("tell the library's line of a task that is the library's alone", function()
    assert.matches("^task at .*periodic.lua:%d+$", describe_started(saros.periodic, 60, function() end))
  end)

  it("tell a task without Lua code by its name", function()
    assert.equal("task", describe_started(saros.sleep, 60))
  end)

  it("tell one that has not begun by its function, on a coroutine that another has used, too", function()
    loop:run_until_complete(function() saros.sleep(0) end)
    local line = here() + 1
    local task = loop:create_task(function() end):set_name("new")
    assert.equal("new at spec/places_spec.lua:" .. line, places.describe(task))
    task:cancel()
    assert.equal("new at spec/places_spec.lua:" .. line, places.describe(task))
  end)
end)
