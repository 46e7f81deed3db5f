--- Signal numbers of this platform by name: `saros.signal.SIGTERM`.
-- Mirrors the constants of Python's `signal`.
-- @module saros.signal

local core = require "saros.core"
local check = require "saros.check"

-- Second names of a number: `signal.name` gives the first one.
local ALIASES = {SIGIOT = true, SIGCLD = true, SIGPOLL = true, SIGUNUSED = true}

local signal = {}

--- The signals that this platform has, and POSIX, by name; there are more.
-- @table SIG
-- @tfield integer SIGABRT the process gives up
-- @tfield integer SIGALRM a timer of the system has expired
-- @tfield integer SIGCHLD a child process has ended or stopped
-- @tfield integer SIGCONT the process goes on
-- @tfield integer SIGHUP the terminal is gone; often: read the settings again
-- @tfield integer SIGINT Ctrl-C
-- @tfield integer SIGKILL ends the process, and cannot be caught
-- @tfield integer SIGPIPE nobody reads what is written
-- @tfield integer SIGQUIT Ctrl-\
-- @tfield integer SIGSTOP stops the process, and cannot be caught
-- @tfield integer SIGTERM the process is asked to end
-- @tfield integer SIGTSTP Ctrl-Z
-- @tfield integer SIGUSR1 for programs to use as they like
-- @tfield integer SIGUSR2 for programs to use as they like

local names = {}
for name, number in pairs(core.signals) do
  signal[name] = number
  if not ALIASES[name] then names[number] = name end
end

--- The name of a signal, as Python's `signal.Signals(number).name`.
-- @tparam integer number the signal's number
-- @treturn string such as `"SIGTERM"`
-- @raise `bad argument`; `ValueError` for what is no signal's number here
function signal.name(number)
  number = check.number(number, 1, "name")
  local name = names[number]
  if not name then
    error(core.errors.ValueError(("%s is not the number of a signal"):format(number)))
  end
  return name
end

return signal
