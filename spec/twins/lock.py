"""Lock: who gets it in which iteration, and waiters cancelled around their wake-up."""
import asyncio
import twin
from twin import attempt, trace, watch


async def main(loop):
    lock = asyncio.Lock()
    trace("fresh", lock.locked())
    attempt("release", lock.release)
    await watch("acquire", lock.acquire())
    trace("taken", lock.locked())
    attempt("release", lock.release)

    async def turns(count):
        for _ in range(count):
            await asyncio.sleep(0)

    async def takes(name, hold=1):
        trace(name, "asks")
        async with lock:
            trace(name, "has it")
            await turns(hold)
        trace(name, "gave it back", lock.locked())

    async def asks(name, hold=1):
        """As `takes`, and says whether it was cancelled."""
        try:
            await takes(name, hold)
        except asyncio.CancelledError:
            trace(name, "cancelled", lock.locked())
            raise

    async def spawn(*names, hold=1):
        tasks = [loop.create_task(asks(name, hold)) for name in names]
        await asyncio.sleep(0)
        return tasks

    async def join(tasks):
        for task in tasks:
            await watch("task", task)
        trace("free", not lock.locked())

    # In order of asking.
    await join(await spawn("a", "b", "c"))
    await join(await spawn("d", "e", "f", hold=0))

    # Who asks while the first that was woken has not run yet comes after those who wait.
    for late in range(4):
        await lock.acquire()
        tasks = await spawn("g", "h")
        lock.release()
        trace("released", lock.locked())
        await turns(late)
        await join([*tasks, loop.create_task(asks("late"))])
    await lock.acquire()
    tasks = await spawn("i", "j")
    lock.release()
    await takes("releaser")
    await join(tasks)

    # Released twice in one iteration, and taken again at once.
    await lock.acquire()
    tasks = await spawn("k", "l")
    lock.release()
    attempt("release again", lock.release)
    await join(tasks)

    # A waiter is cancelled: which one, and how long before or after the release.
    for which in range(3):
        for before in range(3):
            for after in range(3):
                trace("== cancel", which, before, after)
                await lock.acquire()
                tasks = await spawn("m", "n", "o")
                if before:
                    tasks[which].cancel()
                    await turns(before - 1)
                lock.release()
                await turns(after)
                if not before:
                    trace("cancel", tasks[which].cancel())
                await join(tasks)

    # All of them, in the iteration of the release.
    for release_first in True, False:
        await lock.acquire()
        tasks = await spawn("p", "q", "r")
        if release_first:
            lock.release()
        trace("cancel", [task.cancel() for task in tasks])
        if not release_first:
            lock.release()
        await asyncio.sleep(0)
        trace("locked", lock.locked())
        await join([*tasks, *await spawn("s")])

    # The first was cancelled, and the lock is taken before it has left the queue.
    await lock.acquire()
    tasks = await spawn("t", "u")
    for task in tasks:
        task.cancel()
    lock.release()
    await takes("quick")
    await join(tasks)

    # Cancelled while it holds it.
    tasks = await spawn("v", "w", hold=9)
    tasks[0].cancel()
    await turns(3)
    tasks[1].cancel()
    await join(tasks)

    # A time limit that is over as it is woken.
    async def in_time(name, delay):
        try:
            await twin.wait_for(lock.acquire(), delay)
            trace(name, "has it")
            lock.release()
        except TimeoutError:
            trace(name, "is too late", lock.locked())

    for delay in 1, 2, 3, 4, 5:
        await lock.acquire()
        tasks = [loop.create_task(in_time("x", delay)), loop.create_task(in_time("y", 9))]
        await turns(3)
        lock.release()
        await join(tasks)

twin.run(main)
