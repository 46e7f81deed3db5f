--- The rows of the table: what is measured, and the budget it is held to.
--
-- A row: `name` (what a filter matches), `title`, `group` (whose programs run),
-- `subject` (the program that is judged) and `lines`. A line: `metric` (a list
-- is summed), `unit`, `label`, and optionally a budget: `at_most` or `at_least`,
-- relative to the program `of` where that is given.

local function echo(name, title, load, subject, at_least)
  return {
    name = name,
    title = "echo, " .. title,
    group = load,
    subject = subject,
    lines = {
      {metric = "rps", unit = "/s", of = "raw libuv", at_least = at_least},
      {label = "server's processor time a round trip", metric = "server_us", unit = "us", of = "raw libuv"},
    },
  }
end

return {
  {
    name = "tasks",
    title = "10,000 tasks: create, `sleep(0)`, `gather`",
    group = "tasks",
    lines = {
      {metric = "tasks_10k_ms", unit = "ms", of = "uvloop", at_most = 1 / 15},
      {metric = "tasks_10k_ms", unit = "ms", of = "bare Lua", at_most = 0.6},
    },
  },
  {
    name = "sleep0",
    title = "`sleep(0)` in one task",
    group = "sleep0",
    lines = {{metric = "sleep0_ns", unit = "ns", of = "uvloop", at_most = 1 / 10}},
  },
  {
    name = "call_soon",
    title = "`call_soon` and run, bursts of 50,000",
    group = "call_soon",
    lines = {{metric = "call_soon_ns", unit = "ns", of = "uvloop", at_most = 1 / 5}},
  },
  {
    name = "call_later",
    title = "`call_later`, then cancel",
    group = "call_later",
    lines = {{metric = {"timer_insert_ns", "timer_cancel_ns"}, unit = "ns", of = "uvloop", at_most = 1 / 10}},
  },
  {
    name = "timers",
    title = "timer set and fired, 200,000 pending",
    group = "timers",
    lines = {{metric = "timer_fire_ns", unit = "ns", of = "raw libuv", at_most = 0.7}},
  },
  {
    name = "lock",
    title = "lock handed from task to task",
    group = "lock",
    lines = {{metric = "lock_ns", unit = "ns", of = "uvloop", at_most = 1 / 8}},
  },
  {
    name = "queue",
    title = "queue of one item, put and get",
    group = "queue",
    lines = {{metric = "queue_ns", unit = "ns", of = "uvloop", at_most = 1 / 8}},
  },
  {
    name = "task_group",
    title = "`TaskGroup` of 10,000 tasks that `sleep(0)`",
    group = "task_group",
    lines = {{metric = "task_group_ms", unit = "ms", of = "uvloop", at_most = 1 / 8}},
  },
  {
    name = "executor",
    title = "executor, there and back",
    group = "executor",
    lines = {{metric = "executor_us", unit = "us", of = "raw libuv", at_most = 0.4}},
  },
  {
    name = "executor_burst",
    title = "executor, 20,000 jobs at once, each",
    group = "executor_burst",
    lines = {{metric = "executor_job_us", unit = "us", of = "luv", at_most = 1 / 3}},
  },
  {
    name = "executor_scaling",
    title = "executor, how many times one worker two of them are",
    group = "executor_scaling",
    lines = {{metric = "executor_scaling", unit = "", at_least = 1.8}},
  },
  {
    name = "executor_string",
    title = "executor, 10 MB there and back, in copies",
    group = "executor_string",
    lines = {{metric = "executor_string_copies", unit = "", at_most = 3}},
  },
  {
    name = "lateness",
    title = "`sleep(0.0005)`, how late (median)",
    group = "lateness",
    lines = {
      {metric = "sleep_late_us", unit = "us", at_most = 70},
      {label = "how many of 300 early", metric = "sleep_early_count", unit = "", at_most = 0},
    },
  },
  {
    name = "task_memory",
    title = "memory of a sleeping task",
    group = "task_memory",
    lines = {
      {metric = "task_bytes", unit = "B", of = "bare Lua", at_most = 1.4},
      {label = "resident memory", metric = "task_resident_bytes", unit = "B", of = "bare Lua", at_most = 1.4},
    },
  },
  {
    name = "connection_memory",
    title = "memory of an idle stream connection in a task, user space",
    group = "connection_memory",
    lines = {{metric = "connection_bytes", unit = "B", at_most = 4096}},
  },
  {
    name = "million",
    title = "1,000,000 sleeping tasks, cost of each",
    group = "million",
    subject = "at 1,000,000",
    lines = {{metric = "task_us", unit = "us", of = "at 10,000", at_most = 2}},
  },
  {
    name = "scheduler",
    title = "scheduler with 100,000 jobs, cost of a run from its turn to its end",
    group = "scheduler",
    subject = "with 100,000 jobs",
    lines = {{metric = "fire_us", unit = "us", of = "with 100 jobs", at_most = 2}},
  },
  echo("echo_protocol_1k", "protocol, 1 KiB, 10 connections", "10x1024", "Saros protocol", 0.95),
  echo("echo_streams_1k", "streams, 1 KiB, 10 connections", "10x1024", "Saros streams", 0.93),
  echo("echo_protocol_10k", "protocol, 1 KiB, 10,000 connections", "10000x1024", "Saros protocol", 0.90),
  echo("echo_streams_10k", "streams, 1 KiB, 10,000 connections", "10000x1024", "Saros streams", 0.90),
  echo("echo_protocol_100k", "protocol, 100 KiB, 10 connections", "10x102400", "Saros protocol", 0.90),
  echo("echo_streams_100k", "streams, 100 KiB, 10 connections", "10x102400", "Saros streams", 0.90),
  echo("echo_protocol_100k_100", "protocol, 100 KiB, 100 connections", "100x102400", "Saros protocol", 0.80),
  echo("echo_streams_100k_100", "streams, 100 KiB, 100 connections", "100x102400", "Saros streams", 0.80),
  {
    name = "require",
    title = "`require \"saros\"`",
    group = "require",
    lines = {{metric = "require_ms", unit = "ms", at_most = 5}},
  },
}
