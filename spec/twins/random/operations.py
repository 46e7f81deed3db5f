"""What the operations of the random programs do, in Python; operations.lua is the same in Lua.

Each gets the program, the name of whoever runs it, and the words of its line. QUICK ones do not wait;
SLOW ones may, and so may BLOCKS, which get the operations in them as their last words.
"""

import asyncio
import contextvars

import ordered
import shutdown_queue
import twin
from twin import attempt, trace


def label(*words):
    return " ".join(words)


def lookup(program, who, operation, name):
    """Names may be of things that are not there yet, or never come."""
    thing = program.objects.get(name)
    if thing is None:
        trace(who, operation, name, "is nothing yet")
    return thing


def value_of(variable):
    try:
        return variable.get()
    except LookupError:
        return None


def var_set(program, variable, value, token):
    program.objects[token] = variable.set(value)


# What the methods of one object are called with and give.
METHODS = {
    "cancel": lambda _, thing: thing.cancel(),
    "result": lambda _, thing, value: thing.set_result(value),
    "fail": lambda _, thing, value: thing.set_exception(ValueError(value)),
    "callback": lambda program, thing, name: thing.add_done_callback(program.callback(name)),
    "remove": lambda program, thing, name: thing.remove_done_callback(program.callback(name)),
    "drop": lambda _, thing: thing.cancel(),
    "counts": lambda _, thing: thing.cancelling(),
    "set": lambda _, thing: thing.set(),
    "clear": lambda _, thing: thing.clear(),
    "put_nowait": lambda _, thing, value: thing.put_nowait(value),
    "get_nowait": lambda _, thing: thing.get_nowait(),
    "task_done": lambda _, thing: thing.task_done(),
    "size": lambda _, thing: thing.qsize(),
    "shutdown": lambda _, thing, how: thing.shutdown(immediate=how == "immediate"),
    "release": lambda _, thing: thing.release(),
    "locked": lambda _, thing: thing.locked(),
    "notify": lambda _, thing, count: thing.notify(int(count)),
    "notify_all": lambda _, thing: thing.notify_all(),
    "barrier_state": lambda _, thing: [thing.n_waiting, thing.broken],
    "child": lambda program, thing, name: program.spawn(name, thing.create_task),
    "var_get": lambda _, variable: value_of(variable),
    "var_set": var_set,
    "run_in": lambda program, thing, name: thing.run(program.callback(name)),
    "spawn_in": lambda program, thing, name: thing.run(program.spawn, name),
}


def quick_method(operation, method):
    def run(program, who, name, *words):
        thing = lookup(program, who, operation, name)
        if thing is not None:
            attempt(label(who, operation, name, *words), method, program, thing, *words)

    return run


def raise_error(program, who, value):
    raise ValueError(value)


def soon(program, who, name, callback):
    program.objects[name] = program.loop.call_soon(program.callback(callback))


def later(program, who, name, delay, callback):
    program.objects[name] = program.loop.call_later(program.delay(delay), program.callback(callback))


def soon_in(program, who, context, name, callback):
    thing = lookup(program, who, "soon_in", context)
    if thing is not None:
        attempt(label(who, "soon_in", context), thing.run, soon, program, who, name, callback)


def var_reset(program, who, name, token):
    thing = lookup(program, who, "var_reset", token)
    if thing is not None:
        attempt(label(who, "var_reset", name, token), program.objects[name].reset, thing)


def copy(program, who, name, context=None):
    if context is None:
        program.objects[name] = contextvars.copy_context()
    else:
        thing = lookup(program, who, "copy", context)
        program.objects[name] = None if thing is None else thing.copy()


def members(program, names):
    return [program.objects[name] for name in names if program.objects.get(name) is not None]


def gather(program, who, name, mode, *names):
    if name not in program.objects:
        children = members(program, names)
        program.objects[name] = asyncio.gather(*children, return_exceptions=mode == "keep")


def shield(program, who, name, inner):
    thing = lookup(program, who, "shield", inner)
    if thing is not None and name not in program.objects:
        program.objects[name] = asyncio.shield(thing)


def cancel_waiter(program, who, name):
    """Cancels the task that waits for something and came first."""
    waiter = program.first_waiter(name)
    if waiter is not None:
        trace(who, "cancels", waiter, "which waits for", name, program.objects[waiter].cancel())


QUICK = {operation: quick_method(operation, method) for operation, method in METHODS.items()} | {
    "spawn": lambda program, who, name: program.spawn(name),
    "state": lambda program, who, name: program.state(name),
    "stop": lambda program, who: program.loop.stop(),
    "raise": raise_error, "soon": soon, "later": later, "soon_in": soon_in, "var_reset": var_reset, "copy": copy,
    "gather": gather, "shield": shield, "cancel_waiter": cancel_waiter,
}


async def wait(program, thing):
    # A barrier counts from 1 in Lua.
    return await thing.wait() + 1 if isinstance(thing, asyncio.Barrier) else await thing.wait()


