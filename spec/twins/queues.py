"""Queue: blocking at both ends, waiters in order, and waiters cancelled around their wake-up."""
import asyncio
import twin
from twin import attempt, trace, watch


async def main(loop):
    queue = asyncio.Queue()
    trace("fresh", queue.qsize(), queue.empty(), queue.full(), queue.maxsize)
    attempt("get_nowait", queue.get_nowait)
    for item in (1, None, 3):
        await watch("put", queue.put(item))
    trace("filled", queue.qsize(), queue.empty(), queue.full())
    for _ in range(3):
        await watch("get", queue.get())

    async def gets(name, times=1):
        for _ in range(times):
            await watch(name, queue.get())

    async def puts(name, *items):
        for item in items:
            trace(name, "puts", item)
            await watch(name, queue.put(item))

    async def spawn(*bodies):
        tasks = [loop.create_task(body) for body in bodies]
        await asyncio.sleep(0)
        return tasks

    async def join(tasks):
        for task in tasks:
            await watch("task", task)

    # Getters wait in order; an item that comes meanwhile is not given to whoever comes first.
    tasks = await spawn(gets("a", 2), gets("b"), gets("c"))
    queue.put_nowait("x")
    queue.put_nowait("y")
    trace("size", queue.qsize())
    await watch("overtakes", queue.get())
    await asyncio.sleep(0)
    for item in ("z", "u", "v"):
        queue.put_nowait(item)
    await join(tasks)

    # A bounded queue makes putters wait, in order.
    queue = asyncio.Queue(1)
    tasks = await spawn(puts("p", 1, 2), puts("q", 3), puts("r", 4))
    trace("full", queue.full(), queue.qsize())
    attempt("put_nowait", queue.put_nowait, 9)
    for _ in range(4):
        await watch("get", queue.get())
        trace("size", queue.qsize())
    await join(tasks)

    # A getter cancelled while it waits, and one cancelled after an item woke it.
    queue = asyncio.Queue()
    tasks = await spawn(gets("d"), gets("e"), gets("f"))
    tasks[0].cancel()
    await asyncio.sleep(0)
    queue.put_nowait("for e")
    tasks[1].cancel()
    trace("size", queue.qsize())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    trace("size", queue.qsize())
    queue.put_nowait("spare")
    await join(tasks)
    trace("left", queue.qsize())

    # The same for putters.
    queue = asyncio.Queue(1)
    queue.put_nowait("first")
    tasks = await spawn(puts("g", "of g"), puts("h", "of h"), puts("i", "of i"))
    tasks[0].cancel()
    await asyncio.sleep(0)
    trace("get", queue.get_nowait())
    tasks[1].cancel()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    trace("size", queue.qsize())
    await watch("get", queue.get())
    await join(tasks)
    trace("left", queue.qsize())

    # Cancelled from one waiter to the next in a single iteration.
    queue = asyncio.Queue()
    tasks = await spawn(gets("j"), gets("k"), gets("l"))
    queue.put_nowait("one")
    queue.put_nowait("two")
    for task in tasks:
        task.cancel()
    await join(tasks)
    trace("kept", queue.qsize(), queue.get_nowait(), queue.get_nowait())

    # Producer and consumer take turns through a queue of one.
    queue = asyncio.Queue(1)
    await join(await spawn(puts("producer", 1, 2, 3, 4), gets("consumer", 4)))

    # join waits for task_done of every item.
    queue = asyncio.Queue()
    await watch("join of nothing", queue.join())
    for item in range(3):
        queue.put_nowait(item)

    async def joins():
        await queue.join()
        trace("joined")

    async def works():
        while not queue.empty():
            trace("works on", await queue.get())
            await asyncio.sleep(0)
            queue.task_done()

    await join(await spawn(joins(), works(), joins()))
    attempt("task_done too often", queue.task_done)
    queue.put_nowait("again")
    tasks = await spawn(joins())
    tasks[0].cancel()
    await join(tasks)

twin.run(main)
