"""Runs the random programs of generate.lua, whose text is in the file named, and prints traces."""

import asyncio
import sys

import twin
from twin import trace

# Iterations after which whatever still runs is cancelled, every few iterations anew.
PATIENCE = 40
AGAIN = 4

# Calls of callbacks that a program gets: one that schedules itself twice would double for ever.
CALLS = 60


class Program:
    def __init__(self, seed, timed):
        self.seed = seed
        self.timed = timed
        self.loop = twin.new_loop()
        self.objects = {}
        self.bodies = {}
        self.agenda = {}
        self.callbacks = {}
        self.spawned = []
        self.timers = 0
        self.calls = 0
        self.finished = False

    def delay(self, text):
        """Distinct for every timer, because equal deadlines have no order in asyncio."""
        self.timers += 1
        return float(text) + self.timers / 4096

    def spawn(self, name):
        if name in self.objects or self.finished:
            trace("no more", name)
            return
        task = self.loop.create_task(self.body(name))
        self.objects[name] = task
        self.spawned.append(name)

    async def body(self, name):
        trace(name, "starts")
        try:
            result = await self.run_block(name, self.bodies[name])
        except BaseException as error:
            trace(name, "raises", error, twin.message(error) if type(error) is ValueError else None)
            raise
        value = result[0] if result else None
        trace(name, "returns", value)
        return value

    def callback(self, name):
        def call(*arguments):
            self.calls += 1
            if self.calls > CALLS:
                return
            trace(name, "called")
            for line in self.bodies[name]:
                self.quick(name, line)

        # One object for each name, so that it can be removed again.
        return self.callbacks.setdefault(name, call)

    def state(self, name):
        thing = self.objects.get(name)
        if thing is None:
            trace(name, "is nothing yet")
        elif not thing.done():
            trace(name, "pending")
        elif thing.cancelled():
            trace(name, "cancelled")
        else:
            error = thing.exception()
            trace(name, "done", error if error else thing.result())

    def quick(self, who, line):
        """Runs an operation that does not wait; False if it is none of these."""
        operation, arguments = line[0], line[1:]
        name = arguments[0] if arguments else None
        thing = self.objects.get(name)
        if operation == "spawn":
            self.spawn(name)
        elif operation == "state":
            self.state(name)
        elif operation == "gather":
            self.gather(name, arguments[1], arguments[2:])
        elif operation == "soon":
            self.objects[name] = self.loop.call_soon(self.callback(arguments[1]))
        elif operation == "later":
            self.objects[name] = self.loop.call_later(self.delay(arguments[1]), self.callback(arguments[2]))
        elif operation == "stop":
            self.loop.stop()
        elif operation == "raise":
            raise ValueError(name)
        elif operation not in QUICK:
            return False
        elif thing is None:
            trace(who, operation, name, "is nothing yet")
        else:
            twin.attempt(" ".join([who, *line]), QUICK[operation], self, thing, *arguments[1:])
        return True

    def gather(self, name, mode, names):
        children = [self.objects[child] for child in names if child in self.objects]
        if name not in self.objects:
            self.objects[name] = asyncio.gather(*children, return_exceptions=mode == "keep")

    async def run_block(self, who, block):
        """Runs operations in order; a list of one value when one of them returned."""
        for line in block:
            result = await self.run_operation(who, line)
            if result:
                return result
        return None

    async def run_operation(self, who, line):
        if line[0] == "return":
            return [line[1]]
        if line[0] == "timeout":
            return await self.timeout(who, *line[1:])
        if line[0] == "try":
            return await getattr(self, "try_" + line[1])(who, *line[2:])
        if not self.quick(who, line):
            await SLOW[line[0]](self, who, *line[1:])
        return None

    async def timeout(self, who, delay, block):
        if delay != "none":
            delay = float(delay) if float(delay) <= 0 else self.delay(delay)
        async with twin.timeout(None if delay == "none" else delay):
            return await self.run_block(who, block)

    async def try_any(self, who, block, handler):
        try:
            return await self.run_block(who, block)
        except BaseException as error:
            trace(who, "caught", error)
        return await self.run_block(who, handler)

    async def try_cancel(self, who, block, handler):
        try:
            return await self.run_block(who, block)
        except asyncio.CancelledError as error:
            trace(who, "caught", error)
        return await self.run_block(who, handler)

    async def try_reraise(self, who, block, handler):
        try:
            return await self.run_block(who, block)
        except BaseException as error:
            trace(who, "caught", error)
            await self.run_block(who, handler)
            raise

    async def try_finally(self, who, block, handler):
        try:
            return await self.run_block(who, block)
        finally:
            trace(who, "finally")
            await self.run_block(who, handler)

    async def await_named(self, who, name, wait=None):
        thing = self.objects.get(name)
        if thing is None:
            trace(who, name, "is nothing yet")
            return
        trace(who, "awaits", name)
        trace(who, "got", await (wait(thing) if wait else thing))

    async def wait_for(self, who, name, delay):
        delay = float(delay) if float(delay) <= 0 else self.delay(delay)
        await self.await_named(who, name, lambda thing: twin.wait_for(thing, delay))

    def drive(self):
        """Runs in every iteration, what is on the agenda for it too; in the end it cancels what still runs."""
        # Back in the queue first, because the agenda may raise.
        self.driving = self.loop.call_soon(self.drive)
        if twin.iteration() >= PATIENCE:
            running = [name for name in self.spawned if not self.objects[name].done()]
            if not running:
                self.finished = True
                self.driving.cancel()
                self.loop.stop()
                return
            if twin.iteration() % AGAIN == 0:
                for name in running:
                    trace("cancelling", name, self.objects[name].cancel())
        for line in self.agenda.get(twin.iteration(), ()):
            self.quick("agenda", line)

    def run(self):
        print("program", self.seed)
        self.loop.call_soon(self.drive)
        self.loop.call_soon(lambda: [self.quick("main", line) for line in self.bodies["main"]])
        while not self.finished:
            self.loop.run_forever()
            trace("stopped")
        for name in sorted(self.objects):
            if isinstance(self.objects[name], asyncio.Future):
                self.state(name)
        twin.close(self.loop)


