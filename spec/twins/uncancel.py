"""cancelling() counts the requests, uncancel() takes one back; neither changes what is delivered."""
import asyncio
import twin
from twin import trace, watch


async def main(loop):
    me = asyncio.current_task()
    trace("fresh", me.cancelling(), me.uncancel())

    async def counts():
        own = asyncio.current_task()
        trace("counts", own.cancelling())
        await watch("first", asyncio.sleep(9))
        trace("counts", own.cancelling(), own.uncancel(), own.cancelling())
        await watch("second", asyncio.sleep(1, "slept"))
        trace("counts", own.uncancel(), own.uncancel(), own.uncancel())
        return "end"

    task = loop.create_task(counts())
    await asyncio.sleep(0)
    trace(task.cancel("a"), task.cancel("b"), task.cancel("c"), task.cancelling())
    await watch("counts", task)
    trace("after the end", task.cancelling(), task.cancel(), task.cancelling(), task.uncancel())

    # Taken back before it was delivered: delivered all the same.
    task = loop.create_task(counts())
    await asyncio.sleep(0)
    task.cancel("taken back")
    trace("uncancel", task.uncancel(), task.cancelling())
    await watch("counts", task)

    # Structured use: a block that makes the cancellation its own.
    async def block():
        own = asyncio.current_task()
        before = own.cancelling()
        loop.call_later(2.25, own.cancel, "mine")
        try:
            await asyncio.sleep(9)
        except asyncio.CancelledError as error:
            if own.uncancel() > before:
                raise
            trace("block ended by itself", str(error))
        await asyncio.sleep(0)
        return "after the block"

    for outside in (False, True):
        task = loop.create_task(block())
        await asyncio.sleep(0)
        if outside:
            loop.call_later(2.5, task.cancel, "from outside")
            loop.call_later(1, loop.stop)
        await asyncio.sleep(1)
        await watch("block", task)
        trace(task.cancelling(), task.cancelled())

    # Of a cancelled task.
    task = loop.create_task(asyncio.sleep(9))
    await asyncio.sleep(0)
    task.cancel()
    await watch("sleep", task)
    trace("cancelled", task.cancelling(), task.uncancel(), task.cancelled())

loop = twin.new_loop()
task = loop.create_task(main(loop))
for _ in range(3):
    try:
        loop.run_until_complete(task)
        break
    except RuntimeError:
        trace("stopped, and taken up again")
twin.close(loop)
