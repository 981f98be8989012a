#include "rec/text.h"

#include "codec/digits.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

size_t bx_text_time(char out[BX_TEXT_TIME], uint64_t ns, unsigned digits)
{
    return bx_digits_time(out, ns, digits);
}

/* A value that is not a string: its text, and whether JSON may have it without quotes. */
static size_t put_plain(char out[64], enum bx_arg_type type, const struct bx_arg *arg)
{
    switch (type) {
    case BX_ARG_BOOL:
        return (size_t)snprintf(out, 64, "%s", arg->u != 0 ? "true" : "false");
    case BX_ARG_I64:
        return (size_t)snprintf(out, 64, "%" PRId64, arg->i);
    case BX_ARG_U64:
        return (size_t)snprintf(out, 64, "%" PRIu64, arg->u);
    case BX_ARG_F64:
        return (size_t)snprintf(out, 64, "%.17g", arg->f);
    case BX_ARG_UUID:
        bx_uuid_format(arg->p, out);
        return BX_UUID_TEXT - 1;
    case BX_ARG_NONE:
    case BX_ARG_STR:
    case BX__ARG_TYPES:
        break;
    }
    return 0;
}

void bx_text_value(char *out, size_t n, enum bx_arg_type type, const struct bx_arg *arg)
{
    char plain[64];
    const char *from = plain;
    size_t len;

    if (type == BX_ARG_STR) {
        from = arg->p;
        len = arg->n;
    } else {
        len = put_plain(plain, type, arg);
    }
    if (len > n - 1)
        len = n - 1;
    if (len > 0)
        memcpy(out, from, len);
    out[len] = '\0';
}

static void put(struct bx_buf *out, const char *s)
{
    bx_buf_append(out, s, strlen(s));
}

static void put_escape(struct bx_buf *out, uint8_t c, bool json)
{
    static const char hex[] = "0123456789abcdef";
    const char *short_form = c == '\n' ? "\\n" : c == '\t' ? "\\t" : c == '\r' ? "\\r" : NULL;

    if (short_form != NULL) {
        put(out, short_form);
    } else if (json && c >= 0x80) {
        put(out, "\xef\xbf\xbd");
    } else {
        put(out, json ? "\\u00" : "\\x");
        bx_buf_append(out, &hex[c >> 4], 1);
        bx_buf_append(out, &hex[c & 15], 1);
    }
}

/* Not what moves a terminal's cursor or turns the text round: controls of Latin-1, which some
 * terminals obey, and Unicode's marks of direction. */
static bool is_shown(const uint8_t *s, size_t size)
{
    if (size == 1)
        return s[0] >= ' ' && s[0] != 0x7f;
    if (size == 2)
        return !(s[0] == 0xc2 && s[1] < 0xa0) && !(s[0] == 0xd8 && s[1] == 0x9c);
    return !(size == 3 && s[0] == 0xe2 &&
             ((s[1] == 0x80 && (s[2] == 0x8e || s[2] == 0x8f || (s[2] >= 0xa8 && s[2] <= 0xae))) ||
              (s[1] == 0x81 && s[2] >= 0xa6 && s[2] <= 0xa9)));
}

static void put_quoted(struct bx_buf *out, const char *text, size_t n, bool json)
{
    const uint8_t *s = (const uint8_t *)text;

    put(out, "\"");
    for (size_t at = 0; at < n;) {
        size_t size = bx_utf8_sequence(s + at, n - at);

        if (size == 0 || (json ? s[at] < ' ' : !is_shown(s + at, size))) {
            put_escape(out, s[at++], json);
            continue;
        }
        if (s[at] == '"' || s[at] == '\\')
            put(out, "\\");
        bx_buf_append(out, s + at, size);
        at += size;
    }
    put(out, "\"");
}

static bool bare(const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if ((uint8_t)text[i] <= ' ' || text[i] == '"' || text[i] == '=' || text[i] == '\\' ||
            (uint8_t)text[i] >= 0x7f)
            return false;
    return n > 0;
}

static void put_text(struct bx_buf *out, const char *text, size_t n, bool json)
{
    if (!json && bare(text, n))
        bx_buf_append(out, text, n);
    else
        put_quoted(out, text, n, json);
}

