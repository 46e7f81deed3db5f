"""Barrier: filling, draining, reset and abort, and waiters that are cancelled in each of these."""
import asyncio
import twin
from twin import attempt, trace, watch


async def main(loop):
    for parties in 0, -1:
        attempt("parties", asyncio.Barrier, parties)
    barrier = asyncio.Barrier(3)

    def state(name):
        trace(name, barrier.parties, barrier.n_waiting, barrier.broken)

    state("fresh")

    async def turns(count):
        for _ in range(count):
            await asyncio.sleep(0)

    async def waits(name, times=1):
        for _ in range(times):
            try:
                # Saros counts from 1.
                trace(name, "goes on", await barrier.wait() + 1)
            except BaseException as error:
                trace(name, "raised", error)
                if not isinstance(error, Exception):
                    raise

    def spawn(*names, times=1):
        return [loop.create_task(waits(name, times)) for name in names]

    async def join(tasks):
        for task in tasks:
            await watch("task", task)
        state("state")

    # The last to come wakes all; who comes while it drains waits for the next round.
    tasks = spawn("a", "b")
    await turns(3)
    state("two")
    await join([*tasks, *spawn("c")])
    tasks = spawn("d", "e", "f", "g", "h")
    await turns(2)
    state("draining")
    await turns(4)
    state("next round")
    await join([*tasks, *spawn("i")])
    await join(spawn("j", "k", "l", times=3))
    for late in range(6):
        tasks = spawn("m", "n", "o")
        await turns(late)
        state("late")
        tasks += spawn("p", "q", "r")
        await join(tasks)
    barrier = asyncio.Barrier(1)
    await join(spawn("alone", times=2))

    # Reset and abort: with nobody, with some, while it drains, and both.
    for act in "reset", "abort":
        for count in 0, 1, 2, 3, 4:
            for wait in range(5):
                trace("==", act, count, wait)
                barrier = asyncio.Barrier(3)
                tasks = spawn(*"stuvw"[:count])
                await turns(wait)
                await watch(act, getattr(barrier, act)())
                state(act)
                tasks += spawn("x")
                await turns(4)
                state("later")
                tasks += spawn("y")
                await turns(5)
                await barrier.reset()
                state("reset")
                await turns(5)
                await barrier.abort()
                await join(tasks)

    barrier = asyncio.Barrier(2)
    tasks = spawn("A")
    await turns(2)
    ends = [loop.create_task(barrier.reset()), loop.create_task(barrier.abort()), loop.create_task(barrier.reset())]
    tasks += spawn("B", "C")
    await join(ends)
    await join(tasks)

    # One is cancelled: which, and when; the others wait for one more.
    for which in range(4):
        for wait in range(7):
            trace("== cancel", which, wait)
            barrier = asyncio.Barrier(3)
            tasks = spawn("D", "E")
            await turns(2)
            tasks += spawn("F", "G")
            await turns(wait)
            trace("cancel", tasks[which].cancel())
            state("cancelled")
            await turns(4)
            state("later")
            tasks += spawn("H", "I")
            await turns(6)
            await barrier.abort()
            await join(tasks)

    # Cancelled with a reset or an abort in one iteration, in either order.
    for act in "reset", "abort":
        for cancel_first in True, False:
            barrier = asyncio.Barrier(3)
            tasks = spawn("J", "K")
            await turns(2)
            if cancel_first:
                tasks[0].cancel()
            await getattr(barrier, act)()
            if not cancel_first:
                tasks[0].cancel()
            await join(tasks)

    # As a barrier is used: rounds of work.
    barrier = asyncio.Barrier(3)

    async def works(name, pause):
        for number in range(3):
            await asyncio.sleep(pause)
            trace(name, "round", number)
            await barrier.wait()

    await join([loop.create_task(works(name, pause)) for name, pause in (("L", 1), ("M", 2.25), ("N", 0))])

twin.run(main)
