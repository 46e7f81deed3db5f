"""The Python half of the twins: programs told twice, in Lua and in Python.

Both halves print a trace, one event a line, and spec/twins_spec.lua compares the two. Each line
starts with the number of the loop iteration it was printed in: a callback that puts itself back at
the head of every iteration counts them. That callback also moves the clock, one second an
iteration, so sleeping takes no real time and wakes up in a known iteration.

As a program, this file runs the twins it is given, one after the other, each under a line with
its path.
"""

import asyncio
import contextlib
import gc
import io
import runpy
import sys
import traceback

_iteration = 0


def show(value):
    """Formats a traced value as the Lua half does."""
    if value is None:
        return "nil"
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, BaseExceptionGroup):
        return type(value).__name__ + show(value.exceptions)
    if isinstance(value, BaseException):
        return type(value).__name__
    if isinstance(value, float):
        return "%.6g" % value
    if isinstance(value, (list, tuple)):
        return "[" + " ".join(show(item) for item in value) + "]"
    return str(value)


def trace(*items):
    """Prints one event, after the number of the iteration."""
    print("%d:" % _iteration, *(show(item) for item in items))


def iteration():
    """The number of the iteration under way."""
    return _iteration


def attempt(name, call, *args):
    """Calls, and traces the result or the kind of the error under `name`."""
    try:
        trace(name, call(*args))
    except BaseException as error:
        trace(name, "raised", error)


def message(error):
    """The message of an error that a twin made or was given; the library words its own ones."""
    if isinstance(error, (asyncio.CancelledError, ValueError)):
        return str(error) or None
    return None


async def watch(name, awaitable):
    """Awaits, and traces the result or the kind and message of the error under `name`."""
    try:
        trace(name, "got", await awaitable)
    except BaseException as error:
        trace(name, "raised", error, message(error))


class TwinLoop(asyncio.SelectorEventLoop):
    """A loop whose clock moves by one second an iteration and that counts its iterations."""

    def __init__(self):
        super().__init__()
        self.now = 0.0
        self.counting = None
        self.set_exception_handler(on_error)

    def time(self):
        return self.now

    def count(self):
        global _iteration
        _iteration += 1
        self.now += 1
        self.counting = self.call_soon(self.count)


def on_error(loop, context):
    """Traces what reached the exception handler, and which fields came along."""
    fields = [key for key in ("task", "future", "handle") if context.get(key) is not None]
    trace("handler", context.get("exception"), *fields)


def new_loop():
    """A fresh loop, its count of iterations started at zero."""
    global _iteration
    _iteration = 0
    loop = TwinLoop()
    loop.counting = loop.call_soon(loop.count)
    return loop


def order_all_tasks():
    """Makes asyncio.run cancel in order of creation, where it takes a set's arbitrary order."""
    unordered = asyncio.all_tasks

    def ordered(loop=None):
        # The names a loop gives end in a number that grows.
        return sorted(unordered(loop), key=lambda task: int(task.get_name().rpartition("-")[2]))

    asyncio.tasks.all_tasks = ordered


def run_whole(main):
    """Runs `main(loop)` as asyncio.run does, to the closing of the loop."""
    with asyncio.Runner(loop_factory=new_loop) as runner:
        # The count ends with the loop: what is still scheduled when it closes is dropped.
        return runner.run(main(runner.get_loop()))


def close(loop):
    """Stops the count and closes the loop."""
    loop.counting.cancel()
    loop.close()


def run(main):
    """Runs `main(loop)` as a task on a fresh loop, to its end."""
    loop = new_loop()
    try:
        trace("main returned", loop.run_until_complete(main(loop)))
    except BaseException as error:
        trace("main raised", error)
        if not isinstance(error, (asyncio.CancelledError, ValueError)):
            traceback.print_exc()
    close(loop)


class Timeout:
    """`asyncio.timeout` as 3.12 has it: it counts cancellations from where it began."""

    def __init__(self, when):
        self._when = when
        self._handle = None
        self._state = "created"

    def when(self):
        return self._when

    def expired(self):
        return self._state in ("expiring", "expired")

    def reschedule(self, when):
        if self._state != "active":
            raise RuntimeError("cannot change a timeout that is " + self._state)
        self._when = when
        if self._handle is not None:
            self._handle.cancel()
        self._handle = None
        if when is None:
            return
        loop = asyncio.get_running_loop()
        if when <= loop.time():
            self._handle = loop.call_soon(self._expire)
        else:
            self._handle = loop.call_at(when, self._expire)

    def _expire(self):
        self._task.cancel()
        self._state = "expiring"
        self._handle = None

    async def __aenter__(self):
        self._state = "active"
        self._task = asyncio.current_task()
        self._before = self._task.cancelling()
        self.reschedule(self._when)
        return self

    async def __aexit__(self, kind, error, _):
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        if self._state == "expiring":
            self._state = "expired"
            if self._task.uncancel() <= self._before and kind is asyncio.CancelledError:
                raise TimeoutError from error
        else:
            self._state = "finished"


def timeout(delay):
    now = asyncio.get_running_loop().time()
    return Timeout(None if delay is None else now + delay)


def timeout_at(when):
    return Timeout(when)


async def wait_for(awaitable, delay):
    """`asyncio.wait_for` as 3.12 has it."""
    if delay is None or delay > 0:
        async with timeout(delay):
            return await awaitable
    future = asyncio.ensure_future(awaitable)
    if not future.done():
        waiter = asyncio.get_running_loop().create_future()

        def release(_):
            if not waiter.done():
                waiter.set_result(None)

        future.add_done_callback(release)
        try:
            future.cancel()
            await waiter
        finally:
            future.remove_done_callback(release)
        if future.cancelled():
            raise TimeoutError
    return future.result()


def _run_files(paths):
    global _iteration
    # A twin imports this module by its name; it must be the very same one.
    sys.modules["twin"] = sys.modules["__main__"]
    # What one twin leaves in cycles must not be reported in the middle of the next one.
    gc.disable()
    for path in paths:
        print("=== " + path, flush=True)
        _iteration = 0
        try:
            runpy.run_path(path, run_name="__main__")
        except BaseException:
            print(traceback.format_exc())
        with contextlib.redirect_stdout(io.StringIO()):
            gc.collect()
        sys.stdout.flush()


if __name__ == "__main__":
    _run_files(sys.argv[1:])
