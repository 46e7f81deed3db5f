"""Cancelling a task that waits cancels what it waits for, and goes down a chain of tasks."""
import asyncio
import twin
from twin import trace, watch


async def main(loop):
    # On a future: the future is cancelled at once, the task one iteration later.
    future = loop.create_future()

    async def waits():
        try:
            await future
        finally:
            trace("unwinding", future.cancelled())

    task = loop.create_task(waits())
    await asyncio.sleep(0)
    trace("cancel", task.cancel("m"), future.done(), future.cancelled(), task.done())
    trace("again", task.cancel("n"), task.cancelling())
    await watch("task", task)
    trace("cancel after the end", task.cancel(), task.cancelled())

    # On a chain of tasks: the innermost await gets it, and it comes back up.
    innermost = loop.create_future()
    chain = []

    async def link(depth):
        try:
            if depth == 0:
                await innermost
            else:
                chain.append(loop.create_task(link(depth - 1)))
                await chain[-1]
        except asyncio.CancelledError as error:
            trace("link", depth, "cancelled", str(error))
            raise

    outer = loop.create_task(link(3))
    for _ in range(5):
        await asyncio.sleep(0)
    trace("cancel", outer.cancel("down"), innermost.cancelled())
    trace("cancelling", outer.cancelling(), *(task.cancelling() for task in chain))
    await watch("outer", outer)
    trace("cancelled", *(task.cancelled() for task in chain))

    # In the middle of a chain: what is above sees the CancelledError without being cancelled.
    async def bottom():
        await asyncio.sleep(9)

    async def middle(inner):
        await inner

    async def top(inner):
        await watch("inner", inner)
        trace("cancelling", asyncio.current_task().cancelling())
        await asyncio.sleep(0)
        return "went on"

    lowest = loop.create_task(bottom())
    between = loop.create_task(middle(lowest))
    above = loop.create_task(top(between))
    await asyncio.sleep(0)
    trace("cancel", between.cancel())
    await watch("above", above)
    trace(lowest.cancelled(), between.cancelled(), above.cancelled())

    # One link swallows it: the task above goes on with its result.
    async def swallows():
        try:
            await asyncio.sleep(9)
        except asyncio.CancelledError:
            trace("swallowed")
        await asyncio.sleep(0)
        return "swallower's value"

    inner = loop.create_task(swallows())
    above = loop.create_task(middle(inner))
    await asyncio.sleep(0)
    trace("cancel", above.cancel())
    await watch("above", above)
    trace("inner", inner.cancelled(), inner.cancelling(), above.cancelling())

    # Two tasks wait for a third; cancelling one of them takes both along.
    shared = loop.create_task(bottom())
    one = loop.create_task(middle(shared))
    two = loop.create_task(middle(shared))
    await asyncio.sleep(0)
    one.cancel()
    await watch("two", two)
    await watch("one", one)
    trace(one.cancelling(), two.cancelling(), shared.cancelled())

    # The task is waiting for a future that is done already: there is nothing left to cancel.
    for end in (lambda f: f.set_result("r"), lambda f: f.set_exception(ValueError("e"))):
        late = loop.create_future()

        async def at_late():
            await watch("late", late)
            await watch("then", asyncio.sleep(1))

        task = loop.create_task(at_late())
        await asyncio.sleep(0)
        end(late)
        trace("cancel", task.cancel("in between"), late.cancelled())
        await watch("task", task)
        trace(task.cancelling())

twin.run(main)
