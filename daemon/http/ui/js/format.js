// Numbers for people: at most four digits, with a unit.
const steps = (value, base, units) => {
    let i = 0;
    while (Math.abs(value) >= base && i < units.length - 1) {
        value /= base;
        i++;
    }
    return `${Number(value.toPrecision(value >= 100 ? Math.ceil(Math.log10(value + 1)) : 3))}${units[i]}`;
};
export const count = v => (v === undefined ? "–" : steps(v, 1000, ["", " k", " M", " G", " T"]));
export const whole = v => (v === undefined ? "–" : v.toLocaleString("en"));
export const bytes = v => (v === undefined ? "–" : steps(v, 1024, [" B", " KiB", " MiB", " GiB", " TiB", " PiB"]));
export const rate = v => (v === undefined ? "–" : `${count(v)}/s`);
export const percent = v => (v === undefined ? "–" : `${(v * 100).toFixed(v >= 0.995 || v === 0 ? 0 : 1)} %`);
export const time = v => {
    if (v === undefined) return "–";
    if (v < 1e-6) return `${(v * 1e9).toPrecision(3)} ns`;
    if (v < 1e-3) return `${(v * 1e6).toPrecision(3)} µs`;
    return v < 1 ? `${(v * 1e3).toPrecision(3)} ms` : `${v.toPrecision(3)} s`;
};
export const clock = ms => new Date(ms).toISOString().slice(11, 23);
