/* report_fast - the writer for events that have only a head, texts and maps.
 *
 * The most that it can need is known before it begins, so room is made once and nothing is checked
 * while it writes; keys and punctuation are constants. tests/unit/diag_report_test compares it with
 * the full writer. */
#include "diag/report.h"

#include "codec/digits.h"
#include "config.h"
#include "diag/jout.h"

#define HEAD_ROOM 1024u /* constants, ids and times */

#define LIT(to, literal) lit((to), "" literal, sizeof(literal) - 1)

static inline uint8_t *lit(uint8_t *to, const char *p, size_t n)
{
    memcpy(to, p, n);
    return to + n;
}

static size_t room_of(const struct bx_bag *b)
{
    size_t n = 0;

    for (uint32_t i = 0; i < bx_bag_n(b); i++)
        n += BX_JOUT_TEXT(bx_bag_key(b, i).n) + BX_JOUT_TEXT(b->entries[i].value_n) + 2;
    return n;
}

static size_t room(const struct bx_report *r)
{
    const struct bx_str *texts[] = {&r->logger, &r->message,     &r->transaction, &r->server,
                                    &r->op,     &r->environment, &r->release,     &r->status};
    size_t n = HEAD_ROOM;

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        n += BX_JOUT_TEXT(texts[i]->n);
    for (int i = 0; i < BX__SCOPE_BAGS; i++)
        n += room_of(r->bags[i]);
    return n;
}

static inline uint8_t *text(uint8_t *to, const char *key, size_t n, struct bx_str value)
{
    return value.n == 0 ? to : bx_jout_quote(lit(to, key, n), value);
}
#define TEXT(to, literal, value) text((to), "" literal, sizeof(literal) - 1, (value))

static inline uint8_t *hex(uint8_t *to, const uint8_t *p, size_t n)
{
    return to + bx_digits_hex((char *)to, p, n);
}

static uint8_t *head(uint8_t *to, const struct bx_report *r)
{
    struct bx_str level = bx_severities[r->level];

    to = hex(LIT(to, "{\"event_id\":\""), r->id, sizeof r->id);
    to = LIT(to, "\",\"timestamp\":\"");
    to += bx_digits_time((char *)to, r->time_ns, 6);
    to = LIT(to, "\",\"platform\":\"native\",\"level\":\"");
    to = LIT(lit(to, level.p, level.n), "\"");
    to = TEXT(to, ",\"logger\":", r->logger);
    to = TEXT(to, ",\"transaction\":", r->transaction);
    to = TEXT(to, ",\"server_name\":", r->server);
    to = TEXT(to, ",\"release\":", r->release);
    to = TEXT(to, ",\"environment\":", r->environment);
    to = TEXT(to, ",\"logentry\":{\"formatted\":", r->message);
    if (r->message.n > 0)
        to = LIT(to, "}");
    return to;
}

static uint8_t *members(uint8_t *to, const struct bx_bag *b, bool comma)
{
    for (uint32_t i = 0; i < b->n; i++) {
        struct bx_str value = bx_bag_value(b, i);

        if (comma)
            *to++ = ',';
        comma = true;
        to = bx_jout_quote(to, bx_bag_key(b, i));
        *to++ = ':';
        to = b->entries[i].json ? lit(to, value.p, value.n) : bx_jout_quote(to, value);
    }
    *to++ = '}';
    return to;
}

static inline uint8_t *bag(uint8_t *to, const char *key, size_t n, const struct bx_bag *b)
{
    return bx_bag_n(b) == 0 ? to : members(lit(to, key, n), b, false);
}
#define BAG(to, literal, b) bag((to), "" literal, sizeof(literal) - 1, (b))

static uint8_t *fingerprint(uint8_t *to, const struct bx_bag *b)
{
    if (bx_bag_n(b) == 0)
        return to;
    to = LIT(to, ",\"fingerprint\":[");
    for (uint32_t i = 0; i < b->n; i++) {
        if (i > 0)
            *to++ = ',';
        to = bx_jout_quote(to, bx_bag_key(b, i));
    }
    *to++ = ']';
    return to;
}

static uint8_t *trace(uint8_t *to, const struct bx_report *r)
{
    to = hex(LIT(to, "\"trace\":{\"trace_id\":\""), r->span.trace, sizeof r->span.trace);
    to = hex(LIT(to, "\",\"span_id\":\""), r->span.span, sizeof r->span.span);
    to = LIT(to, "\"");
    to = TEXT(to, ",\"op\":", r->op);
    to = TEXT(to, ",\"status\":", r->status);
    return LIT(to, "}");
}

static uint8_t *contexts(uint8_t *to, const struct bx_report *r)
{
    const struct bx_bag *b = r->bags[BX_SCOPE_CONTEXTS];
    bool traced = bx_id_is_set(r->span.trace, sizeof r->span.trace);

    if (!traced)
        return BAG(to, ",\"contexts\":{", b);
    to = trace(LIT(to, ",\"contexts\":{"), r);
    return bx_bag_n(b) == 0 ? LIT(to, "}") : members(to, b, true);
}

bool bx_report_is_plain(const struct bx_report *r)
{
    return r->start_ns == 0 && r->exception.type.n == 0 && bx_crumbs_n(r->crumbs) == 0 &&
           r->method.n == 0 && r->url.n == 0 && r->build.n == 0;
}

bool bx_report_write_fast(struct bx_buf *out, const struct bx_report *r)
{
    uint8_t *to;

    if (!bx_report_is_plain(r))
        return false;
    if (bx_buf_reserve(out, room(r)) != BX_OK)
        return true; /* out->failed is set */
    to = head(out->data + out->len, r);
    to = fingerprint(to, r->bags[BX_SCOPE_FINGERPRINT]);
    to = BAG(to, ",\"tags\":{", r->bags[BX_SCOPE_TAGS]);
    to = BAG(to, ",\"extra\":{", r->bags[BX_SCOPE_EXTRA]);
    to = BAG(to, ",\"user\":{", r->bags[BX_SCOPE_USER]);
    to = contexts(to, r);
    to = LIT(to, ",\"sdk\":{\"name\":\"blixard\",\"version\":\"" PACKAGE_VERSION "\"}}");
    out->len = (size_t)(to - out->data);
    return true;
}
