#include "diag/envread.h"

#include "codec/digits.h"
#include "codec/json.h"
#include "diag/jout.h"

bool bx_id_parse(struct bx_str s, uint8_t out[16])
{
    if (s.n == BX_UUID_TEXT - 1)
        return bx_uuid_parse(s.p, s.n, out);
    if (s.n != 32)
        return false;
    for (uint32_t i = 0; i < 32; i++) {
        char c = s.p[i], low = (char)(c | 0x20);
        uint8_t v;

        if (c >= '0' && c <= '9')
            v = (uint8_t)(c - '0');
        else if (low >= 'a' && low <= 'f')
            v = (uint8_t)(low - 'a' + 10);
        else
            return false;
        out[i / 2] = (uint8_t)(i % 2 == 0 ? v << 4 : out[i / 2] | v);
    }
    return true;
}

/* The next line without its end; false: there is none. */
static bool take_line(struct bx_envread *r, struct bx_str *line)
{
    const char *at = r->p + r->at, *end;
    size_t left = r->n - r->at;

    if (left == 0)
        return false;
    end = memchr(at, '\n', left);
    line->p = at;
    line->n = (uint32_t)(end == NULL ? left : (size_t)(end - at));
    r->at += line->n + (end != NULL);
    return true;
}

/* A header is a JSON object. NULL: err is set. */
static bx_val parse(struct bx_envread *r, struct bx_str line, struct bx_err *err)
{
    bx_val v;

    if (line.n > BX_ENVREAD_HEADER) {
        bx_err_set(err, BX_TOO_LARGE, "a header of %u bytes", line.n);
        return NULL;
    }
    r->packed.len = 0;
    if (bx_json_read(&r->packed, line.p, line.n, BX_ENVREAD_HEADER, err) != BX_OK)
        return NULL;
    v = bx_pack_parse(r->pack, r->packed.data, r->packed.len, 4 * BX_ENVREAD_HEADER, err);
    if (v != NULL && bx_val_type(v) != BX_V_MAP) {
        bx_err_set(err, BX_MALFORMED, "a header that is no object");
        return NULL;
    }
    return v;
}

static int read_head(struct bx_envread *r, bx_val v, struct bx_err *err)
{
    struct bx_str text;

    if (bx_val_get(v, "event_id") != NULL) {
        if (!bx_val_str(bx_val_get(v, "event_id"), &text) || !bx_id_parse(text, r->event))
            return bx_err_set(err, BX_MALFORMED, "event_id is no id");
        r->has_event = true;
    }
    if (bx_val_str(bx_val_get(v, "sent_at"), &text))
        r->sent_ns = bx_digits_time_read(text.p, text.n);
    return BX_OK;
}

int bx_envread_open(struct bx_envread *r, const void *p, size_t n, struct bx_err *err)
{
    struct bx_err ignored;
    struct bx_str line;
    bx_val v;
    int rc;

    *r = (struct bx_envread){.p = p, .n = n, .pack = bx_pack_create()};
    if (err == NULL)
        err = &ignored;
    if (r->pack == NULL)
        return bx_err_set(err, BX_NO_MEMORY, "out of memory");
    if (!take_line(r, &line))
        return bx_err_set(err, BX_MALFORMED, "an empty envelope");
    err->code = BX_MALFORMED;
    v = parse(r, line, err);
    rc = v == NULL ? err->code : read_head(r, v, err);
    return rc == BX_OK ? BX_OK : bx_err_wrap(err, "header of the envelope");
}

/* All members of v but sent_at. */
static int copy_members(struct bx_jout *j, bx_val v)
{
    struct bx_buf value = {0};
    int rc = BX_OK;

    for (uint32_t i = 0; rc == BX_OK && i < bx_val_len(v); i++) {
        struct bx_str key = {"", 0};

        bx_val_str(bx_val_key(v, i), &key);
        if (bx_str_eq(key, bx_str("sent_at")))
            continue;
        value.len = 0;
        rc = bx_json_write(&value, bx_val_value(v, i), 0);
        if (rc == BX_OK)
            bx_jout_member(j, key, (struct bx_str){(const char *)value.data, (uint32_t)value.len},
                           true);
    }
    bx_buf_release(&value);
    return rc;
}

