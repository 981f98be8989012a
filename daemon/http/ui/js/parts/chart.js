import { el } from "../dom.js";

// A line of the last minutes, from 0 up; holes where nothing is known. Its present value stands above it.
export function chart(values, format, note) {
    const known = values.filter(v => v !== undefined && Number.isFinite(v));
    const top = Math.max(...known, 1e-9), n = Math.max(values.length - 1, 1);
    const runs = [];
    let run = null;
    values.forEach((v, i) => {
        if (v === undefined) run = null;
        else {
            if (!run) runs.push(run = []);
            run.push([(300 * i / n).toFixed(1), (70 - 66 * v / top).toFixed(1)]);
        }
    });
    const label = `now ${format(values.at(-1))}, at most ${format(known.length ? Math.max(...known) : undefined)} in ${values.length} s`;
    return [
        el("p", { class: "value" }, format(values.at(-1)), el("small", {}, note ?? `at most ${format(known.length ? Math.max(...known) : undefined)}`)),
        el("svg", { class: "chart", viewBox: "0 0 300 72", preserveAspectRatio: "none", role: "img", "aria-label": label },
            ...runs.flatMap(r => [
                el("polygon", { points: `${r[0][0]},72 ${r.map(p => p.join()).join(" ")} ${r.at(-1)[0]},72` }),
                el("polyline", { points: r.map(p => p.join()).join(" ") }),
            ])),
    ];
}
