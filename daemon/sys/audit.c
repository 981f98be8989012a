/* The writer. A refusal becomes a numbered record of the chain when it is written, not before: what
 * the disk did not take is tried again, and what was dropped meanwhile leaves no gap.
 *
 *   refused --rates--> queued --encode--> job --written--> head
 *                        ^                 |
 *                        +----- failed ----+   and again when the timer fires */
#include "sys/audit.h"

#include "mem/alloc.h"
#include "mem/map.h"
#include "rec/rec.h"
#include "sys/audit_files.h"
#include "sys/pool.h"
#include "sys/rate.h"
#include "wire/command.h"
#include "wire/event.h"

#include <stdio.h>
#include <string.h>
#include <sys/queue.h>

#define TICK_MS 1000u
#define PRINCIPALS_MAX 128u

struct waiting { /* texts follow it */
    STAILQ_ENTRY(waiting) link;
    struct bx_refusal r;
};

/* What somebody may have recorded. */
struct share {
    uint64_t key; /* 0: free */
    bool stranger;
    uint64_t since_ms, left, untold;
    char principal[BX_EVENT_PRINCIPAL_MAX + 1], source[BX_SOURCE_MAX + 1];
};

struct audit {
    uv_loop_t *loop;
    struct bx_clock *clock;
    uv_timer_t timer;
    bool timer_closed;
    STAILQ_HEAD(, waiting) queue;
    uint32_t n;    /* in the queue */
    uint64_t lost; /* refusals that found it full, or nobody's share */
    struct share shares[PRINCIPALS_MAX], strangers;
    struct rate_bound told;
    /* ---- the job ---- */
    uv_work_t work;
    bool busy, begins;
    int rc;
    struct bx_buf bytes;
    uint32_t taken; /* from the queue */
    struct audit_head next;
    struct audit_disk disk;
};

/* ---- shares ---- */

static uint64_t now_ms(const struct audit *a)
{
    return a->clock->ops->boot_ms(a->clock);
}

static void refill(struct share *s, uint64_t now, uint64_t burst, uint64_t each_ms)
{
    uint64_t more = (now - s->since_ms) / each_ms;

    s->left = s->left + more > burst ? burst : s->left + more;
    s->since_ms = s->left == burst ? now : s->since_ms + more * each_ms;
}

/* The share of whom it was last used for the longest ago is given to somebody else. */
static struct share *share_of(struct audit *a, const struct bx_refusal *r, bool stranger)
{
    struct bx_str name = stranger ? r->source : r->principal;
    uint64_t key = bx_hash(name.p, name.n) * 2 + stranger, now = now_ms(a);
    uint32_t from = stranger ? PRINCIPALS_MAX / 2 : 0; /* strangers displace one another only */
    struct share *s = &a->shares[from];

    for (uint32_t i = from; i < from + PRINCIPALS_MAX / 2; i++) {
        if (a->shares[i].key == (key | 2))
            return &a->shares[i];
        if (a->shares[i].since_ms < s->since_ms)
            s = &a->shares[i];
    }
    a->lost += s->untold;
    *s = (struct share){.key = key | 2, .stranger = stranger, .since_ms = now, .left = AUDIT_BURST};
    snprintf(s->principal, sizeof s->principal, BX_STR_FMT,
             BX_STR_ARG(stranger ? bx_str("") : r->principal));
    snprintf(s->source, sizeof s->source, BX_STR_FMT, BX_STR_ARG(r->source));
    return s;
}

/* ---- the queue ---- */

/* At most max bytes, cut between characters. */
static struct bx_str copy_text(char **to, struct bx_str s, uint32_t max)
{
    char *p = *to;
    uint32_t n = s.n < max ? s.n : max;

