"""as_completed: the order in which futures come, timeouts, and a taker that is slow or cancelled."""
import asyncio
import ordered
import twin
from twin import trace, watch


async def main(loop):
    async def body(turns, value=None):
        for _ in range(turns):
            await asyncio.sleep(0)
        if isinstance(value, Exception):
            raise value
        return value

    def spawn(*cases):
        return [loop.create_task(body(*case)) for case in cases]

    async def takes(name, awaitables, timeout=None, pause=0):
        try:
            for each in ordered.as_completed(awaitables, timeout=timeout):
                try:
                    trace(name, "got", await each)
                except ValueError as error:
                    trace(name, "failed", str(error))
                for _ in range(pause):
                    await asyncio.sleep(0)
            trace(name, "no more")
        except BaseException as error:
            trace(name, "raised", error)
            raise

    await takes("in turn", spawn((4, "a"), (1, "b"), (3, ValueError("c")), (2, "d")))
    await takes("functions", [body(3, "a"), body(1, "b"), body(2, "c")])
    await takes("together", spawn((2, "a"), (1, "b"), (2, "c"), (1, "d")))
    await takes("nothing", [])

    # Done already: in the order of the list, and as many iterations as if they were not.
    done = [loop.create_future() for _ in range(3)]
    done[0].set_exception(ValueError("first"))
    done[1].set_result("second")
    done[2].set_result("third")
    await takes("done", done)
    await takes("some done", spawn((1, "pending"))[:1] + done)
    await takes("twice", [done[1], done[2], done[1]])

    # A slow taker finds them in the order in which they were done.
    await takes("slow", spawn((3, "a"), (1, "b"), (2, "c"), (5, "d")), pause=3)

    # A timeout: what was done before comes first, then TimeoutError.
    for timeout in (0, -1, 1, 2, 3, 9):
        tasks = spawn((4, "a"), (1, "b"), (2, "c"))
        await watch("timeout", takes("taker", tasks, timeout))
        trace([task.done() for task in tasks])
        await watch("slow, timeout", takes("slow taker", spawn((4, "a"), (1, "b"), (2, "c")), timeout, 2))
        await watch("done, timeout", takes("taker", done, timeout))
        for task in tasks:
            await watch("task", task)
    # It is the whole that is timed: a TimeoutError of a future is like one.
    await watch("own", takes("taker", spawn((1, "a"), (2, TimeoutError()), (3, "c")), 9))

    # One of them is cancelled.
    tasks = spawn((3, "a"), (9, "b"), (1, "c"))
    loop.call_soon(tasks[1].cancel)
    await watch("one cancelled", takes("taker", tasks))
    await tasks[0]

    # The taker is cancelled, while it waits and around the iteration in which it is woken.
    for turns in range(5):
        future = loop.create_future()
        taker = loop.create_task(takes("race", [future, *spawn((9, "b"))]))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        future.set_result("a")
        for _ in range(turns):
            await asyncio.sleep(0)
        trace("cancel", taker.cancel())
        await watch("taker", taker)

    # Two takers of the same.
    tasks = spawn((2, "a"), (1, "b"))
    await asyncio.gather(takes("one", tasks), takes("two", tasks[::-1]))

twin.run(main)
