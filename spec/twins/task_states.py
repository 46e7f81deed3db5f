"""What a task answers at each point of its life; current_task and all_tasks."""
import asyncio
import twin
from twin import attempt, trace, watch

twin.order_all_tasks()


def names(loop):
    return [task.get_name() for task in asyncio.tasks.all_tasks(loop)]


def ask(name, task):
    trace(name, task.done(), task.cancelled(), task.cancelling(), task.get_coro() is not None)
    attempt("  result", task.result)
    attempt("  exception", task.exception)


async def main(loop):
    me = asyncio.current_task()
    me.set_name("Main-0")
    trace("current", me is asyncio.current_task(), me.get_loop() is loop)
    loop.call_soon(lambda: trace("in a callback", asyncio.current_task()))
    await asyncio.sleep(0)

    async def body(error=None):
        own = asyncio.current_task()
        trace("running", own.get_name(), own.done(), names(loop))
        await asyncio.sleep(0)
        if error:
            raise error
        return "value"

    def make(number, *arguments):
        task = loop.create_task(body(*arguments))
        task.set_name("Task-%d" % number)
        task.add_done_callback(lambda t: trace("done", t.get_name(), names(loop)))
        return task

    good, bad, gone, unstarted = make(1), make(2, ValueError("e")), make(3), make(4)
    trace("all", names(loop))
    ask("new", good)
    unstarted.cancel()
    await asyncio.sleep(0)
    ask("started", good)
    gone.cancel()
    ask("being cancelled", gone)
    attempt("set_result", good.set_result, 1)
    attempt("set_exception", good.set_exception, ValueError())
    await asyncio.sleep(0)
    trace("all", names(loop))
    for name, task in (("good", good), ("bad", bad), ("gone", gone), ("unstarted", unstarted)):
        trace(name, task.done(), task.cancelled(), task.cancelling())
        attempt("  result", task.result)
        attempt("  exception", task.exception)
    await watch("good again", good)
    await watch("good again", good)
    await watch("bad again", bad)
    await asyncio.sleep(0)
    trace("is a future", asyncio.isfuture(good), asyncio.ensure_future(good) is good)

twin.run(main)
attempt("current outside", asyncio.current_task)
