/* What the nodes record: on virtual time, in one recorder for all of them, since one works at a
 * time. With --trace each event is a line; and one is a violation. */
#include "sim/sim.h"

#include "rec/rec.h"
#include "rec/text.h"

#include <string.h>

#define WORDS 4096u

static struct bx_rec_thread thread;
static struct sim *recorded; /* one at a time in a process */

static uint64_t now_ns(void)
{
    return recorded->now * (1000000000u / SIM_S);
}

/* Behind the time, which sim_trace puts there, too. */
static void show(const struct sim_host *h, const struct bx_recevent *e)
{
    struct bx_buf b = {0};
    const char *text;

    bx_text_event(&b, BX_TEXT_CONSOLE, e);
    bx_must_ok(bx_buf_append(&b, "", 1));
    text = strchr((const char *)b.data, ' ') + 1;
    sim_trace(recorded, h, "%.*s", (int)strcspn(text, "\n"), text);
    bx_buf_release(&b);
}

static void check(const struct sim_host *h, const struct bx_recevent *e)
{
    bool own = strcmp(e->site->target, "propose") == 0 && e->level == BX_LEVEL_WARNING;

    if (own && h != NULL && h->node != NULL && bx_node_level(h->node) >= 2 &&
        bx_str_eq((struct bx_str){e->args[1].p, (uint32_t)e->args[1].n}, bx_str("busy")))
        sim_violation(recorded, "%s found no room for its own command: %.*s", h->name,
                      (int)e->args[2].n, (const char *)e->args[2].p);
}

static void take(void)
{
    uint64_t words[WORDS];
    size_t n = bx_ring_take(&thread.queue, words, WORDS);

    for (size_t at = 0; at < n;) {
        struct bx_recevent e;
        size_t size = bx_recevent_read(words + at, n - at, bx_sites(), &e);

        if (size == 0)
            sim_violation(recorded, "a record of the recorder is damaged");
        if (recorded->o.trace)
            show(recorded->inside, &e);
        check(recorded->inside, &e);
        at += size;
    }
}

void sim_record_open(struct sim *s)
{
    struct bx_filter f;

    recorded = s;
    bx_must_ok(bx_filter_parse(&f, s->o.trace ? "debug" : "off,propose=warning", NULL));
    bx_must_ok(bx_rec_thread_open(&thread, "sim", 0, WORDS, WORDS, now_ns));
    thread.wake = take;
    bx_rec_filter_queue((const struct bx_filter *[]){&f}, 1);
    bx_rec_use(&thread);
}

void sim_record_close(void)
{
    bx_rec_use(NULL);
    bx_rec_thread_close(&thread);
}
