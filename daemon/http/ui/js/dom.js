// el("td", {class: "number"}, "5"): text is always text, never markup.
const SVG = new Set(["svg", "polyline", "polygon", "title"]);
export function el(tag, attributes = {}, ...children) {
    const e = SVG.has(tag) ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
    for (const [key, v] of Object.entries(attributes)) if (v !== undefined) e.setAttribute(key, v);
    e.append(...children.filter(c => c !== undefined));
    return e;
}
