#include "sys/token.h"

#include "sys/address.h"
#include "sys/pki.h"

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define PREFIX "blx1."
#define PREFIX_LEN 5
#define HEX_LEN (2 * TOKEN_SECRET)

void token_make(const struct token *t, char out[TOKEN_TEXT_MAX])
{
    size_t n = PREFIX_LEN;

    assert(t->n_addresses > 0 && t->n_addresses <= TOKEN_ADDRESSES_MAX);
    memcpy(out, PREFIX, PREFIX_LEN);
    for (size_t i = 0; i < TOKEN_SECRET; i++)
        n += (size_t)snprintf(out + n, 3, "%02x", t->secret[i]);
    for (uint32_t i = 0; i < t->n_addresses; i++)
        n += (size_t)snprintf(out + n, TOKEN_TEXT_MAX - n, "%c%s", i == 0 ? '.' : ',',
                              t->addresses[i]);
}

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_secret(const char *s, uint8_t secret[TOKEN_SECRET])
{
    for (size_t i = 0; i < TOKEN_SECRET; i++) {
        int high = digit(s[2 * i]), low = high < 0 ? -1 : digit(s[2 * i + 1]);

        if (low < 0)
            return false;
        secret[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static int bad(struct bx_err *err, const char *why)
{
    bx_err_set(err, BX_INVALID, "token: %s", why);
    bx_err_hint(err, "create one on a member: blixardctl cluster token create");
    return BX_INVALID;
}

static int read_addresses(const char *s, struct token *t, struct bx_err *err)
{
    for (;;) {
        size_t n = strcspn(s, ",");
        union address a;

        if (t->n_addresses == TOKEN_ADDRESSES_MAX || n >= sizeof t->addresses[0])
            return bad(err, "too many addresses, or an address is too long");
        snprintf(t->addresses[t->n_addresses], sizeof t->addresses[0], "%.*s", (int)n, s);
        if (address_parse(t->addresses[t->n_addresses++], &a, NULL) != BX_OK)
            return bad(err, "an address is not HOST:PORT");
        if (s[n] == '\0')
            return BX_OK;
        s += n + 1;
    }
}

int token_parse(const char *text, struct token *t, struct bx_err *err)
{
    memset(t, 0, sizeof *t);
    if (strncmp(text, PREFIX, PREFIX_LEN) != 0)
        return bad(err, "does not begin with " PREFIX);
    text += PREFIX_LEN;
    if (!read_secret(text, t->secret) || text[HEX_LEN] != '.')
        return bad(err, "its secret is not 32 hex digits");
    return read_addresses(text + HEX_LEN + 1, t, err);
}

void token_hash(const uint8_t secret[TOKEN_SECRET], uint8_t out[16])
{
    uint8_t sum[PKI_SHA256];

    pki_sha256(secret, TOKEN_SECRET, sum);
    memcpy(out, sum, 16);
}
