"""call_soon_threadsafe on the loop's own thread keeps its FIFO place."""
import asyncio
import twin
from twin import trace


async def main(loop):
    loop.call_soon(trace, "soon 1")
    loop.call_soon_threadsafe(trace, "threadsafe 1")
    loop.call_soon(trace, "soon 2")
    handle = loop.call_soon_threadsafe(trace, "cancelled must not run")
    loop.call_soon_threadsafe(trace, "threadsafe 2", None, 2)
    loop.call_soon(trace, "soon 3")
    handle.cancel()
    trace("cancelled", handle.cancelled())
    await asyncio.sleep(0)
    trace("woke")

    def again():
        trace("outer")
        loop.call_soon_threadsafe(trace, "inner threadsafe")
        loop.call_soon(trace, "inner soon")

    loop.call_soon_threadsafe(again)
    await asyncio.sleep(0)
    trace("woke")
    await asyncio.sleep(0)
    trace("woke")

loop = twin.new_loop()
loop.call_soon_threadsafe(trace, "before the run")
loop.call_soon(loop.stop)
loop.run_forever()
twin.close(loop)
twin.run(main)
