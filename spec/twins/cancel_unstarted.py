"""A task that is cancelled before it started never runs its body."""
import asyncio
import twin
from twin import trace, watch


async def main(loop):
    async def body(name):
        trace(name, "must not run")

    task = loop.create_task(body("a"))
    task.add_done_callback(lambda t: trace("done", t.cancelled()))
    trace("cancel", task.cancel("too early"))
    trace("state", task.done(), task.cancelled(), task.cancelling())
    await watch("a", task)
    trace("state", task.done(), task.cancelled(), task.cancelling())
    trace("cancel", task.cancel())

    # By a callback that runs just before its first step, and by a task created before it.
    later = None
    loop.call_soon(lambda: trace("cancel", later.cancel()))
    later = loop.create_task(body("b"))
    await watch("b", later)

    async def canceller():
        trace("cancel", victim.cancel(), victim.cancel())

    first = loop.create_task(canceller())
    victim = loop.create_task(body("c"))
    await watch("c", victim)
    trace(victim.cancelling())
    await first

    # Uncancelled in time it is cancelled all the same: uncancel only counts.
    task = loop.create_task(body("d"))
    task.cancel()
    trace("uncancel", task.uncancel(), task.uncancel())
    await watch("d", task)

    # Several at once end in order of creation.
    tasks = [loop.create_task(body(str(i))) for i in range(4)]
    for i, task in enumerate(tasks):
        task.add_done_callback(lambda t, i=i: trace("done", i))
    for i in (2, 0, 3, 1):
        tasks[i].cancel(i)
    for task in tasks:
        await watch("task", task)
    await asyncio.sleep(0)

twin.run(main)
