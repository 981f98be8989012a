#!/usr/bin/env python3
"""storm - clients whose leader dies, and who all come back at once.

  storm.py CLIENTS CA TOKEN PROBE LEADER_PID ADDRESS...

CLIENTS connections with TLS to the first address, the leader's, each with a token, call vm.list once in a
while, and connect to the others as soon as they are closed. Over the unix socket PROBE a VM is created
and deleted all the time. After two seconds LEADER_PID is killed; for five more the time between two
acknowledged creates is measured. Prints "gap_ms N back_ms N failed N": the longest one, until when
all clients were back, and how many handshakes failed.
"""
import asyncio
import os
import random
import signal
import ssl
import struct
import sys
import time


def pack(o):
    """MessagePack of what requests are made of."""
    if isinstance(o, bool):
        return b"\xc3" if o else b"\xc2"
    if isinstance(o, int):
        return bytes([o]) if o < 128 else b"\xcf" + struct.pack(">Q", o)
    if isinstance(o, str):
        b = o.encode()
        return (bytes([0xA0 | len(b)]) if len(b) < 32 else b"\xd9" + bytes([len(b)])) + b
    if isinstance(o, list):
        return bytes([0x90 | len(o)]) + b"".join(map(pack, o))
    return bytes([0x80 | len(o)]) + b"".join(pack(k) + pack(v) for k, v in o.items())


async def call(reader, writer, method, params):
    """Whether the answer has no error. One request at a time, so what comes is its answer."""
    writer.write(pack([0, 1, method, [params]]))
    await writer.drain()
    answer = await reader.read(1 << 16)
    if not answer:
        raise ConnectionError("closed")
    return answer[:4] == b"\x94\x01\x01\xc0"


class Storm:
    def __init__(self, ca, token, addresses):
        self.tls = ssl.create_default_context(cafile=ca)
        self.tls.check_hostname = False
        self.tls.minimum_version = ssl.TLSVersion.TLSv1_3
        self.tls.set_alpn_protocols(["blixard/1"])
        self.token, self.addresses = token, addresses
        self.connected, self.failed, self.done = 0, 0, False
        self.all_back = 0.0

    async def client(self, wanted, number):
        tries = 0
        while not self.done:
            others = len(self.addresses) - 1
            at = 0 if tries == 0 else 1 + (number + tries) % others
            host, port = self.addresses[at].rsplit(":", 1)
            tries += 1
            try:
                reader, writer = await asyncio.open_connection(host, int(port), ssl=self.tls)
                try:
                    if not await call(reader, writer, "sys.hello", {"token": self.token}):
                        raise ConnectionError("refused")
                    self.connected += 1
                    if self.connected == wanted:
                        self.all_back = time.monotonic()
                    try:
                        while not self.done:
                            await call(reader, writer, "vm.list", {"limit": 1, "consistency": "stale"})
                            await asyncio.sleep(random.uniform(1, 2))
                    finally:
                        self.connected -= 1
                finally:
                    writer.close()
            except (OSError, ssl.SSLError, asyncio.IncompleteReadError):
                self.failed += 1
                await asyncio.sleep(0.05)


async def probe(storm, path, created):
    reader, writer = await asyncio.open_unix_connection(path)
    n = 0
    while not storm.done:
        n += 1
        name = f"probe-{os.getpid()}-{n}"
        if await call(reader, writer, "vm.create", {"name": name, "disk_gib": 0, "memory_mib": 1, "stopped": True}):
            created.append(time.monotonic())
            await call(reader, writer, "vm.delete", {"vm": name})
        await asyncio.sleep(0.01)


async def main():
    clients, leader = int(sys.argv[1]), int(sys.argv[5])
    storm, created = Storm(sys.argv[2], sys.argv[3], sys.argv[6:]), []
    tasks = [asyncio.create_task(storm.client(clients, k)) for k in range(clients)]
    tasks.append(asyncio.create_task(probe(storm, sys.argv[4], created)))
    began = time.monotonic()
    while storm.connected < clients or time.monotonic() < began + 2:
        await asyncio.sleep(0.05)
    storm.all_back = 0.0
    killed = time.monotonic()
    os.kill(leader, signal.SIGKILL)
    await asyncio.sleep(5)
    storm.done = True
    times = [t for t in created if t > killed - 0.5]
    gap = max((b - a for a, b in zip(times, times[1:])), default=5.0)
    back = storm.all_back - killed if storm.all_back else (0 if clients == 0 else 5.0)
    print(f"gap_ms {gap * 1000:.0f} back_ms {back * 1000:.0f} failed {storm.failed}")
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


asyncio.run(main())
