/* request - the scope of a request, its steps, and its trace if it is sampled.
 *
 * Each step is a breadcrumb of the scope, for an error that is reported while the daemon lives, and
 * an event of the recorder, from which the breadcrumbs of the requests in flight are taken when it
 * dies (crashed.c). */
#include "diagnose/priv.h"

#include "rec/rec.h"
#include "sys/clock.h"

#include <string.h>

static const struct {
    struct bx_str done; /* the breadcrumb */
    struct bx_str span; /* the part of a trace that it ends */
} steps[DIAG__STEPS] = {
    [DIAG_DECODED] = {{"decoded", 7}, {"decode", 6}},
    [DIAG_CONFIRMED] = {{"confirmed", 9}, {"confirm", 7}},
    [DIAG_PROPOSED] = {{"proposed", 8}, {"propose", 7}},
    [DIAG_COMMITTED] = {{"committed", 9}, {"commit", 6}},
    [DIAG_APPLIED] = {{"applied", 7}, {"apply", 5}},
};

static void note(struct diag_request *r, struct bx_str message)
{
    bx_scope_note(r->scope, BX_SEVERITY_INFO, "request", sizeof "request" - 1, message.p,
                  (uint16_t)message.n);
}

static void begin(struct diag *d, struct diag_request *r, const char *method, const char *principal)
{
    *r = (struct diag_request){.diag = d, .method = method, .began_ns = clock_wall_ns()};
    r->scope = bx_scope_push(&d->scopes, d->process);
    diag_random(d, &r->span, sizeof r->span);
    bx_scope_set_name(r->scope, bx_str(method));
    bx_scope_set(r->scope, BX_SCOPE_USER, (struct bx_str){"id", 2}, bx_str(principal));
    note(r, (struct bx_str){"began", 5});
}

/* One of so many requests; the service is told how many there were. */
static bool sample(struct diag *d)
{
    if (!diag_sends(d) || d->o.sample == 0)
        return false;
    if (d->until_sample-- > 0) {
        diag_drop(d, DIAG_DROP_SAMPLE, BX_ITEM_TRANSACTION, 1);
        return false;
    }
    d->until_sample = d->o.sample - 1;
    return true;
}

void diag_request_begin(struct diag *d, struct diag_request *r, const char *method,
                        const char *principal)
{
    if (d == NULL)
        return;
    begin(d, r, method, principal);
    BX_DEBUG("request", "began", "span", r->span, "method", method, "principal", principal);
    r->sampled = sample(d);
}

void diag_request_trace(struct diag_request *r, const uint8_t trace[16])
{
    struct bx_span span;

    if (r->diag == NULL)
        return;
    memcpy(span.trace, trace, sizeof span.trace);
    memcpy(span.span, &r->span, sizeof span.span);
    bx_scope_set_span(r->scope, &span);
}

void diag_request_step_at(struct diag_request *r, enum diag_step step, uint64_t at_ns)
{
    if (r->diag == NULL || at_ns == 0)
        return;
    note(r, steps[step].done);
    if (r->sampled)
        r->at_ns[step] = at_ns;
    BX_DEBUG("request", "step", "span", r->span, "step", steps[step].done);
}

void diag_request_step(struct diag_request *r, enum diag_step step)
{
    if (r->diag != NULL)
        diag_request_step_at(r, step, r->sampled ? clock_wall_ns() : 1);
}

/* ---- the end ---- */

/* What is wrong with the daemon or its host, and not with the request. */
static bool is_ours(int code)
{
    return code == BX_FAILED || code == BX_NO_MEMORY || code == BX_NO_SPACE || code == BX_IO ||
           code == BX_CORRUPT;
}

/* By what was done and what kind of error it was: the text differs from one VM to the next. */
static void group(struct bx_scope *s, const char *method, int code)
{
    bx_scope_add_fingerprint(s, bx_str(method));
    bx_scope_add_fingerprint(s, bx_str(bx_code_name(code)));
}

