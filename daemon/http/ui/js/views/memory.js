import { card } from "../parts/card.js";
import { chart } from "../parts/chart.js";
import { table } from "../parts/table.js";
import { tiles } from "../parts/tiles.js";
import * as f from "../format.js";

export const title = "Recorder and memory";

function pools(s) {
    const used = s.labelled("blixard_pool_in_use"), hits = s.labelled("blixard_pool_hits_total"), misses = s.labelled("blixard_pool_misses_total");
    return card("Pools", table("Pools", [["pool"], ["in use", true], ["at most", true], ["kept", true], ["reused", true]],
        Object.keys(used).map(p => [p, f.whole(used[p]), f.whole(s.value(`blixard_pool_high_water{${p}}`)), f.whole(s.value(`blixard_pool_available{${p}}`)),
            f.percent(hits[p] + misses[p] ? hits[p] / (hits[p] + misses[p]) : undefined)])));
}

function codecs(s) {
    const encoded = s.labelled("blixard_codec_encoded_total");
    return card("Codecs", table("Codecs", [["codec"], ["encoded", true], ["decoded", true], ["an encoding takes", true]],
        Object.keys(encoded).filter(c => encoded[c] + s.value(`blixard_codec_decoded_total{${c}}`) > 0).map(c => {
            const timed = s.value(`blixard_codec_encodes_timed_total{${c}}`);
            return [c, f.rate(s.rate(`blixard_codec_encoded_total{${c}}`)), f.rate(s.rate(`blixard_codec_decoded_total{${c}}`)),
                f.time(timed ? s.value(`blixard_codec_encode_seconds_total{${c}}`) / timed : undefined)];
        })));
}

// Of a histogram.
const times = (s, name) => [["average", f.time(s.average(name))], ["half within", f.time(s.quantile(name, 0.5))], ["99 % within", f.time(s.quantile(name, 0.99))]];

function recorder(s) {
    const v = n => s.value(`blixard_recorder_${n}`);
    if (v("events_total") === undefined) return card("Recorder", "This build counts nothing of it.");
    return card("Recorder", tiles([
        ["events", f.whole(v("events_total"))],
        ["of late", f.rate(v("events_per_second"))],
        ["dropped", f.whole(v("dropped_total")), v("dropped_total") > 0 ? "warn" : ""],
        ["overwritten", f.whole(v("overwritten_total"))],
        ["rings used", f.percent(v("ring_used_ratio"))],
        ["memory", f.bytes(v("memory_bytes"))],
        ...times(s, "blixard_recorder_latency_seconds"),
    ]));
}

function sinks(s) {
    const events = s.labelled("blixard_log_sink_events_total"), of = (name, sink) => `blixard_log_sink_${name}{${sink}}`;
    return card("Sinks of the log", table("Sinks of the log", [["sink"], ["events", true], ["dropped", true], ["queued", true], ["making an event", true], ["writing", true]],
        Object.keys(events).map(k => [k, f.rate(s.rate(of("events_total", k))), f.whole(s.value(of("dropped_total", k))), f.bytes(s.value(of("queued_bytes", k))),
            f.time(events[k] ? s.value(of("serialise_seconds_total", k)) / events[k] : undefined), f.percent(s.rate(of("io_seconds_total", k)))])));
}

function diagnostics(s) {
    const v = n => s.value(`blixard_diag_${n}`);
    if (v("stored_total") === undefined) return card("Errors and crashes", "This daemon keeps none.");
    return card("Errors and crashes", tiles([
        ["envelopes", f.whole(v("stored_total"))],
        ["dropped", f.whole(v("dropped_total")), v("dropped_total") > 0 ? "warn" : ""],
        ["allocations", f.rate(v("allocations_per_second"))],
        ["avoided", f.rate(s.rate("blixard_diag_avoided_total"))],
        ["reused", f.percent(v("pool_hit_ratio"))],
        ["memory", f.bytes(v("memory_bytes"))],
        ["on average", f.bytes(v("memory_average_bytes"))],
        ["at most", f.bytes(v("memory_peak_bytes"))],
        ...times(s, "blixard_diag_serialise_seconds"),
        ["saved", f.time(v("saved_seconds_total"))],
    ]));
}

export const render = s => [
    card("Resident memory", chart(s.values("blixard_process_resident_bytes"), f.bytes, `${f.bytes(s.value("blixard_heap_live_bytes"))} live on the heap`)),
    card("Allocations", chart(s.series("blixard_heap_allocations_total"), f.rate)),
    card("Processor", chart(s.series("blixard_process_cpu_seconds_total"), f.percent, "of one processor")),
    recorder(s),
    sinks(s),
    diagnostics(s),
    pools(s),
    codecs(s),
];
