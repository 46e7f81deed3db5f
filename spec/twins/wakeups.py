"""How many iterations each kind of wake-up takes."""
import asyncio
import twin
from twin import iteration, trace


async def main(loop):
    async def measure(name, awaitable):
        begin = iteration()
        try:
            await awaitable
        except BaseException as error:
            trace(name, "raised", error)
        trace(name, "took", iteration() - begin)

    async def returns():
        return 1

    async def yields_once():
        await asyncio.sleep(0)

    async def fails():
        raise ValueError("x")

    def completed_in(turns):
        future = loop.create_future()

        def count(left):
            if left > 0:
                loop.call_soon(count, left - 1)
            elif not future.done():
                future.set_result(None)

        count(turns)
        return future

    await measure("sleep(0)", asyncio.sleep(0))
    await measure("sleep(1)", asyncio.sleep(1))
    await measure("sleep(-1)", asyncio.sleep(-1))
    for turns in range(3):
        await measure("future done in %d" % turns, completed_in(turns))
    await measure("plain call", returns())
    await measure("task that returns", loop.create_task(returns()))
    await measure("task that yields once", loop.create_task(yields_once()))
    await measure("task that fails", loop.create_task(fails()))

    async def chain(depth):
        if depth:
            await loop.create_task(chain(depth - 1))

    for depth in range(1, 4):
        await measure("chain of %d tasks" % depth, loop.create_task(chain(depth)))

    await measure("gather()", asyncio.gather())
    await measure("gather of done", asyncio.gather(completed_in(0), completed_in(0)))
    await measure("gather of one", asyncio.gather(returns()))
    await measure("gather of three", asyncio.gather(returns(), yields_once(), returns()))
    await measure("gather of gathers",
                  asyncio.gather(asyncio.gather(returns()), asyncio.gather(yields_once())))
    await measure("gather that fails", asyncio.gather(yields_once(), fails()))
    await measure("gather that keeps errors", asyncio.gather(fails(), return_exceptions=True))

    for delay in (None, 9):
        await measure("wait_for a future", twin.wait_for(completed_in(1), delay))
        await measure("wait_for a done future", twin.wait_for(completed_in(0), delay))
        await measure("wait_for a task", twin.wait_for(loop.create_task(returns()), delay))
        await measure("wait_for a function", twin.wait_for(yields_once(), delay))
        await measure("wait_for a failing function", twin.wait_for(fails(), delay))
    await measure("wait_for too long", twin.wait_for(completed_in(9), 2))
    await measure("wait_for(sleep) too long", twin.wait_for(asyncio.sleep(9), 1))
    await measure("wait_for a task too long", twin.wait_for(loop.create_task(asyncio.sleep(9)), 1))
    await measure("wait_for a done future, no time", twin.wait_for(completed_in(0), 0))
    await measure("wait_for a future, no time", twin.wait_for(completed_in(3), 0))
    await measure("wait_for a task, no time", twin.wait_for(loop.create_task(returns()), -1))

    async def timed(delay, inner):
        async with twin.timeout(delay):
            await inner

    await measure("timeout scope, in time", timed(5, yields_once()))
    await measure("timeout scope, too late", timed(1, asyncio.sleep(9)))
    await measure("timeout(0)", timed(0, asyncio.sleep(9)))
    await measure("timeout(0) around no await", timed(0, returns()))
    await measure("timeout scope, sleep(0)s", timed(2, chain(9)))

    event = asyncio.Event()
    loop.call_soon(event.set)
    await measure("event", event.wait())
    await measure("event that is set", event.wait())

    queue = asyncio.Queue(1)
    loop.call_soon(queue.put_nowait, 1)
    await measure("get from an empty queue", queue.get())
    await measure("put", queue.put(1))
    loop.call_soon(queue.get_nowait)
    await measure("put to a full queue", queue.put(2))
    await measure("get", queue.get())

    # A cancelled task takes one iteration for each task and future it waits through.
    for depth in range(3):
        async def waits(left):
            if left == 0:
                await loop.create_future()
            else:
                await loop.create_task(waits(left - 1))

        task = loop.create_task(waits(depth))
        for _ in range(depth + 1):
            await asyncio.sleep(0)
        task.cancel()
        await measure("cancelled, depth %d" % depth, task)

twin.run(main)
