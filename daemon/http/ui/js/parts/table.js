import { el } from "../dom.js";

// columns: [[title, isNumber]]; the first cell of a row is its header.
export const table = (label, columns, rows) => el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": label },
    el("table", {},
        el("thead", {}, el("tr", {}, ...columns.map(([c, num]) => el("th", { scope: "col", class: num ? "number" : undefined }, c)))),
        el("tbody", {}, ...rows.map(row => el("tr", {}, ...row.map((cell, i) =>
            el(i === 0 ? "th" : "td", { scope: i === 0 ? "row" : undefined, class: columns[i][1] ? "number" : undefined }, cell)))))));