    while (n < s.n && n > 0 && ((uint8_t)s.p[n] & 0xC0) == 0x80)
        n--;
    memcpy(p, s.p == NULL ? "" : s.p, n);
    for (uint32_t i = 0; !bx_utf8_valid(p, n) && i < n; i++)
        if ((uint8_t)p[i] >= 0x80 || p[i] == '\0')
            p[i] = '?';
    *to += n;
    return (struct bx_str){p, n};
}

static void queue(struct audit *a, const struct bx_refusal *r)
{
    size_t texts =
        (size_t)r->principal.n + r->source.n + r->method.n + r->object.n + r->code.n + r->message.n;
    struct waiting *w = bx_must_alloc(sizeof *w + texts);
    char *to = (char *)(w + 1);

    w->r = *r;
    w->r.time = a->clock->ops->wall_ms(a->clock);
    w->r.principal = copy_text(&to, r->principal, BX_EVENT_PRINCIPAL_MAX);
    w->r.source = copy_text(&to, r->source, BX_SOURCE_MAX);
    w->r.method = copy_text(&to, r->method, 64);
    w->r.object = copy_text(&to, r->object, 255);
    w->r.code = copy_text(&to, r->code, 32);
    w->r.message = copy_text(&to, r->message, BX_REFUSAL_MESSAGE_MAX);
    STAILQ_INSERT_TAIL(&a->queue, w, link);
    a->n++;
}

static void queue_untold(struct audit *a, const char *principal, const char *source,
                         uint64_t *count)
{
    struct bx_refusal r = {.type = BX_REFUSAL_UNTOLD,
                           .principal = bx_str(principal),
                           .source = bx_str(source),
                           .message = bx_str("refusals that were not recorded"),
                           .count = *count};

    queue(a, &r);
    *count = 0;
}

static void drop(struct audit *a, uint32_t n)
{
    while (n-- > 0) {
        struct waiting *w = STAILQ_FIRST(&a->queue);

        STAILQ_REMOVE_HEAD(&a->queue, link);
        bx_free(w);
        a->n--;
    }
}

/* ---- writing ---- */

/* What is queued, as the next records. */
static void encode(struct audit *a)
{
    struct bx_str previous = {(const char *)a->next.hash, BX_SHA256};
    const struct waiting *w;

    a->bytes.len = 0;
    a->next = a->disk.head;
    a->taken = a->n;
    a->begins = a->disk.file == 0 || a->disk.fd < 0 || a->disk.size >= AUDIT_FILE_BYTES;
    if (a->begins)
        bx_must_ok(bx_refusals_head_write(
            &a->bytes, &(struct bx_refusals_head){a->disk.file + 1, a->next.number + 1, previous}));
    STAILQ_FOREACH(w, &a->queue, link)
    {
        struct bx_refusal r = w->r;

        r.number = a->next.number + 1;
        r.previous = previous;
        bx_must_ok(bx_refusal_write(&a->bytes, &r));
        bx_refusal_hash(&r, a->next.hash);
        a->next.number = r.number;
    }
}

static void written(struct audit *a)
{
    if (a->rc == BX_OK) {
        a->disk.head = a->next;
        drop(a, a->taken);
    } else if (rate_may(&a->told, now_ms(a), 1, NULL)) {
        BX_WARNING("audit", "refusals can not be written", "code", bx_code_name(a->rc), "waiting",
                   a->n);
    }
}

static void on_work(uv_work_t *work)
{
    struct audit *a = work->data;

    pool_yield_to_loop();
    a->rc = audit_disk_write(&a->disk, a->begins, a->bytes.data, a->bytes.len);
}

static void begin(struct audit *a);

static void on_done(uv_work_t *work, int status)
{
    struct audit *a = work->data;

    a->busy = false;
    a->rc = status == 0 ? a->rc : BX_IO;
    written(a);
    if (a->rc == BX_OK)
        begin(a);
}

static void begin(struct audit *a)
{
    if (a->busy || a->n == 0)
        return;
    encode(a);
    a->busy = uv_queue_work(a->loop, &a->work, on_work, on_done) == 0;
}

