"""Semaphore and BoundedSemaphore: places handed on, waiters cancelled around that, and misuse."""
import asyncio
import twin
from twin import attempt, trace, watch


async def main(loop):
    for kind in asyncio.Semaphore, asyncio.BoundedSemaphore:
        attempt("negative", kind, -1)
        semaphore = kind(2)
        trace("fresh", semaphore.locked())
        await watch("acquire", semaphore.acquire())
        await watch("acquire", semaphore.acquire())
        trace("taken", semaphore.locked())
        for _ in range(3):
            attempt("release", semaphore.release)
        trace("given back", semaphore.locked(), kind().locked(), kind(0).locked())

    async def turns(count):
        for _ in range(count):
            await asyncio.sleep(0)

    async def takes(name, hold=1):
        trace(name, "asks", semaphore.locked())
        try:
            async with semaphore:
                trace(name, "has a place", semaphore.locked())
                await turns(hold)
            trace(name, "gave it back", semaphore.locked())
        except asyncio.CancelledError:
            trace(name, "cancelled", semaphore.locked())
            raise

    async def spawn(*names, hold=1):
        tasks = [loop.create_task(takes(name, hold)) for name in names]
        await asyncio.sleep(0)
        return tasks

    async def join(tasks):
        for task in tasks:
            await watch("task", task)
        trace("locked", semaphore.locked())

    # Several at a time, in order of asking.
    semaphore = asyncio.Semaphore(2)
    await join(await spawn("a", "b", "c", "d", "e"))
    await join(await spawn("f", "g", "h", "i", hold=0))

    # Who comes after a release, before the one that was woken has run.
    for late in range(4):
        semaphore = asyncio.Semaphore(0)
        tasks = await spawn("j", "k")
        semaphore.release()
        trace("released", semaphore.locked())
        await turns(late)
        tasks.append(loop.create_task(takes("late")))
        await turns(3)
        semaphore.release()
        await join(tasks)

    # Several releases in one iteration; more of them than there are waiters.
    for count in 1, 2, 3, 4:
        semaphore = asyncio.Semaphore(0)
        tasks = await spawn("l", "m", "n", hold=2)
        for _ in range(count):
            semaphore.release()
        trace("released", count, semaphore.locked())
        await takes("releaser", 0)
        await join(tasks)

    # A waiter is cancelled: which one, and how long before or after how many releases.
    for releases in 1, 2:
        for which in range(3):
            for before in range(3):
                for after in range(3):
                    trace("== cancel", releases, which, before, after)
                    semaphore = asyncio.Semaphore(0)
                    tasks = await spawn("o", "p", "q", hold=0)
                    if before:
                        tasks[which].cancel()
                        await turns(before - 1)
                    for _ in range(releases):
                        semaphore.release()
                    await turns(after)
                    if not before:
                        trace("cancel", tasks[which].cancel())
                    trace("locked", semaphore.locked())
                    await join(tasks)

    # All of them, in the iteration of the release.
    for release_first in True, False:
        semaphore = asyncio.Semaphore(0)
        tasks = await spawn("r", "s", "t")
        if release_first:
            semaphore.release()
        trace("cancel", [task.cancel() for task in tasks])
        if not release_first:
            semaphore.release()
        trace("locked", semaphore.locked())
        await asyncio.sleep(0)
        trace("locked", semaphore.locked())
        await join([*tasks, *await spawn("u")])

    # All cancelled, and a place taken before they have left the queue.
    semaphore = asyncio.Semaphore(0)
    tasks = await spawn("v", "w")
    for task in tasks:
        task.cancel()
    semaphore.release()
    await takes("quick")
    await join(tasks)

    # A bounded one counts what was handed on as taken.
    semaphore = asyncio.BoundedSemaphore(2)
    tasks = await spawn("x", "y", "z", hold=3)
    attempt("release", semaphore.release)
    attempt("release", semaphore.release)
    attempt("release", semaphore.release)
    for task in tasks:
        await watch("task", task)
    semaphore = asyncio.BoundedSemaphore(1)
    await semaphore.acquire()
    tasks = await spawn("A", "B", hold=0)
    attempt("release", semaphore.release)
    attempt("release", semaphore.release)
    tasks[0].cancel()
    await join(tasks)
    attempt("release", semaphore.release)

    # A time limit that is over as it is woken.
    async def in_time(name, delay):
        try:
            await twin.wait_for(semaphore.acquire(), delay)
            trace(name, "has a place")
            semaphore.release()
        except TimeoutError:
            trace(name, "is too late", semaphore.locked())

    for delay in 1, 2, 3, 4, 5:
        semaphore = asyncio.Semaphore(1)
        await semaphore.acquire()
        tasks = [loop.create_task(in_time("C", delay)), loop.create_task(in_time("D", 9))]
        await turns(3)
        semaphore.release()
        await join(tasks)

twin.run(main)
