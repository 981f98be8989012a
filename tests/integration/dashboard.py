"""The page of the HTTP server in a real browser: dashboard.py URL [PICTURE]. Prints TAP.

Speaks WebDriver to chromedriver with the standard library alone."""

import base64
import http.client
import json
import socket
import subprocess
import sys
import tempfile
import time

URL = sys.argv[1]
DEADLINE = 30
results = []


def ok(condition, name, detail=""):
    results.append(bool(condition))
    print(f"{'ok' if condition else 'not ok'} {len(results)} - {name}", flush=True)
    if not condition and detail:
        print("# " + str(detail).replace("\n", "\n# "))


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Browser:
    """One session; each method is a command of WebDriver."""

    def __init__(self, port, profile):
        self.port = port
        self.base = ""
        value = self.call("POST", "/session", {"capabilities": {"alwaysMatch": {
            "goog:loggingPrefs": {"browser": "ALL"},
            "goog:chromeOptions": {"args": [
                "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                "--hide-scrollbars", "--window-size=1280,900", f"--user-data-dir={profile}"]}}}})
        self.base = "/session/" + value["sessionId"]

    def call(self, method, path, body=None):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        c.request(method, self.base + path, None if body is None else json.dumps(body))
        value = json.load(c.getresponse())["value"]
        if isinstance(value, dict) and "error" in value:
            raise RuntimeError(value["message"])
        return value

    def js(self, text):
        return self.call("POST", "/execute/sync", {"script": "return " + text, "args": []})

    def press(self, *keys):
        actions = [a for k in keys for a in ({"type": "keyDown", "value": k}, {"type": "keyUp", "value": k})]
        self.call("POST", "/actions", {"actions": [{"type": "key", "id": "k", "actions": actions}]})

    def wait(self, condition):
        """True as soon as the expression is."""
        end = time.monotonic() + DEADLINE
        while time.monotonic() < end:
            if self.js(condition):
                return True
            time.sleep(0.1)
        return False


def start(profile):
    port = free_port()
    driver = subprocess.Popen(["chromedriver", f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end = time.monotonic() + DEADLINE
    while True:
        try:
            return driver, Browser(port, profile)
        except (ConnectionError, OSError):
            if time.monotonic() > end:
                driver.kill()
                raise
            time.sleep(0.1)


TEXT = "document.body.innerText"
CARDS = "[...document.querySelectorAll('main section h2')].map(e => e.textContent)"


def contrast(b, selector):
    """Of text to its background, by WCAG 2."""
    return b.js("""(sel => {
        const lum = c => { const v = c.map(x => x / 255).map(x => x <= .03928 ? x / 12.92 : ((x + .055) / 1.055) ** 2.4);
            return .2126 * v[0] + .7152 * v[1] + .0722 * v[2]; };
        const rgb = s => s.match(/[0-9.]+/g).slice(0, 3).map(Number);
        const e = document.querySelector(sel);
        let box = e;
        while (getComputedStyle(box).backgroundColor === 'rgba(0, 0, 0, 0)') box = box.parentElement;
        const [a, c] = [lum(rgb(getComputedStyle(e).color)), lum(rgb(getComputedStyle(box).backgroundColor))];
        return (Math.max(a, c) + .05) / (Math.min(a, c) + .05); })(%s)""" % json.dumps(selector))


def check_page(b):
    b.call("POST", "/url", {"url": URL})
    ok(b.wait("document.querySelector('#link').textContent === 'live'"), "the page hears from the daemon", b.js(TEXT))
    ok(b.wait("document.querySelectorAll('main section').length > 5"), "it shows the cluster")
    text = b.js(TEXT)
    ok("node 1" in text or "node 2" in text or "node 3" in text, "it shows who leads", text)
    ok(b.js("[...document.querySelectorAll('[aria-label=\"Members\"] tbody tr')].length") == 3, "it shows the members", text)
    ok(b.wait("/vm\\.created/.test(document.querySelector('[aria-label=\"Recent events\"]')?.innerText ?? '')"), "it shows recent events", text)
    ok(b.wait("document.querySelectorAll('svg polyline').length > 2"), "lines are drawn")
    ok("bench-" not in b.js("document.documentElement.outerHTML"), "no VM is named")


def check_keys(b):
    cards = b.js(CARDS)
    b.press("2")
    ok(b.wait("/Pools/.test(document.querySelector('main').innerText)") and b.js(CARDS) != cards, "a digit shows another view")
    ok(b.js("document.querySelector('nav [aria-current]').textContent") == "Recorder and memory", "which is marked")
    ok(b.wait("/99 % within\\s+[0-9.]+ [nµ]s/.test(document.querySelector('main').innerText)"), "it shows how long recording takes", b.js(TEXT))
    b.press("p")
    ok(b.js("document.querySelector('#pause').getAttribute('aria-pressed')") == "true", "p pauses")
    b.press("p", "1")
    b.js("document.activeElement.blur()")
    b.press("\ue004")
    ok(b.js("document.activeElement.className") == "skip", "the first Tab leads to the content")
    reached = set()
    for _ in range(14):
        b.press("\ue004")
        reached.add(b.js("document.activeElement.id || document.activeElement.getAttribute('href') || document.activeElement.tagName"))
    ok({"#overview", "#memory", "pause", "theme"} <= reached, "Tab reaches all that can be used", reached)


def check_looks(b):
    seen = []
    for _ in range(2):
        seen.append(b.js("getComputedStyle(document.body).backgroundColor"))
        for selector in ("dd", "dt", "nav a:not([aria-current])", "footer a", "th"):
            c = contrast(b, selector)
            ok(c >= 4.5, f"{selector} is readable on {seen[-1]}", c)
        b.press("t")
    ok(seen[0] != seen[1], "there is a dark and a light form")
    b.call("POST", "/window/rect", {"width": 420, "height": 900})
    ok(b.js("document.documentElement.scrollWidth <= innerWidth"), "it fits a small screen")
    b.call("POST", "/window/rect", {"width": 1280, "height": 900})


def check_policy(b):
    log = [e["message"] for e in b.call("POST", "/se/log", {"type": "browser"})]
    ok(not log, "the browser has no complaint", log)
    b.js("document.head.append(Object.assign(document.createElement('script'), {textContent: 'window.intruder = 1'}))")
    ok(b.js("window.intruder") is None, "no text becomes a script")
    b.js("(window.blocked = 0, document.addEventListener('securitypolicyviolation', () => window.blocked++),"
         "document.body.append(Object.assign(new Image(), {src: 'http://127.0.0.2:1/', id: 'far', hidden: true})))")
    ok(b.wait("window.blocked > 0"), "nothing is loaded from elsewhere")


def main():
    with tempfile.TemporaryDirectory() as profile:
        driver, b = start(profile)
        try:
            check_page(b)
            check_keys(b)
            check_looks(b)
            check_policy(b)
            if len(sys.argv) > 2:
                b.call("POST", "/window/rect", {"width": 1180, "height": 980})
                b.js("document.documentElement.dataset.theme = 'dark'")
                b.js("document.activeElement.blur()")
                b.wait("document.querySelector('svg polyline').getAttribute('points').split(' ').length > 20")
                with open(sys.argv[2], "wb") as f:
                    f.write(base64.b64decode(b.call("GET", "/screenshot")))
            b.call("DELETE", "")
        finally:
            driver.terminate()
            driver.wait()
    print(f"1..{len(results)}")
    return 0 if all(results) else 1


sys.exit(main())
