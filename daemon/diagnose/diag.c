#include "diagnose/priv.h"

#include "config.h"
#include "mem/alloc.h"
#include "rec/rec.h"
#include "sys/clock.h"
#include "sys/pool.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct diag_put {
    uv_work_t work;
    struct diag *d;
    struct bx_buf bytes;
    uint64_t time_ns;
    uint8_t id[16];
    enum bx_item_type type;
    size_t weighed;
    struct bx_err err;
    int rc;
};

void diag_random(struct diag *d, void *p, size_t n)
{
    d->o.clock->ops->random(d->o.clock, p, n);
}

bool diag_sends(const struct diag *d)
{
    return d->dsn[0] != '\0';
}

void diag_drop(struct diag *d, enum diag_drop why, enum bx_item_type type, uint64_t n)
{
    d->drops[why][type] += n;
    if (why != DIAG_DROP_SAMPLE) /* which nobody wanted */
        d->stats.dropped += n;
}

/* ---- to the spool ---- */

static void run_put(uv_work_t *work)
{
    struct diag_put *p = work->data;

    pool_yield_to_loop();
    p->rc = spool_put(&p->d->spool, p->time_ns, p->id, p->type, p->bytes.data, p->bytes.len, NULL,
                      &p->err);
}

static void ended_put(struct diag_put *p)
{
    struct diag *d = p->d;

    if (p->rc == BX_OK) {
        d->stats.stored++;
    } else {
        d->stats.failed++;
        diag_drop(d, DIAG_DROP_INTERNAL, p->type, 1);
        BX_WARNING("diag", "an envelope could not be stored", "cause", p->err.msg);
    }
    bx_weigh(&d->weight, &p->weighed, 0);
    bx_buf_release(&p->bytes);
    bx_free(p);
}

static void done_put(uv_work_t *work, int status)
{
    struct diag_put *p = work->data;

    (void)status;
    p->d->jobs--;
    p->d->puts--;
    ended_put(p);
}

void diag_store(struct diag *d, const uint8_t id[16], enum bx_item_type type)
{
    struct diag_put *p = d->puts >= DIAG_QUEUE ? NULL : bx_calloc(1, sizeof *p);

    if (p == NULL || d->envelope.out.failed || d->envelope.item.failed ||
        bx_buf_append(&p->bytes, d->envelope.out.data, d->envelope.out.len) != BX_OK) {
        diag_drop(d, DIAG_DROP_QUEUE, type, 1);
        bx_envelope_close(&d->envelope);
        bx_free(p);
        return;
    }
    p->work.data = p;
    p->d = d;
    p->type = type;
    p->time_ns = clock_wall_ns();
    memcpy(p->id, id, 16);
    bx_weigh(&d->weight, &p->weighed, sizeof *p + p->bytes.cap);
    if (d->closing) {
        run_put(&p->work);
        ended_put(p);
        return;
    }
    d->jobs++;
    d->puts++;
    uv_queue_work(d->o.loop, &p->work, run_put, done_put);
}

void diag_begin(struct diag *d)
{
    struct bx_envelope_head head = {NULL, 0};

    bx_envelope_begin(&d->envelope, &head);
}

void diag_end(struct diag *d, enum bx_item_type type)
{
    uint8_t id[16];

    diag_random(d, id, sizeof id);
    diag_store(d, id, type);
}

void diag_report(struct diag *d, struct bx_report *r, struct bx_scope *scope)
{
    enum bx_item_type type = r->start_ns == 0 ? BX_ITEM_EVENT : BX_ITEM_TRANSACTION;
    struct bx_envelope_head head = {.event = r->id};
    uint64_t began;

    if (d == NULL)
        return;
    began = clock_wall_ns();
    diag_random(d, r->id, sizeof r->id);
    if (r->time_ns == 0)
        r->time_ns = began;
    r->server = bx_str(d->node);
    r->release = bx_str(DIAG_RELEASE);
    r->environment = bx_str(d->environment);
    if (!bx_report_in_scope(r, scope)) {
        diag_drop(d, DIAG_DROP_PROCESSOR, type, 1);
        return;
    }
    bx_envelope_begin(&d->envelope, &head);
    bx_envelope_report(&d->envelope, r);
    diag_stats_made(d, r, clock_wall_ns() - began);
    if (type == BX_ITEM_EVENT)
        d->session.errors++;
    diag_store(d, r->id, type);
}

/* ---- what was dropped ---- */

