/* result - what was answered, in the format asked for: for people a table or lines, for programs
 * the API object as JSON or YAML, or its columns as CSV, or only names. */
#include "command.h"

#include "codec/json.h"
#include "format.h"
#include "mem/alloc.h"
#include "wire/suggest.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* ---- columns ---- */

/* "HIGH WATER", "high-water" and "high_water" are the same word. */
static bool same_word(const char *a, const char *b, size_t n)
{
    size_t i;

    for (i = 0; i < n && a[i] != '\0'; i++) {
        char x = a[i] == ' ' || a[i] == '-' ? '_' : (char)tolower((unsigned char)a[i]);
        char y = b[i] == ' ' || b[i] == '-' ? '_' : (char)tolower((unsigned char)b[i]);

        if (x != y)
            return false;
    }
    return i == n && a[i] == '\0';
}

static int no_column(struct run *r, const char *word, size_t n)
{
    const struct column *all = r->command->columns;
    const char *titles[COLUMNS_MAX], *near;
    char upper[64], list[BX_ERR_HINT - 32] = "";
    size_t count = 0, at = 0;

    for (size_t i = 0; i < n && i + 1 < sizeof upper; i++) {
        upper[i] = (char)toupper((unsigned char)word[i]);
        upper[i + 1] = '\0';
    }
    for (; all[count].title != NULL; count++) {
        titles[count] = all[count].title;
        if (at < sizeof list)
            at += (size_t)snprintf(list + at, sizeof list - at, "%s%s", count == 0 ? "" : ",",
                                   titles[count]);
    }
    bx_err_set(&r->err, BX_INVALID, "--columns: \"%.*s\" is no column", (int)(n > 40 ? 40 : n),
               word);
    near = n == 0 ? NULL : bx_suggest(upper, n < sizeof upper ? n : 0, titles, count);
    if (near != NULL)
        bx_err_hint(&r->err, "did you mean %s?", near);
    else
        bx_err_hint(&r->err, "choose from: %s", list);
    return BX_INVALID;
}

static int choose_named(struct run *r, const char *names)
{
    const struct column *c;
    unsigned count = 0;

    for (const char *p = names;; p++) {
        size_t n = strcspn(p, ",");

        for (c = r->command->columns; c->title != NULL; c++) {
            if (same_word(c->title, p, n) || same_word(c->key, p, n))
                break;
        }
        if (c->title == NULL)
            return no_column(r, p, n);
        if (count == COLUMNS_MAX)
            return bx_err_set(&r->err, BX_INVALID, "--columns: more than %u", COLUMNS_MAX);
        r->columns[count++] = *c;
        p += n;
        if (*p == '\0')
            return BX_OK;
    }
}

int result_columns(struct run *r)
{
    const char *names = args_get(&r->args, "columns", NULL);
    bool all = r->format != FORMAT_TABLE;
    unsigned count = 0;

    if (names != NULL && r->command->columns == NULL) {
        bx_err_set(&r->err, BX_INVALID, "%s%s%s has no columns to choose from", r->command->noun,
                   r->command->verb[0] ? " " : "", r->command->verb);
        bx_err_hint(&r->err, "leave out --columns");
        return BX_INVALID;
    }
    if (names != NULL && r->format > FORMAT_CSV) {
        bx_err_set(&r->err, BX_INVALID, "--columns goes with table, wide and csv");
        bx_err_hint(&r->err, "leave out --columns, or --output");
        return BX_INVALID;
    }
    if (names != NULL)
        return choose_named(r, names);
    for (const struct column *c = r->command->columns; c != NULL && c->title != NULL; c++) {
        if (all || !(c->flags & COLUMN_WIDE))
            r->columns[count++] = *c;
    }
    return BX_OK;
}

/* ---- for programs ---- */

static int put_out(struct run *r, struct bx_buf *b, int rc)
{
    if (rc == BX_OK)
        fwrite(b->data, 1, b->len, stdout);
    bx_buf_release(b);
    fflush(stdout);
    if (rc == BX_OK)
        return 0;
    return run_fail_with(r, rc == BX_NO_MEMORY ? rc : BX_FAILED, "try another --output",
                         "the answer can not be written in this format");
}

static uint32_t n_rows(bx_val v)
{
    if (bx_val_type(v) == BX_V_ARRAY)
        return bx_val_len(v);
    return bx_val_type(v) == BX_V_MAP; /* nothing is left of what was deleted */
}

static bx_val row_of(bx_val v, uint32_t i)
{
    return bx_val_type(v) == BX_V_ARRAY ? bx_val_at(v, i) : v;
}

static int csv_header(const struct run *r, struct bx_buf *b)
{
    int rc = BX_OK;

    for (const struct column *c = r->columns; rc == BX_OK && c->title != NULL; c++) {
        if (c != r->columns)
            rc = bx_buf_append(b, ",", 1);
        if (rc == BX_OK)
            rc = format_csv_text(b, c->key, strlen(c->key));
    }
    return rc == BX_OK ? bx_buf_append(b, "\n", 1) : rc;
}

