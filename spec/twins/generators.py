"""A generator's body is part of the task that asks for a value: it adds no iterations of its own."""
import asyncio
import twin
from twin import trace


# What is left at the end of the program is closed before the loop.
left = None


async def main(loop):
    global left

    async def count(name, n):
        try:
            for i in range(1, n + 1):
                trace(name, "before", i)
                await asyncio.sleep(0)
                yield i
                trace(name, "after", i)
        finally:
            trace(name, "ends")

    async def consume(name, n, turns):
        async for i in count(name, n):
            trace(name, "gives", i)
            for _ in range(turns):
                await asyncio.sleep(0)
        return name

    a = loop.create_task(consume("a", 2, 0))
    b = loop.create_task(consume("b", 2, 1))
    loop.call_soon(trace, "behind the tasks")
    trace("awaited", await a, await b)

    # Nested, with a wait on each level.
    async def double():
        async for i in count("inner", 2):
            await asyncio.sleep(0)
            yield 2 * i

    async for i in double():
        trace("doubled", i)
        await asyncio.sleep(0)

    # A body that sleeps, and one that waits for a future.
    future = loop.create_future()
    loop.call_later(4, future.set_result, "result")

    async def wait():
        await asyncio.sleep(2)
        yield "slept"
        yield await future

    async for value in wait():
        trace("got", value)

    # Cancelled inside the body.
    async def stuck():
        try:
            yield "first"
            await asyncio.sleep(100)
        finally:
            await asyncio.sleep(0)
            trace("cleaned up")

    async def consume_stuck(name):
        async for value in stuck():
            trace(name, value)

    task = loop.create_task(consume_stuck("stuck gives"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel("enough")
    await twin.watch("cancelled", task)

    # A time limit around the loop.
    async def limited():
        try:
            async with asyncio.timeout(3):
                await consume_stuck("limited gives")
        except asyncio.TimeoutError:
            raise asyncio.TimeoutError from None

    await twin.watch("limited", limited())

    # Closed between two values, by scopes that wait; and not twice.
    generator = stuck()
    trace("stepped", await generator.__anext__())
    loop.call_soon(trace, "while it is closed")
    await generator.aclose()
    trace("closed")
    await generator.aclose()

    # Used by two tasks at once.
    shared = count("shared", 2)

    async def use_first():
        return await shared.__anext__()

    async def use_second():
        try:
            await shared.__anext__()
        except RuntimeError as error:
            trace("second", False, error)

    first = loop.create_task(use_first())
    second = loop.create_task(use_second())
    trace("first", await first)
    await second
    trace("goes on", await shared.__anext__())
    left = shared
    trace("ends", left is not None)


twin.run_whole(main)
