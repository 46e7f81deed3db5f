"""Objects that can be awaited: they run in the awaiting task, and may wait themselves."""
import asyncio
import twin
from twin import attempt, trace, wait_for, watch


class Awaitable:
    def __init__(self, turns, value):
        self.turns = turns
        self.value = value

    def __await__(self):
        trace("__await__", asyncio.current_task().get_name())
        for _ in range(self.turns):
            yield from asyncio.sleep(0).__await__()
        if isinstance(self.value, Exception):
            raise self.value
        return self.value


async def main(loop):
    asyncio.current_task().set_name("main")
    loop.call_soon(trace, "next iteration")
    await watch("at once", Awaitable(0, "value"))
    await watch("later", Awaitable(2, "value"))
    await watch("failing", Awaitable(1, ValueError("error")))
    await watch("wait_for", wait_for(Awaitable(1, "value"), 5))
    await watch("wait_for, too late", wait_for(Awaitable(9, "value"), 2))
    task = asyncio.ensure_future(Awaitable(1, "value"))
    task.set_name("its own")
    trace("task", task.done())
    await watch("ensure_future", task)

    first = asyncio.ensure_future(Awaitable(1, "first"))
    second = asyncio.ensure_future(Awaitable(0, ValueError("second")))
    first.set_name("first")
    second.set_name("second")
    await watch("gather", asyncio.gather(first, second, return_exceptions=True))

    async def cancelled():
        await Awaitable(9, "value")

    task = loop.create_task(cancelled())
    task.set_name("cancelled")
    await asyncio.sleep(0)
    task.cancel("c")
    await watch("cancelled", task)

loop = twin.new_loop()
trace("run_until_complete", loop.run_until_complete(main(loop)))
twin.close(loop)
