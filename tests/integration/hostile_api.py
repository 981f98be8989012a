#!/usr/bin/env python3
"""A hostile client of the API over TLS, for api_tls.sh: written from docs, not from our code.

Usage: hostile_api.py NETNS HOST PORT TOKEN DIR LOG PID

NETNS is the network namespace of the client, which has the addresses HOST + 1 (the attacker), HOST + 2 (who does
nothing wrong) and HOST + 3. TOKEN is the file of an administrator's token, DIR the data directory of the daemon, LOG its log and
PID its process. Prints TAP, without the plan.
"""

import ctypes
import os
import re
import socket
import ssl
import struct
import sys
import threading
import time

netns, host, port, token_file, directory, log_file, pid = sys.argv[1:8]
port, pid = int(port), int(pid)
token = open(token_file).read().strip()
base, last = host.rsplit(".", 1)
BAD, GOOD, OTHER = (f"{base}.{int(last) + k}" for k in (1, 2, 3))
FLOOD = 2000
MIB = 1024  # of KiB

failures = 0


def ok(good, name, told=""):
    global failures
    print(f"{'ok' if good else 'not ok'} - {name}", flush=True)
    if not good:
        failures += 1
        print("# " + str(told)[:2000].replace("\n", "\n# "), flush=True)
    return good


def wait_until(seconds, condition):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def enter():
    with open(netns) as f:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.setns(f.fileno(), 0x40000000) != 0:
            sys.exit(f"{netns}: {os.strerror(ctypes.get_errno())}")


# ---- requests ----------------------------------------------------------------------------------------


def text(s):
    b = s.encode()
    if len(b) < 32:
        return bytes([0xA0 | len(b)]) + b
    return b"\xd9" + bytes([len(b)]) + b if len(b) < 256 else b"\xda" + struct.pack(">H", len(b)) + b


def request(number, method, **params):
    pairs = b"".join(text(k) + (text(v) if isinstance(v, str) else bytes([v])) for k, v in params.items())
    return b"\x94\x00" + bytes([number]) + text(method) + b"\x91" + bytes([0x80 | len(params)]) + pairs


def rules(version=ssl.TLSVersion.TLSv1_3, protocol="blixard/1"):
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    c.check_hostname = False
    c.verify_mode = ssl.CERT_NONE
    c.minimum_version = ssl.TLSVersion.TLSv1_2
    c.maximum_version = version
    c.set_alpn_protocols([protocol])
    return c


def dial(source, seconds=10):
    s = socket.socket()
    s.settimeout(seconds)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((source, 0))
    s.connect((host, port))
    return s


def call(s, *frames):
    """The first bytes of the answer."""
    for f in frames:
        s.sendall(f)
        answer = s.recv(65536)
        if not answer:
            return b""
    return answer


def answers(source=None, secret=token, seconds=10):
    """A new connection, hello and a list; how long it took, None if it failed."""
    began = time.monotonic()
    try:
        with rules().wrap_socket(dial(source or GOOD, seconds)) as s:
            answer = call(s, request(1, "sys.hello", token=secret), request(2, "vm.list"))
            return time.monotonic() - began if answer[:4] == b"\x94\x01\x02\xc0" else None
    except OSError:
        return None


def client_hello():
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    o = rules().wrap_bio(incoming, outgoing)
    try:
        o.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


# ---- what the daemon tells -----------------------------------------------------------------------------


def log():
    return open(log_file, errors="replace").read()


def told(reason):
    return len(re.findall(f"refused a client reason={reason} client={re.escape(BAD)}:", log()))


def is_told(reason, times=1):
    return wait_until(5, lambda: told(reason) >= times) and told(reason) == times


def rss():
    return int(re.search(r"VmRSS:\s*(\d+)", open(f"/proc/{pid}/status").read())[1])


def descriptors():
    return len(os.listdir(f"/proc/{pid}/fd"))


# ---- attacks -----------------------------------------------------------------------------------------


def closes(sent, seconds=12):
    """The server closes, having answered nothing that is of use."""
    s = dial(BAD, seconds)
    try:
        if sent:
            s.sendall(sent)
        got = b""
        while True:
            more = s.recv(65536)
            if not more:
                return got
            got += more
    except ConnectionError:
        return got
    except TimeoutError:
        return None
    finally:
        s.close()


