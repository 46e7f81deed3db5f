"""Prints every public name of asyncio and contextvars, as docs/asyncio.md writes them: `sleep`,
`loop.call_soon`. The names given as arguments are looked up; those that do not exist are printed after a
line `unknown`."""

import asyncio
import asyncio.subprocess
import builtins
import contextvars
import sys
from unittest import mock


async def samples():
    """Objects by the name that the page calls them, with what their classes are."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    transport, protocol = mock.Mock(), mock.Mock()
    variable = contextvars.ContextVar("variable")
    return {
        "loop": [asyncio.AbstractEventLoop, loop],
        "future": [asyncio.Future],
        "task": [asyncio.Task],
        "handle": [asyncio.Handle],
        "timer": [asyncio.TimerHandle],
        "policy": [asyncio.AbstractEventLoopPolicy],
        "runner": [asyncio.Runner],
        "timeout": [asyncio.Timeout],
        "group": [asyncio.TaskGroup],
        "lock": [asyncio.Lock],
        "event": [asyncio.Event],
        "condition": [asyncio.Condition, asyncio.Condition()],
        "semaphore": [asyncio.Semaphore, asyncio.BoundedSemaphore],
        "barrier": [asyncio.Barrier],
        "queue": [asyncio.Queue, asyncio.PriorityQueue, asyncio.LifoQueue],
        "reader": [asyncio.StreamReader],
        "writer": [asyncio.StreamWriter, asyncio.StreamWriter(transport, protocol, reader, loop)],
        "server": [asyncio.Server],
        "transport": [asyncio.Transport, asyncio.DatagramTransport, asyncio.SubprocessTransport],
        "protocol": [asyncio.Protocol, asyncio.DatagramProtocol, asyncio.SubprocessProtocol,
                     asyncio.BufferedProtocol],
        "process": [asyncio.subprocess.Process, asyncio.subprocess.Process(transport, protocol, loop)],
        "subprocess": [asyncio.subprocess],
        "var": [contextvars.ContextVar, variable],
        "context": [contextvars.Context],
        "token": [contextvars.Token, variable.set(None)],
    }


def exists(name, objects):
    root, _, attribute = name.partition(".")
    if attribute:
        return any(hasattr(sample, attribute) for sample in objects.get(root, []))
    return any(hasattr(module, name) for module in (asyncio, contextvars, builtins))


objects = asyncio.run(samples())
names = set(asyncio.__all__) | set(contextvars.__all__) | {"TaskGroup"}
for root, found in objects.items():
    for cls in found:
        if isinstance(cls, type):
            names.update(f"{root}.{name}" for name in dir(cls) if not name.startswith("_"))
print("\n".join(sorted(names)))
print("unknown")
for name in sys.argv[1:]:
    if not exists(name, objects):
        print(name)
