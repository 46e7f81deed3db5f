"""timeout scopes: nested, rescheduled, and together with cancellation from outside."""
import asyncio
import twin
from twin import attempt, timeout, timeout_at, trace, watch


async def main(loop):
    me = asyncio.current_task()

    async def within(name, delay, sleep):
        try:
            async with timeout(delay) as scope:
                trace(name, "when", None if scope.when() is None else scope.when() - loop.time())
                await asyncio.sleep(sleep)
                trace(name, "slept", scope.expired())
        finally:
            trace(name, "left", scope.expired(), me.cancelling())

    await watch("in time", within("a", 5, 1))
    await watch("too late", within("b", 2, 9))
    await watch("without end", within("c", None, 1))
    for delay in (0, -1):
        await watch("at once", within("d", delay, 3))
        await watch("at once, no await", within("e", delay, 0))

    # timeout_at takes a time of the loop's clock.
    async def until(when):
        async with timeout_at(when):
            await asyncio.sleep(9)

    await watch("at", until(loop.time() + 2))
    await watch("past", until(loop.time() - 2))

    # Nested: whichever expires first turns the cancellation into its TimeoutError.
    async def nested(outer_delay, inner_delay):
        async with timeout(outer_delay) as outer:
            try:
                async with timeout(inner_delay) as inner:
                    await asyncio.sleep(9)
            except TimeoutError:
                trace("inner", inner.expired(), outer.expired())
                await asyncio.sleep(1)
            finally:
                trace("between", inner.expired(), outer.expired(), me.cancelling())

    await watch("inner first", nested(6, 2))
    await watch("outer first", nested(2, 6))
    await watch("inner, then outer", nested(3, 2))
    await watch("both at once", nested(2, 2.25))
    await watch("both at once, outer later", nested(2.25, 2))

    # The body swallows it: then the scope has expired and raises nothing.
    async def swallows(then):
        async with timeout(1) as scope:
            await watch("body", asyncio.sleep(9))
            trace("expired", scope.expired())
            await asyncio.sleep(then)
        trace("left", scope.expired(), me.cancelling())

    await watch("swallows", swallows(0))
    await watch("swallows", swallows(3))

    # An error of the body goes through, before and after the scope expired.
    async def fails(late):
        async with timeout(1):
            try:
                await asyncio.sleep(9 if late else 0)
            except asyncio.CancelledError:
                pass
            raise ValueError("body")

    await watch("fails", fails(False))
    await watch("fails late", fails(True))
    trace("cancelling", me.cancelling())

    # Rescheduled: later, earlier, never, and into the past.
    async def moves(first, second, sleep):
        async with timeout(first) as scope:
            await asyncio.sleep(1)
            scope.reschedule(None if second is None else loop.time() + second)
            trace("moved", None if scope.when() is None else scope.when() - loop.time())
            await asyncio.sleep(sleep)
        trace("left", scope.expired())
        return "moves"

    await watch("later", moves(3, 6, 4))
    await watch("earlier", moves(9, 1, 4))
    await watch("never", moves(3, None, 5))
    await watch("never to soon", moves(None, 1, 4))
    await watch("past", moves(9, -1, 4))
    async with timeout(1) as over:
        pass
    attempt("reschedule after the end", over.reschedule, 5)
    try:
        async with timeout(0) as over:
            await asyncio.sleep(2)
    except TimeoutError:
        attempt("reschedule after expiry", over.reschedule, 5)

    # Cancelled from outside: before expiry, with it, and after.
    async def scoped(name):
        try:
            async with timeout(2) as scope:
                await asyncio.sleep(9)
        finally:
            own = asyncio.current_task()
            trace(name, "left", scope.expired(), own.cancelling())

    for turns in range(1, 6):
        trace("cancelled after", turns)
        task = loop.create_task(scoped("scoped"))
        for _ in range(turns):
            await asyncio.sleep(0)
        trace("cancel", task.cancel())
        await watch("scoped", task)
        trace(task.cancelled(), task.cancelling())

    # Cancelled before it entered: that count stays out of the scope's business.
    async def counted():
        own = asyncio.current_task()
        await watch("cancelled", asyncio.sleep(9))
        trace("cancelling", own.cancelling())
        await watch("scope", scoped("counted"))
        trace("cancelling", own.cancelling())
        return "end"

    task = loop.create_task(counted())
    await asyncio.sleep(0)
    task.cancel()
    await watch("counted", task)

    # In scopes with nothing to wait for, nothing happens; many of them leave no timer behind.
    for i in range(3):
        async with timeout(1):
            await asyncio.sleep(0)
    await asyncio.sleep(4)
    trace("no leftovers")

twin.run(main)
