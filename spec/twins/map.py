"""saros.map against a TaskGroup with a Semaphore, which is what it stands for. Among the first
items that begin none ends at once: in asyncio the task of the next one has not begun to wait then."""
import asyncio
import twin
from twin import trace


async def map_list(fn, items, limit=None):
    semaphore = asyncio.Semaphore(limit or len(items) + 1)
    results = [None] * len(items)

    async def run(index, item):
        async with semaphore:
            results[index] = await fn(item)

    try:
        async with asyncio.TaskGroup() as group:
            for index, item in enumerate(items):
                group.create_task(run(index, item))
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return results


async def main(loop):
    async def work(turns):
        trace("begins", turns)
        for _ in range(turns):
            await asyncio.sleep(0)
        trace("ends", turns)
        return turns * 10

    for limit in (None, 1, 2, 3, 10):
        loop.call_soon(trace, "limit", limit)
        trace("results", await map_list(work, [3, 2, 1, 0, 0, 1], limit))

    trace("empty", await map_list(work, []))

    async def sleeps(seconds):
        await asyncio.sleep(seconds)
        trace("slept", seconds)
        return seconds

    trace("results", await map_list(sleeps, [4, 2, 3, 1], 2))

    # The first failure cancels the rest, which may clean up.
    async def fails(item):
        trace("item", item)
        try:
            await asyncio.sleep(item)
            raise ValueError(str(item))
        finally:
            await asyncio.sleep(0)
            trace("cleaned up", item)

    await twin.watch("failed", map_list(fails, [3, 1, 5]))

    async def fails_at_once(item):
        raise ValueError(str(item))

    await twin.watch("failed", map_list(fails_at_once, [1]))

    # Cancelling the caller cancels all.
    async def stuck(item):
        try:
            await asyncio.sleep(100)
        finally:
            for _ in range(item):
                await asyncio.sleep(0)
            trace("cleaned up", item)

    task = loop.create_task(map_list(stuck, [2, 0, 1]))
    for _ in range(3):
        await asyncio.sleep(0)
    task.cancel("enough")
    await twin.watch("cancelled", task)


twin.run(main)
