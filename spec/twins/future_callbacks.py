"""Done callbacks: their order, adding to a done future, removing, and what they see."""
import asyncio
import twin
from twin import trace


async def main(loop):
    future = loop.create_future()

    def record(name):
        return lambda f: trace(name, f is future, f.done())

    a, b, c = record("a"), record("b"), record("c")
    for callback in (a, b, a, c, a):
        future.add_done_callback(callback)
    trace("removed", future.remove_done_callback(a))
    trace("removed", future.remove_done_callback(a))
    future.add_done_callback(a)
    loop.call_soon(trace, "soon, before the result")
    future.set_result(1)
    loop.call_soon(trace, "soon, after the result")

    # The callbacks are on their way: they cannot be taken back, later ones come behind.
    trace("removed", future.remove_done_callback(b))
    future.add_done_callback(record("late"))
    trace("set, nothing has run")
    await asyncio.sleep(0)
    trace("ran")

    # A callback that adds another, and one that removes the one behind it.
    future = loop.create_future()

    def adds(f):
        trace("adds")
        f.add_done_callback(record("added by adds"))
        trace("removed", f.remove_done_callback(last))

    last = record("last")
    future.add_done_callback(adds)
    future.add_done_callback(last)
    future.set_result(None)
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    # Waiting tasks and callbacks are one queue.
    future = loop.create_future()

    async def waits(name):
        await future
        trace("task", name)

    tasks = [loop.create_task(waits(1))]
    await asyncio.sleep(0)
    future.add_done_callback(record("between"))
    tasks.append(loop.create_task(waits(2)))
    await asyncio.sleep(0)
    future.add_done_callback(record("behind"))
    for task in tasks:
        task.add_done_callback(lambda t: trace("task done"))
    future.set_result(None)
    await asyncio.sleep(0)
    trace("one iteration on")
    await asyncio.sleep(0)

    # Cancelling runs them too, as does an exception.
    for name, end in (("cancel", lambda f: f.cancel()),
                      ("exception", lambda f: f.set_exception(ValueError("x")))):
        future = loop.create_future()
        future.add_done_callback(lambda f: trace(name, f.cancelled()))
        end(future)
        if not future.cancelled():
            trace(future.exception())
        trace("ended by", name)
        await asyncio.sleep(0)

twin.run(main)
