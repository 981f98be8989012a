import { el } from "../dom.js";

// [[name, value, class]]: a list of figures.
export const tiles = rows => el("dl", { class: "tiles" },
    ...rows.map(([name, value, kind]) => el("div", {}, el("dt", {}, name), el("dd", { class: kind }, value))));
