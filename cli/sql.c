/* sql - a SELECT over the cluster's state; its columns are only known with the answer. */
#include "command.h"

#include "format.h"
#include "mem/alloc.h"

#include <stdio.h>
#include <string.h>

/* {columns, rows} as an array of objects. */
static int print_objects(struct run *r, bx_val columns, bx_val rows)
{
    struct bx_pack *pack = bx_pack_create();
    struct bx_buf b = {0};
    int rc = bx_pw_array(&b, bx_val_len(rows)), code;

    for (uint32_t i = 0; rc == BX_OK && i < bx_val_len(rows); i++) {
        rc = bx_pw_map(&b, bx_val_len(columns));
        for (uint32_t c = 0; rc == BX_OK && c < bx_val_len(columns); c++) {
            rc = bx_pw_val(&b, bx_val_at(columns, c));
            if (rc == BX_OK)
                rc = bx_pw_val(&b, bx_val_at(bx_val_at(rows, i), c));
        }
    }
    if (rc != BX_OK || pack == NULL)
        bx_oom(b.len);
    code = result_print(r, bx_pack_parse(pack, b.data, b.len, SIZE_MAX, NULL));
    bx_buf_release(&b);
    bx_pack_destroy(pack);
    return code;
}

static int print_csv_row(struct run *r, bx_val cells)
{
    struct bx_buf b = {0};
    int rc = BX_OK, code = 0;

    for (uint32_t c = 0; rc == BX_OK && c < bx_val_len(cells); c++) {
        if (c > 0)
            rc = bx_buf_append(&b, ",", 1);
        if (rc == BX_OK)
            rc = format_csv(&b, bx_val_at(cells, c));
    }
    if (rc == BX_OK)
        printf("%.*s\n", (int)b.len, (const char *)b.data);
    else
        code = run_fail_with(r, BX_FAILED, "try -o json", "a row can not be written as CSV");
    bx_buf_release(&b);
    return code;
}

static int print_csv(struct run *r, bx_val columns, bx_val rows)
{
    int code = r->headers ? print_csv_row(r, columns) : 0;

    for (uint32_t i = 0; code == 0 && i < bx_val_len(rows); i++)
        code = print_csv_row(r, bx_val_at(rows, i));
    return code;
}

/* The first column alone. */
static int print_names(bx_val rows)
{
    char text[4096];

    for (uint32_t i = 0; i < bx_val_len(rows); i++) {
        value_text(bx_val_at(bx_val_at(rows, i), 0), 0, text, sizeof text);
        printf("%s\n", text);
    }
    return 0;
}

/* A query may take as long as the server lets it, and that is no reason to burden the next one with
 * it, too. So first a node is found that answers at all; then that one is waited for. */
static int query(struct run *r, bx_val *result)
{
    uint64_t deadline = client_now() + r->timeout_ms;
    struct params hello = {0}, p = {0};
    unsigned refusals = 0; /* by a daemon that is of no use */
    int rc;

    params_u64(&hello, "version", 1);
    params_str(&p, "query", r->words[0]);
    run_read_params(r, &p);
    do {
        uint64_t now = client_now();

        rc = run_call(r, "sys.hello", &hello, result);
        if (rc != BX_OK)
            break;
        r->client.once = true;
        rc = client_call(&r->client, "sql.query", &p, deadline > now ? deadline - now : 1, result,
                         &r->err);
        r->client.once = false;
        if (rc == BX_UNREACHABLE && r->client.unknown && client_now() >= deadline)
            rc = bx_err_set(&r->err, BX_TIMEOUT, "the query took too long");
        refusals += rc == BX_UNREACHABLE && r->client.fd >= 0;
        if (rc == BX_TIMEOUT || !bx_code_retryable(rc))
            break;
        client_next_address(&r->client);
    } while (refusals < r->client.n && client_now() < deadline);
    params_close(&hello);
    params_close(&p);
    if (rc == BX_TIMEOUT)
        bx_err_hint(&r->err, "ask for less: a query may take 5 s, and --timeout makes it no more");
    return rc;
}

static int sql(struct run *r)
{
    bx_val result, columns, rows;

    if (query(r, &result) != BX_OK)
        return run_fail(r);
    columns = bx_val_get(result, "columns");
    rows = bx_val_get(result, "rows");
    switch (r->format) {
    case FORMAT_JSON:
    case FORMAT_YAML:
        return print_objects(r, columns, rows);
    case FORMAT_CSV:
        return print_csv(r, columns, rows);
    case FORMAT_NAME:
        return print_names(rows);
    default:
        print_rows(r, columns, rows);
        return 0;
    }
}

const struct command sql_commands[] = {
    {"sql", "", "QUERY", 1, 1, "SELECT over the tables vms and nodes, for 5 s at most", read_flags,
     sql, NULL},
    {0},
};
