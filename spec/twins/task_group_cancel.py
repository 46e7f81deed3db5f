"""TaskGroup: cancelled from outside, before, while and after it shuts down, and what stays of the counts."""
import asyncio
from ordered import TaskGroup
import twin
from twin import timeout, trace, watch


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
        if error:
            raise error
        trace(name, "ends")

    async def stubborn(name, count):
        """Takes its time to end when it is cancelled."""
        try:
            await asyncio.sleep(99)
        except asyncio.CancelledError:
            trace(name, "is cancelled")
            await turns(count)
            trace(name, "ends")
            raise

    async def swallows(name, count, error=None):
        try:
            await asyncio.sleep(99)
        except asyncio.CancelledError:
            await turns(count)
        trace(name, "swallowed it")
        if error:
            raise error

    async def parent(children, body_turns, body_error=None):
        me = asyncio.current_task()
        try:
            async with TaskGroup() as group:
                for make in children:
                    group.create_task(make())
                await turns(body_turns)
                trace("body ends")
                if body_error:
                    raise body_error
        except BaseException as error:
            trace("group raised", error, "cancelling", me.cancelling())
            raise
        finally:
            trace("left", me.cancelling())
        await asyncio.sleep(0)
        trace("went on")

    async def cancelled_after(name, waits, *arguments, again=()):
        trace("==", name, waits)
        task = loop.create_task(parent(*arguments))
        await turns(waits)
        trace("cancel", task.cancel("outside"), task.cancelling())
        for more in again:
            await turns(more)
            trace("cancel again", task.cancel("again"), task.cancelling())
        await watch("parent", task)
        trace("parent", task.cancelled(), "cancelling", task.cancelling())

    two = lambda: child("a", 6), lambda: child("b", 9)
    slow = lambda: stubborn("c", 3), lambda: child("d", 9)
    failing = lambda: child("e", 3, ValueError("e")), lambda: stubborn("f", 4)
    tough = lambda: swallows("g", 2), lambda: child("h", 9)
    fail_late = lambda: swallows("i", 2, ValueError("i")), lambda: stubborn("j", 3)

    # While the body awaits, and while it waits for its children.
    for waits in 0, 1, 2, 3:
        await cancelled_after("body", waits, two, 9)
        await cancelled_after("children", waits, two, 0)
    # Several times, while it shuts down.
    await cancelled_after("again", 2, slow, 0, again=(1, 1))
    await cancelled_after("again, in the body", 2, slow, 9, again=(0, 2))
    # Around the failure of a child: before, in its iteration, and while the others end.
    for waits in range(2, 10):
        await cancelled_after("failing", waits, failing, 0)
        await cancelled_after("failing, body awaits", waits, failing, 9)
    # While the body's own error waits for the children.
    for waits in 2, 3, 4:
        await cancelled_after("body fails", waits, slow, 1, ValueError("body"))
    # Children that swallow the cancellation, or fail for it.
    for waits in 2, 3, 4:
        await cancelled_after("tough", waits, tough, 0)
        await cancelled_after("fails late", waits, fail_late, 0)
        await cancelled_after("fails late, body awaits", waits, fail_late, 9)

    # The parent had been cancelled before the group began, and went on.
    async def cancelled_before(children, body_turns):
        await watch("first", asyncio.sleep(99))
        await parent(children, body_turns)

    for children in two, failing:
        for body_turns in 0, 9:
            for second in None, 2:
                trace("== before", body_turns, second)
                task = loop.create_task(cancelled_before(children, body_turns))
                await asyncio.sleep(0)
                task.cancel("before")
                if second is not None:
                    await turns(second)
                    trace("cancel", task.cancel("second"), task.cancelling())
                await watch("parent", task)
                trace("parent", task.cancelled(), "cancelling", task.cancelling())

    # The parent cancels itself, in the body and as it leaves.
    async def cancels_itself(count):
        me = asyncio.current_task()
        async with TaskGroup() as group:
            group.create_task(child("k", 3))
            trace("cancel", me.cancel("itself"))
            await turns(count)
            trace("body ends")

    for count in 0, 1:
        task = loop.create_task(cancels_itself(count))
        await watch("parent", task)
        trace("parent", task.cancelled(), "cancelling", task.cancelling())

    # A timeout around a group, and a group around a timeout.
    async def timed(children, delay):
        me = asyncio.current_task()
        try:
            async with timeout(delay):
                await parent(children, 1)
        finally:
            trace("timed", me.cancelling())

    async def timeout_inside(children, delay):
        me = asyncio.current_task()
        async with TaskGroup() as group:
            for make in children:
                group.create_task(make())
            async with timeout(delay):
                await asyncio.sleep(99)
        trace("timeout inside", me.cancelling())

    # A group that was left with errors leaves nothing behind for the timeout around it.
    async def group_before_sleep(body_turns):
        async with timeout(20):
            try:
                await parent(failing, body_turns)
            except ExceptionGroup as error:
                trace("between", error)
            await asyncio.sleep(99)

    for body_turns in 0, 3, 9:
        await watch("group before", loop.create_task(group_before_sleep(body_turns)))

    for children in two, slow, failing, tough, fail_late:
        for delay in 2, 3, 5:
            trace("== timed", delay)
            await watch("timed", loop.create_task(timed(children, delay)))
            await watch("timeout inside", loop.create_task(timeout_inside(children, delay)))

twin.run(main)
