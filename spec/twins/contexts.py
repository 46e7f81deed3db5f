"""ContextVar and Context: who sees what was set where, and tokens and contexts used wrongly."""
import asyncio
import contextvars
from contextvars import copy_context
from ordered import TaskGroup, wait
import twin
from twin import attempt, trace, watch

var = contextvars.ContextVar("var")
other = contextvars.ContextVar("other", default="default")


def see(name):
    trace(name, var.get(None), other.get())


async def main(loop):
    see("main starts")

    # Values, defaults and tokens.
    trace(var.get("instead"), other.get("instead"))
    first = var.set("one")
    trace(var.get("instead"), var.get())
    second = var.set("two")
    third = var.set("three")
    attempt("reset", var.reset, third)
    see("reset")
    attempt("reset again", var.reset, third)
    attempt("of the other", other.reset, second)
    attempt("out of order", var.reset, first)
    see("as before the first")
    attempt("the second", var.reset, second)
    see("the second")
    token = other.set(None)
    trace("nil counts", other.get("instead"))
    other.reset(token)
    see("reset")

    # A task has a copy of the context in which it was created.
    async def body(name, value):
        see(name)
        var.set(value)
        await asyncio.sleep(0)
        see(name)
        other.set(value)
        await asyncio.sleep(1)
        see(name)
        return var.get()

    var.set("at creation")
    tasks = [loop.create_task(body("a", "of a"))]
    var.set("later")
    tasks.append(loop.create_task(body("b", "of b")))
    var.set("main's")
    see("main")
    for task in tasks:
        await watch("task", task)
    see("main")

    # A coroutine that is awaited runs in the context of its task.
    async def calls(value):
        var.set(value)
        await asyncio.sleep(0)

    await calls("called")
    see("called")
    await twin.wait_for(calls("by wait_for"), 5)
    see("wait_for")
    await watch("no time", twin.wait_for(calls("by wait_for, no time"), 0))
    see("wait_for, no time")

    # What becomes a task does not.
    await asyncio.gather(calls("by gather"), body("gathered", "of gathered"))
    see("gather")
    await asyncio.shield(calls("by shield"))
    see("shield")
    await wait([loop.create_task(calls("by wait"))])
    see("wait")
    async with TaskGroup() as group:
        group.create_task(body("c", "of c"))
        var.set("in the group")
        group.create_task(body("d", "of d"))
    see("group")

    # Callbacks run in the context in which they were scheduled, and share nothing.
    def callback(name, value, again=0):
        see(name)
        var.set(value)
        if again:
            loop.call_soon(callback, name + "'s", value + "'s", again - 1)
        var.set(value + ", later")

    var.set("when scheduled")
    loop.call_soon(callback, "soon 1", "of soon 1", 2)
    loop.call_soon(callback, "soon 2", "of soon 2")
    loop.call_later(2, callback, "later", "of later", 1)
    loop.call_at(loop.time() + 3.5, callback, "at", "of at")
    loop.call_soon_threadsafe(callback, "threadsafe", "of threadsafe")
    future = loop.create_future()
    future.add_done_callback(lambda _: callback("done", "of done"))
    var.set("after scheduling")
    future.add_done_callback(lambda _: callback("done, added later", "of that"))
    loop.call_later(4, future.set_result, None)
    await future
    future.add_done_callback(lambda _: callback("done already", "of done already"))
    see("main")
    await asyncio.sleep(9)
    see("main")

    # The callback of a task runs in the context of who added it, not in the task's.
    task = loop.create_task(body("e", "of e"))
    task.add_done_callback(lambda _: see("callback of e"))
    await task
    await asyncio.sleep(0)

    # A task keeps its context through errors, cancellations and locks.
    lock = asyncio.Lock()

    async def keeps(name):
        var.set(name)
        try:
            async with lock:
                see(name)
                await asyncio.sleep(9)
        except asyncio.CancelledError:
            see(name)
            await asyncio.sleep(0)
            raise
        finally:
            see(name)

    tasks = [loop.create_task(keeps(name)) for name in ("f", "g")]
    await asyncio.sleep(1)
    for task in tasks:
        task.cancel()
        await watch("task", task)

    # A token of another task, of a callback, and of a callback's own.
    token = var.set("main's own")
    attempt("in a callback", lambda: loop.call_soon(attempt, "reset", var.reset, token) and None)

    async def resets():
        attempt("in a task", var.reset, token)

    await loop.create_task(resets())
    await asyncio.sleep(0)
    attempt("in main", var.reset, token)
    see("reset")

    # copy_context, and to run in it.
    def sets(value):
        see("in context")
        var.set(value)
        return value

    context = copy_context()
    var.set("not in the copy")
    trace("run", context.run(sets, "first run"))
    trace("run", context.run(sets, "second run"))
    see("main")
    trace("get", context.get(var), context.get(other), context.get(other, "instead"))
    copy = context.copy()
    trace("run", copy.run(sets, "in the copy's copy"))
    trace("get", context.get(var), copy.get(var))

    def fails():
        var.set("before it failed")
        raise ValueError("fails")

    attempt("failing", context.run, fails)
    see("main")
    trace("get", context.get(var))

    # Not entered twice, but others inside, and anew afterwards.
    def enters():
        attempt("itself", context.run, sets, "twice")
        attempt("the other", copy.run, sets, "inside")
        attempt("a copy of its own", copy_context().run, sets, "own")
        see("inside")
        attempt("not from the other either", copy.run, context.run, sets, "twice")
        return "left"

    attempt("enter", context.run, enters)
    attempt("enter", context.run, sets, "anew")
    see("main")

    # What is scheduled in a context has a copy of it.
    context.run(loop.call_soon, callback, "scheduled in it", "set by a callback")
    context.run(loop.call_later, 1, callback, "later in it", "set by a timer")
    task = context.run(loop.create_task, body("created in it", "set by a task"))
    token = context.run(var.set, "changed meanwhile")
    await watch("task", task)
    trace("get", context.get(var))
    attempt("token", var.reset, token)
    attempt("token", context.run, var.reset, token)
    trace("get", context.get(var))

    # A task enters a context, and the loop has others run meanwhile.
    async def user():
        own = copy_context()
        for number in range(3):
            own.run(sets, number)
            await asyncio.sleep(0)
            see("user")
        return own.get(var)

    await watch("users", asyncio.gather(user(), user()))
    see("main ends")

# What the first callbacks set stays with them, although nothing has had a context before.
loop = twin.new_loop()
for name in "first", "second":
    loop.call_soon(see, name)
    loop.call_soon(var.set, "by " + name)
loop.call_soon(loop.stop)
loop.run_forever()
twin.close(loop)

see("outside")
var.set("outside")
other.set("outside, too")
twin.run(main)
see("outside")
loop = twin.new_loop()
loop.call_soon(see, "callback")
var.set("after scheduling")
loop.call_soon(loop.stop)
loop.run_forever()
see("outside")
twin.close(loop)