static void report_error(struct diag_request *r, const struct bx_err *err)
{
    struct diag *d = r->diag;
    struct bx_report report = {
        .level = BX_SEVERITY_ERROR, .logger = bx_str("request"), .message = bx_str(err->msg)};
    uint64_t minute = clock_wall_ns() / 60000000000u;
    struct bx_scope *s;

    if (minute != d->minute) {
        d->minute = minute;
        d->minute_errors = 0;
    }
    if (++d->minute_errors > DIAG_ERRORS_MINUTE) {
        diag_drop(d, DIAG_DROP_BACKOFF, BX_ITEM_EVENT, 1);
        return;
    }
    s = bx_scope_push(&d->scopes, r->scope);
    bx_scope_set_tag(s, bx_str("code"), bx_str(bx_code_name(err->code)));
    group(s, r->method, err->code);
    diag_set_number(s, "duration_ms", (clock_wall_ns() - r->began_ns) / 1000000);
    if (d->o.revision != NULL)
        diag_set_number(s, "revision", d->o.revision(d->o.ctx));
    diag_report(d, &report, s);
    bx_scope_pop(s);
}

/* Each step that was taken ends a span, which begins where the one before ended; the last one is
 * the reply. */
static void report_trace(struct diag_request *r, int code, uint64_t now)
{
    struct diag *d = r->diag;
    struct bx_report_span spans[DIAG__STEPS + 1];
    uint64_t from = r->began_ns;
    uint32_t n = 0;
    struct bx_report report = {.time_ns = now,
                               .start_ns = r->began_ns,
                               .level = BX_SEVERITY_INFO,
                               .op = bx_str("rpc"),
                               .status = bx_str(code == BX_OK ? "ok" : bx_code_name(code)),
                               .spans = spans};

    if (!bx_id_is_set(r->scope->span.trace, 16)) { /* a read without one from its client */
        uint8_t trace[16];

        diag_random(d, trace, sizeof trace);
        diag_request_trace(r, trace);
    }
    for (int i = 0; i <= DIAG__STEPS; i++) {
        uint64_t to = i == DIAG__STEPS ? now : r->at_ns[i];

        if (to == 0)
            continue;
        to = to < from ? from : to;
        spans[n] = (struct bx_report_span){.op = i == DIAG__STEPS ? bx_str("reply") : steps[i].span,
                                           .start_ns = from,
                                           .end_ns = to};
        diag_random(d, spans[n++].id, 8);
        from = to;
    }
    report.n_spans = n;
    diag_report(d, &report, r->scope);
}

void diag_request_end(struct diag_request *r, const struct bx_err *err)
{
    int code = err == NULL ? BX_OK : err->code;

    if (r->diag == NULL)
        return;
    if (!r->action)
        BX_DEBUG("request", "ended", "span", r->span, "code", code);
    else if (code != BX_OK)
        BX_DEBUG("request", "a step failed", "action", r->method, "err", err->msg);
    if (code == BX_OK)
        r->diag->requests_ok += !r->action;
    else if (is_ours(code))
        r->diag->requests_errored += !r->action;
    if (is_ours(code))
        report_error(r, err);
    if (r->sampled && r->scope != NULL)
        report_trace(r, code, clock_wall_ns());
    bx_scope_pop(r->scope);
    *r = (struct diag_request){.diag = NULL};
}

/* That it began is no event: there are many, each within a turn of the loop, and the VM's own
 * events tell of them. */
void diag_action_begin(struct diag *d, const char *name, const uint8_t vm[16])
{
    char text[BX_UUID_TEXT];
    uint8_t trace[16];

    if (d == NULL)
        return;
    begin(d, &d->action, name, "node");
    d->action.action = true;
    if (bx_rec_traced() != 0) {
        bx_trace_id(bx_rec_traced(), trace);
        diag_request_trace(&d->action, trace);
    }
    bx_uuid_format(vm, text);
    bx_scope_set_tag(d->action.scope, (struct bx_str){"vm", 2}, bx_str(text));
    bx_scope_set_level(d->action.scope, BX_SEVERITY_WARNING); /* it is tried again */
}

void diag_action_end(struct diag *d, const struct bx_err *err)
{
    if (d != NULL)
        diag_request_end(&d->action, err);
}
