import { card } from "../parts/card.js";
import { chart } from "../parts/chart.js";
import { table } from "../parts/table.js";
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

// Whatever the recorder counts, by its names.
function recorder(s) {
    const rows = Object.entries(s.now.metrics).filter(([k, v]) => /^blixard_(rec|recorder|log|log_sink|diag)_/.test(k) && !Array.isArray(v));
    return card("Recorder", rows.length ? table("Recorder", [["counter"], ["value", true], ["a second", true]],
        rows.map(([k, v]) => [k.replace(/^blixard_/, "").replace(/_total$/, ""), f.whole(v), k.includes("_total") ? f.rate(s.rate(k)) : ""])) : "This build counts nothing of it.");
}

export const render = s => [
    card("Resident memory", chart(s.values("blixard_process_resident_bytes"), f.bytes, `${f.bytes(s.value("blixard_heap_live_bytes"))} live on the heap`)),
    card("Allocations", chart(s.series("blixard_heap_allocations_total"), f.rate)),
    card("Processor", chart(s.series("blixard_process_cpu_seconds_total"), f.percent, "of one processor")),
    recorder(s),
    pools(s),
    codecs(s),
];
