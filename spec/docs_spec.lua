--- The API reference: all that is public is in it, and scripts/docs tells when it is not.
local process = require "spec.support.process"
local saros = require "saros"

local LIMIT = 120 -- seconds; under a sanitizer it takes its time
local LUA = os.getenv("SAROS_LUA") or "lua5.4"

local function read(path)
  local file <close> = assert(io.open(path))
  return file:read("a")
end

local function write(path, text)
  local file <close> = assert(io.open(path, "w"))
  file:write(text)
end

-- A copy of the sources that is removed at the end of the scope.
local function copy()
  local pipe <close> = assert(io.popen("mktemp -d"))
  local folder = pipe:read("l")
  assert(os.execute("cp -R lua core docs scripts " .. folder))
  local function remove() os.execute("rm -rf " .. folder) end
  return setmetatable({folder = folder}, {__close = remove})
end

-- Replaces a text, which must be there, in a file of the copy.
local function edit(tree, path, old, new)
  path = tree.folder .. "/" .. path
  local text = read(path)
  local first, last = text:find(old, 1, true)
  assert(first, path .. " has no " .. old)
  write(path, text:sub(1, first - 1) .. new .. text:sub(last + 1))
end

-- What scripts/docs.d sees of the library.
local function look_at_library()
  local path = package.path
  package.path = "scripts/docs.d/?.lua;" .. path
  local library = require "library".look()
  package.path = path
  return library
end

-- Checks the copy; returns how that ended and what was complained about.
local function check(tree)
  local path = ("LUA_PATH=%s/lua/?.lua;%s/lua/?/init.lua;;"):format(tree.folder, tree.folder)
  local outcome, output, errors = process.run(LIMIT, "env", path, LUA,
    tree.folder .. "/scripts/docs.d/main.lua", "--check")
  assert.equal("", output)
  return outcome, errors
end

local function assert_has(text, ...)
  for _, part in ipairs {...} do
    if not text:find(part, 1, true) then error(("no '%s' in:\n%s"):format(part, text), 2) end
  end
end

-- It makes many objects, so it is left out where each one costs a collection.
describe("scripts/docs #many", function()
  it("finds nothing that lacks here, and the annotations up to date", function()
    local outcome, output, errors = process.run(LIMIT, "scripts/docs", "--check")
    assert.equal("", errors)
    assert.equal("", output)
    assert.equal("exit 0", outcome)
  end)

  it("shows the shape of a function and links the classes", function()
    process.run(LIMIT, "scripts/docs", "--check")
    local page = read("build/docs/classes/EventLoop.html")
    assert_has(page, "<strong>EventLoop:call_later(delay, fn[, ...])</strong>",
      "seconds from now", [[<a class="type" href="../classes/TimerHandle.html#">TimerHandle</a>]],
      "asyncio.loop.call_later")
    assert_has(read("build/docs/modules/saros.html"),
      "<strong>start_server(handler[, host[, port=0[, options]]])</strong>")
    assert_has(read("build/docs/modules/errors.html"), "ECONNREFUSED")
  end)

  it("names what is public and not documented", function()
    local tree <close> = copy()
    edit(tree, "lua/saros/event.lua", "\nreturn {Event", "\nfunction Event:toggle() end\n\nreturn {Event")
    edit(tree, "lua/saros/periodic.lua", "\nreturn periodic",
      "\nperiodic.forever = periodic.periodic\n\nreturn periodic")
    edit(tree, "lua/saros/init.lua", '  periodic = "saros.periodic",',
      '  periodic = "saros.periodic",\n  forever = "saros.periodic",')
    edit(tree, "lua/saros/runner.lua", "local runner = {",
      'local Gadget = {__name = "Gadget"}\nlocal runner = {gadget = Gadget, ')
    edit(tree, "core/loop/errors.c", "@table QueueFull", "@table QueueFool")
    edit(tree, "core/loop/errors.c", " * @tfield integer errno the error's number\n", "")
    edit(tree, "core/task/future_methods.c", "/*** Tells whether the future was", "/* Tells whether the future was")
    local outcome, complaints = check(tree)
    assert.equal("exit 1", outcome)
    assert_has(complaints, "Event:toggle is not documented", "saros.forever is not documented",
      "the class Gadget is not documented", "saros.QueueFull is not documented", "OSError.errno is not documented",
      "Future:cancelled is not documented")
  end)

  it("names what is documented and not there", function()
    local tree <close> = copy()
    edit(tree, "lua/saros/event.lua", "\nreturn {Event",
      "\n--- Gone.\n-- @function Event:vanish\n"
        .. "\n--- Gone.\n-- @attribute number Event.color red or green\n\nreturn {Event")
    edit(tree, "lua/saros/wait_for.lua", "\nreturn wait_for",
      "\n--- Gone.\n-- @function linger\n\nreturn wait_for")
    edit(tree, "core/task/future_methods.c", "/*** Makes a future of this loop",
      "/*** Hidden.\n * @function Gadget:spin\n */\n\n/*** Makes a future of this loop")
    edit(tree, "core/loop/errors.c", " * @tfield integer consumed", " * @tfield integer consummate")
    local outcome, complaints = check(tree)
    assert.equal("exit 1", outcome)
    assert_has(complaints, "Event:vanish is documented, but not there",
      "LimitOverrunError.consummate is documented, but not there",
      "Event.color is documented, but not there", "saros.linger is documented, but there is no such function",
      "the class Gadget is documented, but not found", "instances.lua")
  end)

  it("names what is documented twice", function()
    local tree <close> = copy()
    edit(tree, "lua/saros/event.lua", "\nreturn {Event",
      "\n--- Sleep.\n-- @function Queue:get\n\n--- @section end\n\n--- Sleep.\n-- @function sleep\n\nreturn {Event")
    local outcome, complaints = check(tree)
    assert.equal("exit 1", outcome)
    assert_has(complaints, "Queue:get is documented in lua/saros/", "sleep is documented in ")
  end)

  it("names what a comment leaves out", function()
    local tree <close> = copy()
    edit(tree, "lua/saros/event.lua",
      "--- Set the flag and wake all who wait, in the order in which they came.\n",
      "---\n-- @treturn Gadget\n")
    edit(tree, "lua/saros/periodic.lua", "-- @tparam number interval seconds, more than 0\n", "-- @param interval\n")
    edit(tree, "lua/saros/logger.lua", "-- @tparam ?table new ", "-- @tparam ?table old ")
    edit(tree, "lua/saros/streams.lua", "options.local_addr", "options.local_address")
    local outcome, complaints = check(tree)
    assert.equal("exit 1", outcome)
    assert_has(complaints, "Event:set has no description", "Event:set: the type 'Gadget' is unknown",
      "saros.periodic: the parameter 'interval' has no type",
      "saros.open_connection: the option 'local_addr' is not documented",
      "saros.open_connection: the option 'local_address' is documented, but not known",
      "saros.periodic: the parameter 'interval' has no description",
      "logger.set_logger: param and formal argument name mismatch: 'old' 'new'")
  end)

  it("says when the annotations are not those of the comments", function()
    local tree <close> = copy()
    edit(tree, "lua/saros/event.lua", "--- Whether the flag is set.", "--- Whether the flag is up.")
    local outcome, complaints = check(tree)
    assert.equal("exit 1", outcome)
    assert.equal("scripts/docs: docs/saros.lua is not up to date: run scripts/docs\n", complaints)
  end)

  it("explains how it is called", function()
    local outcome, _, errors = process.run(LIMIT, "scripts/docs", "--chek")
    assert.equal("exit 1", outcome)
    assert.matches("usage: scripts/docs %[%-%-check%]", errors)
  end)
end)

