#include "result.h"

#include "build.h"
#include "codec/json.h"
#include "format.h"
#include "match.h"
#include "parse.h"

#include <stdio.h>
#include <string.h>

#define PATH_MAX_BYTES 256u
#define NAME_MAX_BYTES 512u

/* Write the text, or print why there is none. An exit code; b is released. */
static int write_out(struct run *r, struct bx_buf *b, int rc)
{
    if (rc == BX_OK && b->len > 0) /* without a byte there is no memory */
        fwrite(b->data, 1, b->len, stdout);
    bx_buf_release(b);
    fflush(stdout);
    if (rc == BX_OK)
        return 0;
    return run_fail_with(r, rc == BX_NO_MEMORY ? rc : BX_FAILED, "try another --output",
                         "answer not representable in this format");
}

static uint32_t count_rows(bx_val v)
{
    if (bx_val_type(v) == BX_V_ARRAY)
        return bx_val_len(v);
    return bx_val_type(v) == BX_V_MAP; /* nil, of what was deleted, is no row */
}

static bx_val row_at(bx_val v, uint32_t i)
{
    return bx_val_type(v) == BX_V_ARRAY ? bx_val_at(v, i) : v;
}

static int end_line(struct bx_buf *b, int rc)
{
    return rc == BX_OK ? bx_buf_append(b, "\n", 1) : rc;
}

/* ---- CSV ---- */

static int add_csv_titles(const struct run *r, struct bx_buf *b)
{
    int rc = BX_OK;

    for (const struct column *c = r->out.columns; rc == BX_OK && c->title != NULL; c++) {
        if (c != r->out.columns)
            rc = bx_buf_append(b, ",", 1);
        if (rc == BX_OK)
            rc = format_csv_text(b, c->key, strlen(c->key));
    }
    return end_line(b, rc);
}

static int add_csv_row(const struct run *r, bx_val row, struct bx_buf *b)
{
    int rc = BX_OK;

    for (const struct column *c = r->out.columns; rc == BX_OK && c->title != NULL; c++) {
        if (c != r->out.columns)
            rc = bx_buf_append(b, ",", 1);
        if (rc == BX_OK)
            rc = format_csv(b, value_at(row, c->key));
    }
    return end_line(b, rc);
}

/* Without columns: a line a value, with the path to it. */
static int add_csv_paths(bx_val v, const char *path, struct bx_buf *b)
{
    int rc = BX_OK;

    if (bx_val_type(v) != BX_V_MAP) {
        rc = format_csv_text(b, path, strlen(path));
        if (rc == BX_OK)
            rc = bx_buf_append(b, ",", 1);
        if (rc == BX_OK)
            rc = format_csv(b, v);
        return end_line(b, rc);
    }
    for (uint32_t i = 0; rc == BX_OK && i < bx_val_len(v); i++) {
        struct bx_str key = {"", 0};
        char longer[PATH_MAX_BYTES];

        bx_val_str(bx_val_key(v, i), &key);
        snprintf(longer, sizeof longer, "%s%s" BX_STR_FMT, path, path[0] ? "." : "",
                 BX_STR_ARG(key));
        rc = add_csv_paths(bx_val_value(v, i), longer, b);
    }
    return rc;
}

static int add_csv(const struct run *r, bool first, bx_val v, struct bx_buf *b)
{
    static const char path_titles[] = "key,value\n";
    bool paths = r->out.columns[0].title == NULL;
    int rc = BX_OK;

    if (first && r->out.headers && paths)
        rc = bx_buf_append(b, path_titles, strlen(path_titles));
    else if (first && r->out.headers)
        rc = add_csv_titles(r, b);
    if (rc == BX_OK && paths)
        return add_csv_paths(v, "", b);
    for (uint32_t i = 0; rc == BX_OK && i < count_rows(v); i++)
        rc = add_csv_row(r, row_at(v, i), b);
    return rc;
}

int result_csv_row(struct run *r, bx_val cells)
{
    struct bx_buf b = {0};
    int rc = BX_OK;

    for (uint32_t c = 0; rc == BX_OK && c < bx_val_len(cells); c++) {
        if (c > 0)
            rc = bx_buf_append(&b, ",", 1);
        if (rc == BX_OK)
            rc = format_csv(&b, bx_val_at(cells, c));
    }
    return write_out(r, &b, end_line(&b, rc));
}

/* ---- the other formats for programs ---- */

static int add_json(bx_val v, int indent, struct bx_buf *b)
{
    return end_line(b, bx_json_write(b, v, indent));
}

/* The name of a row, or else its first column, or else its first value. */
static int add_name(const struct run *r, bx_val row, struct bx_buf *b)
{
    bx_val name = bx_val_get(row, "name");
    char text[NAME_MAX_BYTES];

    if (name == NULL && r->out.columns[0].title != NULL)
        name = value_at(row, r->out.columns[0].key);
    else if (name == NULL)
        name = bx_val_value(row, 0);
    value_text(name, VALUE_TEXT, text, sizeof text);
    return end_line(b, bx_buf_append(b, text, strlen(text)));
}

static int add_names(const struct run *r, bx_val v, struct bx_buf *b)
{
    int rc = BX_OK;

    for (uint32_t i = 0; rc == BX_OK && i < count_rows(v); i++)
        rc = add_name(r, row_at(v, i), b);
    return rc;
}

/* ---- all of it ---- */

bool result_is_for_people(const struct run *r)
{
    return (r->out.format == OUTPUT_TABLE || r->out.format == OUTPUT_WIDE) && !r->out.chosen;
}

