"""What a future answers in each state, and which transitions it refuses."""
import asyncio
import twin
from twin import attempt, trace


def ask(name, future):
    trace(name, future.done(), future.cancelled())
    attempt("  result", future.result)
    attempt("  exception", future.exception)


def refuse(future):
    attempt("  set_result", future.set_result, 2)
    attempt("  set_exception", future.set_exception, ValueError("no"))
    attempt("  cancel", future.cancel)


async def main(loop):
    pending = loop.create_future()
    ask("pending", pending)

    done = loop.create_future()
    attempt("set_result", done.set_result, 1)
    ask("done", done)
    refuse(done)
    ask("still done", done)

    empty = loop.create_future()
    empty.set_result(None)
    ask("empty", empty)

    failed = loop.create_future()
    attempt("set_exception", failed.set_exception, ValueError("one"))
    ask("failed", failed)
    refuse(failed)
    trace("message", str(failed.exception()))
    trace("the same object", failed.exception() is failed.exception())

    by_kind = loop.create_future()
    by_kind.set_exception(ValueError)
    ask("failed by a kind", by_kind)

    gone = loop.create_future()
    trace("cancel", gone.cancel())
    ask("cancelled", gone)
    refuse(gone)

    # An error that is a cancellation is an error all the same.
    odd = loop.create_future()
    odd.set_exception(asyncio.CancelledError("set"))
    ask("failed by a CancelledError", odd)

    for message in (None, "why", 12):
        named = loop.create_future()
        named.cancel(message)
        try:
            await named
        except asyncio.CancelledError as error:
            trace("awaited", error.args[0] if error.args else None)
        try:
            named.result()
        except asyncio.CancelledError as error:
            trace("result", error.args[0] if error.args else None)
    trace("isfuture", asyncio.isfuture(gone), asyncio.isfuture(1), asyncio.isfuture(None),
          asyncio.isfuture(asyncio.current_task()))
    trace("its loop", gone.get_loop() is loop)
    trace("ensure_future", asyncio.ensure_future(gone) is gone)

twin.run(main)
