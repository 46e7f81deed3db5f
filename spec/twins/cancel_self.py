"""A task that cancels itself goes on to its next await, or ends cancelled."""
import asyncio
import twin
from twin import trace, watch


async def main(loop):
    async def at_sleep():
        me = asyncio.current_task()
        trace("cancel", me.cancel("by myself"), me.cancelling())
        trace("still running")
        await watch("sleep", asyncio.sleep(0))
        trace("after it")
        await asyncio.sleep(0)
        return "value"

    await watch("at_sleep", loop.create_task(at_sleep()))

    # Awaiting something done does not deliver it, nor does a plain call.
    async def at_nothing():
        done = loop.create_future()
        done.set_result("done")
        asyncio.current_task().cancel()
        trace("awaited", await done)
        trace("awaited", await done)
        await watch("pending", loop.create_future())
        await watch("then", asyncio.sleep(0, "slept"))

    await watch("at_nothing", loop.create_task(at_nothing()))

    # No further await: the task ends cancelled, whatever it returns.
    async def at_end():
        asyncio.current_task().cancel("at the end")
        return "lost"

    task = loop.create_task(at_end())
    await watch("at_end", task)
    trace(task.cancelled(), task.cancelling())

    # An error it raises wins over the cancellation.
    async def at_error():
        asyncio.current_task().cancel("forgotten")
        raise ValueError("first")

    task = loop.create_task(at_error())
    await watch("at_error", task)
    trace(task.cancelled())

    # The future awaited next is cancelled, as if cancel had come while it was waiting.
    shared = loop.create_future()
    shared.add_done_callback(lambda f: trace("shared cancelled", f.cancelled()))

    async def at_future():
        asyncio.current_task().cancel("with the future")
        await watch("shared", shared)

    await watch("at_future", loop.create_task(at_future()))

    # At a timer, the timer is cancelled too.
    async def at_timer():
        asyncio.current_task().cancel()
        await watch("timer", asyncio.sleep(3))
        await watch("timer", asyncio.sleep(1, "slept"))

    await watch("at_timer", loop.create_task(at_timer()))

    # At a task, the cancellation goes into the task.
    async def inner():
        trace("inner starts")
        await watch("inner", asyncio.sleep(5))
        return "inner value"

    async def at_task():
        task = loop.create_task(inner())
        asyncio.current_task().cancel("into the task")
        await watch("task", task)
        trace("task cancelled", task.cancelled())

    await watch("at_task", loop.create_task(at_task()))

    async def at_started_task():
        task = loop.create_task(inner())
        await asyncio.sleep(0)
        asyncio.current_task().cancel("into the started task")
        await watch("task", task)
        trace("task cancelled", task.cancelled())

    await watch("at_started_task", loop.create_task(at_started_task()))

    async def awaits_itself():
        await watch("itself", asyncio.current_task())
        return "survived"

    await watch("awaits_itself", loop.create_task(awaits_itself()))

twin.run(main)