static int csv_row(const struct run *r, bx_val row, struct bx_buf *b)
{
    int rc = BX_OK;

    for (const struct column *c = r->columns; rc == BX_OK && c->title != NULL; c++) {
        if (c != r->columns)
            rc = bx_buf_append(b, ",", 1);
        if (rc == BX_OK)
            rc = format_csv(b, value_at(row, c->key));
    }
    return rc == BX_OK ? bx_buf_append(b, "\n", 1) : rc;
}

/* A map without columns: a line a value, with the path to it. */
static int csv_paths(bx_val v, const char *path, struct bx_buf *b)
{
    int rc = BX_OK;

    if (bx_val_type(v) != BX_V_MAP) {
        rc = format_csv_text(b, path, strlen(path));
        if (rc == BX_OK)
            rc = bx_buf_append(b, ",", 1);
        if (rc == BX_OK)
            rc = format_csv(b, v);
        return rc == BX_OK ? bx_buf_append(b, "\n", 1) : rc;
    }
    for (uint32_t i = 0; rc == BX_OK && i < bx_val_len(v); i++) {
        struct bx_str key = {"", 0};
        char longer[256];

        bx_val_str(bx_val_key(v, i), &key);
        snprintf(longer, sizeof longer, "%s%s%.*s", path, path[0] ? "." : "", (int)key.n, key.p);
        rc = csv_paths(bx_val_value(v, i), longer, b);
    }
    return rc;
}

static int put_csv(const struct run *r, bx_val v, struct bx_buf *b)
{
    static const char paths[] = "key,value\n";
    int rc = BX_OK;

    if (r->columns[0].title == NULL) {
        if (r->headers)
            rc = bx_buf_append(b, paths, strlen(paths));
        return rc == BX_OK ? csv_paths(v, "", b) : rc;
    }
    if (r->headers)
        rc = csv_header(r, b);
    for (uint32_t i = 0; rc == BX_OK && i < n_rows(v); i++)
        rc = csv_row(r, row_of(v, i), b);
    return rc;
}

/* The name of a row, or else its first column. */
static int put_name(const struct run *r, bx_val row, struct bx_buf *b)
{
    bx_val name = bx_val_get(row, "name");
    char text[512];
    int rc;

    if (name == NULL && r->columns[0].title != NULL)
        name = value_at(row, r->columns[0].key);
    else if (name == NULL)
        name = bx_val_value(row, 0);
    value_text(name, 0, text, sizeof text);
    rc = bx_buf_append(b, text, strlen(text));
    return rc == BX_OK ? bx_buf_append(b, "\n", 1) : rc;
}

/* ---- all of it ---- */

bool result_is_for_people(const struct run *r)
{
    return (r->format == FORMAT_TABLE || r->format == FORMAT_WIDE) &&
           !args_has(&r->args, "columns");
}

int result_print(struct run *r, bx_val v)
{
    struct bx_buf b = {0};
    int rc = BX_OK;

    switch (r->format) {
    case FORMAT_JSON:
        rc = bx_json_write(&b, v, 2);
        if (rc == BX_OK)
            rc = bx_buf_append(&b, "\n", 1);
        break;
    case FORMAT_YAML:
        rc = format_yaml(&b, v, 0);
        break;
    case FORMAT_CSV:
        rc = put_csv(r, v, &b);
        break;
    case FORMAT_NAME:
        for (uint32_t i = 0; rc == BX_OK && i < n_rows(v); i++)
            rc = put_name(r, row_of(v, i), &b);
        break;
    default:
        if (bx_val_type(v) == BX_V_ARRAY || args_has(&r->args, "columns"))
            print_table(r, v, r->columns);
        else
            print_fields(v);
        return 0;
    }
    return put_out(r, &b, rc);
}

int result_print_part(struct run *r, bx_val v, const char *key)
{
    bool whole = r->format == FORMAT_JSON || r->format == FORMAT_YAML;

    return result_print(r, whole ? v : bx_val_get(v, key));
}

/* ---- one after the other ---- */

void result_begin(struct run *r)
{
    struct bx_buf b = {0};

    if (r->format == FORMAT_CSV && r->headers)
        put_out(r, &b, csv_header(r, &b));
}

int result_next(struct run *r, bx_val v)
{
    struct bx_buf b = {0};
    int rc;

    if (r->format == FORMAT_YAML)
        rc = format_yaml_item(&b, v, 0);
    else if (r->format == FORMAT_CSV)
        rc = csv_row(r, v, &b);
    else if (r->format == FORMAT_NAME)
        rc = put_name(r, v, &b);
    else if ((rc = bx_json_write(&b, v, 0)) == BX_OK)
        rc = bx_buf_append(&b, "\n", 1);
    return put_out(r, &b, rc);
}
