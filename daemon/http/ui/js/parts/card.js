import { el } from "../dom.js";

let n = 0;
export function card(title, body, { wide = false } = {}) {
    const id = `card-${n++}`;
    return el("section", { "aria-labelledby": id, class: wide ? "wide" : undefined }, el("h2", { id }, title), ...[body].flat());
}
