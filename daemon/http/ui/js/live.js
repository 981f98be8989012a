// The stream of states. The browser dials again by itself when it breaks.
export function listen(store, tell) {
    const source = new EventSource("/v1/live");
    let heard = 0;
    source.addEventListener("state", e => {
        heard = performance.now();
        tell("live", "live");
        if (!store.paused) store.add(JSON.parse(e.data));
    });
    source.addEventListener("error", () => tell("lost", "no answer; dialling again"));
    setInterval(() => {
        if (heard && performance.now() - heard > 5000) tell("lost", "nothing heard for 5 s");
    }, 1000);
}
