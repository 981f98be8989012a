#include "diag/envelope.h"

#include "codec/digits.h"
#include "diag/jout.h"

#define K(literal) ((struct bx_str){"" literal, sizeof(literal) - 1})
#define ITEM ((struct bx_str){"", 0}) /* of an array */
#define ATTRIBUTES ((struct bx_str){"attrs", 5})

#define X(id, text, category) {text, sizeof text - 1},
const struct bx_str bx_item_types[BX__ITEM_TYPES] = {{"", 0}, BX_ITEM_TYPES(X)};
#undef X

void bx_envelope_begin(struct bx_envelope *e, const struct bx_envelope_head *h)
{
    struct bx_jout j = {&e->out, false};

    e->out.len = e->item.len = 0;
    e->items = 0;
    bx_jout_open(&j, ITEM, '{');
    if (h->event != NULL)
        bx_jout_hex(&j, K("event_id"), h->event, 16);
    if (h->sent_ns != 0)
        bx_jout_time(&j, K("sent_at"), h->sent_ns);
    bx_jout_close(&j, '}');
    bx_buf_append(&e->out, "\n", 1);
}

void bx_envelope_close(struct bx_envelope *e)
{
    bx_buf_release(&e->out);
    bx_buf_release(&e->item);
}

/* ---- items ---- */

static struct bx_jout open_item(struct bx_envelope *e)
{
    e->item.len = 0;
    return (struct bx_jout){&e->item, false};
}

/* Most headers are this short: no general writer. */
static void close_item(struct bx_envelope *e, enum bx_item_type type)
{
    struct bx_str name = bx_item_types[type];
    uint8_t *to;

    if (bx_buf_reserve(&e->out, 64 + e->item.len) != BX_OK)
        return;
    to = e->out.data + e->out.len;
    memcpy(to, "{\"type\":\"", 9);
    memcpy(to + 9, name.p, name.n);
    to += 9 + name.n;
    memcpy(to, "\",\"length\":", 11);
    to += 11;
    to += bx_digits_u64((char *)to, e->item.len);
    memcpy(to, "}\n", 2);
    to += 2;
    if (e->item.len > 0)
        memcpy(to, e->item.data, e->item.len);
    to += e->item.len;
    *to++ = '\n';
    e->out.len = (size_t)(to - e->out.data);
    e->items++;
}

void bx_envelope_report(struct bx_envelope *e, const struct bx_report *r)
{
    open_item(e);
    bx_report_write(&e->item, r);
    close_item(e, r->start_ns != 0 ? BX_ITEM_TRANSACTION : BX_ITEM_EVENT);
}

static void write_build(struct bx_jout *j, struct bx_str release, struct bx_str environment)
{
    bx_jout_open(j, ATTRIBUTES, '{');
    bx_jout_str(j, K("release"), release);
    bx_jout_str_if(j, K("environment"), environment);
    bx_jout_close(j, '}');
}

void bx_envelope_session(struct bx_envelope *e, const struct bx_session *s)
{
    static const struct bx_str names[BX__SESSION_STATUSES] = {
        {"ok", 2}, {"exited", 6}, {"crashed", 7}, {"abnormal", 8}};
    struct bx_jout j = open_item(e);

    bx_jout_open(&j, ITEM, '{');
    bx_jout_hex(&j, K("sid"), s->id, sizeof s->id);
    bx_jout_str_if(&j, K("did"), s->user);
    bx_jout_u64(&j, K("seq"), s->sequence);
    bx_jout_bool(&j, K("init"), s->init);
    bx_jout_time(&j, K("timestamp"), s->time_ns);
    bx_jout_time(&j, K("started"), s->started_ns);
    bx_jout_str(&j, K("status"), names[s->status]);
    bx_jout_u64(&j, K("errors"), s->errors);
    if (!s->init && s->time_ns >= s->started_ns)
        bx_jout_seconds(&j, K("duration"), (s->time_ns - s->started_ns) / 1000000);
    write_build(&j, s->release, s->environment);
    bx_jout_close(&j, '}');
    close_item(e, BX_ITEM_SESSION);
}