int bx_envread_head_again(struct bx_envread *r, uint64_t sent_ns, struct bx_buf *out)
{
    struct bx_jout j = {out, false};
    struct bx_err err = {.code = BX_MALFORMED};
    struct bx_str line;
    bx_val v;
    int rc;

    r->at = 0;
    v = take_line(r, &line) ? parse(r, line, &err) : NULL;
    if (v == NULL)
        return err.code;
    bx_jout_open(&j, (struct bx_str){"", 0}, '{');
    rc = copy_members(&j, v);
    bx_jout_time(&j, (struct bx_str){"sent_at", 7}, sent_ns);
    bx_jout_close(&j, '}');
    bx_buf_append(out, "\n", 1);
    return out->failed ? BX_NO_MEMORY : rc;
}

void bx_envread_close(struct bx_envread *r)
{
    bx_pack_destroy(r->pack);
    bx_buf_release(&r->packed);
    *r = (struct bx_envread){.p = NULL};
}

static enum bx_item_type type_of(struct bx_str name)
{
    int i = BX__ITEM_TYPES - 1;

    while (i > 0 && !bx_str_eq(bx_item_types[i], name))
        i--;
    return (enum bx_item_type)i;
}

/* A payload with a length ends with a newline, or with the envelope. */
static int take_payload(struct bx_envread *r, uint64_t length, struct bx_str *payload,
                        struct bx_err *err)
{
    *payload = (struct bx_str){r->p + r->at, 0};
    if (length == BX_ENVREAD_LINE) {
        take_line(r, payload);
        return BX_OK;
    }
    if (length > r->n - r->at || length > UINT32_MAX)
        return bx_err_set(err, BX_MALFORMED, "the payload is cut: %llu bytes of %llu",
                          (unsigned long long)(r->n - r->at), (unsigned long long)length);
    payload->n = (uint32_t)length;
    r->at += length;
    if (r->at < r->n && r->p[r->at] != '\n')
        return bx_err_set(err, BX_MALFORMED, "the payload is longer than its length");
    r->at += r->at < r->n;
    return BX_OK;
}

static int read_length(bx_val v, uint64_t *out, struct bx_err *err)
{
    bx_val member = bx_val_get(v, "length");

    *out = BX_ENVREAD_LINE;
    if (member == NULL)
        return BX_OK;
    if (!bx_val_u64(member, out) || *out == BX_ENVREAD_LINE)
        return bx_err_set(err, BX_MALFORMED, "length is no number");
    return BX_OK;
}

int bx_envread_header(struct bx_envread *r, struct bx_str line, struct bx_envread_item *item,
                      uint64_t *length, struct bx_err *err)
{
    struct bx_err ignored;
    bx_val v;

    if (err == NULL)
        err = &ignored;
    *item = (struct bx_envread_item){.type = BX_ITEM_UNKNOWN, .header = line};
    err->code = BX_MALFORMED;
    v = parse(r, line, err);
    if (v == NULL)
        return err->code;
    if (!bx_val_str(bx_val_get(v, "type"), &item->name))
        return bx_err_set(err, BX_MALFORMED, "an item without a type");
    item->type = type_of(item->name);
    bx_val_str(bx_val_get(v, "filename"), &item->filename);
    bx_val_str(bx_val_get(v, "content_type"), &item->content_type);
    bx_val_u64(bx_val_get(v, "item_count"), &item->count);
    return read_length(v, length, err);
}

static int read_item(struct bx_envread *r, struct bx_envread_item *item, struct bx_err *err)
{
    uint64_t length;
    int rc = bx_envread_header(r, item->header, item, &length, err);

    return rc == BX_OK ? take_payload(r, length, &item->payload, err) : rc;
}

int bx_envread_next(struct bx_envread *r, struct bx_envread_item *item, struct bx_err *err)
{
    struct bx_err ignored;
    size_t began;
    int rc;

    if (err == NULL)
        err = &ignored;
    *item = (struct bx_envread_item){.type = BX_ITEM_UNKNOWN};
    do { /* an empty line may end an envelope */
        began = r->at;
        if (!take_line(r, &item->header))
            return BX_NOT_FOUND;
    } while (item->header.n == 0);
    rc = read_item(r, item, err);
    if (rc != BX_OK)
        r->at = r->n;
    return rc == BX_OK ? BX_OK : bx_err_wrap(err, "item at byte %zu", began);
}
