"""call_soon is FIFO; what a callback schedules runs in the next iteration."""
import twin
from twin import attempt, trace


def nested(loop, name, depth):
    trace(name, depth)
    if depth > 0:
        loop.call_soon(nested, loop, name + "l", depth - 1)
        loop.call_soon(nested, loop, name + "r", depth - 1)


def cancels(handle, name):
    trace(name, "cancels")
    handle.cancel()


loop = twin.new_loop()
for name in ("a", "b", "c"):
    loop.call_soon(trace, name, 1, None, True)
loop.call_soon(nested, loop, "n", 2)

# A handle that an earlier callback of the same iteration cancels never runs; one that a later
# callback cancels has run.
first = loop.call_soon(lambda: cancels(second, "first"))
second = loop.call_soon(trace, "second must not run")
third = loop.call_soon(trace, "third")
loop.call_soon(cancels, third, "fourth")
dropped = loop.call_soon(trace, "dropped must not run")
trace("dropped", dropped.cancelled())
dropped.cancel()
dropped.cancel()
trace("dropped", dropped.cancelled())

for turn in range(4):
    trace("turn", turn)
    loop.call_soon(loop.stop)
    loop.run_forever()
trace(first.cancelled(), second.cancelled(), third.cancelled(), dropped.cancelled())
attempt("cancel after the run", first.cancel)
trace(first.cancelled())
twin.close(loop)
