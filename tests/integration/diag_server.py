#!/usr/bin/env python3
"""A service that takes envelopes, for diag_send.sh: written from the published format, not from our code.

Usage: diag_server.py DIR [ANSWER...]

Listens on the port of loopback in DIR/port, or on a free one, which it writes there. Each POST is parsed strictly and its
items are appended to DIR/items, one in a line: TIME TYPE LENGTH EVENT-ID; what violates the format goes to
DIR/bad. The first requests get the given answers, one each, the others 200:

    429:HEADER=VALUE;...    a refusal with these lines of the header
    500                     any other status
"""

import datetime
import http.server
import json
import os
import re
import sys
import time

directory = sys.argv[1]
answers = sys.argv[2:]
PATH = re.compile(r"^/api/(\d+)/envelope/$")
AUTH = re.compile(r"^Sentry (?:[a-z_]+=[^,\s]+)(?:, ?[a-z_]+=[^,\s]+)*$")
ID = re.compile(r"^[0-9a-f]{32}$")
SPAN = re.compile(r"^[0-9a-f]{16}$")
LEVELS = {"fatal", "error", "warning", "info", "debug"}


class Malformed(Exception):
    pass


def need(condition, what):
    if not condition:
        raise Malformed(what)


def no_duplicates(pairs):
    keys = [key for key, _ in pairs]
    need(len(keys) == len(set(keys)), "duplicate keys %s" % keys)
    return dict(pairs)


def parse_json(data):
    return json.loads(data.decode("utf-8"), object_pairs_hook=no_duplicates)


def timestamp(text):
    need(isinstance(text, str) and text.endswith("Z"), "timestamp %r" % (text,))
    return datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ")


def check_trace(trace):
    need(ID.match(trace["trace_id"]), "trace_id")
    need(SPAN.match(trace["span_id"]), "span_id")


def check_crumb(crumb):
    timestamp(crumb["timestamp"])
    need(crumb["level"] in LEVELS, "level of a breadcrumb")
    need(set(crumb) <= {"timestamp", "type", "category", "level", "message", "data"}, "breadcrumb %s" % crumb)
    need(all(isinstance(v, str) for v in crumb.get("data", {}).values()), "data of a breadcrumb")


def check_event(event, header):
    need(ID.match(event["event_id"]), "event_id")
    need(event["event_id"] == header["event_id"], "event_id differs from that of the header")
    timestamp(event["timestamp"])
    need(event["platform"] == "native", "platform")
    need(event["level"] in LEVELS, "level")
    for key in ("release", "server_name", "environment"):
        need(isinstance(event[key], str) and event[key], key)
    need(all(isinstance(v, str) for v in event.get("tags", {}).values()), "tags")
    if "trace" in event.get("contexts", {}):
        check_trace(event["contexts"]["trace"])
    for crumb in event.get("breadcrumbs", {}).get("values", []):
        check_crumb(crumb)
    for value in event.get("exception", {}).get("values", []):
        need(value["type"], "type of an exception")
        for frame in value.get("stacktrace", {}).get("frames", []):
            int(frame["instruction_addr"], 16)
    need(event["sdk"]["name"] and event["sdk"]["version"], "sdk")


def check_transaction(event, header):
    check_event(event, header)
    need(event["type"] == "transaction", "type of a transaction")
    start, end = timestamp(event["start_timestamp"]), timestamp(event["timestamp"])
    need(start <= end, "a transaction that ends before it begins")
    trace = event["contexts"]["trace"]
    need(trace["op"], "op")
    for span in event["spans"]:
        check_trace(span)
        need(span["trace_id"] == trace["trace_id"], "trace of a span")
        need(span["parent_span_id"] == trace["span_id"], "parent of a span")
        need(start <= timestamp(span["start_timestamp"]) <= timestamp(span["timestamp"]) <= end, "times of a span")


def check_session(session, header):
    need("event_id" not in header, "a session with an event")
    need(ID.match(session["sid"]), "sid")
    need(session["status"] in {"ok", "exited", "crashed", "abnormal", "errored"}, "status")
    need(isinstance(session["init"], bool) and isinstance(session["errors"], int), "init, errors")
    need(timestamp(session["started"]) <= timestamp(session["timestamp"]), "started")
    need(session["attrs"]["release"], "release")


def check_sessions(sessions, header):
    need(sessions["attrs"]["release"], "release")
    for aggregate in sessions["aggregates"]:
        timestamp(aggregate["started"])
        need(all(isinstance(n, int) for key, n in aggregate.items() if key != "started"), "aggregates")


def check_check_in(check_in, header):
    need(ID.match(check_in["check_in_id"]), "check_in_id")
    need(re.match(r"^[a-z0-9_-]{1,50}$", check_in["monitor_slug"]), "monitor_slug")
    need(check_in["status"] in {"in_progress", "ok", "error"}, "status")
    need(isinstance(check_in.get("duration", 0.0), float), "duration")
    if "monitor_config" in check_in:
        schedule = check_in["monitor_config"]["schedule"]
        need(schedule["type"] == "interval" and isinstance(schedule["value"], int) and schedule["value"] > 0, "schedule")
        need(schedule["unit"] in {"year", "month", "week", "day", "hour", "minute"}, "unit of the schedule")