describe("docs/saros.lua", function()
  local text = read("docs/saros.lua")

  it("is Lua that has every public name #many", function()
    local annotated = assert(loadfile("docs/saros.lua"))()
    local library = look_at_library()
    assert.equal(saros.Queue, library.names.Queue)
    for name, value in pairs(library.names) do
      assert.equal(type(value), type(annotated[name]), name)
    end
    for _, class in ipairs {"EventLoop", "Queue", "Protocol"} do
      for name, value in pairs(library.classes[class].methods) do
        if type(value) == "function" and name:find("^%l") and name ~= "init" then
          assert.equal("function", type(annotated[class][name]), class .. ":" .. name)
        end
      end
    end
  end)

  it("is what `require` finds for a public module, too", function()
    assert.matches('return require%("saros"%)%.loop\n$', read("docs/saros/loop.lua"))
  end)

  it("has types, options, errors and overloads", function()
    assert_has(text, "---@param delay number seconds",
      "---@class saros.open_connection.options\n---@field limit? integer",
      "---@class saros.OSError : saros.Error\n---@field code string",
      "---@overload fun(maxsize?: number): saros.Queue",
      "---@overload fun(maxsize?: number): saros.LifoQueue",
      "---@overload fun(name: string, ...: any): saros.ContextVar",
      "---@overload fun(): saros.Event",
      "---@class saros.Task : saros.Future",
      "---@overload fun(handler: fun(reader: saros.StreamReader, writer: saros.StreamWriter), "
        .. "options: saros.start_server.options): saros.Server",
      "---@return any ... # the results\nfunction Future:await() end")
  end)
end)

describe("scripts/docs.d/types", function()
  local types = dofile("scripts/docs.d/types.lua").new({Queue = true})

  it("converts types to those of LuaLS", function()
    local expected = {
      ["number"] = "number",
      ["?string"] = "string?",
      ["?string|number"] = "string|number|nil",
      ["{string,...}"] = "string[]",
      ["{string|Queue,...}"] = "(string|saros.Queue)[]",
      ["{[string]=number}"] = "table<string, number>",
      ["{host=string,ports={integer,...}}"] = "{ host: string, ports: integer[] }",
      ["fun(queue:Queue,...):?boolean"] = "fun(queue: saros.Queue, ...: any): boolean?",
      ['"a|b"|1'] = '"a|b"|1',
      ["awaitable|file"] = "saros.awaitable|file*",
    }
    for from, to in pairs(expected) do assert.equal(to, types:convert(from)) end
  end)

  it("tells what it does not know", function()
    assert.is_nil(types:complaint("?Queue"))
    assert.equal("Stack", types:complaint("{Stack,...}"))
    assert.equal("strin", types:complaint("?strin|number"))
  end)
end)
