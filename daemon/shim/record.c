/* What the shim records: lines of logfmt on standard error, which is the file shim.log. There are a
 * few in a run, so each is written at once. */
#include "shim/shim.h"

#include "rec/rec.h"
#include "rec/text.h"
#include "sys/clock.h"

#include <unistd.h>

#define WORDS 512u

static struct bx_rec_thread thread;

static void write_queued(void)
{
    uint64_t words[WORDS];
    size_t n = bx_ring_take(&thread.queue, words, WORDS), size;
    struct bx_buf out = {0};

    for (size_t at = 0; at < n; at += size) {
        struct bx_recevent e;

        size = bx_recevent_read(words + at, n - at, bx_sites(), &e);
        if (size == 0)
            break;
        bx_text_event(&out, BX_TEXT_LOGFMT, &e);
    }
    if (out.len > 0 && write(STDERR_FILENO, out.data, out.len) < 0)
        thread.wake = NULL; /* nobody is left to be told */
    bx_buf_release(&out);
}

void shim_record_open(uint64_t trace)
{
    struct bx_filter f;

    if (bx_filter_parse(&f, "debug", NULL) != BX_OK ||
        bx_rec_thread_open(&thread, "shim", 0, WORDS, WORDS, clock_wall_ns) != BX_OK)
        return;
    thread.wake = write_queued;
    bx_rec_filter_ring(&f);
    bx_rec_filter_queue((const struct bx_filter *[]){&f}, 1);
    bx_rec_use(&thread);
    bx_rec_trace(trace);
}

void shim_record(struct shim *s, struct vm_event e)
{
    e.trace = bx_rec_traced();
    vm_event_record(&e, s->record.vm, s->record.epoch);
    vm_events_add(&s->untold, &e, vm_now());
    shim_peers_tell(s);
}
