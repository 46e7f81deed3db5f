"""An error in a callback goes to the exception handler, and the rest of the iteration runs."""
import asyncio
import twin
from twin import trace


def fails(kind, message):
    raise kind(message)


async def main(loop):
    loop.call_soon(trace, "one")
    loop.call_soon(fails, ValueError, "v")
    loop.call_soon(trace, "two")
    loop.call_soon(fails, RuntimeError, "r")
    loop.call_soon(fails, asyncio.CancelledError, "c")
    loop.call_soon(trace, "three")
    loop.call_later(1, fails, TimeoutError, "t")
    loop.call_later(1.5, trace, "timer after the failing one")
    await asyncio.sleep(4)

    # Of a future's callbacks, each runs, whatever the ones before it did.
    future = loop.create_future()
    future.add_done_callback(lambda f: trace("first"))
    future.add_done_callback(lambda f: fails(ValueError, "second"))
    future.add_done_callback(lambda f: trace("third"))
    future.set_result(None)
    await future
    trace("awaited")
    await asyncio.sleep(0)

    # So does a task that waits behind a failing callback.
    future = loop.create_future()
    future.add_done_callback(lambda f: fails(ValueError, "before the waiter"))

    async def waits():
        trace("waits")
        await future
        trace("goes on")

    task = loop.create_task(waits())
    await asyncio.sleep(0)
    future.set_result(None)
    await task

    # A handler that schedules, and one that is taken away again.
    def handler(handled, context):
        trace("own handler", handled is loop, context["exception"], str(context["exception"]))
        loop.call_soon(trace, "scheduled by the handler")

    default = loop.get_exception_handler()
    loop.set_exception_handler(handler)
    trace(loop.get_exception_handler() is handler)
    loop.call_soon(fails, ValueError, "to the own handler")
    loop.call_soon(trace, "behind it")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    loop.set_exception_handler(default)
    loop.call_exception_handler({"message": "by hand", "exception": ValueError("x")})
    loop.call_exception_handler({"message": "by hand"})

twin.run(main)
