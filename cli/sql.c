/* sql - a SELECT over the cluster's state; its columns are known only with the answer. */
#include "result.h"

#include "build.h"

#include <stdio.h>

static int sql(struct run *r);

const struct command sql_commands[] = {
    {.name = "sql",
     .arguments = {{.name = "QUERY"}},
     .help = "run a SELECT over the tables vms and nodes, for at most 5s",
     .watch = true,
     .of_tenants = true,
     .run = sql},
    {0},
};

/* ---- printing ---- */

/* The rows as objects. */
static int print_objects(struct run *r, bx_val columns, bx_val rows)
{
    struct bx_buf b = {0};

    build_array(&b, bx_val_len(rows));
    for (uint32_t i = 0; i < bx_val_len(rows); i++) {
        build_map(&b, bx_val_len(columns));
        for (uint32_t c = 0; c < bx_val_len(columns); c++) {
            build_val(&b, bx_val_at(columns, c));
            build_val(&b, bx_val_at(bx_val_at(rows, i), c));
        }
    }
    return result_print_built(r, &b);
}

static int print_csv(struct run *r, bx_val columns, bx_val rows)
{
    int code = r->out.headers ? result_csv_row(r, columns) : 0;

    for (uint32_t i = 0; code == 0 && i < bx_val_len(rows); i++)
        code = result_csv_row(r, bx_val_at(rows, i));
    return code;
}

/* The first column alone. */
static int print_names(bx_val rows)
{
    char text[4096];

    for (uint32_t i = 0; i < bx_val_len(rows); i++) {
        value_text(bx_val_at(bx_val_at(rows, i), 0), VALUE_TEXT, text, sizeof text);
        printf("%s\n", text);
    }
    return 0;
}

static int print(struct run *r, bx_val columns, bx_val rows)
{
    switch (r->out.format) {
    case OUTPUT_JSON:
    case OUTPUT_YAML:
        return print_objects(r, columns, rows);
    case OUTPUT_CSV:
        return print_csv(r, columns, rows);
    case OUTPUT_NAME:
        return print_names(rows);
    default:
        output_rows(&r->out, columns, rows);
        return 0;
    }
}

/* ---- asking ---- */

/* One query to the node that is connected, with all the time that is left. */
static int query_once(struct run *r, const struct params *p, uint64_t deadline, bx_val *result)
{
    uint64_t now = client_now();
    int rc;

    r->client.once = true;
    rc = client_call(&r->client, "sql.query", p, deadline > now ? deadline - now : 1, result,
                     &r->err);
    r->client.once = false;
    if (rc == BX_UNREACHABLE && r->client.unknown && client_now() >= deadline)
        rc = bx_err_set(&r->err, BX_TIMEOUT, "the query timed out");
    return rc;
}

/* A query may take as long as the server allows, and that is no reason to burden the next node with
 * it as well. So first a node is found that answers at all, and then that one is waited for. */
static int query(struct run *r, bx_val *result)
{
    uint64_t deadline = client_now() + r->timeout_ms;
    struct params hello = {0}, p = {0};
    unsigned refusals = 0; /* by daemons that are connected, but of no use */
    int rc;

    params_u64(&hello, "version", 1);
    params_str(&p, "query", r->arguments[0]);
    run_tenant_params(r, &p);
    run_read_params(r, &p);
    do {
        rc = run_call(r, "sys.hello", &hello, result);
        if (rc != BX_OK)
            break;
        rc = query_once(r, &p, deadline, result);
        refusals += rc == BX_UNREACHABLE && r->client.conn.fd >= 0;
        if (rc == BX_TIMEOUT || !bx_code_retryable(rc))
            break;
        client_next_address(&r->client);
    } while (refusals < r->client.n && client_now() < deadline);
    params_close(&hello);
    params_close(&p);
    if (rc == BX_TIMEOUT)
        bx_err_hint(&r->err, "a query may run for 5s at most; add a LIMIT or a WHERE clause");
    return rc;
}

static int sql(struct run *r)
{
    bx_val result;

    if (query(r, &result) != BX_OK)
        return run_fail(r);
    return print(r, bx_val_get(result, "columns"), bx_val_get(result, "rows"));
}
