"""Crowds: more tasks at each primitive than its queue has room for at first, cancelled and timed out at random."""
import asyncio
import twin
from twin import trace

TASKS = 20
ROUNDS = 3


class Random:
    """The same numbers in both halves."""

    def __init__(self, seed):
        self.number = seed

    def below(self, limit):
        self.number = (self.number * 1103515245 + 12345) % 2**31
        return (self.number >> 8) % limit


async def turns(count):
    for _ in range(count):
        await asyncio.sleep(0)


async def hold(crowd, name, number):
    async with crowd.thing:
        trace(name, "is in", crowd.thing.locked())
        await turns(crowd.random.below(3))
    trace(name, "is out")


async def condition(crowd, name, number):
    async with crowd.thing:
        if number % 3 > 0:
            await crowd.thing.wait()
            trace(name, "was notified")
        else:
            crowd.thing.notify(crowd.random.below(6))
            trace(name, "notified")


async def event(crowd, name, number):
    if number % 3 > 0:
        await crowd.thing.wait()
        trace(name, "saw it", crowd.thing.is_set())
    else:
        crowd.thing.set()
        await turns(crowd.random.below(2))
        crowd.thing.clear()
        trace(name, "showed it")


async def queue(crowd, name, number):
    if number % 2 > 0:
        trace(name, "got", await crowd.thing.get())
    else:
        await crowd.thing.put(crowd.random.below(100))
        trace(name, "put", crowd.thing.qsize())


async def barrier(crowd, name, number):
    # Saros counts from 1.
    trace(name, "passed", await crowd.thing.wait() + 1)


class Crowd:
    def __init__(self, random, thing, use):
        self.random = random
        self.thing = thing
        self.use = use
        self.timers = 0

    async def visit(self, number):
        name = "t%d" % number
        for _ in range(ROUNDS):
            try:
                await turns(self.random.below(5))
                trace(name, "comes")
                if self.random.below(3) == 0:
                    # Distinct, because equal deadlines have no order in asyncio.
                    self.timers += 1
                    limit = 1 + self.random.below(9) + self.timers / 4096
                    await twin.wait_for(self.use(self, name, number), limit)
                else:
                    await self.use(self, name, number)
            except TimeoutError:
                trace(name, "is too late")
            except asyncio.CancelledError:
                trace(name, "is cancelled")
                if self.random.below(2) == 0:
                    raise


CROWDS = {
    "lock": (asyncio.Lock, hold), "semaphore": (lambda: asyncio.Semaphore(3), hold),
    "condition": (asyncio.Condition, condition), "event": (asyncio.Event, event),
    "queue": (asyncio.Queue, queue), "bounded queue": (lambda: asyncio.Queue(2), queue),
    "priority queue": (lambda: asyncio.PriorityQueue(3), queue), "barrier": (lambda: asyncio.Barrier(6), barrier),
}


async def main(loop):
    for name, (make, use) in CROWDS.items():
        for seed in range(1, 5):
            trace("==", name, seed)
            random = Random(seed)
            crowd = Crowd(random, make(), use)
            tasks = [loop.create_task(crowd.visit(number)) for number in range(TASKS)]
            for _ in range(50):
                if random.below(2) == 0:
                    number = random.below(TASKS)
                    trace("cancel", number, tasks[number].cancel())
                await turns(1)
            while not all(task.done() for task in tasks):
                trace("cancel all", [task.cancel() for task in tasks])
                await turns(8)
            trace("done", [task.cancelled() for task in tasks])

twin.run(main)
