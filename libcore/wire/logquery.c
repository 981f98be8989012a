#include "wire/logquery.h"

#include "rec/text.h"

#include <stdio.h>

/* ---- the method ---- */

static const struct bx_field params_fields[] = {
    BX_FIELD(bx_log_query_params, node, BX_T_STR, .max = 255),
    BX_FIELD(bx_log_query_params, filter, BX_T_STR, .max = 4096),
    BX_FIELD(bx_log_query_params, where, BX_T_STRS, .max = BX_RECQUERY_CONDITIONS),
    BX_FIELD(bx_log_query_params, since_ns, BX_T_U64),
    BX_FIELD(bx_log_query_params, until_ns, BX_T_U64),
    BX_FIELD(bx_log_query_params, trace, BX_T_STR, .max = 64),
    BX_COMMON_FIELD(after, BX_T_STR, .max = BX_LOG_AFTER_MAX),
    BX_COMMON_FIELD(limit, BX_T_U32),
    BX_PARAMS_READS,
    BX_FIELD(bx_log_query_params, files, BX_T_BOOL, .omit = true, .since = 2),
    BX_FIELD(bx_log_query_params, of, BX_T_STR, .max = 255, .omit = true, .since = 3)};

static const struct bx_field event_fields[] = {
    BX_FIELD(bx_log_event_reply, time_ns, BX_T_U64),
    BX_FIELD(bx_log_event_reply, level, BX_T_STR, .max = 16),
    BX_FIELD(bx_log_event_reply, target, BX_T_STR, .max = 64),
    BX_FIELD(bx_log_event_reply, msg, BX_T_STR, .max = BX_LOG_MSG_MAX),
    BX_FIELD(bx_log_event_reply, fields, BX_T_VALUE, .max = 8192),
    BX_FIELD(bx_log_event_reply, trace, BX_T_HEX64, .omit = true),
    BX_FIELD(bx_log_event_reply, thread, BX_T_STR, .max = 64),
    BX_FIELD(bx_log_event_reply, site, BX_T_STR, .max = 300),
    BX_FIELD(bx_log_event_reply, sequence, BX_T_U32),
    BX_FIELD(bx_log_event_reply, cut, BX_T_BOOL, .omit = true),
};
static const struct bx_schema event_schema =
    BX_SCHEMA("log_event", 0, bx_log_event_reply, event_fields);

static const struct bx_field reply_fields[] = {
    BX_FIELD(bx_log_query_reply, node, BX_T_STR, .max = 255),
    BX_FIELD(bx_log_query_reply, events, BX_T_LIST, .sub = &event_schema, .max = BX_LOG_EVENTS_MAX),
    BX_FIELD(bx_log_query_reply, after, BX_T_STR, .max = BX_LOG_AFTER_MAX),
    BX_FIELD(bx_log_query_reply, more, BX_T_BOOL),
    BX_FIELD(bx_log_query_reply, skipped, BX_T_BOOL),
    BX_FIELD(bx_log_query_reply, damage, BX_T_STR, .max = BX_LOG_DAMAGE_MAX, .omit = true,
             .since = 2),
};
const struct bx_schema bx_log_query_reply_schema =
    BX_REPLY_SCHEMA("log-query", LOG_QUERY, bx_log_query_reply, reply_fields);

BX_METHOD(
    LOG_QUERY, log_query, bx_log_query_params, params_fields, log_query, .name = "log.query",
    .verb = "GET", .path = "/v1/log", .role = BX_RPC_OPERATOR, .before_init = true, .relayed = true,
    .about = "Events in the memory of a node's recorder, in the order of time: of those that the "
             "conditions select, the newest `limit`, at most 1,000. With `after`, the place of an "
             "answer or \"start\", the oldest that follow it; `more` says that others may, "
             "`skipped` that some of them were overwritten meanwhile. With `files`, events that "
             "only the node's log files have are among them, and `damage` tells what could not be "
             "read there. With `of`, they are those that the node of this name or id has sent to "
             "the one that answers (`--log-sink node:NODE`). `filter` and `where` are as for "
             "blixardctl log query. Neither a leader "
             "nor a quorum is needed.");

/* ---- the question ---- */

#define TEXT_MAX 4097u

