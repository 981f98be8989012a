#!/usr/bin/env python3
"""relay - a network that is slow: what is sent arrives later.

  relay.py PORT MILLISECONDS

Connections that nft has redirected to PORT are relayed to where they were going, each piece so much
later in either direction. The relay's own connections are marked, so that they are not redirected.
"""
import asyncio
import socket
import struct
import sys

MARK = 7
SO_ORIGINAL_DST = 80


async def forward(reader, writer, delay):
    """Pass on what comes, in order: another task waits, so that reading goes on."""
    loop = asyncio.get_running_loop()
    queue = asyncio.Queue(10000)

    async def deliver():
        while True:
            when, piece = await queue.get()
            await asyncio.sleep(max(0, when - loop.time()))
            if not piece:
                writer.close()
                return
            writer.write(piece)
            await writer.drain()

    task = asyncio.create_task(deliver())
    piece = b"-"
    while piece:
        try:
            piece = await reader.read(65536)
        except OSError:
            piece = b""
        await queue.put((loop.time() + delay, piece))
    try:
        await task
    except OSError:
        pass


async def relay(reader, writer, delay):
    raw = writer.get_extra_info("socket").getsockopt(socket.SOL_IP, SO_ORIGINAL_DST, 16)
    port, address = struct.unpack("!2xH4s8x", raw)
    there = socket.socket()
    there.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, MARK)
    there.setblocking(False)
    try:
        await asyncio.get_running_loop().sock_connect(there, (socket.inet_ntoa(address), port))
        far_reader, far_writer = await asyncio.open_connection(sock=there)
    except OSError:
        writer.close()
        return
    await asyncio.gather(forward(reader, far_writer, delay), forward(far_reader, writer, delay))


async def main():
    delay = float(sys.argv[2]) / 1000
    server = await asyncio.start_server(lambda r, w: relay(r, w, delay), "0.0.0.0", int(sys.argv[1]))
    await server.serve_forever()


asyncio.run(main())