void bx_envelope_sessions(struct bx_envelope *e, const struct bx_session_count *v, uint32_t n,
                          struct bx_str release, struct bx_str environment)
{
    struct bx_jout j = open_item(e);

    bx_jout_open(&j, ITEM, '{');
    bx_jout_open(&j, K("aggregates"), '[');
    for (uint32_t i = 0; i < n; i++) {
        bx_jout_open(&j, ITEM, '{');
        bx_jout_time(&j, K("started"), v[i].started_ns);
        bx_jout_u64(&j, K("exited"), v[i].exited);
        bx_jout_u64(&j, K("errored"), v[i].errored);
        bx_jout_u64(&j, K("crashed"), v[i].crashed);
        bx_jout_u64(&j, K("abnormal"), v[i].abnormal);
        bx_jout_close(&j, '}');
    }
    bx_jout_close(&j, ']');
    write_build(&j, release, environment);
    bx_jout_close(&j, '}');
    close_item(e, BX_ITEM_SESSIONS);
}

/* The service makes a monitor of it, and complains when the job does not come. */
static void write_schedule(struct bx_jout *j, uint32_t every_s)
{
    if (every_s == 0)
        return;
    bx_jout_open(j, K("monitor_config"), '{');
    bx_jout_open(j, K("schedule"), '{');
    bx_jout_str(j, K("type"), K("interval"));
    bx_jout_u64(j, K("value"), (every_s - 1) / 60 + 1);
    bx_jout_str(j, K("unit"), K("minute"));
    bx_jout_close(j, '}');
    bx_jout_close(j, '}');
}

void bx_envelope_check_in(struct bx_envelope *e, const struct bx_check_in *c)
{
    static const struct bx_str names[BX__CHECK_STATUSES] = {
        {"in_progress", 11}, {"ok", 2}, {"error", 5}};
    struct bx_jout j = open_item(e);

    bx_jout_open(&j, ITEM, '{');
    bx_jout_hex(&j, K("check_in_id"), c->id, sizeof c->id);
    bx_jout_str(&j, K("monitor_slug"), c->monitor);
    bx_jout_str(&j, K("status"), names[c->status]);
    if (c->status != BX_CHECK_IN_PROGRESS)
        bx_jout_seconds(&j, K("duration"), c->duration_ms);
    bx_jout_str_if(&j, K("release"), c->release);
    bx_jout_str_if(&j, K("environment"), c->environment);
    write_schedule(&j, c->every_s);
    bx_jout_close(&j, '}');
    close_item(e, BX_ITEM_CHECK_IN);
}

void bx_envelope_client_report(struct bx_envelope *e, uint64_t time_ns,
                               const struct bx_discarded *v, uint32_t n)
{
    struct bx_jout j = open_item(e);

    bx_jout_open(&j, ITEM, '{');
    bx_jout_time(&j, K("timestamp"), time_ns);
    bx_jout_open(&j, K("discarded_events"), '[');
    for (uint32_t i = 0; i < n; i++) {
        bx_jout_open(&j, ITEM, '{');
        bx_jout_str(&j, K("reason"), v[i].reason);
        bx_jout_str(&j, K("category"), v[i].category);
        bx_jout_u64(&j, K("quantity"), v[i].quantity);
        bx_jout_close(&j, '}');
    }
    bx_jout_close(&j, ']');
    bx_jout_close(&j, '}');
    close_item(e, BX_ITEM_CLIENT_REPORT);
}

/* ---- logs ---- */

void bx_envelope_logs_begin(struct bx_envelope *e)
{
    struct bx_jout j = open_item(e);

    e->lines = 0;
    bx_jout_open(&j, ITEM, '{');
    bx_jout_open(&j, K("items"), '[');
}

