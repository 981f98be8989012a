"""Changes records of the audit as somebody would who knows the formats: the checksums stay right.

audit_tamper.py state.db OLD NEW      in the first event that contains OLD
audit_tamper.py FILE.bxa OLD NEW      in the last refusal that contains OLD
audit_tamper.py FILE.bxa --drop N     refusal N goes
audit_tamper.py FILE.bxa --double N   refusal N is there twice
"""
import sqlite3
import struct
import sys

HEADER = 16


def crc32c(data, table=[]):
    if not table:
        for i in range(256):
            for _ in range(8):
                i = i >> 1 ^ (0x82F63B78 if i & 1 else 0)
            table.append(i)
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ table[(crc ^ byte) & 255]
    return crc ^ 0xFFFFFFFF


def seal(item):
    return item[:12] + struct.pack('<I', crc32c(item[:12] + item[HEADER:])) + item[HEADER:]


def items(data):
    at = 0
    while at < len(data):
        n = HEADER + struct.unpack_from('<I', data, at + 8)[0]
        yield data[at:at + n]
        at += n


def number(item):
    return struct.unpack_from('<Q', item, HEADER + 8)[0]


def change_event(path, old, new):
    db = sqlite3.connect(path)
    for entry, data in db.execute('SELECT entry, data FROM events ORDER BY entry').fetchall():
        if old in data:
            db.execute('UPDATE events SET data=? WHERE entry=?', (seal(data.replace(old, new, 1)), entry))
            break
    else:
        sys.exit('no such event')
    db.commit()
    db.close()


def change_refusals(path, old, new):
    with open(path, 'rb') as f:
        all_items = list(items(f.read()))
    if old == b'--drop':
        all_items = [i for at, i in enumerate(all_items) if at == 0 or number(i) != int(new)]
    elif old == b'--double':
        all_items += [i for at, i in enumerate(all_items) if at > 0 and number(i) == int(new)]
    else:
        at = max(k for k, i in enumerate(all_items) if old in i)
        print(number(all_items[at]))
        all_items[at] = seal(all_items[at].replace(old, new, 1))
    with open(path, 'wb') as f:
        f.write(b''.join(all_items))


what, before, after = sys.argv[1], sys.argv[2].encode(), sys.argv[3].encode()
(change_event if what.endswith('.db') else change_refusals)(what, before, after)
