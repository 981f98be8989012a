// What was heard in the last minutes, and what follows from it. Views read it; only live.js writes.
const KEPT = 180; // states, of a second each
const EVENTS = 64;

export class Store {
    states = [];
    events = [];
    listeners = new Set();

    add(state) {
        const last = this.states.at(-1);
        if (last && state.time < last.time) this.states = []; // another daemon answers
        this.states.push(state);
        if (this.states.length > KEPT) this.states.shift();
        const seen = new Set(this.events.map(e => e.revision));
        for (const e of state.events) if (!seen.has(e.revision)) this.events.unshift(e);
        this.events.length = Math.min(this.events.length, EVENTS);
        this.tell();
    }
    tell() {
        for (const f of this.listeners) f();
    }

    get now() {
        return this.states.at(-1);
    }
    value(name, at = this.now) {
        return at?.metrics[name];
    }
    // {label: value} of a metric that has one.
    labelled(name, at = this.now) {
        const out = {};
        for (const [key, v] of Object.entries(at?.metrics ?? {}))
            if (key.startsWith(`${name}{`)) out[key.slice(name.length + 1, -1)] = v;
        return out;
    }
    // A second of a counter, at each state: what it grew by.
    series(name) {
        return this.states.map((s, i) => (i === 0 ? undefined : growth(this.states[i - 1], s, name)));
    }
    values(name) {
        return this.states.map(s => s.metrics[name]);
    }
    rate(name, seconds = 5) {
        const from = this.states.at(-1 - seconds) ?? this.states[0];
        return growth(from, this.now, name);
    }
    quantiles(name, q, seconds = 10) {
        return this.states.map((s, i) => quantile(this.states[Math.max(0, i - seconds)], s, name, q));
    }
    // Of a histogram, since the daemon was started.
    quantile(name, q) {
        return quantile(null, this.now, name, q);
    }
    average(name) {
        const h = this.value(name);
        return h?.at(-1)[1] > 0 ? h[0] / h.at(-1)[1] : undefined;
    }
}

function growth(from, to, name) {
    const a = from?.metrics[name], b = to?.metrics[name];
    return a === undefined || b === undefined || to.time <= from.time ? undefined
        : Math.max(0, b - a) * 1000 / (to.time - from.time);
}

// Of a histogram, [sum, [bound, count so far]...]: of what came between two states, or ever.
function quantile(from, to, name, q) {
    const a = from?.metrics[name], b = to.metrics[name];
    if (!b || (from && !a)) return undefined;
    const counts = b.slice(1).map(([bound, n], i) => [bound, n - (a ? a[i + 1][1] : 0)]);
    const total = counts.at(-1)[1];
    if (total <= 0) return undefined;
    let below = 0, low = 0;
    for (const [bound, n] of counts) {
        if (n >= q * total) return bound === null ? low : low + (bound - low) * (q * total - below) / (n - below);
        below = n;
        low = bound;
    }
    return low;
}