def check_client_report(report, header):
    timestamp(report["timestamp"])
    need(report["discarded_events"], "an empty report")
    for discarded in report["discarded_events"]:
        need(discarded["reason"] and discarded["category"], "reason, category")
        need(isinstance(discarded["quantity"], int) and discarded["quantity"] > 0, "quantity")


def check_logs(logs, item):
    need(item["content_type"] == "application/vnd.sentry.items.log+json", "content_type of logs")
    need(len(logs["items"]) == item["item_count"], "item_count")
    for line in logs["items"]:
        timestamp(line["timestamp"])
        need(ID.match(line["trace_id"]) and isinstance(line["body"], str), "trace_id, body")
        need(line["level"] in {"trace", "debug", "info", "warn", "error", "fatal"}, "level of a log line")
        for attribute in line["attributes"].values():
            kind = {"string": str, "integer": int, "double": float, "boolean": bool}[attribute["type"]]
            need(isinstance(attribute["value"], kind), "attribute")


CHECKS = {
    "event": check_event,
    "transaction": check_transaction,
    "session": check_session,
    "sessions": check_sessions,
    "check_in": check_check_in,
    "client_report": check_client_report,
}


def parse(data):
    """The header and the items of an envelope: pairs of an item's header and its payload."""
    line, _, rest = data.partition(b"\n")
    header = parse_json(line)
    need(isinstance(header, dict), "header")
    if "event_id" in header:
        need(ID.match(header["event_id"].replace("-", "")), "event_id of the header")
    items = []
    while rest:
        line, newline, rest = rest.partition(b"\n")
        if not line:
            need(not rest, "an empty line between items")
            break
        item = parse_json(line)
        need(newline and isinstance(item.get("type"), str), "header of an item")
        length = item["length"]
        need(isinstance(length, int) and 0 <= length <= len(rest), "length %s of %s" % (length, len(rest)))
        payload, rest = rest[:length], rest[length:]
        need(not rest or rest[:1] == b"\n", "no newline after a payload")
        rest = rest[1:]
        items.append((item, payload))
    return header, items


def check(data):
    header, items = parse(data)
    need(items, "no item")
    need(abs((datetime.datetime.utcnow() - timestamp(header["sent_at"])).total_seconds()) < 10, "sent_at")
    types = [item["type"] for item, _ in items]
    need(("event_id" in header) == bool({"event", "transaction", "attachment"} & set(types)), "event_id: %s" % types)
    for item, payload in items:
        if item["type"] == "attachment":
            need(item["filename"] and item["content_type"], "attachment")
            need(not item["filename"].endswith(".bxr") or payload[:2] == b"\xbd\x58", "a damaged file")
        elif item["type"] == "log":
            check_logs(parse_json(payload), item)
        else:
            CHECKS[item["type"]](parse_json(payload), header)
    return header, items


def note(name, text):
    with open(os.path.join(directory, name), "a") as f:
        f.write(text + "\n")


class Service(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self, status, lines=()):
        self.send_response(status)
        for name, value in lines:
            self.send_header(name, value)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def do_POST(self):
        data = self.rfile.read(int(self.headers["Content-Length"]))
        header, items = {}, []
        try:
            need(PATH.match(self.path), "path " + self.path)
            need(AUTH.match(self.headers["X-Sentry-Auth"]), "X-Sentry-Auth")
            need("sentry_key=abc123" in self.headers["X-Sentry-Auth"], "sentry_key")
            need("sentry_version=7" in self.headers["X-Sentry-Auth"], "sentry_version")
            need(self.headers["Content-Type"] == "application/x-sentry-envelope", "Content-Type")
            header, items = check(data)
        except Exception as e:
            note("bad", "%s: %s" % (type(e).__name__, e))
            with open(os.path.join(directory, "bad-envelope"), "wb") as f:
                f.write(data)
            self.answer(400)
            return
        answer = answers.pop(0) if answers else "200"
        status, _, lines = answer.partition(":")
        for item, payload in items:
            note("items", "%.3f %s %s %d %s" % (time.time(), status, item["type"], item["length"],
                                               header.get("event_id", "-")))
            if item["type"] not in ("attachment", "log"):
                note("payloads", payload.decode("utf-8"))
        self.answer(int(status), [tuple(line.split("=", 1)) for line in lines.split(";") if line])


def main():
    path = os.path.join(directory, "port")
    port = int(open(path).read()) if os.path.exists(path) else 0
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Service)
    with open(path + ".tmp", "w") as f:
        f.write("%d\n" % server.server_address[1])
    os.rename(path + ".tmp", path)
    note("started", str(os.getpid()))
    server.serve_forever()


main()
