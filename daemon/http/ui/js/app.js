// The page: which view is shown, and the keys. A view is a module with `title` and `render(store)`,
// which returns elements; it is rendered anew with each state.
import { el } from "./dom.js";
import { listen } from "./live.js";
import { Store } from "./store.js";
import * as memory from "./views/memory.js";
import * as overview from "./views/overview.js";

const views = { overview, memory };
const store = new Store();
const main = document.querySelector("main"), link = document.querySelector("#link");
const current = () => (location.hash.slice(1) in views ? location.hash.slice(1) : "overview");

// Keep what somebody has focused or scrolled to: the elements are new each second.
function keepPlace(draw) {
    const boxes = () => [...main.querySelectorAll(".scroll")];
    const before = boxes().map(b => [b.getAttribute("aria-label"), b.scrollTop, b.scrollLeft, b === document.activeElement]);
    draw();
    for (const b of boxes()) {
        const [, top, left, focused] = before.find(([label]) => label === b.getAttribute("aria-label")) ?? [];
        if (top) b.scrollTop = top;
        if (left) b.scrollLeft = left;
        if (focused) b.focus({ preventScroll: true });
    }
}

function render() {
    const name = current();
    document.querySelector("nav").replaceChildren(...Object.entries(views).map(([key, view]) =>
        el("a", { href: `#${key}`, "aria-current": key === name ? "page" : undefined }, view.title)));
    if (store.now) keepPlace(() => main.replaceChildren(...views[name].render(store)));
}

function draw() { // the links are drawn only when the view changes, so that they keep the focus
    if (store.now) keepPlace(() => main.replaceChildren(...views[current()].render(store)));
}

const pause = document.querySelector("#pause"), theme = document.querySelector("#theme");
pause.addEventListener("click", () => {
    store.paused = !store.paused;
    pause.setAttribute("aria-pressed", String(store.paused));
});
theme.addEventListener("click", () => {
    const dark = getComputedStyle(document.documentElement).colorScheme === "dark";
    document.documentElement.dataset.theme = dark ? "light" : "dark";
});
document.addEventListener("keydown", e => {
    if (e.ctrlKey || e.altKey || e.metaKey) return;
    if (e.key === "p") pause.click();
    else if (e.key === "t") theme.click();
    else if (Object.keys(views)[e.key - 1]) location.hash = Object.keys(views)[e.key - 1];
});
addEventListener("hashchange", render);
store.listeners.add(draw);
listen(store, (kind, text) => {
    if (link.textContent === text) return;
    link.className = kind;
    link.textContent = text;
});
render();
