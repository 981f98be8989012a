#include "record.h"

#include "rec/rec.h"
#include "rec/text.h"
#include "value.h"
#include "wire/filter_check.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define WORDS 512u /* of each ring: more than the largest event */

static struct bx_rec_thread thread;
static struct bx_filter filter;

static uint64_t read_ns(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t wall_ns(void)
{
    return read_ns(CLOCK_REALTIME);
}

uint64_t record_now_ns(void)
{
    return read_ns(CLOCK_MONOTONIC);
}

/* ---- lines ---- */

static void print(const struct bx_recevent *e)
{
    struct bx_buf line = {0};

    if (!bx_filter_event(&filter, e))
        return;
    bx_text_event(&line, BX_TEXT_CONSOLE, e);
    if (!line.failed)
        fwrite(line.data, 1, line.len, stderr);
    bx_buf_release(&line);
}

static void print_queued(void)
{
    uint64_t words[WORDS];
    size_t n = bx_ring_take(&thread.queue, words, WORDS), size;

    for (size_t at = 0; at < n; at += size) {
        struct bx_recevent e;

        size = bx_recevent_read(words + at, n - at, bx_sites(), &e);
        if (size == 0)
            return;
        print(&e);
    }
}

/* ---- open and close ---- */

static void warn(struct bx_err *unknown)
{
    value_make_printable(unknown->msg);
    value_make_printable(unknown->hint);
    fprintf(stderr, "warning: BLIXARD_LOG: %s\nhint: %s\n", unknown->msg, unknown->hint);
}

int record_open(struct bx_err *err)
{
    const char *spec = getenv("BLIXARD_LOG");
    struct bx_err unknown = {0};

    if (spec == NULL || spec[0] == '\0')
        return BX_OK;
    if (bx_filter_parse(&filter, spec, err) != BX_OK) {
        bx_err_wrap(err, "BLIXARD_LOG");
        return err->code = BX_UNREACHABLE;
    }
    if (bx_rec_thread_open(&thread, "main", 0, WORDS, WORDS, wall_ns) != BX_OK)
        return bx_err_set(err, BX_NO_MEMORY, "no memory for BLIXARD_LOG");
    thread.wake = print_queued;
    bx_rec_filter_queue((const struct bx_filter *[]){&filter}, 1);
    bx_rec_use(&thread);
    if (bx_filter_check(&filter, &unknown) != BX_OK)
        warn(&unknown);
    return BX_OK;
}

void record_close(void)
{
    if (bx_rec_used() != &thread)
        return;
    bx_rec_use(NULL);
    bx_rec_thread_close(&thread);
}
