--- Specs of `testing.async`, most of which fail: spec/testing_spec.lua runs them in a busted of their
-- own and compares what that prints. The names are keys there; the lines count.

local saros = require "saros"
local async = saros.testing.async

local function loop() return saros.get_running_loop() end
local function on_timer() end

describe("failing", function()
  it("<difference>", async(function()
    saros.sleep(100)
    assert.same({ 1, { 2 } }, { 1, { 3 } })
  end))

  it("<string>", async(function()
    saros.sleep(100)
    error("a string")
  end))

  it("<object>", async(function()
    saros.sleep(100)
    error(saros.ValueError("an object"))
  end))

  it("<pending>", async(function()
    pending("later")
  end))

  it("<finally>", async(function()
    finally(function() print("finally ran") end)
    error("after that")
  end))

  it("<left>", async(function()
    saros.create_task(saros.sleep, 10):set_name("sleeper")
    loop():call_later(5, on_timer)
    local server = saros.start_server(function() end, "127.0.0.1", 0)
    saros.open_connection("127.0.0.1", server:sockets()[1].port)
    saros.create_task(error, saros.ValueError("nobody looks"))
  end))

  it("<hanging>", async(function()
    saros.Event():wait()
  end))

  it("<endless>", async(function()
    while true do saros.sleep(1) end
  end, { timeout = 0.2 }))

  it("<unaffected>", async(function()
    assert.equal(0, loop():time())
    assert.equal(1, #saros.all_tasks())
  end))
end)