/* The text with a NUL, which it may not contain. */
static bool text_of(struct bx_str s, char out[TEXT_MAX])
{
    snprintf(out, TEXT_MAX, BX_STR_FMT, BX_STR_ARG(s));
    return s.n < TEXT_MAX && strlen(out) == s.n;
}

static int no_text(struct bx_err *err)
{
    bx_err_set(err, BX_INVALID, "a condition is too long");
    bx_err_hint(err, "a condition looks like vm=web1, ms>=250 or path~recorder");
    return BX_INVALID;
}

int bx_log_query_of(const struct bx_log_query_params *p, struct bx_recquery *q, struct bx_err *err)
{
    char text[TEXT_MAX];

    bx_recquery_init(q);
    q->since_ns = p->since_ns;
    q->until_ns = p->until_ns;
    if (p->filter.n > 0) {
        if (!text_of(p->filter, text))
            return no_text(err);
        if (bx_recquery_filter(q, text, err) != BX_OK)
            return bx_err_wrap(err, "filter");
    }
    for (uint32_t i = 0; i < p->where.n; i++) {
        if (!text_of(p->where.v[i], text))
            return no_text(err);
        if (bx_recquery_where(q, text, err) != BX_OK)
            return bx_err_wrap(err, "where");
    }
    if (p->trace.n > 0) {
        if (!text_of(p->trace, text))
            return no_text(err);
        if (bx_recquery_trace(q, text, err) != BX_OK)
            return bx_err_wrap(err, "trace");
    }
    return BX_OK;
}

/* ---- an event as a reply ---- */

/* Text as the API has it: UTF-8, without NUL. */
static void put_text(struct bx_buf *b, const char *p, size_t n)
{
    bool valid = bx_utf8_valid(p, n);

    if (bx_pw_strn(b, p, n) != BX_OK)
        return;
    for (size_t i = b->len - n; i < b->len && !valid; i++)
        if (b->data[i] >= 0x80 || b->data[i] == 0)
            b->data[i] = '?';
}

static void put_value(struct bx_buf *b, enum bx_arg_type type, const struct bx_arg *arg)
{
    switch (type) {
    case BX_ARG_BOOL:
        bx_pw_bool(b, arg->u != 0);
        break;
    case BX_ARG_I64:
        bx_pw_i64(b, arg->i);
        break;
    case BX_ARG_U64:
        bx_pw_u64(b, arg->u);
        break;
    case BX_ARG_F64:
        bx_pw_f64(b, arg->f);
        break;
    case BX_ARG_STR:
        put_text(b, arg->p, arg->n);
        break;
    case BX_ARG_UUID:
        bx_pw_uuid(b, arg->p);
        break;
    case BX_ARG_NONE:
    case BX__ARG_TYPES:
        bx_pw_nil(b);
        break;
    }
}

/* Bytes of the buffer, kept in the arena. */
static int keep(struct bx_buf *b, struct bx_arena *arena, struct bx_str *out)
{
    char *p = b->failed ? NULL : bx_arena_alloc(arena, b->len + 1);

    if (p == NULL)
        return BX_NO_MEMORY;
    if (b->len > 0)
        memcpy(p, b->data, b->len);
    *out = (struct bx_str){p, (uint32_t)b->len};
    return BX_OK;
}

int bx_log_event_describe(const struct bx_recevent *e, const char *thread, struct bx_arena *arena,
                          struct bx_log_event_reply *out)
{
    const struct bx_site *s = e->site;
    uint8_t first = s->message == NULL;
    struct bx_buf fields = {0}, text = {0}, site = {0};
    char line[16];
    int rc;

    *out = (struct bx_log_event_reply){.time_ns = e->time_ns,
                                       .level = bx_str(bx_level_name(e->level)),
                                       .target = bx_str(s->target),
                                       .trace = e->trace,
                                       .thread = bx_str(thread),
                                       .sequence = e->seq,
                                       .cut = e->cut};
    bx_pw_map(&fields, (uint32_t)(e->n - first));
    for (uint8_t i = first; i < e->n; i++) {
        bx_pw_str(&fields, s->fields[i].key);
        put_value(&fields, s->fields[i].type, &e->args[i]);
    }
    bx_text_message(&text, e);
    snprintf(line, sizeof line, ":%u", (unsigned)s->line);
    bx_buf_append(&site, s->file, strlen(s->file));
    bx_buf_append(&site, line, strlen(line));
    rc = keep(&fields, arena, &out->fields);
    if (rc == BX_OK)
        rc = keep(&text, arena, &out->msg);
    if (rc == BX_OK)
        rc = keep(&site, arena, &out->site);
    bx_buf_release(&fields);
    bx_buf_release(&text);
    bx_buf_release(&site);
    return rc;
}