static void put_pair(struct bx_buf *out, const char *key, const char *text, size_t n, bool json)
{
    put(out, json ? ",\"" : " ");
    put(out, key);
    put(out, json ? "\":" : "=");
    put_text(out, text, n, json);
}

/* A line that a library made is the first field of a site without a message (rec.h). */
static struct bx_str message_of(const struct bx_recevent *e)
{
    if (e->site->message != NULL)
        return bx_str(e->site->message);
    return (struct bx_str){e->args[0].p, (uint32_t)e->args[0].n};
}

static void put_fields(struct bx_buf *out, const struct bx_recevent *e, bool json)
{
    for (uint8_t i = e->site->message == NULL; i < e->n; i++) {
        const struct bx_site_field *f = &e->site->fields[i];
        char plain[64];
        size_t n;

        if (f->type == BX_ARG_STR) {
            put_pair(out, f->key, e->args[i].p, e->args[i].n, json);
            continue;
        }
        n = put_plain(plain, f->type, &e->args[i]);
        if (json && (f->type == BX_ARG_UUID || (f->type == BX_ARG_F64 && plain[n - 1] > '9'))) {
            put_pair(out, f->key, plain, n, true); /* also nan and inf, which JSON has not */
            continue;
        }
        put(out, json ? ",\"" : " ");
        put(out, f->key);
        put(out, json ? "\":" : "=");
        bx_buf_append(out, plain, n);
    }
}

static void put_trace(struct bx_buf *out, const struct bx_recevent *e, bool json)
{
    char hex[17];

    if (e->trace != 0) {
        snprintf(hex, sizeof hex, "%016" PRIx64, e->trace);
        put_pair(out, "trace", hex, 16, json);
    }
    if (e->cut)
        put(out, json ? ",\"cut\":true" : " cut=true");
}

/* As it is, but without what could deceive a terminal. */
static void put_message(struct bx_buf *out, struct bx_str s)
{
    for (uint32_t at = 0; at < s.n;) {
        size_t size = bx_utf8_sequence((const uint8_t *)s.p + at, s.n - at);

        if (size == 0 || !is_shown((const uint8_t *)s.p + at, size)) {
            put_escape(out, (uint8_t)s.p[at++], false);
            continue;
        }
        bx_buf_append(out, s.p + at, size);
        at += (uint32_t)size;
    }
}

void bx_text_message(struct bx_buf *out, const struct bx_recevent *e)
{
    put_message(out, message_of(e));
}

void bx_text_fields(struct bx_buf *out, const struct bx_recevent *e)
{
    put_fields(out, e, false);
}

static void put_console(struct bx_buf *out, const struct bx_recevent *e)
{
    if (e->origin != NULL) {
        put(out, e->origin);
        put(out, " ");
    }
    put(out, bx_level_name(e->level));
    put(out, " ");
    put(out, e->site->target);
    put(out, ": ");
    put_message(out, message_of(e));
    put_fields(out, e, false);
    put_trace(out, e, false);
}

static void put_head(struct bx_buf *out, const struct bx_recevent *e, bool json)
{
    struct bx_str msg = message_of(e);

    if (e->origin != NULL)
        put_pair(out, "origin", e->origin, strlen(e->origin), json);
    put_pair(out, "level", bx_level_name(e->level), strlen(bx_level_name(e->level)), json);
    put_pair(out, "target", e->site->target, strlen(e->site->target), json);
    put_pair(out, "msg", msg.p, msg.n, json);
    put_fields(out, e, json);
    put_trace(out, e, json);
}

void bx_text_event(struct bx_buf *out, enum bx_text_form form, const struct bx_recevent *e)
{
    char time[BX_TEXT_TIME];
    size_t n = bx_text_time(time, e->time_ns, form == BX_TEXT_CONSOLE ? 3 : 9);

    if (form != BX_TEXT_CONSOLE)
        put(out, form == BX_TEXT_JSON ? "{\"time\":\"" : "time=");
    bx_buf_append(out, time, n);
    if (form == BX_TEXT_CONSOLE) {
        put(out, " ");
        put_console(out, e);
    } else {
        if (form == BX_TEXT_JSON)
            put(out, "\"");
        put_head(out, e, form == BX_TEXT_JSON);
        if (form == BX_TEXT_JSON)
            put(out, "}");
    }
    put(out, "\n");
}
