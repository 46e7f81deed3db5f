"""Queue.shutdown, as 3.13 has it: who waits at either end, what is left in it, and join."""
import asyncio
import shutdown_queue
import twin
from shutdown_queue import QueueShutDown
from twin import attempt, trace, watch

KINDS = shutdown_queue.Queue, shutdown_queue.PriorityQueue, shutdown_queue.LifoQueue


async def main(loop):
    async def turns(count):
        for _ in range(count):
            await asyncio.sleep(0)

    async def gets(name, queue):
        try:
            trace(name, "got", await queue.get())
            queue.task_done()
        except (QueueShutDown, asyncio.CancelledError) as error:
            trace(name, "raised", error)

    async def puts(name, queue, item):
        try:
            trace(name, "put", await queue.put(item))
        except (QueueShutDown, asyncio.CancelledError) as error:
            trace(name, "raised", error)

    async def joins(name, queue):
        await queue.join()
        trace(name, "joined")

    async def join(tasks):
        for task in tasks:
            await watch("task", task)

    for kind in KINDS:
        for immediate in False, True:
            for size in 0, 2:
                for items in 0, 1, 2:
                    trace("==", kind.__name__, immediate, size, items)
                    queue = kind(size)
                    for item in range(items):
                        queue.put_nowait(item)
                    tasks = [loop.create_task(joins("a", queue))]
                    if items == 0:
                        tasks += [loop.create_task(gets(name, queue)) for name in "bc"]
                    if items == size:
                        tasks += [loop.create_task(puts(name, queue, 7)) for name in "de"]
                    await turns(1)
                    trace("shutdown", queue.shutdown(immediate))
                    trace("size", queue.qsize())
                    attempt("put_nowait", queue.put_nowait, 8)
                    await puts("late", queue, 9)
                    attempt("get_nowait", queue.get_nowait)
                    await gets("late", queue)
                    await turns(2)
                    trace("shutdown again", queue.shutdown())
                    trace("shutdown again", queue.shutdown(immediate=True))
                    attempt("task_done", queue.task_done)
                    attempt("task_done", queue.task_done)
                    await gets("later", queue)
                    await join(tasks[1:])
                    # An item that was taken, whose work is never done.
                    trace("joined", tasks[0].done(), tasks[0].cancel())
                    await join(tasks[:1])

    # A waiter that was woken, with an item or a place for it, when the queue is shut down.
    for immediate in False, True:
        queue = shutdown_queue.Queue()
        tasks = [loop.create_task(gets(name, queue)) for name in "fgh"]
        await turns(1)
        queue.put_nowait("item")
        queue.shutdown(immediate)
        await join(tasks)
        queue = shutdown_queue.Queue(1)
        queue.put_nowait("first")
        tasks = [loop.create_task(puts(name, queue, name)) for name in "ijk"]
        await turns(1)
        trace("get", queue.get_nowait())
        queue.shutdown(immediate)
        await join(tasks)
        trace("size", queue.qsize())

    # Shut down and cancelled in one iteration, in either order.
    for cancel_first in False, True:
        for immediate in False, True:
            queue = shutdown_queue.Queue(1)
            tasks = [loop.create_task(gets(name, queue)) for name in "lm"]
            await turns(1)
            if cancel_first:
                trace("cancel", tasks[0].cancel())
            queue.shutdown(immediate)
            if not cancel_first:
                trace("cancel", tasks[0].cancel())
            await join(tasks)
            queue = shutdown_queue.Queue(1)
            queue.put_nowait("first")
            tasks = [loop.create_task(each) for each in (puts("n", queue, 1), puts("o", queue, 2), joins("p", queue))]
            await turns(1)
            if cancel_first:
                tasks[0].cancel()
                tasks[2].cancel()
            queue.shutdown(immediate)
            if not cancel_first:
                tasks[0].cancel()
                tasks[2].cancel()
            await join(tasks)
            trace("size", queue.qsize())

    # A worker ends when the queue is empty and shut down.
    async def works(name, queue):
        try:
            while True:
                trace(name, "works on", await queue.get())
                await turns(2)
                queue.task_done()
        except QueueShutDown:
            trace(name, "ends", queue.qsize())

    queue = shutdown_queue.Queue(2)
    tasks = [loop.create_task(works("q", queue)), loop.create_task(works("r", queue))]
    for item in range(5):
        await queue.put(item)
    queue.shutdown()
    await queue.join()
    await join(tasks)

twin.run(main)
