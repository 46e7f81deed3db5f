"""TaskGroup: the body or children failing, in every order, and creating tasks at the wrong time."""
import asyncio
from ordered import TaskGroup
import twin
from twin import trace


async def main(loop):
    me = asyncio.current_task()

    async def child(name, turns, value=None):
        trace(name, "starts")
        try:
            for _ in range(turns):
                await asyncio.sleep(0)
        except asyncio.CancelledError:
            trace(name, "is cancelled")
            raise
        trace(name, "ends")
        if isinstance(value, Exception):
            raise value
        return value

    async def outcome(name, body):
        try:
            trace(name, "gave", await body())
        except BaseException as error:
            trace(name, "raised", error)
        trace(name, "cancelling", me.cancelling())
        # A cancellation that is left over would come here.
        await asyncio.sleep(0)

    # All goes well: leaving waits for all.
    async def well():
        async with TaskGroup() as group:
            first = group.create_task(child("a", 3, "of a"))
            group.create_task(child("b", 1))
            trace("body ends")
        trace("left", first.result())
        return "after"

    async def empty():
        async with TaskGroup():
            trace("nothing in it")

    async def all_done():
        async with TaskGroup() as group:
            group.create_task(child("c", 0))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            trace("body ends")

    for body in (well, empty, all_done):
        await outcome(body.__name__, body)

    # One child fails: while the body awaits, when it has ended, in its last iteration.
    for turns in range(5):
        async def body_awaits():
            async with TaskGroup() as group:
                group.create_task(child("d", 2, ValueError("d")))
                group.create_task(child("e", 9))
                for _ in range(turns):
                    await asyncio.sleep(0)
                trace("body ends")
        await outcome("child fails", body_awaits)

    # Several fail: at once, and while they are cancelled.
    async def several():
        async with TaskGroup() as group:
            group.create_task(child("f", 1, ValueError("f")))
            group.create_task(child("g", 1, RuntimeError("g")))
            group.create_task(child("h", 2, ValueError("h")))
            group.create_task(child("i", 9))

    async def fails_when_cancelled(name, error):
        try:
            await asyncio.sleep(99)
        finally:
            trace(name, "fails")
            raise error

    async def while_cancelled():
        async with TaskGroup() as group:
            group.create_task(fails_when_cancelled("j", RuntimeError("j")))
            group.create_task(child("k", 1, ValueError("k")))
            group.create_task(fails_when_cancelled("l", TimeoutError("l")))

    await outcome("several", several)
    await outcome("while cancelled", while_cancelled)

    # The body fails: its own error comes last.
    async def body_fails():
        async with TaskGroup() as group:
            group.create_task(fails_when_cancelled("m", RuntimeError("m")))
            group.create_task(child("n", 9))
            await asyncio.sleep(0)
            raise ValueError("body")

    async def body_fails_at_once():
        async with TaskGroup() as group:
            group.create_task(child("o", 9))
            raise ValueError("body")

    async def both_fail(turns):
        async with TaskGroup() as group:
            group.create_task(child("p", 1, RuntimeError("p")))
            for _ in range(turns):
                await asyncio.sleep(0)
            raise ValueError("body")

    # The body makes an error of the cancellation that a child caused.
    async def body_answers():
        async with TaskGroup() as group:
            group.create_task(child("q", 1, RuntimeError("q")))
            try:
                await asyncio.sleep(99)
            except asyncio.CancelledError:
                trace("body", "cancelling", me.cancelling())
                raise ValueError("answer")

    async def body_swallows():
        async with TaskGroup() as group:
            group.create_task(child("r", 1, RuntimeError("r")))
            try:
                await asyncio.sleep(99)
            except asyncio.CancelledError:
                await asyncio.sleep(0)
            trace("body ends")

    await outcome("body fails", body_fails)
    await outcome("body fails at once", body_fails_at_once)
    for turns in range(4):
        await outcome("both fail", lambda: both_fail(turns))
    await outcome("body answers", body_answers)
    await outcome("body swallows", body_swallows)

    # A child that is cancelled, or cancels itself, is no failure.
    async def child_cancelled():
        async with TaskGroup() as group:
            task = group.create_task(child("s", 9))
            group.create_task(child("t", 2))
            await asyncio.sleep(0)
            task.cancel()

    async def cancels_itself():
        raise asyncio.CancelledError

    async def child_cancels_itself():
        async with TaskGroup() as group:
            group.create_task(cancels_itself())
            group.create_task(child("u", 2))

    await outcome("child cancelled", child_cancelled)
    await outcome("child cancels itself", child_cancels_itself)

    # The body awaits a child that fails: the error comes twice, and is one of the group's.
    async def awaits_child():
        async with TaskGroup() as group:
            task = group.create_task(child("v", 1, ValueError("v")))
            try:
                await task
            finally:
                trace("after await", me.cancelling())

    async def catches_child():
        async with TaskGroup() as group:
            task = group.create_task(child("w", 1, ValueError("w")))
            try:
                await task
            except ValueError as error:
                trace("caught", error, me.cancelling())
            await asyncio.sleep(0)
            trace("goes on")

    await outcome("awaits child", awaits_child)
    await outcome("catches child", catches_child)

    # Children make children, in time and too late.
    async def makes(group, name, turns):
        try:
            for _ in range(turns):
                await asyncio.sleep(0)
        finally:
            try:
                group.create_task(child(name, 1))
                trace("made", name)
            except RuntimeError as error:
                trace(name, error)

    async def children_of_children():
        async with TaskGroup() as group:
            group.create_task(makes(group, "x", 1))
            trace("body ends")
        await makes(group, "too late", 0)

    async def shutting_down():
        async with TaskGroup() as group:
            group.create_task(makes(group, "y", 99))
            group.create_task(child("z", 1, ValueError("z")))

    await outcome("children of children", children_of_children)
    await outcome("shutting down", shutting_down)

    # Cancelled in the order in which they were created.
    async def many():
        async with TaskGroup() as group:
            for number in range(40):
                group.create_task(child(number, 1 if number == 20 else 9, ValueError("20")))

    await outcome("many", many)

twin.run(main)
