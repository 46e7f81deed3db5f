"""Cancelled twice, swallowed, answered with another error, and cleaned up in between."""
import asyncio
import twin
from twin import trace, watch


async def main(loop):
    # Two calls in one iteration deliver one CancelledError, the first one's.
    async def sleeps(times):
        for i in range(times):
            await watch("sleep", asyncio.sleep(4, "slept"))
        return "end"

    task = loop.create_task(sleeps(2))
    await asyncio.sleep(0)
    trace(task.cancel("first"), task.cancel("second"), task.cancelling())
    await watch("twice at once", task)
    trace(task.cancelled(), task.cancelling())

    # The second call reaches the await that the first one left it at.
    task = loop.create_task(sleeps(3))
    await asyncio.sleep(0)
    task.cancel("first")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel("second")
    await watch("one after the other", task)

    # In the iteration in which the task wakes up from the first one.
    task = loop.create_task(sleeps(3))
    await asyncio.sleep(0)
    task.cancel("first")
    loop.call_soon(lambda: trace("cancel", task.cancel("second")))
    await asyncio.sleep(0)
    trace("between")
    await watch("around the wake-up", task)

    # While it cleans up.
    async def cleans_up():
        try:
            await asyncio.sleep(9)
        finally:
            trace("cleaning")
            try:
                await asyncio.sleep(2)
                trace("cleaned")
            except asyncio.CancelledError as error:
                trace("cleaning was cancelled", str(error))
                await asyncio.sleep(1)
                trace("cleaned all the same")

    for patience in (8, 2):
        task = loop.create_task(cleans_up())
        await asyncio.sleep(0)
        task.cancel("leave")
        await asyncio.sleep(patience)
        trace("cancel", task.cancel("hurry"))
        await watch("cleans_up", task)
        trace(task.cancelled(), task.cancelling())

    # Answered with an error of its own, and with a value.
    async def answers(with_error):
        try:
            await asyncio.sleep(9)
        except asyncio.CancelledError:
            if with_error:
                raise ValueError("answer")
            return "answer"

    for with_error in (True, False):
        task = loop.create_task(answers(with_error))
        await asyncio.sleep(0)
        task.cancel()
        await watch("answers", task)
        trace(task.done(), task.cancelled(), task.cancelling())

    # Raised by the body itself, without anybody cancelling: the task is cancelled.
    async def raises():
        raise asyncio.CancelledError("my own")

    task = loop.create_task(raises())
    await watch("raises", task)
    trace(task.cancelled(), task.cancelling())

    # Swallowed while cancelled again: a task can refuse any number of times.
    async def refuses(times):
        refused = 0
        while refused < times:
            try:
                await loop.create_future()
            except asyncio.CancelledError:
                refused += 1
                trace("refused", refused, asyncio.current_task().cancelling())
        return refused

    task = loop.create_task(refuses(3))
    while not task.done():
        await asyncio.sleep(0)
        trace("cancel", task.cancel())
    await watch("refuses", task)

    # Swallowed by the last statement, the request is forgotten with it.
    async def swallows_last():
        await watch("last", asyncio.sleep(5))

    task = loop.create_task(swallows_last())
    await asyncio.sleep(0)
    task.cancel()
    await watch("swallows_last", task)
    trace(task.cancelled())

twin.run(main)