/* ---- and back ---- */

static bool read_text(bx_val v, char *out, size_t size)
{
    struct bx_str s;

    if (!bx_val_str(v, &s))
        return false;
    snprintf(out, size, BX_STR_FMT, BX_STR_ARG(s));
    return true;
}

/* A name, which is printed as it is. */
static bool read_name(bx_val v, char *out, size_t size)
{
    if (!read_text(v, out, size))
        return false;
    for (size_t i = 0; out[i] != '\0'; i++)
        if (out[i] <= ' ' || out[i] > '~' || out[i] == '"' || out[i] == '\\')
            return false;
    return true;
}

static bool read_field(bx_val v, struct bx_site_field *f, struct bx_arg *arg)
{
    struct bx_str s;
    bool flag;

    *arg = (struct bx_arg){.u = 0};
    if (bx_val_bool(v, &flag)) {
        f->type = BX_ARG_BOOL;
        arg->u = flag;
    } else if (bx_val_u64(v, &arg->u)) {
        f->type = BX_ARG_U64;
    } else if (bx_val_i64(v, &arg->i)) {
        f->type = BX_ARG_I64;
    } else if (bx_val_f64(v, &arg->f)) {
        f->type = BX_ARG_F64;
    } else if (bx_val_str(v, &s)) {
        f->type = BX_ARG_STR;
        arg->p = s.p == NULL ? "" : s.p;
        arg->n = s.n;
    } else {
        return false;
    }
    return true;
}

/* "file.c:12" */
static void read_site(bx_val v, struct bx_log_event *out)
{
    unsigned line = 0;
    char *colon;

    if (!read_text(v, out->file, sizeof out->file))
        return;
    colon = strrchr(out->file, ':');
    if (colon != NULL && sscanf(colon, ":%u", &line) == 1)
        *colon = '\0';
    out->site.line = line;
}

bool bx_log_event_read(bx_val v, struct bx_log_event *out)
{
    bx_val fields = bx_val_get(v, "fields");
    char level[16], trace[24] = "";
    unsigned long long number = 0;
    enum bx_level found;
    uint64_t sequence = 0;

    memset(out, 0, sizeof *out);
    out->site = (struct bx_site){
        .target = out->target, .message = out->message, .file = out->file, .id = UINT32_MAX};
    out->e.site = &out->site;
    if (!bx_val_u64(bx_val_get(v, "time_ns"), &out->e.time_ns) ||
        !read_text(bx_val_get(v, "level"), level, sizeof level) ||
        !bx_level_parse(level, strlen(level), &found) ||
        !read_name(bx_val_get(v, "target"), out->target, sizeof out->target) ||
        !read_text(bx_val_get(v, "msg"), out->message, sizeof out->message))
        return false;
    out->e.level = out->site.level = (uint8_t)found;
    if (read_text(bx_val_get(v, "trace"), trace, sizeof trace) &&
        sscanf(trace, "%llx", &number) == 1)
        out->e.trace = number;
    bx_val_u64(bx_val_get(v, "sequence"), &sequence);
    out->e.seq = (uint32_t)sequence;
    bx_val_bool(bx_val_get(v, "cut"), &out->e.cut);
    read_site(bx_val_get(v, "site"), out);
    for (uint32_t i = 0; i < bx_val_len(fields) && out->e.n < BX_SITE_FIELDS; i++) {
        struct bx_site_field *f = &out->site.fields[out->e.n];

        f->key = out->keys[out->e.n];
        if (read_name(bx_val_key(fields, i), out->keys[out->e.n], sizeof out->keys[0]) &&
            read_field(bx_val_value(fields, i), f, &out->e.args[out->e.n]))
            out->e.n++;
    }
    out->site.n = out->e.n;
    return true;
}
