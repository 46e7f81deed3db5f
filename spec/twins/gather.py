"""gather: results in order of its arguments, errors, cancellation from both sides."""
import asyncio
import twin
from twin import trace, watch


async def main(loop):
    async def body(name, turns, value=None):
        trace(name, "starts")
        for _ in range(turns):
            await asyncio.sleep(0)
        trace(name, "ends")
        if isinstance(value, Exception):
            raise value
        return value or name

    # Results are in the order of the arguments, whatever the order of finishing.
    await watch("three", asyncio.gather(body("a", 3), body("b", 1), body("c", 2)))
    await watch("none", asyncio.gather())
    empty = asyncio.gather()
    trace("none", empty.done())
    done = loop.create_future()
    done.set_result("done")
    both = asyncio.gather(done, body("d", 0))
    trace("with a done one", both.done())
    await watch("with a done one", both)

    # The same future counts once, and fills both places.
    task = loop.create_task(body("twice", 1))
    await watch("duplicates", asyncio.gather(task, task, done, task))
    await watch("one", asyncio.gather(body("alone", 0)))

    # The first failure ends it; the others go on, and their errors are not reported.
    tasks = [loop.create_task(body("x", 1, ValueError("x"))), loop.create_task(body("y", 3)),
             loop.create_task(body("z", 2, ValueError("z")))]
    await watch("failing", asyncio.gather(*tasks))
    trace("the others", tasks[1].done(), tasks[2].done())
    await watch("y", tasks[1])

    await watch("errors as results", asyncio.gather(
        body("p", 1, ValueError("p")), body("q", 0), body("r", 2, ValueError("r")),
        return_exceptions=True))

    # A child that is cancelled counts as failed, or is a result.
    for keep in (False, True):
        child = loop.create_task(body("child", 9))
        other = loop.create_task(body("other", 2))
        outer = asyncio.gather(child, other, return_exceptions=keep)
        await asyncio.sleep(0)
        child.cancel()
        await watch("cancelled child", outer)
        trace("outer", outer.done(), outer.cancelled(), other.done())
        await other

    # Cancelling the gather cancels every child that is not done, and ends when all are.
    for keep in (False, True):
        children = [loop.create_task(body(name, turns)) for name, turns in (("k", 0), ("l", 9), ("m", 9))]
        outer = asyncio.gather(*children, return_exceptions=keep)
        outer.add_done_callback(lambda f: trace("outer done"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        trace("cancel", outer.cancel("outer"), outer.done(), outer.cancelled())
        trace("children", *(child.cancelling() for child in children))
        await watch("outer", outer)
        trace("children", *(child.cancelled() for child in children))
        trace("cancel again", outer.cancel())

    # Cancelled by the task that waits for it.
    async def waits(*children):
        await watch("gathered", asyncio.gather(*children))
        await watch("then", asyncio.sleep(0, "slept"))

    async def stubborn(turns):
        try:
            await asyncio.sleep(9)
        except asyncio.CancelledError:
            trace("stubborn")
            for _ in range(turns):
                await asyncio.sleep(0)
            return "stayed"

    waiter = loop.create_task(waits(stubborn(0), stubborn(2)))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    trace("cancel", waiter.cancel())
    await watch("waiter", waiter)
    trace(waiter.cancelled(), waiter.cancelling())

    waiter = loop.create_task(waits(stubborn(3), body("gives in", 9)))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    trace("cancel", waiter.cancel())
    await watch("waiter", waiter)
    for _ in range(4):
        await asyncio.sleep(0)

    # With nothing left to cancel in the children, cancel says so.
    ended = [loop.create_task(body(name, 0)) for name in "st"]
    outer = asyncio.gather(*ended)
    await asyncio.sleep(0)
    trace("children done", ended[0].done(), ended[1].done(), outer.done())
    trace("cancel", outer.cancel())
    await watch("outer", outer)

    # In a gather of gathers.
    inner = asyncio.gather(body("u", 9), body("v", 0))
    outer = asyncio.gather(inner, body("w", 0))
    await asyncio.sleep(0)
    trace("cancel the inner", inner.cancel())
    await watch("outer", outer)
    trace(inner.done(), outer.done(), inner.cancelled(), outer.cancelled())

twin.run(main)
