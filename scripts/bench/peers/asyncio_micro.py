"""asyncio_micro.py asyncio|uvloop SECTION: the measurements on asyncio or uvloop.

Prints `metric value` lines, each the median of its passes. Times are the
process's processor time, in the unit that the metric's name ends with;
lateness is by the loop's own clock, and so is what executors take.
"""
import asyncio
import statistics
import sys
import time

clock = time.process_time
PASSES = 7


def report(metric, values):
    print(metric, round(statistics.median(values), 3))


async def tasks():
    async def noop():
        await asyncio.sleep(0)

    n, passes = 10_000, []
    for _ in range(PASSES):
        begin = clock()
        await asyncio.gather(*[asyncio.create_task(noop()) for _ in range(n)])
        passes.append((clock() - begin) * 1e3)
    report("tasks_10k_ms", passes)


async def sleep0():
    n, passes = 50_000, []
    for _ in range(PASSES):
        begin = clock()
        for _ in range(n):
            await asyncio.sleep(0)
        passes.append((clock() - begin) / n * 1e9)
    report("sleep0_ns", passes)


async def call_soon():
    def callback():
        pass

    loop = asyncio.get_running_loop()
    n, passes = 50_000, []
    for _ in range(PASSES):
        begin = clock()
        for _ in range(n):
            loop.call_soon(callback)
        await asyncio.sleep(0)
        passes.append((clock() - begin) / n * 1e9)
    report("call_soon_ns", passes)


async def call_later():
    def callback():
        pass

    loop = asyncio.get_running_loop()
    n, inserts, cancels = 200_000, [], []
    for _ in range(5):
        begin = clock()
        handles = [loop.call_later(100 + (i * 7919 % 100000) / 1e3, callback) for i in range(n)]
        inserted = clock()
        for handle in handles:
            handle.cancel()
        await asyncio.sleep(0)
        inserts.append((inserted - begin) / n * 1e9)
        cancels.append((clock() - inserted) / n * 1e9)
        del handles
    report("timer_insert_ns", inserts)
    report("timer_cancel_ns", cancels)


async def timers():
    loop = asyncio.get_running_loop()
    n, passes = 200_000, []
    for _ in range(5):
        fired, done = 0, loop.create_future()

        def fire():
            nonlocal fired
            fired += 1
            if fired == n:
                done.set_result(None)

        begin = clock()
        for i in range(n):
            loop.call_later((i * 7919 % 1000) / 1e6, fire)
        await done
        passes.append((clock() - begin) / n * 1e9)
    report("timer_fire_ns", passes)


async def lateness():
    loop, late = asyncio.get_running_loop(), []
    for _ in range(300):
        begin = loop.time()
        await asyncio.sleep(0.0005)
        late.append((loop.time() - begin - 0.0005) * 1e6)
    report("sleep_late_us", late)
    print("sleep_early_count", sum(x < 0 for x in late))


async def lock():
    n, passes = 50_000, []
    for _ in range(PASSES):
        held = asyncio.Lock()

        async def take_turns():
            for _ in range(n // 2):
                await held.acquire()
                held.release()

        await held.acquire()
        both = asyncio.gather(take_turns(), take_turns())
        await asyncio.sleep(0)
        begin = clock()
        held.release()
        await both
        passes.append((clock() - begin) / n * 1e9)
    report("lock_ns", passes)


async def queue():
    n, passes = 50_000, []
    for _ in range(PASSES):
        items = asyncio.Queue(1)

        async def produce():
            for i in range(n):
                await items.put(i)

        async def consume():
            for _ in range(n):
                await items.get()

        begin = clock()
        await asyncio.gather(produce(), consume())
        passes.append((clock() - begin) / n * 1e9)
    report("queue_ns", passes)


async def task_group():
    async def noop():
        await asyncio.sleep(0)

    n, passes = 10_000, []
    for _ in range(PASSES):
        begin = clock()
        async with asyncio.TaskGroup() as group:
            for _ in range(n):
                group.create_task(noop())
        passes.append((clock() - begin) * 1e3)
    report("task_group_ms", passes)


def nothing():
    pass


async def executor():
    n, passes = 5_000, []
    loop = asyncio.get_running_loop()
    for _ in range(PASSES):
        begin = time.perf_counter()
        for _ in range(n):
            await loop.run_in_executor(None, nothing)
        passes.append((time.perf_counter() - begin) / n * 1e6)
    report("executor_us", passes)


async def executor_burst():
    n, passes = 20_000, []
    loop = asyncio.get_running_loop()
    for _ in range(3):
        begin = time.perf_counter()
        for future in [loop.run_in_executor(None, nothing) for _ in range(n)]:
            await future
        passes.append((time.perf_counter() - begin) / n * 1e6)
    report("executor_job_us", passes)


sections = {f.__name__: f for f in (tasks, sleep0, call_soon, call_later, timers, lateness, lock, queue, task_group,
                                    executor, executor_burst)}
if sys.argv[1] == "uvloop":
    import uvloop
    uvloop.install()
asyncio.run(sections[sys.argv[2]]())
