#include "wire/audit.h"

#include "codec/flat.h"
#include "mem/alloc.h"
#include "wire/command.h"

/* ---- the method ---- */

static const struct bx_field params_fields[] = {
    BX_FIELD(bx_audit_params, node, BX_T_STR, .max = 255),
    BX_FIELD(bx_audit_params, refused, BX_T_BOOL),
    BX_FIELD(bx_audit_params, since_ms, BX_T_U64),
    BX_FIELD(bx_audit_params, until_ms, BX_T_U64),
    BX_FIELD(bx_audit_params, who, BX_T_STR, .max = 255),
    BX_FIELD(bx_audit_params, object, BX_T_STR, .max = 255),
    BX_COMMON_FIELD(after, BX_T_STR, .max = 20),
    BX_COMMON_FIELD(limit, BX_T_U32),
    BX_PARAMS_READS};

static const struct bx_field record_fields[] = {
    BX_FIELD(bx_audit_reply, revision, BX_T_U64, .omit = true),
    BX_FIELD(bx_audit_reply, number, BX_T_U64, .omit = true),
    BX_FIELD(bx_audit_reply, time, BX_T_U64),
    BX_FIELD(bx_audit_reply, who, BX_T_STR, .max = BX_EVENT_PRINCIPAL_MAX),
    BX_FIELD(bx_audit_reply, from, BX_T_STR, .max = BX_SOURCE_MAX),
    BX_FIELD(bx_audit_reply, what, BX_T_STR, .max = 64),
    BX_FIELD(bx_audit_reply, object, BX_T_STR, .max = 255),
    BX_FIELD(bx_audit_reply, node, BX_T_STR, .max = 255, .omit = true),
    BX_FIELD(bx_audit_reply, tenant, BX_T_STR, .max = 255, .omit = true),
    BX_FIELD(bx_audit_reply, outcome, BX_T_STR, .max = 32),
    BX_FIELD(bx_audit_reply, message, BX_T_STR, .max = 1024),
    BX_FIELD(bx_audit_reply, count, BX_T_U64, .omit = true),
    BX_FIELD(bx_audit_reply, trace, BX_T_STR, .max = BX_ID_TEXT, .omit = true),
    BX_FIELD(bx_audit_reply, previous, BX_T_STR, .max = BX_AUDIT_HASH_TEXT, .omit = true),
    BX_FIELD(bx_audit_reply, hash, BX_T_STR, .max = BX_AUDIT_HASH_TEXT, .omit = true),
};
const struct bx_schema bx_audit_reply_schema =
    BX_SCHEMA("audit-record", 0, bx_audit_reply, record_fields);

static const struct bx_field reply_fields[] = {
    BX_FIELD(bx_audit_list_reply, node, BX_T_STR, .max = 255),
    BX_FIELD(bx_audit_list_reply, records, BX_T_LIST, .sub = &bx_audit_reply_schema,
             .max = BX_AUDIT_RECORDS_MAX),
    BX_FIELD(bx_audit_list_reply, after, BX_T_STR, .max = 20),
    BX_FIELD(bx_audit_list_reply, more, BX_T_BOOL),
    BX_FIELD(bx_audit_list_reply, head, BX_T_U64),
    BX_FIELD(bx_audit_list_reply, hash, BX_T_STR, .max = BX_AUDIT_HASH_TEXT),
    BX_FIELD(bx_audit_list_reply, oldest, BX_T_U64),
    BX_FIELD(bx_audit_list_reply, damage, BX_T_STR, .max = BX_AUDIT_DAMAGE_MAX, .omit = true),
};
const struct bx_schema bx_audit_list_reply_schema =
    BX_REPLY_SCHEMA("audit", AUDIT_LIST, bx_audit_list_reply, reply_fields);

BX_METHOD(AUDIT_LIST, audit_list, bx_audit_params, params_fields, audit_list, .name = "audit.list",
          .verb = "GET", .path = "/v1/audit", .role = BX_RPC_ADMIN, .before_init = true,
          .relayed = true,
          .about = "Who changed what, and from where: the events that a node keeps, oldest first, "
                   "or, with `refused`, what it has refused. At most 1,000 follow the revision or "
                   "number `after`; `more` says that others may. `who` and `object` select those "
                   "of a principal and about an object, `since_ms` and `until_ms` by time. "
                   "`previous` is the `hash` of the record before, from feature level 3 on; `head` "
                   "and `hash` of the answer are those of the newest record. Needs neither a "
                   "leader nor a quorum if `consistency` is `stale`.");

/* ---- hex ---- */

static char *hex(const uint8_t *p, size_t n, struct bx_arena *arena)
{
    static const char digits[] = "0123456789abcdef";
    char *text = bx_must(bx_arena_alloc(arena, 2 * n), 2 * n);

    for (size_t i = 0; i < n; i++) {
        text[2 * i] = digits[p[i] >> 4];
        text[2 * i + 1] = digits[p[i] & 15];
    }
    return text;
}

