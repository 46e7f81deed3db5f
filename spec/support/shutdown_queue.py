"""asyncio's queues, with the `shutdown` that they have since Python 3.13."""

import asyncio


class QueueShutDown(Exception):
    """The queue takes no more items, or will never have one again."""


class _Shutdown:
    # To those that wait in `put` and `get`, a queue that is shut down is neither full nor empty.
    # So they go on to put or get without waiting, where they learn that it is shut down.

    is_shut_down = False

    def full(self):
        return super().full() and not self.is_shut_down

    def empty(self):
        return super().empty() and not self.is_shut_down

    def put_nowait(self, item):
        if self.is_shut_down:
            raise QueueShutDown
        super().put_nowait(item)

    def get_nowait(self):
        if self.is_shut_down and self.qsize() == 0:
            raise QueueShutDown
        return super().get_nowait()

    def shutdown(self, immediate=False):
        while immediate and self.qsize() > 0:
            self._get()
            if self._unfinished_tasks > 0:
                self.task_done()
        self.is_shut_down = True
        for waiters in (self._getters, self._putters):
            while waiters:
                self._wakeup_next(waiters)


class Queue(_Shutdown, asyncio.Queue):
    """First in, first out."""


class PriorityQueue(_Shutdown, asyncio.PriorityQueue):
    """The least item first."""


class LifoQueue(_Shutdown, asyncio.LifoQueue):
    """Last in, first out."""
