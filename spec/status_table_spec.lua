local status_table = require "saros.status_table"

-- A time as the table shows it.
local function shown(time)
  return os.date("%Y-%m-%d %H:%M:%S", math.floor(time))
end

describe("saros.status_table", function()
  it("shows jobs by name, in columns", function()
    assert.equal(([[
NAME       NEXT RUN             LAST RUN             RUNS  FAILURES  STATE     LAST ERROR
heartbeat  %s  %s     7         0  waiting   -
ünläut     -                    -                    1000        12  finished  no answer
]]):format(shown(1000.9), shown(500)), status_table.jobs {
      ["ünläut"] = {runs = 1000.0, failures = 12.0, state = "finished", last_error = "no answer"},
      heartbeat = {next_run_at = 1000.9, last_run_at = 500, runs = 7.0, failures = 0.0, state = "waiting"},
    })
  end)

  -- One such job hid all others.
  it("shows a job that runs in the far future", function()
    local lines = status_table.jobs {x = {next_run_at = 1e300, runs = 0, failures = 0, state = "waiting"}}
    assert.matches("\nx +1e%+300 +%- +0 +0  waiting ", lines)
  end)

  it("shows no jobs", function()
    assert.equal("NAME  NEXT RUN  LAST RUN  RUNS  FAILURES  STATE  LAST ERROR\n", status_table.jobs {})
  end)

  it("keeps an error to one short line, which changes no terminal", function()
    local function last_error(text)
      local job = {runs = 0, failures = 0, state = "waiting", last_error = text}
      return status_table.jobs({x = job}):match("waiting  (.-)\n$")
    end
    assert.equal("first", last_error("first\nsecond"))
    assert.equal("?[2Jred", last_error("\27[2Jred"))
    -- The same for terminals that know the control characters above 127.
    assert.equal("a?2Jred?b?", last_error("a\u{9b}2Jred\u{80}b\u{9f}"))
    assert.equal("\u{a0}\u{c0}", last_error("\u{a0}\u{c0}"))
    assert.equal(("ü"):rep(79) .. "...", last_error(("ü"):rep(100)))
    assert.equal(("\255"):rep(79) .. "...", last_error(("\255"):rep(100)))
    assert.equal(("x"):rep(80), last_error(("x"):rep(80)))
  end)

  it("shows runs, those in progress as well", function()
    assert.equal(([[
DUE                  STARTED              SECONDS  ATTEMPTS  OUTCOME  NODE  ERROR
%s  %s        -         -  running  b     -
%s  %s    1.500         3  failed   a     no answer
]]):format(shown(20), shown(21), shown(10), shown(10)), status_table.runs {
      {fire_time = 20, started_at = 21, outcome = "running", node = "b"},
      {fire_time = 10, started_at = 10, outcome = "failed", node = "a", attempts = 3.0, duration = 1.5,
        error = "no answer\nstack traceback:"},
    })
  end)
end)