struct bx_str bx_audit_hex(const uint8_t hash[BX_SHA256], struct bx_arena *arena)
{
    return (struct bx_str){hex(hash, BX_SHA256, arena), BX_AUDIT_HASH_TEXT};
}

bool bx_audit_unhex(struct bx_str text, uint8_t out[BX_SHA256])
{
    return text.n == BX_AUDIT_HASH_TEXT && bx_hex16((struct bx_str){text.p, BX_ID_TEXT}, out) &&
           bx_hex16((struct bx_str){text.p + BX_ID_TEXT, BX_ID_TEXT}, out + 16);
}

static struct bx_str trace_text(const uint8_t trace[16], struct bx_arena *arena)
{
    static const uint8_t none[16];

    if (memcmp(trace, none, sizeof none) == 0)
        return bx_str("");
    return (struct bx_str){hex(trace, 16, arena), BX_ID_TEXT};
}

static struct bx_str previous_text(struct bx_str previous, struct bx_arena *arena)
{
    return previous.n == 0 ? previous : bx_audit_hex((const uint8_t *)previous.p, arena);
}

/* ---- records ---- */

static void hash_event(const struct bx_event *e, uint8_t out[BX_SHA256])
{
    size_t n = bx_flat_size(&bx_event_schema, e);
    uint8_t *p = bx_must_alloc(n);

    bx_flat_write(&bx_event_schema, e, p);
    bx_sha256(p, n, out);
    bx_free(p);
}

void bx_audit_of_event(const struct bx_event *e, struct bx_arena *arena, struct bx_audit_reply *out)
{
    uint8_t hash[BX_SHA256];

    *out = (struct bx_audit_reply){.revision = e->index,
                                   .time = e->time,
                                   .who = e->principal,
                                   .from = e->source,
                                   .what = bx_str(bx_event_names[e->type]),
                                   .object = e->object,
                                   .node = e->node,
                                   .tenant = e->tenant,
                                   .outcome = bx_str("ok"),
                                   .message = e->detail,
                                   .trace = trace_text(e->trace, arena),
                                   .previous = previous_text(e->previous, arena)};
    if (e->previous.n == 0)
        return;
    hash_event(e, hash);
    out->hash = bx_audit_hex(hash, arena);
}

void bx_audit_of_refusal(const struct bx_refusal *r, struct bx_arena *arena,
                         struct bx_audit_reply *out)
{
    uint8_t hash[BX_SHA256];

    bx_refusal_hash(r, hash);
    *out = (struct bx_audit_reply){
        .number = r->number,
        .time = r->time,
        .who = r->principal,
        .from = r->source,
        .what = r->method,
        .object = r->object,
        .outcome = r->type == BX_REFUSAL_REFUSED ? r->code : bx_str(bx_refusal_names[r->type]),
        .message = r->message,
        .count = r->count,
        .trace = trace_text(r->trace, arena),
        .previous = previous_text(r->previous, arena),
        .hash = bx_audit_hex(hash, arena)};
}

static bool find_name(const char *const *names, struct bx_str name, uint8_t *out)
{
    for (uint8_t i = 0; names[i] != NULL; i++) {
        if (bx_str_eq(name, bx_str(names[i]))) {
            *out = i;
            return true;
        }
    }
    return false;
}

static bool check_event(const struct bx_audit_reply *a, const uint8_t trace[16],
                        struct bx_str previous, uint8_t hash[BX_SHA256])
{
    struct bx_event e = {.index = a->revision,
                         .time = a->time,
                         .object = a->object,
                         .node = a->node,
                         .detail = a->message,
                         .tenant = a->tenant,
                         .principal = a->who,
                         .source = a->from,
                         .previous = previous};

    memcpy(e.trace, trace, sizeof e.trace);
    if (!find_name(bx_event_names, a->what, &e.type))
        return false;
    hash_event(&e, hash);
    return true;
}

static bool check_refusal(const struct bx_audit_reply *a, const uint8_t trace[16],
                          struct bx_str previous, uint8_t hash[BX_SHA256])
{
    struct bx_refusal r = {.number = a->number,
                           .time = a->time,
                           .principal = a->who,
                           .source = a->from,
                           .method = a->what,
                           .object = a->object,
                           .message = a->message,
                           .count = a->count,
                           .previous = previous};

    memcpy(r.trace, trace, sizeof r.trace);
    if (!find_name(bx_refusal_names, a->outcome, &r.type))
        r.code = a->outcome; /* of what was refused */
    if (a->message.n > BX_REFUSAL_MESSAGE_MAX || a->node.n + a->tenant.n > 0)
        return false;
    bx_refusal_hash(&r, hash);
    return true;
}

bool bx_audit_check(const struct bx_audit_reply *a, uint8_t hash[BX_SHA256],
                    uint8_t previous[BX_SHA256])
{
    struct bx_str before = {(const char *)previous, BX_SHA256};
    uint8_t trace[16] = {0};

    if ((a->trace.n > 0 && !bx_hex16(a->trace, trace)) || !bx_audit_unhex(a->previous, previous))
        return false;
    return a->revision > 0 ? check_event(a, trace, before, hash)
                           : check_refusal(a, trace, before, hash);
}
