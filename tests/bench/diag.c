/* Scopes and envelopes against references without pools (diag_plain.c): a request with its scope,
 * and the envelope of an event, plain and with twenty breadcrumbs. */
#include "bench.h"

#include "diag_plain.h"
#include "mem/alloc.h"

#include <string.h>

#define TIME 1764421200123456789u

struct diag {
    struct bx_scopes scopes;
    struct bx_scope *process, *request;
    struct bx_envelope envelope;
    struct bx_report report;
    unsigned steps; /* breadcrumbs of a request */
    bool literal;   /* their texts are not copied */
    struct plain_scope *plain_process;
    struct plain_text plain_envelope;
};

static uint64_t now(void)
{
    return TIME;
}

static const struct bx_pair tags[] = {{{"zone", 4}, {"rack-17", 7}},
                                      {{"driver", 6}, {"qemu", 4}},
                                      {{"environment", 11}, {"production", 10}}};
#define TAGS (sizeof tags / sizeof tags[0])
#define CATEGORY "api"
#define MESSAGE "waits for the entry to commit"

static void add_crumbs(struct bx_scope *s, unsigned n, bool literal)
{
    for (unsigned i = 0; i < n; i++)
        if (literal)
            BX_CRUMB(s, BX_SEVERITY_INFO, CATEGORY, MESSAGE);
        else
            bx_scope_crumb(s, BX_SEVERITY_INFO, bx_str(CATEGORY), bx_str(MESSAGE), NULL, 0);
}

static void fill_report(struct diag *d)
{
    d->report = (struct bx_report){.time_ns = TIME,
                                   .level = BX_SEVERITY_ERROR,
                                   .logger = {"node", 4},
                                   .message = {"cannot write the log: \"disk full\"", 33},
                                   .transaction = {"vm.create", 9},
                                   .server = {"node-1", 6},
                                   .release = {"blixard@0.1.0", 13},
                                   .span = {{1, 2, 3}, {4, 5}}};
    for (unsigned i = 0; i < 16; i++)
        d->report.id[i] = (uint8_t)(i * 17);
    bench_must(bx_report_in_scope(&d->report, d->request), "report");
}

static void *open_diag(const struct bench_case *c, unsigned size)
{
    struct bx_scopes_options o = {.client = true, .now_ns = now};
    struct diag *d = bx_must_calloc(1, sizeof *d);

    d->steps = c->arg == NULL ? 0 : size;
    d->literal = c->arg != NULL && strcmp(c->arg, "literal") == 0;
    bench_must(bx_scopes_open(&d->scopes, &o) == BX_OK, "scopes");
    d->process = bx_scope_push(&d->scopes, NULL);
    d->plain_process = plain_push(NULL);
    for (unsigned i = 0; i < TAGS; i++) {
        bx_scope_set_tag(d->process, tags[i].key, tags[i].value);
        plain_tag(d->plain_process, tags[i].key.p, tags[i].value.p);
    }
    d->request = bx_scope_push(&d->scopes, d->process);
    add_crumbs(d->request, d->steps, false);
    fill_report(d);
    return d;
}

static void close_diag(void *ctx)
{
    struct diag *d = ctx;

    plain_pop(d->plain_process);
    plain_text_free(&d->plain_envelope);
    bx_envelope_close(&d->envelope);
    bx_scope_pop(d->request);
    bx_scope_pop(d->process);
    bx_scopes_close(&d->scopes);
    bx_free(d);
}

/* ---- scopes ---- */

static struct bx_scope *our_request(struct diag *d)
{
    struct bx_scope *s = bx_scope_push(&d->scopes, d->process);

    bx_scope_set_tag(s, (struct bx_str){"vm", 2}, (struct bx_str){"web1", 4});
    add_crumbs(s, d->steps, d->literal);
    return s;
}

static struct plain_scope *plain_request(struct diag *d)
{
    struct plain_scope *s = plain_push(d->plain_process);

    plain_tag(s, "vm", "web1");
    for (unsigned i = 0; i < d->steps; i++)
        plain_crumb(s, TIME, "info", CATEGORY, MESSAGE);
    return s;
}

static void our_requests(void *ctx, uint64_t n)
{
    while (n-- > 0) {
        struct bx_scope *s = our_request(ctx);

        bench_use(s);
        bx_scope_clear(s);
        bx_scope_pop(s);
    }
}

static void plain_requests(void *ctx, uint64_t n)
{
    while (n-- > 0) {
        struct plain_scope *s = plain_request(ctx);

        bench_use(s);
        plain_pop(s);
    }
}

/* More than 999 of 1,000 objects come from the pools, and both have the same tags and crumbs. */
static bool same_request(void *ctx)
{
    struct diag *d = ctx;
    struct plain_scope *plain = plain_request(d);
    struct bx_scope *ours;
    bool same;

    our_requests(d, 10000);
    ours = our_request(d);
    same = plain_has(plain, ours) && d->scopes.stats.misses * 1000 <= d->scopes.stats.hits &&
           d->scopes.crumbs.stats.misses * 1000 <= d->scopes.crumbs.stats.hits;
    plain_pop(plain);
    bx_scope_pop(ours);
    return same;
}

/* ---- envelopes ---- */

static void our_envelopes(void *ctx, uint64_t n)
{
    struct diag *d = ctx;
    const struct bx_envelope_head h = {.event = d->report.id};

    while (n-- > 0) {
        bx_envelope_begin(&d->envelope, &h);
        bx_envelope_report(&d->envelope, &d->report);
        bench_use(d->envelope.out.data);
    }
}

static void plain_envelopes(void *ctx, uint64_t n)
{
    struct diag *d = ctx;

    while (n-- > 0) {
        plain_text_free(&d->plain_envelope);
        d->plain_envelope = plain_envelope(&d->report);
        bench_use(d->plain_envelope.p);
    }
}

static bool same_envelope(void *ctx)
{
    struct diag *d = ctx;

    our_envelopes(d, 1);
    plain_envelopes(d, 1);
    return d->envelope.out.len == d->plain_envelope.n &&
           memcmp(d->envelope.out.data, d->plain_envelope.p, d->plain_envelope.n) == 0;
}

#define SCOPE(nam, kind, crumbs)                                                                   \
    {                                                                                              \
        .name = "diag/" nam, .reference = "malloc, strdup", .goal = 5, .arg = (kind),              \
        .size = (crumbs), .open = open_diag, .close = close_diag, .run = our_requests,             \
        .refer = plain_requests, .same = same_request                                              \
    }
#define ENVELOPE(nam, with, crumbs)                                                                \
    {                                                                                              \
        .name = "diag/" nam, .reference = "snprintf, malloc", .goal = 3, .arg = (with),            \
        .size = (crumbs), .open = open_diag, .close = close_diag, .run = our_envelopes,            \
        .refer = plain_envelopes, .same = same_envelope                                            \
    }

static const struct bench_case cases[] = {
    SCOPE("scope-request", "literal", 6),      SCOPE("scope-6-copied-crumbs", "copied", 6),
    SCOPE("scope-150-crumbs", "literal", 150), ENVELOPE("envelope-event", NULL, 1),
    ENVELOPE("envelope-20-crumbs", "", 20),
};
const struct bench_group bench_diag = {cases, sizeof cases / sizeof cases[0]};
