"""shield: outside and inside cancelled, inside failing when nobody looks any more, and inside done."""
import asyncio
import twin
from twin import trace, watch


async def main(loop):
    async def body(name, turns, value=None):
        trace(name, "starts")
        try:
            for _ in range(turns):
                await asyncio.sleep(0)
        finally:
            trace(name, "ends")
        if isinstance(value, ValueError):
            raise value
        return value or name

    async def turns(count):
        for _ in range(count):
            await asyncio.sleep(0)

    # Nothing is cancelled.
    await watch("result", asyncio.shield(body("a", 2)))
    await watch("error", asyncio.shield(body("b", 1, ValueError("b"))))
    task = loop.create_task(body("c", 2))
    outer = asyncio.shield(task)
    trace("same", outer is task)
    task.add_done_callback(lambda _: trace("inner done", outer.done()))
    outer.add_done_callback(lambda _: trace("outer done", task.done()))
    await watch("task", outer)

    # Inside done already: it is its own shield.
    trace("same", asyncio.shield(task) is task, asyncio.shield(outer) is outer)
    await watch("done", asyncio.shield(task))

    # Outside cancelled: inside goes on.
    task = loop.create_task(body("d", 3))
    outer = asyncio.shield(task)
    await asyncio.sleep(0)
    trace("cancel", outer.cancel("outside"), outer.cancelled(), task.done(), task.cancelling())
    await watch("outer", outer)
    await watch("inner", task)

    # The task that waits is cancelled.
    async def waits(inner):
        await watch("shielded", asyncio.shield(inner))
        return "went on"

    for when in range(6):
        task = loop.create_task(body("e", 3))
        waiting = loop.create_task(waits(task))
        await turns(when)
        trace("cancel", waiting.cancel("waiting"))
        await watch("waiting", waiting)
        trace("inner", task.done(), task.cancelling())
        await watch("inner", task)

    # Inside fails after outside was cancelled: the error stays inside.
    task = loop.create_task(body("f", 2, ValueError("f")))
    outer = asyncio.shield(task)
    await asyncio.sleep(0)
    outer.cancel()
    await turns(4)
    trace("outer", outer.cancelled(), "inner", task.exception())

    # When nobody looks at it there either, it is reported.
    loop.set_exception_handler(lambda _, context: trace("reported", context["exception"]))
    for when in range(5):
        task = loop.create_task(body("f", 2, ValueError("f")))
        outer = asyncio.shield(task)
        await turns(when)
        trace("cancel", outer.cancel(), "after", when, task.done())
        await turns(4)
        trace("outer", outer.cancelled() or outer.exception())
        task = outer = None
    loop.set_exception_handler(twin.on_error)

    # Inside is cancelled: outside is too.
    task = loop.create_task(body("g", 9))
    waiting = loop.create_task(waits(task))
    outer = asyncio.shield(task)
    await turns(2)
    trace("cancel", task.cancel("inside"))
    await watch("waiting", waiting)
    await watch("outer", outer)
    trace("cancelled", task.cancelled(), outer.cancelled(), waiting.cancelled(), waiting.cancelling())

    # Both in one iteration, in either order.
    for first in range(2):
        task = loop.create_task(body("h", 9))
        outer = asyncio.shield(task)
        await turns(2)
        for future in (task, outer)[::1 if first else -1]:
            trace("cancel", future.cancel())
        await watch("outer", outer)
        await watch("inner", task)

    # A future inside, set and cancelled in the iteration in which outside is cancelled.
    for act in (lambda future: future.set_result("result"), lambda future: future.set_exception(ValueError("error")),
                lambda future: future.cancel()):
        for outer_first in (False, True):
            future = loop.create_future()
            outer = asyncio.shield(future)
            for step in (outer.cancel, lambda: act(future))[::1 if outer_first else -1]:
                step()
            trace("now", future.done(), outer.done())
            await watch("outer", outer)
            if not future.cancelled():
                trace("inner", future.exception())

    # Shields of shields, and in a gather.
    task = loop.create_task(body("i", 2))
    twice = asyncio.shield(asyncio.shield(task))
    await watch("twice", twice)
    task = loop.create_task(body("j", 4))
    gathered = asyncio.gather(asyncio.shield(task), body("k", 9), return_exceptions=True)
    await turns(2)
    trace("cancel", gathered.cancel())
    await watch("gathered", gathered)
    trace("inner", task.done())
    await watch("inner", task)
    await watch("in time", twin.wait_for(asyncio.shield(body("l", 1)), 9))
    task = loop.create_task(body("m", 5))
    await watch("too late", twin.wait_for(asyncio.shield(task), 2))
    await watch("inner", task)

twin.run(main)