QUICK = {
    "cancel": lambda program, thing: thing.cancel(),
    "result": lambda program, thing, value: thing.set_result(value),
    "fail": lambda program, thing, value: thing.set_exception(ValueError(value)),
    "callback": lambda program, thing, name: thing.add_done_callback(program.callback(name)),
    "remove": lambda program, thing, name: thing.remove_done_callback(program.callback(name)),
    "drop": lambda program, thing: thing.cancel(),
    "set": lambda program, thing: thing.set(),
    "clear": lambda program, thing: thing.clear(),
    "put_nowait": lambda program, thing, value: thing.put_nowait(value),
    "get_nowait": lambda program, thing: thing.get_nowait(),
    "counts": lambda program, thing: thing.cancelling(),
}


async def sleep(program, who, delay):
    await asyncio.sleep(program.delay(delay) if float(delay) > 0 else float(delay))
    trace(who, "slept", delay)


async def wait(program, who, name):
    trace(who, "waits for", name)
    await program.objects[name].wait()
    trace(who, "saw", name)


async def put(program, who, name, value):
    await program.objects[name].put(value)
    trace(who, "put", value)


async def get(program, who, name):
    trace(who, "gets from", name)
    trace(who, "got", await program.objects[name].get())


async def await_self(program, who):
    await asyncio.current_task()


async def cancel_self(program, who):
    trace(who, "cancels itself", asyncio.current_task().cancel())


async def uncancel(program, who):
    trace(who, "uncancel", asyncio.current_task().uncancel())


SLOW = {
    "sleep": sleep, "wait": wait, "put": put, "get": get, "await_self": await_self,
    "cancel_self": cancel_self, "uncancel": uncancel,
    "await": Program.await_named, "wait_for": Program.wait_for,
}


def read_block(lines):
    """The operations up to the `end` or `except` of this block."""
    block = []
    for line in lines:
        words = line.split()
        if words[0] in ("end", "except"):
            return block
        if words[0] == "timeout":
            words.append(read_block(lines))
        elif words[0] == "try":
            words.append(read_block(lines))
            words.append(read_block(lines))
        block.append(words)
    raise ValueError("a block has no end")


def declare(program, words, lines):
    if words[0] == "future":
        program.objects[words[1]] = program.loop.create_future()
    elif words[0] == "event":
        program.objects[words[1]] = asyncio.Event()
    elif words[0] == "queue":
        program.objects[words[1]] = asyncio.Queue(int(words[2]))
    elif words[0] == "at":
        program.agenda[int(words[1])] = read_block(lines)
    else:
        program.bodies[words[1]] = read_block(lines)


def main(path):
    with open(path) as file:
        lines = iter(file.read().splitlines())
    program = None
    for line in lines:
        words = line.split()
        if words[0] == "program":
            program = Program(words[1], words[2] == "timed")
        elif words[0] == "run":
            program.run()
        else:
            declare(program, words, lines)


main(sys.argv[1])
