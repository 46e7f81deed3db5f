local place = require "saros.place"
local saros = require "saros"

local FILE = debug.getinfo(1, "S").short_src

-- The source of one of the library's files.
local function library_source(name)
  return (debug.getinfo(place.is_library, "S").source:gsub("place%.lua$", name))
end

describe("saros.place", function()
  it("tells the library's files from others", function()
    assert.is_true(place.is_library(library_source("event.lua")))
    assert.is_false(place.is_library("@" .. FILE))
    assert.is_false(place.is_library("=[C]"))
  end)

  it("finds the innermost place of a traceback that is not in the library", function()
    local short = debug.getinfo(load("", library_source("event.lua")), "S").short_src
    local inside = ("\n\t[C]: in ?\n\t%s:48: in method 'wait'"):format(short)
    assert.equal("app.lua:7",
      place.of_traceback("stack traceback:" .. inside .. "\n\tapp.lua:7: in ?\n\tmain.lua:1: in ?"))
    assert.equal(short .. ":48", place.of_traceback("stack traceback:" .. inside))
    assert.is_nil(place.of_traceback("stack traceback:\n\t[C]: in ?"))
  end)

  it("knows the public names of functions and methods", function()
    local queue = saros.Queue()
    assert.equal("Queue:get", place.library_name(queue.get, queue))
    assert.equal("sleep", place.library_name(saros.sleep, 3))
    assert.equal("EventLoop:call_soon", place.library_name(saros.EventLoop.call_soon, saros.new_event_loop()))
    assert.is_nil(place.library_name(print, "x"))
    local Scope = {__name = "Scope", __close = function() end}
    assert.equal("Scope:__close", place.library_name(Scope.__close, setmetatable({}, Scope)))
  end)

  it("knows a name that a subclass inherits", function()
    local Child = require "saros.class".new("Parent"):extend("Child")
    local parent_method = function() end
    getmetatable(Child).__index.run = parent_method
    assert.equal("Child:run", place.library_name(parent_method, Child()))
  end)

  it("tells where a coroutine is, and in which function of the library", function()
    saros.run(function()
      local event = saros.Event()
      local line = debug.getinfo(1, "l").currentline + 1
      local task = saros.create_task(function() event:wait() end)
      saros.sleep(0)
      local here, name = place.of_coroutine(task:get_coro())
      assert.equal(("%s:%d"):format(FILE, line), here)
      assert.equal("Event:wait", name)
    end)
  end)
end)
