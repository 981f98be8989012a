#include "wire/jointoken.h"

#include "codec/base64url.h"
#include "codec/flat.h"

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>

#define PREFIX "blxj1."
#define OLD_PREFIX "blx1."
#define PREFIX_LEN (sizeof PREFIX - 1)
#define OLD_PREFIX_LEN (sizeof OLD_PREFIX - 1)
#define HEX_LEN (2 * (size_t)BX_JOIN_SECRET_OLD)
#define TOKEN 8

static const struct bx_field token_fields[] = {
    BX_FIELD(bx_join_token, addresses, BX_T_STRS, .max = BX_JOIN_ADDRESSES_MAX),
    BX_FIELD(bx_join_token, secret, BX_T_BYTES, .max = BX_JOIN_SECRET, .secret = true),
    BX_FIELD(bx_join_token, fingerprint, BX_T_BYTES, .max = BX_FINGERPRINT),
    BX_FIELD(bx_join_token, id, BX_T_U64),
    BX_FIELD(bx_join_token, expires_ms, BX_T_U64),
    BX_FIELD(bx_join_token, role, BX_T_ENUM, .names = bx_role_names),
};
const struct bx_schema bx_join_token_schema =
    BX_SCHEMA("join token", TOKEN, bx_join_token, token_fields);

static int bad(struct bx_err *err, const char *why)
{
    bx_err_set(err, BX_INVALID, "token: %s", why);
    bx_err_hint(err, "create one on a member: blixardctl cluster token create");
    return BX_INVALID;
}

/* ---- the old form ---- */

static int put_old(const struct bx_join_token *t, struct bx_buf *out)
{
    int rc = bx_buf_append(out, OLD_PREFIX, OLD_PREFIX_LEN);

    for (uint32_t i = 0; rc == BX_OK && i < t->secret.n; i++) {
        char two[3];

        snprintf(two, sizeof two, "%02x", (uint8_t)t->secret.p[i]);
        rc = bx_buf_append(out, two, 2);
    }
    for (uint32_t i = 0; rc == BX_OK && i < t->addresses.n; i++) {
        rc = bx_buf_append(out, i == 0 ? "." : ",", 1);
        if (rc == BX_OK)
            rc = bx_buf_append(out, t->addresses.v[i].p, t->addresses.v[i].n);
    }
    return rc;
}

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool get_hex(const char *s, char *out)
{
    for (size_t i = 0; i < HEX_LEN / 2; i++) {
        int high = digit(s[2 * i]), low = high < 0 ? -1 : digit(s[2 * i + 1]);

        if (low < 0)
            return false;
        out[i] = (char)(high << 4 | low);
    }
    return true;
}

static int get_addresses(const char *s, size_t n, struct bx_join_token *t, struct bx_arena *arena,
                         struct bx_err *err)
{
    const char *end = s + n, *comma;
    struct bx_str *v = bx_arena_alloc(arena, BX_JOIN_ADDRESSES_MAX * sizeof *v);

    if (v == NULL)
        return bx_err_set(err, BX_NO_MEMORY, "out of memory");
    t->addresses.v = v;
    for (;; s = comma + 1) {
        comma = memchr(s, ',', (size_t)(end - s));
        n = (size_t)((comma == NULL ? end : comma) - s);
        if (t->addresses.n == BX_JOIN_ADDRESSES_MAX || n > BX_ADDRESS_MAX)
            return bad(err, "too many addresses, or an address is too long");
        v[t->addresses.n++] = (struct bx_str){s, (uint32_t)n};
        if (comma == NULL)
            return BX_OK;
    }
}

static int get_old(const char *s, size_t n, struct bx_join_token *t, struct bx_arena *arena,
                   struct bx_err *err)
{
    char *secret = bx_arena_alloc(arena, BX_JOIN_SECRET_OLD);

    if (secret == NULL)
        return bx_err_set(err, BX_NO_MEMORY, "out of memory");
    if (n <= HEX_LEN || !get_hex(s, secret) || s[HEX_LEN] != '.')
        return bad(err, "its secret is not 32 hex digits");
    t->secret = (struct bx_str){secret, BX_JOIN_SECRET_OLD};
    return get_addresses(s + HEX_LEN + 1, n - HEX_LEN - 1, t, arena, err);
}

/* ---- both ---- */

static int put_new(const struct bx_join_token *t, struct bx_buf *out)
{
    size_t size = bx_flat_size(&bx_join_token_schema, t);
    uint8_t *record = bx_block_take(size);
    char *text = record == NULL ? NULL : (char *)bx_buf_extend(out, BX_BASE64URL_SIZE(size));

    if (text != NULL) {
        bx_flat_write(&bx_join_token_schema, t, record);
        bx_base64url_write(record, size, text);
        explicit_bzero(record, size);
    }
    bx_block_give(record);
    return text == NULL ? BX_NO_MEMORY : BX_OK;
}

int bx_join_token_write(const struct bx_join_token *t, struct bx_buf *out)
{
    int rc = bx_buf_reserve(out, BX_JOIN_TOKEN_MAX);

    assert(t->addresses.n > 0 && t->addresses.n <= BX_JOIN_ADDRESSES_MAX);
    assert(t->secret.n == BX_JOIN_SECRET || t->secret.n == BX_JOIN_SECRET_OLD);
    if (rc == BX_OK && t->secret.n == BX_JOIN_SECRET_OLD)
        return put_old(t, out);
    if (rc == BX_OK)
        rc = bx_buf_append(out, PREFIX, PREFIX_LEN);
    return rc == BX_OK ? put_new(t, out) : rc;
}

static int get_new(const char *s, size_t n, struct bx_join_token *t, struct bx_arena *arena,
                   struct bx_err *err)
{
    uint8_t *record = bx_arena_alloc(arena, n + 8);
    size_t size, used = 0;
    int rc;

    if (record == NULL)
        return bx_err_set(err, BX_NO_MEMORY, "out of memory");
    if (!bx_base64url_read(s, n, record, &size))
        return bad(err, "damaged, or not copied as a whole");
    rc = bx_flat_read(&bx_join_token_schema, record, size, t, arena, &used, NULL);
    if (rc == BX_NO_MEMORY)
        return bx_err_set(err, rc, "out of memory");
    if (rc != BX_OK || used != size || t->addresses.n == 0 || t->secret.n != BX_JOIN_SECRET ||
        (t->fingerprint.n != 0 && t->fingerprint.n != BX_FINGERPRINT))
        return bad(err, "damaged, or not copied as a whole");
    return BX_OK;
}

int bx_join_token_read(const char *text, size_t n, struct bx_join_token *t, struct bx_arena *arena,
                       struct bx_err *err)
{
    memset(t, 0, sizeof *t);
    if (n > BX_JOIN_TOKEN_MAX - 1)
        return bad(err, "too long");
    if (n >= PREFIX_LEN && memcmp(text, PREFIX, PREFIX_LEN) == 0)
        return get_new(text + PREFIX_LEN, n - PREFIX_LEN, t, arena, err);
    if (n >= OLD_PREFIX_LEN && memcmp(text, OLD_PREFIX, OLD_PREFIX_LEN) == 0)
        return get_old(text + OLD_PREFIX_LEN, n - OLD_PREFIX_LEN, t, arena, err);
    return bad(err, "does not begin with " PREFIX);
}
