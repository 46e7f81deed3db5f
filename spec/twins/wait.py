"""wait: each return_when, timeouts, what is done already, and who waits being cancelled."""
import asyncio
import ordered
import twin
from twin import trace, watch

WHEN = ("FIRST_COMPLETED", "FIRST_EXCEPTION", "ALL_COMPLETED")


async def main(loop):
    async def body(turns, value=None):
        for _ in range(turns):
            await asyncio.sleep(0)
        if isinstance(value, ValueError):
            raise value
        return value

    def spawn(*cases):
        return [loop.create_task(body(*case)) for case in cases]

    async def waits(name, futures, when="ALL_COMPLETED", timeout=None):
        def places(list):
            return [futures.index(each) + 1 for each in list]

        try:
            done, pending = await ordered.wait(futures, timeout=timeout, return_when=getattr(asyncio, when))
        except BaseException as error:
            trace(name, "raised", error)
            raise
        trace(name, "done", places(done), "pending", places(pending))

    async def settle(futures):
        await waits("settle", futures)
        for future in futures:
            trace("cancelled" if future.cancelled() else future.exception() or future.result())

    # What ends it: a result, an error, a cancellation, the last one.
    for when in WHEN:
        tasks = spawn((3, "a"), (1, "b"), (2, ValueError("c")), (6, "d"))
        await waits(when, tasks, when)
        await settle(tasks)
        tasks = spawn((4, "a"), (9, "b"), (5, ValueError("c")))
        loop.call_soon(tasks[1].cancel)
        await waits(when, tasks, when)
        await settle(tasks)

    # Done already: the wait takes the same time whatever it waits for.
    done, failed, cancelled = (loop.create_future() for _ in range(3))
    done.set_result("done")
    failed.set_exception(ValueError("failed"))
    # The wait looks at it or not, depending on the order of a set.
    trace(failed.exception())
    cancelled.cancel()
    for when in WHEN:
        await waits("all done", [failed, done, cancelled], when)
        await waits("one cancelled", [cancelled], when)
        pending = spawn((3, "pending"))
        await waits("one pending", [done, *pending], when)
        await waits("one failed", [*pending, failed], when)
        await settle(pending)

    # The same one several times is one.
    tasks = spawn((1, "twice"))
    await waits("twice", [tasks[0], done, tasks[0]])

    # Timeouts raise nothing and cancel nothing.
    for timeout in (None, 2, 1, 0, -1):
        for when in WHEN:
            tasks = spawn((1, "a"), (3, ValueError("b")), (5, "c"))
            await waits("timeout", tasks, when, timeout)
            await settle(tasks)
        await waits("timeout, all done", [done, failed], "ALL_COMPLETED", timeout)
    # In the iteration in which it is done.
    for turns in range(1, 6):
        tasks = spawn((turns, "a"))
        await waits("at once", tasks, "ALL_COMPLETED", 2.5)
        await settle(tasks)

    # The callbacks of a future run in order, the wait's among them.
    future = loop.create_future()
    future.add_done_callback(lambda _: trace("before"))
    waiting = loop.create_task(waits("wait", [future]))
    await asyncio.sleep(0)
    future.add_done_callback(lambda _: trace("after"))
    future.add_done_callback(lambda _: loop.call_soon(trace, "soon after"))
    future.set_result(None)
    await waiting

    # Cancelled while it waits: those it waits for go on, and the callbacks are gone.
    tasks = spawn((3, "a"), (4, "b"))
    waiting = loop.create_task(waits("cancelled", tasks))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    trace("cancel", waiting.cancel("stop"))
    await watch("waiting", waiting)
    await settle(tasks)

    # Cancelled around the iteration in which it is woken.
    for turns in range(4):
        future = loop.create_future()
        waiting = loop.create_task(waits("race", [future, done], "ALL_COMPLETED"))
        await asyncio.sleep(0)
        future.set_result("late")
        for _ in range(turns):
            await asyncio.sleep(0)
        trace("cancel", waiting.cancel())
        await watch("waiting", waiting)

    # Two wait for the same, one of them for more.
    tasks = spawn((2, "a"), (4, "b"))
    first = loop.create_task(waits("first", tasks, "FIRST_COMPLETED"))
    await settle([first, loop.create_task(waits("all", tasks))])

    # Misuse.
    for futures, when in ([], "ALL_COMPLETED"), ([done], "SOMETIME"):
        try:
            await asyncio.wait(futures, return_when=when)
        except ValueError as error:
            trace("misuse", error)

twin.run(main)
