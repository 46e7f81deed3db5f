"""asyncio's operations on sets of futures, made to go in the order in which these were given or made.

It is asyncio's own code that runs. A set of it has no order to compare with; here it gets one.

A task group counts cancellations from where it began, as the timeouts of 3.12 do, and takes back the one
that it has made, as it does since 3.13: before, only if that came while the body was running.
"""

import asyncio


async def wait(futures, **options):
    """`asyncio.wait`, whose results are lists in the order of the argument."""
    done, pending = await asyncio.wait(futures, **options)
    given = dict.fromkeys(futures)
    return [each for each in given if each in done], [each for each in given if each in pending]


class Place:
    """A future whose hash is its place in a list: a set of small numbers goes in rising order."""

    _asyncio_future_blocking = False

    def __init__(self, place, future):
        self._place = place
        self._future = future
        self.get_loop = future.get_loop
        self.result = future.result

    def __hash__(self):
        return self._place

    def add_done_callback(self, callback):
        self._callback = lambda _: callback(self)
        self._future.add_done_callback(self._callback)

    def remove_done_callback(self, _):
        return self._future.remove_done_callback(self._callback)


def as_completed(awaitables, **options):
    """`asyncio.as_completed`; of those that are done already, in the order of the argument."""
    futures = dict.fromkeys(asyncio.ensure_future(each) for each in awaitables)
    return asyncio.as_completed([Place(*each) for each in enumerate(futures)], **options)


class _InOrder(dict):
    def add(self, item):
        self[item] = None

    def discard(self, item):
        self.pop(item, None)


class _CountedFrom:
    """A task, its cancellations counted from those that it has now."""

    def __init__(self, task):
        self._before = task.cancelling()
        self._uncancel = task.uncancel
        self.cancel = task.cancel
        self.done = task.done

    def uncancel(self):
        return max(0, self._uncancel() - self._before)


class TaskGroup(asyncio.TaskGroup):
    """`asyncio.TaskGroup`, which cancels its tasks in the order in which they were created."""

    async def __aenter__(self):
        await super().__aenter__()
        self._tasks = _InOrder()
        self._parent_task = _CountedFrom(self._parent_task)
        return self

    async def __aexit__(self, *failure):
        taken_back = self._parent_cancel_requested
        try:
            return await super().__aexit__(*failure)
        finally:
            if self._parent_cancel_requested and not taken_back:
                self._parent_task.uncancel()

    def create_task(self, coroutine):
        try:
            return super().create_task(coroutine)
        except RuntimeError:
            # It will not run; without this, Python would complain about that.
            coroutine.close()
            raise
