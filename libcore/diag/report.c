#include "diag/report.h"

#include "config.h"
#include "diag/jout.h"

#define K(literal) ((struct bx_str){"" literal, sizeof(literal) - 1})
#define ITEM ((struct bx_str){"", 0}) /* of an array */

bool bx_report_in_scope(struct bx_report *r, const struct bx_scope *s)
{
    if (s == NULL)
        return true;
    for (int i = 0; i < BX__SCOPE_BAGS; i++)
        if (r->bags[i] == NULL)
            r->bags[i] = s->bags[i];
    if (r->crumbs == NULL && r->start_ns == 0)
        r->crumbs = s->crumbs;
    if (r->transaction.n == 0)
        r->transaction = (struct bx_str){s->name, s->name_n};
    if (!bx_id_is_set(r->span.trace, sizeof r->span.trace))
        r->span = s->span;
    if (s->leveled && r->start_ns == 0)
        r->level = s->level;
    for (uint32_t i = 0; i < s->n_processors; i++)
        if (!s->processors[i].process(s->processors[i].ctx, r))
            return false;
    return true;
}

static void write_bag(struct bx_jout *j, struct bx_str key, const struct bx_bag *b)
{
    if (bx_bag_n(b) == 0)
        return;
    bx_jout_open(j, key, '{');
    for (uint32_t i = 0; i < b->n; i++)
        bx_jout_member(j, bx_bag_key(b, i), bx_bag_value(b, i), b->entries[i].json);
    bx_jout_close(j, '}');
}

static void write_fingerprint(struct bx_jout *j, const struct bx_bag *b)
{
    if (bx_bag_n(b) == 0)
        return;
    bx_jout_open(j, K("fingerprint"), '[');
    for (uint32_t i = 0; i < b->n; i++)
        bx_jout_str(j, ITEM, bx_bag_key(b, i));
    bx_jout_close(j, ']');
}

static void write_trace(struct bx_jout *j, const struct bx_report *r)
{
    bx_jout_open(j, K("trace"), '{');
    bx_jout_hex(j, K("trace_id"), r->span.trace, sizeof r->span.trace);
    bx_jout_hex(j, K("span_id"), r->span.span, sizeof r->span.span);
    bx_jout_str_if(j, K("op"), r->op);
    bx_jout_str_if(j, K("status"), r->status);
    bx_jout_close(j, '}');
}

static void write_contexts(struct bx_jout *j, const struct bx_report *r)
{
    const struct bx_bag *b = r->bags[BX_SCOPE_CONTEXTS];
    bool trace = bx_id_is_set(r->span.trace, sizeof r->span.trace);

    if (!trace && bx_bag_n(b) == 0)
        return;
    bx_jout_open(j, K("contexts"), '{');
    if (trace)
        write_trace(j, r);
    for (uint32_t i = 0; i < bx_bag_n(b); i++)
        bx_jout_member(j, bx_bag_key(b, i), bx_bag_value(b, i), b->entries[i].json);
    bx_jout_close(j, '}');
}

static void write_request(struct bx_jout *j, const struct bx_report *r)
{
    if (r->method.n == 0 && r->url.n == 0)
        return;
    bx_jout_open(j, K("request"), '{');
    bx_jout_str_if(j, K("method"), r->method);
    bx_jout_str_if(j, K("url"), r->url);
    bx_jout_close(j, '}');
}

/* Its frames go from the outermost to the innermost. */
static void write_frames(struct bx_jout *j, const struct bx_exception *e)
{
    bx_jout_open(j, K("stacktrace"), '{');
    bx_jout_open(j, K("frames"), '[');
    for (uint32_t i = e->n; i-- > 0;) {
        char text[2 + 16] = "0x";
        uint8_t bytes[8];

        for (unsigned k = 0; k < 8; k++)
            bytes[k] = (uint8_t)(e->frames[i] >> (56 - 8 * k));
        for (unsigned k = 0; k < 8; k++) {
            text[2 + 2 * k] = "0123456789abcdef"[bytes[k] >> 4];
            text[3 + 2 * k] = "0123456789abcdef"[bytes[k] & 15];
        }
        bx_jout_open(j, ITEM, '{');
        bx_jout_str(j, K("instruction_addr"), (struct bx_str){text, sizeof text});
        bx_jout_close(j, '}');
    }
    bx_jout_close(j, ']');
    bx_jout_close(j, '}');
}

static void write_exception(struct bx_jout *j, const struct bx_report *r)
{
    const struct bx_exception *e = &r->exception;

    if (e->type.n == 0)
        return;
    bx_jout_open(j, K("exception"), '{');
    bx_jout_open(j, K("values"), '[');
    bx_jout_open(j, ITEM, '{');
    bx_jout_str(j, K("type"), e->type);
    bx_jout_str_if(j, K("value"), e->value);
    bx_jout_open(j, K("mechanism"), '{');
    bx_jout_str(j, K("type"), e->handled ? K("generic") : K("signalhandler"));
    bx_jout_bool(j, K("handled"), e->handled);
    bx_jout_close(j, '}');
    if (e->n > 0)
        write_frames(j, e);
    bx_jout_close(j, '}');
    bx_jout_close(j, ']');
    bx_jout_close(j, '}');
}