static int print_for_people(const struct run *r, bx_val v)
{
    if (bx_val_type(v) == BX_V_ARRAY || r->out.chosen)
        output_table(&r->out, v, r->out.columns);
    else
        output_fields(v);
    return 0;
}

int result_print(struct run *r, bx_val v)
{
    struct bx_buf b = {0};
    int rc = BX_OK;

    switch (r->out.format) {
    case OUTPUT_JSON:
        rc = add_json(v, 2, &b);
        break;
    case OUTPUT_YAML:
        rc = format_yaml(&b, v, 0);
        break;
    case OUTPUT_CSV:
        rc = add_csv(r, true, v, &b);
        break;
    case OUTPUT_NAME:
        rc = add_names(r, v, &b);
        break;
    default:
        return print_for_people(r, v);
    }
    return write_out(r, &b, rc);
}

int result_print_read(struct run *r, const char *method, const char *key)
{
    bx_val result;

    return run_read(r, method, key, &result) == BX_OK ? result_print(r, result) : run_fail(r);
}

/* ---- lists, page by page ---- */

struct list {
    struct run *r;
    struct output_table *table; /* of the formats that are tables */
    uint32_t pages, rows;
    int code; /* exit code */
};

/* All pages form one array: write the page as an array, without its brackets. */
static int add_json_page(const struct list *l, bx_val page, struct bx_buf *b)
{
    struct bx_buf one = {0};
    int rc = bx_json_write(&one, page, 2);

    if (rc == BX_OK && bx_val_len(page) > 0) {
        rc = bx_buf_append(b, l->rows == 0 ? "[" : ",", 1);
        if (rc == BX_OK)
            rc = bx_buf_append(b, one.data + 1, one.len - 1 - strlen("\n]"));
    }
    bx_buf_release(&one);
    return rc;
}

static int add_page(const struct list *l, bx_val page, struct bx_buf *b)
{
    struct run *r = l->r;

    switch (r->out.format) {
    case OUTPUT_JSON:
        return add_json_page(l, page, b);
    case OUTPUT_YAML:
        return bx_val_len(page) == 0 ? BX_OK : format_yaml(b, page, 0);
    case OUTPUT_CSV:
        return add_csv(r, l->pages == 0, page, b);
    default:
        return add_names(r, page, b);
    }
}

static bool print_page(void *ctx, bx_val page)
{
    struct list *l = ctx;
    struct bx_buf b = {0};

    if (l->table != NULL)
        output_table_add(l->table, page);
    else
        l->code = write_out(l->r, &b, add_page(l, page, &b));
    l->pages++;
    l->rows += bx_val_len(page);
    return l->code == 0;
}

static void end_list(struct list *l)
{
    bool json = l->r->out.format == OUTPUT_JSON;

    if (l->table != NULL)
        output_table_end(l->table);
    else if (l->rows == 0 && (json || l->r->out.format == OUTPUT_YAML))
        printf("[]\n");
    else if (json)
        printf("\n]\n");
}

int result_print_list(struct run *r, const char *method)
{
    bool table = r->out.format == OUTPUT_TABLE || r->out.format == OUTPUT_WIDE;
    struct list l = {.r = r, .table = table ? output_table_begin(&r->out, r->out.columns) : NULL};
    struct params p = {0};
    int rc;

    run_read_params(r, &p);
    rc = match_params(r, &p);
    if (rc == BX_OK)
        rc = client_list(&r->client, method, &p, r->timeout_ms, print_page, &l, &r->err);
    params_close(&p);
    if (rc != BX_OK || l.code != 0) {
        output_table_drop(l.table);
        return rc != BX_OK ? run_fail(r) : l.code;
    }
    end_list(&l);
    return 0;
}

int result_print_part(struct run *r, bx_val v, const char *key)
{
    bool whole = r->out.format == OUTPUT_JSON || r->out.format == OUTPUT_YAML;

    return result_print(r, whole ? v : bx_val_get(v, key));
}

int result_print_built(struct run *r, struct bx_buf *b)
{
    int code = result_print(r, build_parse(b));

    bx_buf_release(b);
    return code;
}

/* ---- rows one by one ---- */

void result_begin(struct run *r)
{
    struct bx_buf b = {0};

    if (r->out.format == OUTPUT_CSV && r->out.headers)
        write_out(r, &b, add_csv_titles(r, &b));
}

int result_next(struct run *r, bx_val v)
{
    struct bx_buf b = {0};
    int rc;

    switch (r->out.format) {
    case OUTPUT_YAML:
        rc = format_yaml_item(&b, v, 0);
        break;
    case OUTPUT_CSV:
        rc = add_csv_row(r, v, &b);
        break;
    case OUTPUT_NAME:
        rc = add_name(r, v, &b);
        break;
    default:
        rc = add_json(v, 0, &b);
        break;
    }
    return write_out(r, &b, rc);
}

int result_print_revoked(struct run *r, const char *method)
{
    struct params p = {0};
    bx_val result = NULL;
    uint64_t id = 0;
    int rc = parse_number(r->arguments[0], "ID", 1, UINT64_MAX, &id, &r->err);

    params_u64(&p, "id", id);
    if (rc == BX_OK)
        rc = run_write_params(r, &p);
    if (rc == BX_OK)
        rc = run_call(r, method, &p, &result);
    params_close(&p);
    if (rc != BX_OK)
        return run_fail(r);
    if (!result_is_for_people(r))
        return result_print(r, result);
    if (!r->quiet)
        printf("token %llu revoked\n", (unsigned long long)id);
    return 0;
}