bool diag_tell_drops(struct diag *d, struct bx_envelope *e)
{
#define X(id, text) {text, sizeof text - 1},
    static const struct bx_str reasons[DIAG__DROPS] = {DIAG_DROPS(X)};
#undef X
    struct bx_discarded list[DIAG__DROPS * BX__ITEM_TYPES];
    uint64_t spooled[BX__ITEM_TYPES];
    uint32_t n = 0;

    spool_take_dropped(&d->spool, spooled);
    for (int t = 0; t < BX__ITEM_TYPES; t++)
        diag_drop(d, DIAG_DROP_SPOOL, (enum bx_item_type)t, spooled[t]);
    for (int why = 0; why < DIAG__DROPS; why++)
        for (int t = 0; t < BX__ITEM_TYPES; t++)
            if (d->drops[why][t] > 0) {
                enum bx_category c = bx_category_of((enum bx_item_type)t);

                list[n++] =
                    (struct bx_discarded){reasons[why], bx_category_names[c], d->drops[why][t]};
            }
    memset(d->drops, 0, sizeof d->drops);
    if (n > 0)
        bx_envelope_client_report(e, clock_wall_ns(), list, n);
    return n > 0;
}

/* ---- opening and closing ---- */

static void run_collect(uv_work_t *work)
{
    struct diag *d = work->data;

    pool_yield_to_loop();
    diag_session_swap(d);
    d->collected = diag_collect_crashes(&d->spool, d->data, &d->o.about, &d->o.vms);
}

static void done_collect(uv_work_t *work, int status)
{
    struct diag *d = work->data;

    (void)status;
    d->jobs--;
    d->stats.stored += d->collected.daemon + d->collected.supervisors;
    if (!d->closing)
        diag_session_begin(d, d->collected.daemon);
}

static void on_tick(uv_timer_t *timer)
{
    struct diag *d = timer->data;

    diag_session_tick(d);
    diag_jobs_tick(d);
    diag_stats_tick(d);
    sender_tick(&d->sender);
}

static void open_process(struct diag *d)
{
    d->process = bx_scope_push(&d->scopes, NULL);
    diag_set_contexts(d->process, clock_wall_ns());
    if (d->o.about.nameless)
        diag_leave_out_names(d->process);
    else
        bx_scope_set_tag(d->process, bx_str("node"), bx_str(d->node));
}

int diag_open(struct diag **out, const struct diag_options *o, struct bx_err *err)
{
    struct diag *d = bx_must_calloc(1, sizeof *d);
    struct bx_scopes_options scopes = {.client = true,
                                       .max_crumbs = o->about.max_crumbs,
                                       .kept = 512,
                                       .kept_crumbs = 512,
                                       .kept_bags = 512,
                                       .now_ns = clock_wall_ns,
                                       .before_crumb = diag_before_crumb,
                                       .ctx = d->crumb_text};
    int rc;

    *out = NULL;
    d->o = *o;
    snprintf(d->dsn, sizeof d->dsn, "%s", o->dsn);
    snprintf(d->data, sizeof d->data, "%s", o->data);
    snprintf(d->node, sizeof d->node, "%s", o->about.node);
    snprintf(d->environment, sizeof d->environment, "%s", o->about.environment);
    d->o.about.node = d->node;
    d->o.about.environment = d->environment;
    rc = spool_open(&d->spool, o->data, 0, o->spool_bytes, err);
    if (rc == BX_OK)
        rc = sender_open(&d->sender, d, err);
    if (rc != BX_OK) {
        spool_close(&d->spool);
        bx_free(d);
        return rc;
    }
    bx_must_ok(bx_scopes_open(&d->scopes, &scopes));
    open_process(d);
    diag_session_init(d);
    uv_timer_init(o->loop, &d->timer);
    d->timer.data = d->collect.data = d;
    uv_timer_start(&d->timer, on_tick, DIAG_TICK_MS, DIAG_TICK_MS);
    d->jobs++;
    uv_queue_work(o->loop, &d->collect, run_collect, done_collect);
    *out = d;
    return BX_OK;
}

static void on_closed(uv_handle_t *h)
{
    ((struct diag *)h->data)->closed = true;
}

void diag_close(struct diag *d)
{
    if (d == NULL)
        return;
    d->closing = true;
    sender_stop(&d->sender);
    uv_close((uv_handle_t *)&d->timer, on_closed);
    while (d->jobs > 0 || !d->closed)
        uv_run(d->o.loop, UV_RUN_ONCE);
    diag_session_end(d);
    sender_close(&d->sender);
    bx_scope_pop(d->process);
    bx_scopes_close(&d->scopes);
    bx_envelope_close(&d->envelope);
    spool_close(&d->spool);
    bx_free(d);
}

/* ---- for others ---- */

struct bx_scopes *diag_scopes(struct diag *d)
{
    return d == NULL ? NULL : &d->scopes;
}

struct bx_scope *diag_process(struct diag *d)
{
    return d == NULL ? NULL : d->process;
}

struct spool *diag_spool(struct diag *d)
{
    return &d->spool;
}

int diag_send(struct diag *d, struct bx_err *err)
{
    if (!diag_sends(d)) {
        bx_err_set(err, BX_CONFLICT, "this daemon has no address to send envelopes to");
        bx_err_hint(err, "start blixardd with --diag-dsn, or read them with diag show");
        return BX_CONFLICT;
    }
    sender_now(&d->sender);
    return BX_OK;
}
