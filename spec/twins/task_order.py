"""Tasks start in order of creation, one iteration later, and their callbacks run in order."""
import asyncio
import twin
from twin import trace


async def main(loop):
    async def body(name, turns):
        trace(name, "starts")
        for _ in range(turns):
            await asyncio.sleep(0)
            trace(name, "goes on")
        return name

    loop.call_soon(trace, "before the tasks")
    tasks = [loop.create_task(body(name, turns)) for name, turns in (("a", 2), ("b", 0), ("c", 1))]
    loop.call_soon(trace, "behind the tasks")
    for task in tasks:
        task.add_done_callback(lambda t: trace("done", t.result()))
    trace("created", tasks[0].done(), tasks[1].done())
    for task in tasks:
        trace("awaited", await task)

    # A task created by a task starts in the next iteration, behind what was there.
    async def outer(depth):
        trace("outer", depth)
        if depth == 0:
            return 0
        loop.call_soon(trace, "queued by", depth)
        inner = loop.create_task(outer(depth - 1))
        loop.call_soon(trace, "queued behind", depth)
        value = await inner
        trace("outer", depth, "got", value)
        return value + 1

    trace("nested", await loop.create_task(outer(3)))

    # Callbacks and waiters of a task are one queue, in the order in which they were added.
    task = loop.create_task(body("t", 1))
    task.add_done_callback(lambda t: trace("callback 1"))

    async def waits(name):
        trace(name, await task)

    w1 = loop.create_task(waits("waiter 1"))
    await asyncio.sleep(0)
    task.add_done_callback(lambda t: trace("callback 2"))
    w2 = loop.create_task(waits("waiter 2"))
    await asyncio.sleep(0)
    task.add_done_callback(lambda t: trace("callback 3"))
    await asyncio.gather(w1, w2)
    task.add_done_callback(lambda t: trace("callback of a done task"))
    trace("awaiting a done task", await task)
    await asyncio.sleep(0)

    # Several fail at once; each error reaches the one who awaits.
    async def fails(turns, message):
        for _ in range(turns):
            await asyncio.sleep(0)
        raise ValueError(message)

    tasks = [loop.create_task(fails(turns, str(turns))) for turns in (2, 0, 1)]
    for task in tasks:
        task.add_done_callback(lambda t: trace("failed", t.exception(), str(t.exception())))
    for task in tasks:
        try:
            await task
        except ValueError as error:
            trace("awaited", error, str(error), error is task.exception())

    # Errors travel through a chain of tasks, one wake-up each.
    async def passes(depth):
        try:
            if depth == 0:
                raise ValueError("from below")
            await loop.create_task(passes(depth - 1))
        finally:
            trace("unwinding", depth)

    await twin.watch("chain", loop.create_task(passes(3)))

twin.run(main)
