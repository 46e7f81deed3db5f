"""Runs the random programs of generate.lua, whose text is in the file named, and prints traces."""

import asyncio
import sys

import twin
from operations import BLOCKS, MAKE, QUICK, SLOW, value_of
from twin import trace

# Iterations after which whatever still runs is cancelled, every few iterations anew.
PATIENCE = 40
AGAIN = 4

# Calls of callbacks that a program gets: one that schedules itself twice would double for ever.
CALLS = 60

# The blocks of operations in a block, up to its `end`.
PARTS = {"timeout": 1, "group": 1, "hold": 1, "try": 2}


class Waiting:
    """Who waits for what, to cancel it in the very iteration in which it is woken."""

    def __init__(self, waits, who, name):
        self.waits = waits
        self.who = who
        self.name = name

    def __enter__(self):
        self.waits.append(self)
        return self

    def finish(self):
        if self in self.waits:
            self.waits.remove(self)

    def __exit__(self, *_):
        self.finish()


class Program:
    def __init__(self, seed):
        self.seed = seed
        self.loop = twin.new_loop()
        self.objects = {}
        self.locks = []
        self.variables = []
        self.bodies = {}
        self.agenda = {}
        self.callbacks = {}
        self.waits = []
        self.spawned = []
        self.timers = 0
        self.calls = 0
        self.finished = False

    def delay(self, text):
        """Distinct for every timer, because equal deadlines have no order in asyncio."""
        self.timers += 1
        return float(text) + self.timers / 4096

    def limit(self, text):
        """For what sets no timer when the time is up already: no seconds and less stay what they are."""
        if text == "none":
            return None
        return self.delay(text) if float(text) > 0 else float(text)

    def spawn(self, name, create=None):
        if self.objects.get(name) is not None or self.finished:
            trace("no more", name)
            return
        self.objects[name] = (create or self.loop.create_task)(self.body(name))
        self.spawned.append(name)

    async def body(self, name):
        trace(name, "starts", self.values())
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
            trace(name, "called", self.values())
            self.run_quick(name, self.bodies[name])

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

    def values(self):
        """What the variables are in the current context."""
        return [value_of(self.objects[name]) for name in self.variables]

    def names(self, futures):
        """The names of futures, in their order."""
        # A shield of what is done is the same future: it goes by the name that comes first.
        return [min(name for name, object in self.objects.items() if object is future) for future in futures]

    def waiting(self, who, name=None):
        return Waiting(self.waits, who, name)

    def first_waiter(self, name):
        return next((waiting.who for waiting in self.waits if waiting.name == name), None)

    async def run_block(self, who, block):
        """Runs operations in order; a list of one value when one of them returned."""
        for operation, *words in block:
            if operation in QUICK:
                QUICK[operation](self, who, *words)
                continue
            result = await (SLOW.get(operation) or BLOCKS[operation])(self, who, *words)
            if result:
                return result
        return None

    def run_quick(self, who, block):
        """Runs operations that do not wait."""
        for operation, *words in block:
            QUICK[operation](self, who, *words)

    def cancel_running(self):
        """Cancels what still runs; False if nothing does."""
        running = [name for name in self.spawned if not self.objects[name].done()]
        if running and twin.iteration() % AGAIN == 0:
            for name in running:
                trace("cancelling", name, self.objects[name].cancel())
            # A cancelled wait for a condition ends when it has the lock, which may never be released otherwise.
            for name in self.locks:
                if self.objects[name].locked():
                    QUICK["release"](self, "agenda", name)
        return bool(running)

    def drive(self):
        """Runs in every iteration, what is on the agenda for it too; in the end it cancels what still runs."""
        # Back in the queue first, because the agenda may raise.
        self.driving = self.loop.call_soon(self.drive)
        if twin.iteration() >= PATIENCE and not self.cancel_running():
            self.finished = True
            self.driving.cancel()
            self.loop.stop()
        self.run_quick("agenda", self.agenda.get(twin.iteration(), ()))

    def run(self):
        print("program", self.seed)
        self.loop.call_soon(self.drive)
        self.loop.call_soon(self.run_quick, "main", self.bodies["main"])
        while not self.finished:
            self.loop.run_forever()
            trace("stopped")
        for name in sorted(self.objects):
            if isinstance(self.objects[name], asyncio.Future):
                self.state(name)
        twin.close(self.loop)


def read_block(lines):
    """The operations up to the `end` or `except` of this block."""
    block = []
    for line in lines:
        words = line.split()
        if words[0] in ("end", "except"):
            return block
        for _ in range(PARTS.get(words[0], 0)):
            words.append(read_block(lines))
        block.append(words)
    raise ValueError("a block has no end")


def declare(program, line, lines):
    kind, name, *words = line
    if kind in MAKE:
        program.objects[name] = MAKE[kind](program, *words)
        if kind in ("lock", "condition"):
            program.locks.append(name)
        if kind == "variable":
            program.variables.append(name)
    elif kind == "at":
        program.agenda[int(name)] = read_block(lines)
    else:
        program.bodies[name] = read_block(lines)


def main(path):
    with open(path) as file:
        lines = iter(file.read().splitlines())
    program = None
    for line in lines:
        words = line.split()
        if words[0] == "program":
            program = Program(words[1])
        elif words[0] == "run":
            program.run()
        else:
            declare(program, words, lines)


main(sys.argv[1])
