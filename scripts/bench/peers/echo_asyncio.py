"""echo_asyncio.py asyncio|uvloop protocol|streams PORT: an echo server."""
import asyncio
import sys

flavour, mode, port = sys.argv[1], sys.argv[2], int(sys.argv[3])


class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)


async def handle(reader, writer):
    while data := await reader.read(262144):
        writer.write(data)
        await writer.drain()
    writer.close()


async def main():
    if mode == "streams":
        server = await asyncio.start_server(handle, "127.0.0.1", port, backlog=511)
    else:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(Echo, "127.0.0.1", port, backlog=511)
    await server.serve_forever()


if flavour == "uvloop":
    import uvloop
    uvloop.install()
asyncio.run(main())
