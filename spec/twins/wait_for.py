"""wait_for, as 3.12 has it: in time, too late, cancelled from outside, and races of these."""
import asyncio
import twin
from twin import trace, wait_for, watch


async def main(loop):
    async def body(delay, value=None):
        trace("body starts")
        try:
            await asyncio.sleep(delay)
        finally:
            trace("body ends")
        if isinstance(value, Exception):
            raise value
        return value

    for delay in (None, 5):
        await watch("in time", wait_for(body(1, "value"), delay))
        await watch("failing", wait_for(body(1, ValueError("v")), delay))
        await watch("task", wait_for(loop.create_task(body(1, "value")), delay))
    await watch("too late", wait_for(body(9), 2))
    task = loop.create_task(body(9))
    await watch("task, too late", wait_for(task, 2))
    trace(task.cancelled(), asyncio.current_task().cancelling())
    future = loop.create_future()
    await watch("future, too late", wait_for(future, 1))
    trace(future.cancelled())

    # No time at all: what is done is returned, what is not is cancelled, a function never starts.
    done = loop.create_future()
    done.set_result("done")
    failed = loop.create_future()
    failed.set_exception(ValueError("failed"))
    for delay in (0, -1):
        await watch("done", wait_for(done, delay))
        await watch("failed", wait_for(failed, delay))
        await watch("function", wait_for(body(1), delay))
        task = loop.create_task(body(3))
        await watch("new task", wait_for(task, delay))
        task = loop.create_task(body(3))
        await asyncio.sleep(0)
        await watch("running task", wait_for(task, delay))
        future = loop.create_future()
        await watch("future", wait_for(future, delay))
        trace(task.cancelled(), future.cancelled())

    # What is waited for refuses to end, answers with an error, or with a value.
    async def refuses(answer):
        try:
            await asyncio.sleep(9)
        except asyncio.CancelledError:
            trace("refuses")
            await asyncio.sleep(2)
            if isinstance(answer, Exception):
                raise answer
            return answer

    for answer in ("value", ValueError("error")):
        await watch("refusing function", wait_for(refuses(answer), 1))
        trace("cancelling", asyncio.current_task().cancelling())
        await watch("refusing task", wait_for(loop.create_task(refuses(answer)), 1))
        trace("cancelling", asyncio.current_task().cancelling())
        task = loop.create_task(refuses(answer))
        await asyncio.sleep(0)
        await watch("refusing task, no time", wait_for(task, 0))

    # The waiter is cancelled: before, with, and after the timeout.
    async def waits(awaitable, delay):
        try:
            trace("waits got", await wait_for(awaitable, delay))
        except asyncio.TimeoutError:
            trace("waits timed out", asyncio.current_task().cancelling())
            raise
        except asyncio.CancelledError:
            trace("waits cancelled", asyncio.current_task().cancelling())
            raise

    for turns in range(1, 7):
        trace("cancelled after", turns)
        task = loop.create_task(waits(body(9), 2))
        for _ in range(turns):
            await asyncio.sleep(0)
        trace("cancel", task.cancel("outside"))
        await watch("waits", task)

    # The result comes in the iteration of the timeout, before or after it.
    for turns in range(1, 5):
        trace("result after", turns)
        future = loop.create_future()
        task = loop.create_task(waits(future, 2))
        for _ in range(turns):
            await asyncio.sleep(0)
        trace("done already", future.done())
        if not future.done():
            future.set_result("result")
        await watch("waits", task)

    # Nested: the inner one, the outer one.
    await watch("inner first", wait_for(wait_for(body(9), 1), 5))
    await watch("outer first", wait_for(wait_for(body(9), 5), 1))

    # A TimeoutError of the body is no timeout of ours.
    await watch("own TimeoutError", wait_for(body(1, TimeoutError()), 5))
    trace("cancelling", asyncio.current_task().cancelling())

twin.run(main)
