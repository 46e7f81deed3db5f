"""A cancelled timer never runs, also when a callback of its own iteration cancels it."""
import asyncio
import twin
from twin import trace


async def main(loop):
    # By another timer that is due in the same iteration, just before it.
    victim = loop.call_later(2.5, trace, "victim must not run")
    loop.call_later(2.25, lambda: (trace("killer"), victim.cancel()))
    await asyncio.sleep(5)
    trace(victim.cancelled())

    # By a callback that was ready before the timer became due.
    victim = loop.call_later(1, trace, "victim must not run")

    def kill_in(turns):
        trace("turns", turns)
        if turns == 0:
            victim.cancel()
        else:
            loop.call_soon(kill_in, turns - 1)

    kill_in(1)
    await asyncio.sleep(3)

    # Too late: it has run, and says cancelled all the same.
    ran = loop.call_later(1, trace, "ran")
    await asyncio.sleep(3)
    trace(ran.cancelled())
    ran.cancel()
    trace(ran.cancelled())

    # From inside itself, and twice.
    def own():
        own_handle.cancel()
        own_handle.cancel()
        trace("own", own_handle.cancelled())

    own_handle = loop.call_later(1, own)
    await asyncio.sleep(3)

    # Many, so that the heap loses entries from its middle.
    handles = [loop.call_later(1 + (i * 7 % 64) / 64, trace, "kept", i) for i in range(64)]
    for i, handle in enumerate(handles):
        if i % 3:
            handle.cancel()
    await asyncio.sleep(5)

twin.run(main)