def attack_one_by_one():
    try:
        rules(ssl.TLSVersion.TLSv1_2).wrap_socket(dial(BAD))
        ok(False, "TLS 1.2 is refused")
    except ssl.SSLError as e:
        ok("VERSION" in str(e).upper(), "TLS 1.2 is refused", e)
    ok(is_told("version"), "and told", log()[-2000:])
    try:
        rules(protocol="h2").wrap_socket(dial(BAD))
        ok(False, "another protocol is refused")
    except ssl.SSLError:
        ok(is_told("protocol"), "another protocol is refused, and told", log()[-2000:])
    ok(closes(request(1, "sys.hello", token=token)) == b"\x15\x03\x03\x00\x02\x02\x0a", "what is not TLS gets an alert")
    ok(is_told("not_tls"), "and is told")
    ok(closes(b"\x16\x03\x01\x02\x00" + os.urandom(512)) is not None, "garbage after a good beginning is closed")
    ok(closes(client_hello()[:50]) is not None, "half a hello is closed after a while")
    ok(closes(b"") is not None, "silence, too")
    ok(is_told("timeout"), "which is told once", log()[-2000:])
    ok(closes(b"\x16\x03\x01\x40\x00" + bytes(70000)) is not None, "a huge handshake is closed")


def attack_with_tokens():
    wrong = "blx_" + "A" * 43
    began = time.monotonic()
    let_in = sum(answers(BAD, wrong, 5) is not None for _ in range(60))
    ok(let_in == 0, "60 guessed tokens let nobody in", let_in)
    ok(answers(GOOD) is not None, "who has the right one is served")
    ok(answers(BAD) is not None, "also from the same address")
    lines = len(re.findall("warning api: wrong token", log()))
    ok(1 <= lines <= 2 + (time.monotonic() - began) / 60, "and it is told once a minute", lines)


class Flood:
    """FLOOD connections as fast as they can be opened, and then again and again; every second one says hello."""

    def __init__(self):
        self.first = client_hello()
        self.opened = 0
        self.stop = threading.Event()
        self.threads = [threading.Thread(target=self.run) for _ in range(4)]
        for t in self.threads:
            t.start()
        wait_until(60, lambda: self.opened >= FLOOD)

    def run(self):
        held = []
        while not self.stop.is_set():
            try:
                s = dial(BAD, 1)
                if self.opened % 2:
                    s.sendall(self.first)
                held.append(s)
            except OSError:
                time.sleep(0.01)
            self.opened += 1
            if len(held) > FLOOD // 4:
                held.pop(0).close()
        for s in held:
            s.close()

    def end(self):
        self.stop.set()
        for t in self.threads:
            t.join()


def percentile(times):
    return sorted(times)[len(times) * 99 // 100] * 1000


def probe(source, n):
    """Requests on one connection, which is open already, and how long the slowest of them take."""
    times = []
    with rules().wrap_socket(dial(source)) as s:
        call(s, request(1, "sys.hello", token=token))
        for k in range(n):
            began = time.monotonic()
            call(s, request(2, "vm.list"))
            times.append(time.monotonic() - began)
            time.sleep(0.01)
    return percentile(times)


def attack_in_numbers():
    before, quiet = descriptors(), probe(GOOD, 300)
    flood = Flood()
    busy = probe(GOOD, 300)
    most = descriptors() - before
    fresh = [answers(OTHER, seconds=5) for _ in range(20)]
    same = [answers(BAD, seconds=5) for _ in range(10)]
    opened = flood.opened
    flood.end()
    slowest = None if None in fresh else max(fresh) * 1000
    print(f"# p99 of a request: {quiet:.1f} ms; amid {opened} half-open handshakes: {busy:.1f} ms; a new connection of "
          f"another address: {slowest and round(slowest)} ms, of the same one: {same}", flush=True)
    ok(None not in fresh, "amid 2,000 half-open handshakes another address is served", fresh)
    ok(slowest is not None and slowest < 2000, "soon", fresh)
    ok(any(s is not None for s in same), "and the same address, too, though not always", same)
    ok(busy < 2 * quiet + 20, "requests of clients that are connected take as long as before", (quiet, busy))
    ok(most < 800, "connections are bounded", most)
    ok(told("crowded") >= 1, "it is told", log()[-2000:])
    lines = len(re.findall("warning api: refused a client", log()))
    ok(lines < 30, "within bounds", lines)
    ok(wait_until(20, lambda: descriptors() <= before + 3), "all are gone afterwards", (before, descriptors()))


def memory_is_back():
    before = rss()
    Flood().end()
    ok(wait_until(60, lambda: rss() < before + 8 * MIB), "memory is back after another flood", (before, rss()))


def main():
    enter()
    ok(answers() is not None, "a client that does nothing wrong is served")
    attack_one_by_one()
    attack_with_tokens()
    attack_in_numbers()
    memory_is_back()
    ok(answers() is not None, "and still is")
    sys.exit(failures > 0)


main()