/* ---- refusals ---- */

/* Whether one more may be recorded of it; it is counted then. */
static bool take(struct audit *a, struct share *s)
{
    uint64_t now = now_ms(a);

    refill(s, now, AUDIT_BURST, AUDIT_REFILL_MS);
    refill(&a->strangers, now, AUDIT_STRANGERS_BURST, AUDIT_STRANGERS_REFILL_MS);
    if (s->left == 0 || (s->stranger && a->strangers.left == 0) || a->n >= AUDIT_QUEUE)
        return false;
    s->left--;
    a->strangers.left -= s->stranger;
    return true;
}

void audit_refused(struct audit *a, const struct bx_refusal *r, bool stranger)
{
    struct share *s;

    if (a == NULL)
        return;
    s = share_of(a, r, stranger);
    if (!take(a, s)) {
        s->untold++;
        return;
    }
    if (s->untold > 0)
        queue_untold(a, s->principal, s->source, &s->untold);
    queue(a, r);
    begin(a);
}

/* Tell how many were not recorded, of whom something may be recorded again; and write what the disk
 * did not take. */
static void on_timer(uv_timer_t *timer)
{
    struct audit *a = timer->data;

    for (uint32_t i = 0; i < PRINCIPALS_MAX; i++) {
        struct share *s = &a->shares[i];

        if (s->untold > 0 && take(a, s))
            queue_untold(a, s->principal, s->source, &s->untold);
    }
    if (a->lost > 0 && a->n < AUDIT_QUEUE)
        queue_untold(a, "", "", &a->lost);
    begin(a);
}

struct audit_head audit_head(const struct audit *a)
{
    return a->disk.head;
}

/* ---- open and close ---- */

int audit_open(struct audit **out, uv_loop_t *loop, struct bx_clock *clock, const char *data,
               struct bx_err *err)
{
    struct audit *a = bx_must_calloc(1, sizeof *a);
    struct bx_refusal began = {.type = BX_REFUSAL_BEGAN, .method = bx_str("daemon")};
    int rc;

    STAILQ_INIT(&a->queue);
    a->loop = loop;
    a->clock = clock;
    a->work.data = a->timer.data = a;
    a->strangers = (struct share){.since_ms = now_ms(a), .left = AUDIT_STRANGERS_BURST};
    rc = audit_disk_open(&a->disk, data, err);
    if (rc != BX_OK) {
        bx_free(a);
        return rc;
    }
    if (a->disk.found[0] != '\0')
        BX_INFO("audit", "refusals are recorded from here on", "found", a->disk.found);
    began.message = bx_str(a->disk.found);
    queue(a, &began);
    uv_timer_init(loop, &a->timer);
    uv_timer_start(&a->timer, on_timer, TICK_MS, TICK_MS);
    begin(a);
    *out = a;
    return BX_OK;
}

static void on_closed(uv_handle_t *h)
{
    ((struct audit *)h->data)->timer_closed = true;
}

/* Without the loop. */
static void write_rest(struct audit *a)
{
    for (uint32_t i = 0; i < PRINCIPALS_MAX; i++)
        a->lost += a->shares[i].untold;
    if (a->lost > 0)
        queue_untold(a, "", "", &a->lost);
    queue(a, &(struct bx_refusal){.type = BX_REFUSAL_ENDED, .method = bx_str("daemon")});
    encode(a);
    a->rc = audit_disk_write(&a->disk, a->begins, a->bytes.data, a->bytes.len);
    written(a);
    drop(a, a->n);
}

void audit_close(struct audit *a)
{
    if (a == NULL)
        return;
    uv_close((uv_handle_t *)&a->timer, on_closed);
    while (a->busy || !a->timer_closed)
        uv_run(a->loop, UV_RUN_ONCE);
    write_rest(a);
    audit_disk_close(&a->disk);
    bx_buf_release(&a->bytes);
    bx_free(a);
}
