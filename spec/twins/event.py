"""Event: every waiter wakes, in order, and setting and clearing in between changes nothing."""
import asyncio
import twin
from twin import trace, watch


async def main(loop):
    event = asyncio.Event()
    trace("fresh", event.is_set())

    async def waits(name):
        trace(name, "waits")
        await watch(name, event.wait())
        trace(name, "sees", event.is_set())

    tasks = [loop.create_task(waits(name)) for name in "abc"]
    await asyncio.sleep(0)
    event.set()
    event.set()
    trace("set", event.is_set())
    loop.call_soon(trace, "behind the waiters")
    await watch("set already", event.wait())
    for task in tasks:
        await task

    # Cleared before the waiters run: they wake all the same.
    event.clear()
    event.clear()
    tasks = [loop.create_task(waits(name)) for name in "de"]
    await asyncio.sleep(0)
    event.set()
    event.clear()
    trace("cleared", event.is_set())
    late = loop.create_task(waits("late"))
    for task in tasks:
        await task
    await asyncio.sleep(0)
    trace("late", late.done())
    event.set()
    await late

    # Cancelled waiters: while waiting, and between the set and the wake-up.
    event.clear()
    tasks = [loop.create_task(waits(name)) for name in "fghi"]
    await asyncio.sleep(0)
    tasks[1].cancel()
    await asyncio.sleep(0)
    event.set()
    tasks[2].cancel()
    for task in tasks:
        await task

    # Set by a waiter that wakes another event's waiters.
    first, second = asyncio.Event(), asyncio.Event()

    async def relays():
        await first.wait()
        trace("relays")
        second.set()

    async def ends():
        await second.wait()
        trace("ends")

    last = loop.create_task(ends())
    relay = loop.create_task(relays())
    await asyncio.sleep(0)
    first.set()
    await last
    await relay

twin.run(main)
