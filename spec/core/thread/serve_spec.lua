--- Worker processes and the program that they belong to: what goes through, and how they end with it.

local process = require "spec.support.process"
local processes = require "spec.support.processes"
local scripts = require "spec.support.scripts"

local LIMIT = 60 -- seconds, for what ends at once on a machine that has time
local LUA = os.getenv("SAROS_LUA") or "lua5.4"

describe("a program with processes #threads", function()
  local POOL = [[
    local executor = saros.ProcessPoolExecutor {max_workers = 2}
    local function own_pid() return io.popen("echo $PPID"):read("n") end
    local function compute() while true do end end
  ]]
  local WORK = POOL .. [[
    local function main()
      print(executor:submit(function(a) print("in a process") return a + 1 end, 41):await())
      executor:shutdown()
    end
  ]]
  -- Both workers compute; one has told its number.
  local BEGIN = POOL .. [[
    local function main()
      local pid = executor:submit(own_pid):await()
      executor:submit(compute)
      executor:submit(compute)
      saros.sleep(0.2)
      print(pid)
    end
  ]]

  local function run_plain(text)
    local file <close> = scripts.write(text)
    return process.run(LIMIT, LUA, file.path)
  end

  -- A program that leaves processes that compute ends by itself, and they end too.
  local function check_leaving(run, text)
    local outcome, output, errors = run(BEGIN .. text)
    assert.equal("", errors)
    assert.equal("exit 0", outcome)
    local pid = tonumber(output)
    assert.is_truthy(pid)
    assert.is_true(processes.ends(pid))
  end

  it("gets their output and their results, under saros as under lua", function()
    assert.equal("in a process\n42\n", scripts.output_of(WORK .. "main()"))
    local outcome, output, errors = run_plain(WORK .. "saros.run(main)")
    assert.equal("", errors)
    assert.equal("exit 0", outcome)
    assert.equal("in a process\n42\n", output)
  end)

  -- In a program of its own: what the system's allocator has learnt from such sizes stays with a process.
  it("exchanges large messages with them while its loop goes on", function()
    assert.equal("10485760\ttrue\ttrue\n", scripts.output_of(POOL .. [[
      local text = ("0123456789"):rep(1024 * 1024)
      local ticks = 0
      local ticker = saros.create_task(function()
        while true do
          ticks = ticks + 1
          saros.sleep(0.001)
        end
      end)
      local there, back = executor:submit(function(s) return #s, s .. "!" end, text):await()
      ticker:cancel()
      print(there, back == text .. "!", ticks >= 3)
    ]]))
  end)

  it("may end with jobs running", function()
    check_leaving(run_plain, "saros.run(main)")
    check_leaving(run_plain, "local loop = saros.new_event_loop() loop:run_until_complete(main)")
    check_leaving(scripts.run, "saros.run(main)")
  end)

  it("may call os.exit with jobs running", function()
    for _, arguments in ipairs {"0", "0, true"} do
      check_leaving(run_plain, ("saros.run(main) os.exit(%s)"):format(arguments))
      check_leaving(run_plain, ("saros.run(function() main() os.exit(%s) end)"):format(arguments))
      check_leaving(scripts.run, ("main() os.exit(%s)"):format(arguments))
    end
  end)

  it("takes its processes along when it is killed", function()
    local file <close> = scripts.write(BEGIN .. [[
      io.stdout:setvbuf("no")
      saros.run(function() main() saros.sleep(600) end)
    ]])
    for _, name in ipairs {"SIGKILL", "SIGTERM"} do
      local running <close> = process.start(LUA, file.path)
      local pid = tonumber((running:expect("(%d+)\n")))
      assert.is_true(processes.is_alive(pid))
      running:signal(name)
      running:wait(LIMIT)
      assert.is_true(processes.ends(pid))
    end
  end)

  it("takes them along when they have nothing to do, too", function()
    local file <close> = scripts.write(POOL .. [[
      io.stdout:setvbuf("no")
      saros.run(function() print(executor:submit(own_pid):await()) saros.sleep(600) end)
    ]])
    local running <close> = process.start(LUA, file.path)
    local pid = tonumber((running:expect("(%d+)\n")))
    running:signal("SIGKILL")
    running:wait(LIMIT)
    assert.is_true(processes.ends(pid))
  end)
end)
