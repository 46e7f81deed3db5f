"""Awaiting a done future does not yield; waiters wake in order, one iteration after the result."""
import asyncio
import twin
from twin import trace, watch


async def main(loop):
    done = loop.create_future()
    done.set_result("ready")
    failed = loop.create_future()
    failed.set_exception(ValueError("boom"))
    gone = loop.create_future()
    gone.cancel("why")
    loop.call_soon(trace, "the next iteration")
    for i in range(3):
        await watch("done", done)
        await watch("failed", failed)
        await watch("cancelled", gone)
    await asyncio.sleep(0)

    # Cancelling one waiter cancels the future it waits for, and so reaches every other waiter.
    future = loop.create_future()

    async def waits(name):
        trace(name, "waits")
        await watch(name, future)
        await watch(name + " again", future)

    tasks = {name: loop.create_task(waits(name)) for name in "abcde"}
    await asyncio.sleep(0)
    trace("cancel b", tasks["b"].cancel())
    await asyncio.sleep(0)
    trace("future after the cancelled waiter", future.done(), future.cancelled())
    for task in tasks.values():
        await task

    # Cancelled between the result and the wake-up: that waiter alone sees the cancellation.
    twice = loop.create_future()

    async def waits_too(name):
        await watch(name, twice)

    tasks = {name: loop.create_task(waits_too(name)) for name in "vwxyz"}
    await asyncio.sleep(0)
    twice.set_result("set")
    trace("set")
    tasks["w"].cancel()
    trace("cancelled w after the result, before its wake-up")
    loop.call_soon(trace, "next")
    for name, task in tasks.items():
        await watch("task " + name, task)

    # A future that gets its result before anybody waits costs the waiter nothing.
    early = loop.create_future()
    loop.call_soon(early.set_result, 5)
    await asyncio.sleep(0)
    loop.call_soon(trace, "not before the await")
    trace("early", await early)
    await asyncio.sleep(0)

    # Error and cancellation reach every waiter.
    for name, end in (("fails", lambda f: f.set_exception(ValueError("shared"))),
                      ("is cancelled", lambda f: f.cancel("shared"))):
        shared = loop.create_future()

        async def waits_for(who):
            await watch(who, shared)

        tasks = [loop.create_task(waits_for(who)) for who in ("first", "second")]
        await asyncio.sleep(0)
        end(shared)
        trace("it", name)
        for task in tasks:
            await task

twin.run(main)