async def await_future(program, thing):
    return await thing


# Those that wait, each on one object.
WAITS = {
    "wait": wait,
    "put": lambda _, thing, value: thing.put(value),
    "get": lambda _, thing: thing.get(),
    "join": lambda _, thing: thing.join(),
    "acquire": lambda _, thing: thing.acquire(),
    "abort": lambda _, thing: thing.abort(),
    "reset": lambda _, thing: thing.reset(),
    "await": await_future,
    "wait_for": lambda program, thing, delay: twin.wait_for(thing, program.limit(delay)),
    "wait_until": lambda program, thing, event: thing.wait_for(lambda: program.objects[event].is_set()),
}


def slow_wait(operation, start):
    async def run(program, who, name, *words):
        thing = lookup(program, who, operation, name)
        if thing is None:
            return
        trace(label(who, operation, name, *words))
        with program.waiting(who, name):
            result = await start(program, thing, *words)
        trace(label(who, operation, name, *words), "gave", result, program.values())

    return run


async def sleep(program, who, delay):
    await asyncio.sleep(program.limit(delay))
    trace(who, "slept", delay, program.values())


async def return_value(program, who, value):
    return [value]


async def await_self(program, who):
    await asyncio.current_task()


async def cancel_self(program, who):
    trace(who, "cancels itself", asyncio.current_task().cancel())


async def uncancel(program, who):
    trace(who, "uncancel", asyncio.current_task().uncancel())


def timeout_of(program, limit):
    """Distinct from every other deadline, 0 and less too."""
    return None if limit == "none" else program.delay(limit)


async def wait_all(program, who, when, limit, *names):
    futures = members(program, names)
    if not futures:
        return
    trace(who, "waits", when, limit, *names)
    with program.waiting(who, *names[:1]):
        done, pending = await ordered.wait(
            futures, timeout=timeout_of(program, limit), return_when=getattr(asyncio, when))
    trace(who, "waited", program.names(done), program.names(pending))


async def completed(program, who, limit, *names):
    futures = members(program, names)
    trace(who, "expects", limit, *names)
    with program.waiting(who, *names[:1]):
        for each in ordered.as_completed(futures, timeout=timeout_of(program, limit)):
            try:
                trace(who, "expected", "got", await each)
            except ValueError as error:
                trace(who, "expected", "raised", error)
    trace(who, "expects no more")


SLOW = {operation: slow_wait(operation, start) for operation, start in WAITS.items()} | {
    "sleep": sleep, "return": return_value, "await_self": await_self, "cancel_self": cancel_self,
    "uncancel": uncancel, "wait_all": wait_all, "completed": completed,
}


async def timeout(program, who, delay, block):
    async with twin.timeout(program.limit(delay)):
        return await program.run_block(who, block)


async def group(program, who, name, block):
    with program.waiting(who, name):
        async with ordered.TaskGroup() as program.objects[name]:
            result = await program.run_block(who, block)
            trace(who, "leaves", name)
            return result


async def hold(program, who, name, block):
    trace(who, "enters", name)
    with program.waiting(who, name) as waiting:
        async with program.objects[name]:
            waiting.finish()
            trace(who, "holds", name)
            result = await program.run_block(who, block)
            trace(who, "leaves", name)
            return result


async def try_any(program, who, block, handler):
    try:
        return await program.run_block(who, block)
    except BaseException as error:
        trace(who, "caught", error)
    return await program.run_block(who, handler)


async def try_cancel(program, who, block, handler):
    try:
        return await program.run_block(who, block)
    except asyncio.CancelledError as error:
        trace(who, "caught", error)
    return await program.run_block(who, handler)


async def try_reraise(program, who, block, handler):
    try:
        return await program.run_block(who, block)
    except BaseException as error:
        trace(who, "caught", error)
        await program.run_block(who, handler)
        raise


async def try_finally(program, who, block, handler):
    try:
        return await program.run_block(who, block)
    finally:
        trace(who, "finally")
        await program.run_block(who, handler)


TRY = {"any": try_any, "cancel": try_cancel, "reraise": try_reraise, "finally": try_finally}

BLOCKS = {
    "timeout": timeout, "group": group, "hold": hold,
    "try": lambda program, who, how, block, handler: TRY[how](program, who, block, handler),
}


def variable(program, default):
    return contextvars.ContextVar("variable", **({"default": default} if default == "default" else {}))


# What a declaration makes, by its kind.
MAKE = {
    "future": lambda program: program.loop.create_future(),
    "event": lambda program: asyncio.Event(),
    "queue": lambda program, size, name: getattr(shutdown_queue, name)(int(size)),
    "lock": lambda program: asyncio.Lock(),
    "condition": lambda program, lock: asyncio.Condition(program.objects.get(lock)),
    "semaphore": lambda program, value, name: getattr(asyncio, name)(int(value)),
    "barrier": lambda program, parties: asyncio.Barrier(int(parties)),
    "variable": variable,
}
