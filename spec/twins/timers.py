"""Timers fire by deadline, after the callbacks that were ready; delays of 0 or less, times past."""
import asyncio
import twin
from twin import trace


async def main(loop):
    for delay in (5, 2.5, 9, 3, 1, 7.25, 4.5, 0.5, 6):
        loop.call_later(delay, trace, "after", delay)
    now = loop.time()
    loop.call_at(now + 5.5, trace, "at 5.5")
    loop.call_at(now - 1, trace, "at a time past")
    loop.call_later(0, trace, "zero")
    loop.call_later(-3, trace, "negative")
    loop.call_soon(trace, "soon")
    handle = loop.call_later(8, trace, "when")
    trace("when", handle.when() - now)
    await asyncio.sleep(12)

    # Several due in one iteration: still by deadline, and behind what was ready before them.
    loop.call_later(1.75, trace, "late in the second")
    loop.call_later(1.25, trace, "early in the second")
    loop.call_later(1.5, trace, "middle of the second")

    def chain(left):
        trace("chain", left)
        if left:
            loop.call_soon(chain, left - 1)

    chain(4)
    await asyncio.sleep(4)

    # A timer that sets another: the new one waits for a later iteration even when it is due.
    def sets(left):
        trace("sets", left)
        if left:
            loop.call_later(0, sets, left - 1)
            loop.call_soon(trace, "soon, by", left)

    loop.call_later(1, sets, 3)
    await asyncio.sleep(8)

twin.run(main)
