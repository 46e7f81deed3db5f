"""TaskGroup in a TaskGroup: whose cancellation it is when an inner, an outer or both have failures."""
import asyncio
from ordered import TaskGroup
import twin
from twin import trace, watch


async def main(loop):
    async def turns(count):
        for _ in range(count):
            await asyncio.sleep(0)

    async def child(name, count, error=None):
        try:
            await turns(count)
        except asyncio.CancelledError:
            trace(name, "is cancelled")
            raise
        trace(name, "fails" if error else "ends")
        if error:
            raise error

    async def nested(outer_turns, inner_turns, body_turns, catch):
        """A failure in the outer group and one in the inner one, each after some iterations, or never."""
        me = asyncio.current_task()
        try:
            async with TaskGroup() as outer:
                outer.create_task(child("outer a", outer_turns, ValueError("outer") if outer_turns < 50 else None))
                outer.create_task(child("outer b", 6))
                try:
                    async with TaskGroup() as inner:
                        failure = RuntimeError("inner") if inner_turns < 50 else None
                        inner.create_task(child("inner a", inner_turns, failure))
                        inner.create_task(child("inner b", 5))
                        await turns(body_turns)
                        trace("inner body ends")
                except catch as error:
                    trace("between", error, me.cancelling())
                    await turns(1)
                    trace("outer body goes on")
                finally:
                    trace("inner left", me.cancelling())
        finally:
            trace("outer left", me.cancelling())
            await turns(1)
        return "after"

    for outer_turns in 2, 3, 4, 5, 50:
        for inner_turns in 2, 3, 4, 50:
            for body_turns in 0, 9:
                trace("==", outer_turns, inner_turns, body_turns)
                await watch("nested", loop.create_task(nested(outer_turns, inner_turns, body_turns, ZeroDivisionError)))
                await watch("caught", loop.create_task(nested(outer_turns, inner_turns, body_turns, Exception)))
                await watch("swallowed", loop.create_task(nested(outer_turns, inner_turns, body_turns, BaseException)))

    # The same, cancelled from outside.
    for waits in range(1, 7):
        trace("== cancelled", waits)
        task = loop.create_task(nested(4, 3, 0, Exception))
        await turns(waits)
        trace("cancel", task.cancel("outside"))
        await watch("nested", task)
        trace(task.cancelled(), task.cancelling())

    # A task of the outer group has a group of its own.
    async def owner(name, count):
        me = asyncio.current_task()
        try:
            async with TaskGroup() as group:
                group.create_task(child(name + " a", count, ValueError(name)))
                group.create_task(child(name + " b", 9))
        finally:
            trace(name, "left", me.cancelling())

    async def family(*counts):
        async with TaskGroup() as group:
            for number, count in enumerate(counts):
                group.create_task(owner("owner %d" % number, count))

    for counts in (1, 9), (1, 1), (1, 2), (2, 3), (3, 1, 2):
        trace("== family", counts)
        await watch("family", loop.create_task(family(*counts)))

    # A task of the inner group adds to the outer one, whether that is shutting down or not.
    async def adds(group, name, count):
        try:
            await turns(count)
        finally:
            try:
                group.create_task(child(name, 2))
                trace("added", name)
            except RuntimeError as error:
                trace("refused", name, error)

    async def adding(count):
        async with TaskGroup() as outer:
            outer.create_task(child("fails", 3, ValueError("fails")))
            async with TaskGroup() as inner:
                inner.create_task(adds(outer, "to the outer", count))
                inner.create_task(adds(inner, "to the inner", count))

    for count in range(5):
        await watch("adding", loop.create_task(adding(count)))

twin.run(main)
