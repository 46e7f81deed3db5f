"""Condition: who is notified, who gets the lock, and waiters cancelled before, with and after that."""
import asyncio
import twin
from twin import attempt, trace, watch


async def main(loop):
    condition = asyncio.Condition()
    trace("fresh", condition.locked())
    attempt("notify", condition.notify)
    attempt("notify_all", condition.notify_all)
    try:
        await condition.wait()
    except RuntimeError as error:
        trace("wait", error)

    async def turns(count):
        for _ in range(count):
            await asyncio.sleep(0)

    async def waits(name, hold=0):
        try:
            async with condition:
                trace(name, "waits")
                trace(name, "was woken", await condition.wait(), condition.locked())
                await turns(hold)
            trace(name, "left")
        except asyncio.CancelledError as error:
            trace(name, "cancelled", twin.message(error), condition.locked(), asyncio.current_task().cancelling())
            raise

    async def spawn(*names, hold=0):
        tasks = [loop.create_task(waits(name, hold)) for name in names]
        await turns(2)
        return tasks

    async def notify(count, hold=0):
        async with condition:
            condition.notify(count)
            trace("notified", count)
            await turns(hold)

    async def join(tasks):
        for task in tasks:
            await watch("task", task)
        trace("free", not condition.locked())

    # As many as it says, in order of waiting; for nobody else it is kept.
    await notify(3)
    tasks = await spawn("a", "b", "c", "d")
    for count in 0, 1, 2:
        await notify(count)
        await turns(3)
    await notify(9)
    await join(tasks)
    tasks = await spawn("e", "f", "g")
    async with condition:
        condition.notify_all()
        await turns(2)
        trace("still mine")
    await join(tasks)

    # Two notifications before anybody has run notify two.
    for hold in 0, 2:
        tasks = await spawn("h", "i", "j", hold=hold)
        async with condition:
            condition.notify()
            condition.notify()
        await turns(4)
        await notify(1)
        await join(tasks)

    # Cancelled: which one, how long after the notification, and with the lock free or held.
    for which in range(2):
        for after in range(5):
            for hold in 0, 3:
                trace("== cancel", which, after, hold)
                tasks = await spawn("k", "l", "m", hold=1)
                notifier = loop.create_task(notify(1, hold))
                await turns(after)
                trace("cancel", tasks[which].cancel("stop"))
                await notifier
                await turns(6)
                await notify(9)
                await join(tasks)

    # Notified, then cancelled, in one iteration, and the other way round: the notification is lost.
    for cancel_first in True, False:
        tasks = await spawn("n", "o")
        async with condition:
            if cancel_first:
                tasks[0].cancel()
            condition.notify()
            if not cancel_first:
                tasks[0].cancel()
        await turns(5)
        await notify(9)
        await join(tasks)

    # Those who have left in vain leave nothing behind in the order of the others.
    for gone in range(1, 8):
        tasks = await spawn(*["gone"] * gone)
        for task in tasks:
            task.cancel()
        await join(tasks)
        tasks = await spawn("a", "b", "c", "d")
        for _ in range(4):
            await notify(1)
            await turns(3)
        await join(tasks)

    # Cancelled again and again while it waits for the lock.
    await condition.acquire()
    tasks = [loop.create_task(waits("p"))]
    condition.release()
    await turns(3)
    await condition.acquire()
    condition.notify()
    for number in range(3):
        trace("cancel", tasks[0].cancel("number %d" % number))
        await turns(number)
    trace("done", tasks[0].done())
    condition.release()
    await join(tasks)

    # A predicate is looked at before the first wait, and after each notification with the lock held.
    async def waits_for(name, predicate):
        async with condition:
            await watch(name, condition.wait_for(predicate))
            trace(name, condition.locked())

    values = []

    def has(count):
        def predicate():
            trace("has", count, len(values))
            return len(values) >= count and values[-1]
        return predicate

    async def puts(value):
        async with condition:
            values.append(value)
            condition.notify_all()

    tasks = [loop.create_task(waits_for("q", has(2))), loop.create_task(waits_for("r", has(1))),
             loop.create_task(waits_for("s", has(9)))]
    await turns(3)
    await puts("one")
    await turns(6)
    await puts("two")
    await turns(6)
    tasks[2].cancel("enough")
    await join(tasks)
    await waits_for("at once", has(2))

    def fails():
        raise ValueError("predicate")

    await waits_for("failing predicate", fails)

    # Two conditions on one lock.
    lock = asyncio.Lock()
    one, other = asyncio.Condition(lock), asyncio.Condition(lock)

    async def waits_on(name, waiting):
        async with waiting:
            await waiting.wait()
            trace(name, one.locked(), other.locked())

    tasks = [loop.create_task(waits_on("one", one)), loop.create_task(waits_on("other", other))]
    await turns(3)
    async with lock:
        other.notify_all()
    await turns(5)
    async with other:
        one.notify()
    await join(tasks)

    # Somebody else's lock will do: to wait releases it.
    await condition.acquire()

    async def without_lock():
        trace("waits", await condition.wait())
        condition.release()

    tasks = [loop.create_task(without_lock())]
    await turns(2)
    trace("released", not condition.locked())
    await notify(1)
    await join(tasks)

    # A time limit.
    async def in_time(delay):
        async with condition:
            try:
                await twin.wait_for(condition.wait(), delay)
                trace("in time")
            except TimeoutError:
                trace("too late", condition.locked())

    for delay in range(1, 9):
        tasks = [loop.create_task(in_time(delay))]
        await turns(3)
        await notify(1, hold=2)
        await join(tasks)

twin.run(main)
