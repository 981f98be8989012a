#!/usr/bin/env python3
"""Looks for secrets in what the daemons write, for secrets.sh.

Usage: secret_hunt.py SECRETS PATH...

SECRETS is a folder: each *.token holds the token of a user, each *.join one for joining, each *.key a private key or
the key of a cluster, each *.text a text that is to be found. Every regular file below the PATHs is searched for them:
raw, in hexadecimal digits, in base64 and base64url wherever it begins in a longer text; also in what is compressed
inside of the files, as snapshots are. Prints `NAME FORM FILE` for each that is there.
"""

import base64
import hashlib
import os
import re
import struct
import sys

HEADER = 16
LZ = 4


def unpad(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def join_secret(text, everything):
    """A field of 32 bytes of the flat record: the one of which the first half of the SHA-256 is stored."""
    record = unpad(text.split(".", 1)[1])
    slots = [struct.unpack_from("<II", record, at) for at in range(0, len(record) - 7, 4)]
    fields = [record[offset : offset + size] for offset, size in slots if size == 32 and offset + 32 <= len(record)]
    return next(f for f in fields if any(hashlib.sha256(f).digest()[:16] in data for data in everything))


def scalar(key):
    """The secret number of a private key, as PEM or DER; or the key itself, if it is nothing but 32 bytes."""
    if len(key) == 32:
        return key
    if key.startswith(b"-----"):
        key = base64.b64decode(b"".join(line for line in key.splitlines() if b"-----" not in line))
    at = key.index(b"\x04\x20")
    return key[at + 2 : at + 34]


def load(folder, everything):
    secrets = []
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), "rb") as f:
            data = f.read()
        if name.endswith(".token"):
            secrets.append((name, unpad(data.decode().strip().removeprefix("blx_"))))
        elif name.endswith(".join"):
            secrets.append((name, join_secret(data.decode().strip(), everything)))
        elif name.endswith(".key"):
            secrets.append((name, scalar(data)))
        elif name.endswith(".text"):
            secrets.append((name, data.strip()))
    return secrets


def inner(secret, before, encode):
    """What of the base64 of a longer text depends on the secret alone, if so many bytes are before it."""
    text = encode(b"\0" * before + secret + b"\0\0\0").decode()
    first = (before * 8 + 5) // 6
    return text[first : (before + len(secret)) * 8 // 6].encode()


def forms(secret):
    yield "raw", secret
    yield "hex", secret.hex().encode()
    yield "HEX", secret.hex().upper().encode()
    for before in range(3):
        yield "base64", inner(secret, before, base64.b64encode)
        yield "base64url", inner(secret, before, base64.urlsafe_b64encode)


def unpack(block):
    """An LZ4 block; None: it is none."""
    out = bytearray()
    at = 0

    def length(n):
        nonlocal at
        while n >= 15:
            n += block[at]
            at += 1
            if block[at - 1] != 255:
                break
        return n

    try:
        while True:
            token = block[at]
            at += 1
            n = length(token >> 4)
            out += block[at : at + n]
            at += n
            if at >= len(block):
                return bytes(out)
            back = block[at] | block[at + 1] << 8
            at += 2
            n = length(token & 15) + 4
            if back == 0 or back > len(out):
                return None
            piece = out[-back:]
            out += (piece * (n // back + 1))[:n]
    except IndexError:
        return None


def contents(data):
    """The file, and what is packed in its items (codec/header.h)."""
    yield data
    for m in re.finditer(b"\xbd\x58", data):
        at = m.start()
        if at + HEADER > len(data) or data[at + 3] != LZ:
            continue
        size = struct.unpack_from("<I", data, at + 8)[0]
        if at + HEADER + size > len(data):
            continue
        for skip in (1, 0):  # a chunk of a snapshot begins with its kind
            block = data[at + HEADER + skip + 4 : at + HEADER + size]
            plain = unpack(block) if len(block) > 0 else None
            if plain is not None and len(plain) == struct.unpack_from("<I", data, at + HEADER + skip)[0]:
                yield plain
                break


def words(data):
    """What can be digits of any of the forms: far less than all of it, so that it is searched often."""
    return b"\n".join(re.findall(rb"[A-Za-z0-9+/_-]{32,}", data))


def files(paths):
    for path in paths:
        if os.path.isfile(path) and not os.path.islink(path):
            yield path
        for folder, folders, names in os.walk(path):
            folders[:] = [name for name in folders if name != "keys"]
            for name in names:
                one = os.path.join(folder, name)
                if os.path.isfile(one) and not os.path.islink(one):
                    yield one


def main():
    everything = {}
    for path in files(sys.argv[2:]):
        with open(path, "rb") as f:
            everything[path] = f.read()
    secrets = load(sys.argv[1], everything.values())
    wanted = [(name, form, text) for name, secret in secrets for form, text in forms(secret)]
    found = set()
    packed = 0
    for path, data in everything.items():
        for i, part in enumerate(contents(data)):
            packed += i > 0
            digits = words(part)
            found |= {
                (name, form, path) for name, form, text in wanted if text in (part if form == "raw" else digits)
            }
    for name, form, path in sorted(found):
        print(name, form, path)
    print(f"{len(everything)} files, {packed} packed parts, {len(secrets)} secrets", file=sys.stderr)


main()
