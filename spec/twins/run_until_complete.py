"""run_until_complete: what still runs in its last iteration, and its errors."""
import asyncio
import twin
from twin import attempt, trace

loop = twin.new_loop()


async def body(value):
    trace("body")
    # The stop is scheduled by the callback of the done task: this runs before it, and the
    # callback this one schedules runs in the iteration that is the last.
    loop.call_soon(lambda: (trace("same"), loop.call_soon(trace, "scheduled by same")))
    return value

trace("result", loop.run_until_complete(body(7)))
trace("running", loop.is_running())

# A future that a callback completes.
future = loop.create_future()
loop.call_soon(lambda: (trace("sets"), future.set_result("x"), loop.call_soon(trace, "beside")))
future.add_done_callback(lambda f: trace("done callback"))
trace("result", loop.run_until_complete(future))
loop.call_soon(trace, "before the done one")
trace("result of a done one", loop.run_until_complete(future))


async def fails():
    raise ValueError("from the task")

attempt("task error", loop.run_until_complete, fails())

failed = loop.create_future()
failed.set_exception(ValueError("set"))
attempt("future error", loop.run_until_complete, failed)
attempt("again", loop.run_until_complete, failed)

cancelled = loop.create_future()
loop.call_soon(cancelled.cancel)
attempt("cancelled future", loop.run_until_complete, cancelled)

# Stopped before the future is done; the run can be taken up again.
pending = loop.create_future()
loop.call_soon(loop.stop)
attempt("stopped", loop.run_until_complete, pending)
trace("pending", pending.done())
loop.call_soon(pending.set_result, "late")
trace("result", loop.run_until_complete(pending))


async def nested():
    inner = loop.create_future()
    attempt("nested", loop.run_until_complete, inner)
    trace("inner", inner.done())
    return "end"

trace("result", loop.run_until_complete(nested()))


# Another task goes on in the next run, where it left off.
async def long():
    for i in range(6):
        trace("long", i)
        await asyncio.sleep(0)

task = loop.create_task(long())


async def short():
    trace("short")
    await asyncio.sleep(0)
    trace("short again")

loop.run_until_complete(short())
trace("between", task.done())
loop.run_until_complete(task)
twin.close(loop)
attempt("closed", loop.run_until_complete, future)
