"""sleep(0) waits for what was queued before it; sleeps end by deadline and return their value."""
import asyncio
import twin
from twin import trace, watch


async def main(loop):
    loop.call_soon(trace, "queued before sleep(0)")
    await asyncio.sleep(0)
    trace("after sleep(0)")
    loop.call_soon(lambda: loop.call_soon(trace, "scheduled meanwhile"))
    trace("value", await asyncio.sleep(0, "zero"))
    trace("value", await asyncio.sleep(-1, "negative"))
    trace("value", await asyncio.sleep(1, "one"))
    trace("value", await asyncio.sleep(0.5))

    async def yields(name, turns):
        for turn in range(turns):
            trace(name, turn)
            await asyncio.sleep(0)
        trace(name, "ends")

    tasks = [loop.create_task(yields(name, turns)) for name, turns in (("a", 3), ("b", 1), ("c", 2))]
    for task in tasks:
        await task
        trace("joined")

    async def sleeps(delay):
        await asyncio.sleep(delay)
        trace("slept", delay)

    delays = (4, 0, 2.5, 1, -1, 2.25, 0.75, 3)
    for task in [loop.create_task(sleeps(delay)) for delay in delays]:
        await task

    # Cancelled sleeps: not due yet, due but not woken, and already woken in this iteration.
    async def dozes(delay):
        await watch("dozes", asyncio.sleep(delay, "slept"))

    task = loop.create_task(dozes(50))
    await asyncio.sleep(2)
    trace("cancel", task.cancel())
    await task

    for wait in (1, 2, 3, 4):
        trace("cancelling after", wait)
        task = loop.create_task(dozes(1))
        for _ in range(wait):
            await asyncio.sleep(0)
        trace("cancel", task.cancel())
        await watch("join", task)

    task = loop.create_task(dozes(0))
    await asyncio.sleep(0)
    trace("cancel", task.cancel())
    await watch("join", task)

twin.run(main)