static void write_image(struct bx_jout *j, const struct bx_report *r)
{
    if (r->build.n == 0)
        return;
    bx_jout_open(j, K("debug_meta"), '{');
    bx_jout_open(j, K("images"), '[');
    bx_jout_open(j, ITEM, '{');
    bx_jout_str(j, K("type"), K("elf"));
    bx_jout_hex(j, K("code_id"), (const uint8_t *)r->build.p, r->build.n);
    bx_jout_str(j, K("image_addr"), K("0x0"));
    bx_jout_close(j, '}');
    bx_jout_close(j, ']');
    bx_jout_close(j, '}');
}

static void write_crumb(struct bx_jout *j, const struct bx_crumb *c)
{
    bx_jout_open(j, ITEM, '{');
    bx_jout_time(j, K("timestamp"), c->time_ns);
    bx_jout_str_if(j, K("category"), c->category);
    bx_jout_str(j, K("level"), bx_severities[c->level]);
    bx_jout_str_if(j, K("message"), c->message);
    if (c->n > 0) {
        bx_jout_open(j, K("data"), '{');
        for (uint32_t i = 0; i < c->n; i++)
            bx_jout_member(j, c->data[i].key, c->data[i].value, false);
        bx_jout_close(j, '}');
    }
    bx_jout_close(j, '}');
}

static void write_crumbs(struct bx_jout *j, const struct bx_crumbs *crumbs)
{
    if (bx_crumbs_n(crumbs) == 0)
        return;
    bx_jout_open(j, K("breadcrumbs"), '{');
    bx_jout_open(j, K("values"), '[');
    for (uint32_t i = 0; i < crumbs->n; i++) {
        struct bx_pair pairs[BX_CRUMB_PAIRS];
        struct bx_crumb c = bx_crumbs_get(crumbs, i, pairs);

        write_crumb(j, &c);
    }
    bx_jout_close(j, ']');
    bx_jout_close(j, '}');
}

static void write_spans(struct bx_jout *j, const struct bx_report *r)
{
    if (r->start_ns == 0)
        return;
    bx_jout_open(j, K("spans"), '[');
    for (uint32_t i = 0; i < r->n_spans; i++) {
        const struct bx_report_span *s = &r->spans[i];

        bx_jout_open(j, ITEM, '{');
        bx_jout_hex(j, K("trace_id"), r->span.trace, sizeof r->span.trace);
        bx_jout_hex(j, K("span_id"), s->id, sizeof s->id);
        bx_jout_hex(j, K("parent_span_id"), r->span.span, sizeof r->span.span);
        bx_jout_str(j, K("op"), s->op);
        bx_jout_time(j, K("start_timestamp"), s->start_ns);
        bx_jout_time(j, K("timestamp"), s->end_ns);
        bx_jout_close(j, '}');
    }
    bx_jout_close(j, ']');
}

static void write_message(struct bx_jout *j, const struct bx_report *r)
{
    if (r->message.n == 0)
        return;
    bx_jout_open(j, K("logentry"), '{');
    bx_jout_str(j, K("formatted"), r->message);
    bx_jout_close(j, '}');
}

static void write_head(struct bx_jout *j, const struct bx_report *r)
{
    bx_jout_hex(j, K("event_id"), r->id, sizeof r->id);
    bx_jout_time(j, K("timestamp"), r->time_ns);
    if (r->start_ns != 0) {
        bx_jout_time(j, K("start_timestamp"), r->start_ns);
        bx_jout_str(j, K("type"), K("transaction"));
    }
    bx_jout_str(j, K("platform"), K("native"));
    bx_jout_str(j, K("level"), bx_severities[r->level]);
    bx_jout_str_if(j, K("logger"), r->logger);
    bx_jout_str_if(j, K("transaction"), r->transaction);
    bx_jout_str_if(j, K("server_name"), r->server);
    bx_jout_str_if(j, K("release"), r->release);
    bx_jout_str_if(j, K("environment"), r->environment);
}

void bx_report_write_full(struct bx_buf *out, const struct bx_report *r)
{
    struct bx_jout j = {out, false};

    bx_jout_open(&j, ITEM, '{');
    write_head(&j, r);
    write_message(&j, r);
    write_fingerprint(&j, r->bags[BX_SCOPE_FINGERPRINT]);
    write_bag(&j, K("tags"), r->bags[BX_SCOPE_TAGS]);
    write_bag(&j, K("extra"), r->bags[BX_SCOPE_EXTRA]);
    write_bag(&j, K("user"), r->bags[BX_SCOPE_USER]);
    write_contexts(&j, r);
    write_request(&j, r);
    write_exception(&j, r);
    write_image(&j, r);
    write_crumbs(&j, r->crumbs);
    write_spans(&j, r);
    bx_jout_open(&j, K("sdk"), '{');
    bx_jout_str(&j, K("name"), K("blixard"));
    bx_jout_str(&j, K("version"), K(PACKAGE_VERSION));
    bx_jout_close(&j, '}');
    bx_jout_close(&j, '}');
}

void bx_report_write(struct bx_buf *out, const struct bx_report *r)
{
    if (!bx_report_write_fast(out, r))
        bx_report_write_full(out, r);
}
