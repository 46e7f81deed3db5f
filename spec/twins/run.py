"""asyncio.run: what is left is cancelled in order of creation and awaited, then the loop closes."""
import asyncio
import twin
from twin import attempt, trace, watch

twin.order_all_tasks()


async def sleeper(name, clean_up=0, answer=None):
    try:
        trace(name, "sleeps")
        await asyncio.sleep(9)
    except asyncio.CancelledError:
        trace(name, "cancelled")
        for _ in range(clean_up):
            await asyncio.sleep(0)
        trace(name, "cleaned up")
        if isinstance(answer, Exception):
            raise answer
        if answer is None:
            raise
        return answer


def leave(loop, *arguments):
    tasks.append(loop.create_task(sleeper(*arguments)))


async def leaves_tasks(loop, error):
    leave(loop, "a", 0)
    leave(loop, "b", 3)
    leave(loop, "c", 1, "answer")
    leave(loop, "d", 2, ValueError("while cleaning up"))
    leave(loop, "e", 0, ValueError("at once"))
    await asyncio.sleep(0)
    leave(loop, "starts late")
    loop.call_soon(trace, "callback left behind")
    loop.call_later(1, trace, "timer left behind")
    trace("main ends")
    if error:
        raise error
    return "result"


for error in (None, ValueError("main failed"), asyncio.CancelledError()):
    tasks = []
    trace("error", error)
    attempt("run", twin.run_whole, lambda loop: leaves_tasks(loop, error))
    trace("cancelled", *(task.cancelled() for task in tasks))


# What a task does while it is cancelled may create more.
async def spawns(loop):
    try:
        await asyncio.sleep(9)
    finally:
        late = loop.create_task(sleeper("late"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        late.cancel()
        await watch("late", late)


async def leaves_spawner(loop):
    task = loop.create_task(spawns(loop))
    await asyncio.sleep(0)
    trace("current", asyncio.current_task() is not None, task.done())

attempt("run", twin.run_whole, leaves_spawner)


# The main task cancels itself, or is cancelled by another.
async def cancels_itself(loop):
    asyncio.current_task().cancel("myself")
    await watch("sleep", asyncio.sleep(0))
    asyncio.current_task().cancel("again")
    await asyncio.sleep(0)

attempt("run", twin.run_whole, cancels_itself)


async def is_cancelled(loop):
    me = asyncio.current_task()
    loop.call_later(1, me.cancel)
    await asyncio.sleep(9)

attempt("run", twin.run_whole, is_cancelled)


# Inside a running loop it refuses; a loop outside is none.
async def refuses():
    trace("no run inside")

async def nests(loop):
    inner = refuses()
    attempt("nested", asyncio.run, inner)
    inner.close()
    trace("running", asyncio.get_running_loop() is loop)

attempt("run", twin.run_whole, nests)
attempt("outside", asyncio.get_running_loop)


# A runner takes one main after the other on the same loop, and cancels at its end.
async def part(loop, name):
    trace("part", name)
    tasks.append(loop.create_task(sleeper("of " + name, 1)))
    await asyncio.sleep(0)
    return name

tasks = []
with asyncio.Runner(loop_factory=twin.new_loop) as runner:
    loop = runner.get_loop()
    trace(runner.run(part(loop, "one")))
    trace("between", tasks[0].done())
    attempt("failing part", runner.run, leaves_spawner(loop))
    trace(runner.run(part(loop, "two")))
    trace("same loop", runner.get_loop() is loop)
trace("closed", loop.is_closed(), *(task.cancelled() for task in tasks))
refused = part(loop, "three")
attempt("after the end", runner.run, refused)
refused.close()
attempt("after the end", runner.get_loop)
attempt("close again", runner.close)
