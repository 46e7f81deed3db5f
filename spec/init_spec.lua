local saros = require "saros"

-- What a program that is loaded afresh prints.
local function fresh(code)
  local file = os.tmpname()
  local handle <close> = assert(io.open(file, "w"))
  handle:write(code)
  handle:close()
  local interpreter = os.getenv("SAROS_LUA") or "lua5.4"
  local pipe = assert(io.popen(("'%s' '%s' 2>&1"):format(interpreter, file)))
  local output = pipe:read("a")
  pipe:close()
  os.remove(file)
  return output
end

describe("saros", function()
  it("says which version it is", function()
    assert.matches("^%d+%.%d+%.%d+$", saros._VERSION)
  end)

  it("has nil under names that it does not know", function()
    assert.is_nil(saros.nonsense)
  end)

  it("has the kinds of errors", function()
    for _, name in ipairs {"Error", "CancelledError", "TimeoutError", "QueueFull"} do
      assert.is_true(saros.is_error(saros[name](), saros.Error))
      assert.equal(name, saros[name]().name)
    end
  end)

  it("loads a part when it is first asked for, and keeps it", function()
    local output = fresh [[
      local saros = require "saros"
      print(package.loaded["saros.queue"] == nil, rawget(saros, "Queue") == nil)
      local Queue = saros.Queue
      print(Queue == require "saros.queue".Queue, rawget(saros, "Queue") == Queue)
    ]]
    assert.equal("true\ttrue\ntrue\ttrue\n", output)
  end)

  it("adds nothing to the globals", function()
    local output = fresh [[
      local before = {}
      for name in pairs(_G) do before[name] = true end
      local saros = require "saros"
      for _, name in ipairs {"run", "Event", "Queue", "timeout", "wait_for", "periodic", "signal",
        "loop", "get_event_loop", "set_logger"} do
        assert(saros[name], name)
      end
      for name in pairs(_G) do
        if not before[name] then print(name) end
      end
      print("checked")
    ]]
    assert.equal("checked\n", output)
  end)
end)
