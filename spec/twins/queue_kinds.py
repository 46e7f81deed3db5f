"""PriorityQueue and LifoQueue: what comes out, equal items, waiters at both ends, join, and cancellations."""
import asyncio
import twin
from twin import attempt, trace, watch

KINDS = asyncio.Queue, asyncio.PriorityQueue, asyncio.LifoQueue


class Item:
    """An item that compares by its weight alone."""

    def __init__(self, weight, name):
        self.weight = weight
        self.name = name

    def __lt__(self, other):
        return self.weight < other.weight

    def __str__(self):
        return "[%d%s]" % (self.weight, self.name)


async def main(loop):
    async def turns(count):
        for _ in range(count):
            await asyncio.sleep(0)

    def drained(queue):
        items = []
        while not queue.empty():
            items.append(queue.get_nowait())
        return items

    # Numbers, strings, lists, and items that are equal.
    for kind in KINDS:
        queue = kind()
        for item in (5, 1, 4, 1.5, 9, 2, 6, 5, 3, 5):
            queue.put_nowait(item)
        trace("numbers", drained(queue))
        for item in ("pear", "fig", "apple", "figs", "Fig", ""):
            queue.put_nowait(item)
        trace("strings", drained(queue))
        for item in ([2, "b"], [1, "z"], [2, "a"], [1], [1, "z", 0], [10, "a"], [1, "y"]):
            queue.put_nowait(item)
        trace("lists", drained(queue))
        number = 1
        for step in range(300):
            number = number * 75 % 65537
            if number % 5 < 3 or queue.empty():
                queue.put_nowait(Item(number % 4, "-%d" % step))
            else:
                trace("item", queue.get_nowait())
        trace("left", drained(queue))

    # With waiters at both ends.
    async def gets(name, queue, count):
        for _ in range(count):
            await watch(name, queue.get())
            # Once too often after a cancellation.
            attempt("task_done", queue.task_done)

    async def puts(name, queue, *items):
        for item in items:
            await watch(name, queue.put(item))

    async def joins(queue):
        await queue.join()
        trace("joined", queue.qsize())

    for kind in KINDS:
        for size in 0, 1, 2:
            trace("==", kind.__name__, size)
            queue = kind(size)
            trace(queue.maxsize, queue.empty(), queue.full())
            tasks = [loop.create_task(each) for each in (
                gets("a", queue, 2), puts("b", queue, 5, 1, 4), joins(queue), gets("c", queue, 3),
                puts("d", queue, 3, 2), puts("e", queue, 9), joins(queue))]
            await turns(9)
            trace(queue.qsize(), queue.full())
            await gets("f", queue, queue.qsize())
            for task in tasks:
                await watch("task", task)
            attempt("task_done", queue.task_done)

    # An item that comes while the getter that was woken has not run yet may be the one it gets.
    for kind in KINDS:
        queue = kind()
        task = loop.create_task(queue.get())
        await turns(1)
        for item in (2, 3, 1):
            queue.put_nowait(item)
        await watch("got", task)
        trace("left", drained(queue))

    # Getters and putters cancelled around their wake-up.
    for kind in KINDS:
        for which in range(3):
            for after in range(3):
                trace("==", kind.__name__, which, after)
                queue = kind()
                tasks = [loop.create_task(gets(name, queue, 1)) for name in "ghi"]
                await turns(1)
                queue.put_nowait(2)
                queue.put_nowait(1)
                await turns(after)
                trace("cancel", tasks[which].cancel())
                await turns(3)
                trace("size", queue.qsize())
                queue.put_nowait(3)
                queue.put_nowait(4)
                for task in tasks:
                    await watch("task", task)
                trace("left", drained(queue))
                queue = kind(1)
                queue.put_nowait(0)
                tasks = [loop.create_task(puts(name, queue, item)) for name, item in (("j", 3), ("k", 1), ("l", 2))]
                await turns(1)
                trace("get", queue.get_nowait())
                await turns(after)
                trace("cancel", tasks[which].cancel())
                for _ in range(3):
                    await turns(3)
                    trace("left", drained(queue))
                for task in tasks:
                    await watch("task", task)

    # join: taken up again by new items, cancelled, and woken before an item comes.
    queue = asyncio.Queue()
    for item in range(2):
        queue.put_nowait(item)
    tasks = [loop.create_task(joins(queue)) for _ in range(3)]
    await turns(1)
    queue.get_nowait()
    queue.task_done()
    tasks[0].cancel()
    await turns(2)
    queue.get_nowait()
    queue.task_done()
    queue.put_nowait("more")
    tasks[1].cancel()
    await turns(1)
    tasks.append(loop.create_task(joins(queue)))
    await turns(3)
    trace([task.done() for task in tasks])
    queue.task_done()
    for task in tasks:
        await watch("task", task)

twin.run(main)
