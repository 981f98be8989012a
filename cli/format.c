#include "format.h"

#include "codec/json.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

static int put(struct bx_buf *b, const char *text)
{
    return bx_buf_append(b, text, strlen(text));
}

static int spaces(struct bx_buf *b, unsigned n)
{
    int rc = BX_OK;

    while (rc == BX_OK && n-- > 0)
        rc = put(b, " ");
    return rc;
}

static bool is_container(bx_val v)
{
    return bx_val_type(v) == BX_V_MAP || bx_val_type(v) == BX_V_ARRAY;
}

/* ---- YAML ---- */

/* A word that no version of YAML takes for anything but a string. */
static bool is_plain(struct bx_str s)
{
    static const char *const reserved[] = {"y",   "n",    "yes",   "no",  "on",
                                           "off", "true", "false", "null"};

    if (s.n == 0 || (!isalpha((unsigned char)s.p[0]) && s.p[0] != '/') || s.p[s.n - 1] == ':')
        return false;
    for (uint32_t i = 0; i < s.n; i++) {
        if (!isalnum((unsigned char)s.p[i]) && strchr("_-./:@+=", s.p[i]) == NULL)
            return false;
    }
    for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++) {
        if (strlen(reserved[i]) == s.n && strncasecmp(reserved[i], s.p, s.n) == 0)
            return false;
    }
    return true;
}

static int put_scalar(struct bx_buf *b, bx_val v)
{
    struct bx_str s;

    if (bx_val_str(v, &s) && bx_val_type(v) == BX_V_STR && is_plain(s))
        return bx_buf_append(b, s.p, s.n);
    return v == NULL ? put(b, "null") : bx_json_write(b, v, 0);
}

static int put_map(struct bx_buf *b, bx_val v, unsigned indent, bool first_is_placed);

/* What stands behind "key:" or "-". */
static int put_value(struct bx_buf *b, bx_val v, unsigned indent)
{
    int rc;

    if (is_container(v) && bx_val_len(v) > 0) {
        rc = put(b, "\n");
        return rc == BX_OK ? format_yaml(b, v, indent) : rc;
    }
    rc = put(b, " ");
    if (rc == BX_OK)
        rc = put_scalar(b, v); /* {} and [] are the same in JSON */
    return rc == BX_OK ? put(b, "\n") : rc;
}

int format_yaml_item(struct bx_buf *b, bx_val v, unsigned indent)
{
    bool map = bx_val_type(v) == BX_V_MAP && bx_val_len(v) > 0;
    int rc = spaces(b, indent);

    if (rc == BX_OK)
        rc = put(b, map ? "- " : "-");
    if (rc != BX_OK)
        return rc;
    return map ? put_map(b, v, indent + 2, true) : put_value(b, v, indent + 2);
}

static int put_map(struct bx_buf *b, bx_val v, unsigned indent, bool first_is_placed)
{
    int rc = BX_OK;

    for (uint32_t i = 0; rc == BX_OK && i < bx_val_len(v); i++) {
        if (i > 0 || !first_is_placed)
            rc = spaces(b, indent);
        if (rc == BX_OK)
            rc = put_scalar(b, bx_val_key(v, i));
        if (rc == BX_OK)
            rc = put(b, ":");
        if (rc == BX_OK)
            rc = put_value(b, bx_val_value(v, i), indent + 2);
    }
    return rc;
}

int format_yaml(struct bx_buf *b, bx_val v, unsigned indent)
{
    int rc = BX_OK;

    if (bx_val_type(v) == BX_V_MAP && bx_val_len(v) > 0)
        return put_map(b, v, indent, false);
    if (bx_val_type(v) == BX_V_ARRAY && bx_val_len(v) > 0) {
        for (uint32_t i = 0; rc == BX_OK && i < bx_val_len(v); i++)
            rc = format_yaml_item(b, bx_val_at(v, i), indent);
        return rc;
    }
    rc = spaces(b, indent);
    if (rc == BX_OK)
        rc = put_scalar(b, v);
    return rc == BX_OK ? put(b, "\n") : rc;
}

/* ---- CSV ---- */

int format_csv_text(struct bx_buf *b, const char *p, size_t n)
{
    bool quote = n > 0 && (p[0] == ' ' || p[n - 1] == ' ');
    int rc = BX_OK;

    for (size_t i = 0; i < n && !quote; i++)
        quote = p[i] == '"' || p[i] == ',' || p[i] == '\n' || p[i] == '\r';
    if (!quote)
        return bx_buf_append(b, p, n);
    rc = put(b, "\"");
    for (size_t i = 0; rc == BX_OK && i < n; i++)
        rc = p[i] == '"' ? put(b, "\"\"") : bx_buf_append(b, p + i, 1);
    return rc == BX_OK ? put(b, "\"") : rc;
}

int format_csv(struct bx_buf *b, bx_val v)
{
    struct bx_buf json = {0};
    struct bx_str s;
    int rc;

    if (v == NULL || bx_val_type(v) == BX_V_NIL)
        return BX_OK;
    if (bx_val_type(v) == BX_V_STR && bx_val_str(v, &s))
        return format_csv_text(b, s.p, s.n);
    rc = bx_json_write(&json, v, 0);
    if (rc == BX_OK)
        rc = format_csv_text(b, (const char *)json.data, json.len);
    bx_buf_release(&json);
    return rc;
}