static void write_attributes(struct bx_jout *j, const struct bx_log_line *line)
{
    static const struct bx_str types[] = {
        {"string", 6}, {"integer", 7}, {"double", 6}, {"boolean", 7}};

    bx_jout_open(j, K("attributes"), '{');
    for (uint32_t i = 0; i < line->n; i++) {
        const struct bx_log_attribute *a = &line->attributes[i];

        bx_jout_open(j, a->key, '{');
        bx_jout_member(j, K("value"), a->value, a->type != BX_LOG_STRING);
        bx_jout_str(j, K("type"), types[a->type]);
        bx_jout_close(j, '}');
    }
    bx_jout_close(j, '}');
}

void bx_envelope_log(struct bx_envelope *e, const struct bx_log_line *line)
{
    static const uint8_t numbers[BX__SEVERITIES] = {5, 9, 13, 17, 21};
    struct bx_jout j = {&e->item, e->lines > 0};

    e->lines++;
    bx_jout_open(&j, ITEM, '{');
    bx_jout_time(&j, K("timestamp"), line->time_ns);
    bx_jout_hex(&j, K("trace_id"), line->trace, sizeof line->trace);
    bx_jout_str(&j, K("level"),
                line->level == BX_SEVERITY_WARNING ? K("warn") : bx_severities[line->level]);
    bx_jout_u64(&j, K("severity_number"), numbers[line->level]);
    bx_jout_str(&j, K("body"), line->body);
    write_attributes(&j, line);
    bx_jout_close(&j, '}');
}

/* The header of an item that is more than type and length. */
static void write_header(struct bx_envelope *e, enum bx_item_type type, uint64_t length,
                         uint64_t count, struct bx_str content_type, struct bx_str filename)
{
    struct bx_jout j = {&e->out, false};

    bx_jout_open(&j, ITEM, '{');
    bx_jout_str(&j, K("type"), bx_item_types[type]);
    if (count > 0)
        bx_jout_u64(&j, K("item_count"), count);
    bx_jout_str_if(&j, K("filename"), filename);
    bx_jout_str_if(&j, K("content_type"), content_type);
    bx_jout_u64(&j, K("length"), length);
    bx_jout_close(&j, '}');
    bx_buf_append(&e->out, "\n", 1);
    e->items++;
}

void bx_envelope_logs_end(struct bx_envelope *e)
{
    bx_buf_append(&e->item, "]}", 2);
    write_header(e, BX_ITEM_LOG, e->item.len, e->lines, K(BX_ENVELOPE_LOGS_TYPE), ITEM);
    bx_buf_append(&e->out, e->item.data, e->item.len);
    bx_buf_append(&e->out, "\n", 1);
}

/* ---- files, and what others have made ---- */

void bx_envelope_attachment(struct bx_envelope *e, struct bx_str filename,
                            struct bx_str content_type, uint64_t length)
{
    write_header(e, BX_ITEM_ATTACHMENT, length, 0, content_type, filename);
}

void bx_envelope_attach(struct bx_envelope *e, struct bx_str filename, struct bx_str content_type,
                        const void *p, size_t n)
{
    bx_envelope_attachment(e, filename, content_type, n);
    bx_buf_append(&e->out, p, n);
    bx_buf_append(&e->out, "\n", 1);
}

void bx_envelope_item(struct bx_envelope *e, struct bx_str header, struct bx_str payload)
{
    bx_buf_append(&e->out, header.p, header.n);
    bx_buf_append(&e->out, "\n", 1);
    bx_buf_append(&e->out, payload.p, payload.n);
    bx_buf_append(&e->out, "\n", 1);
    e->items++;
}

void bx_envelope_raw(struct bx_envelope *e, const void *p, size_t n)
{
    e->out.len = e->item.len = 0;
    e->items = 0;
    bx_buf_append(&e->out, p, n);
}
