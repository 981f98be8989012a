/* diag - the envelopes in which a daemon keeps its errors and crashes. */
#include "result.h"

#include "codec/json.h"

#include <stdio.h>
#include <string.h>

static int diag_list(struct run *r);
static int diag_show(struct run *r);
static int diag_send(struct run *r);
static int diag_delete(struct run *r);

static const struct column list_columns[] = {
    {.title = "ID", .key = "id"},
    {.title = "TYPE", .key = "type"},
    {.title = "TIME", .key = "time", .format = VALUE_TIME},
    {.title = "BYTES", .key = "bytes", .format = VALUE_NUMBER},
    {0},
};
static const struct column item_columns[] = {
    {.title = "ITEM", .key = "type"},
    {.title = "FILE", .key = "filename"},
    {.title = "COUNT", .key = "count", .format = VALUE_NUMBER},
    {.title = "BYTES", .key = "length", .format = VALUE_NUMBER},
    {0},
};
static const struct column crumb_columns[] = {
    {.title = "TIME", .key = "timestamp"},  {.title = "CATEGORY", .key = "category"},
    {.title = "MESSAGE", .key = "message"}, {.title = "METHOD", .key = "data.method"},
    {.title = "SPAN", .key = "data.span"},  {0},
};
static const struct flag delete_flags[] = {
    {.name = "all", .help = "all envelopes of the node"},
    {0},
};

const struct command diag_commands[] = {
    {.name = "diag list",
     .help = "list the errors and crashes that a node has kept",
     .columns = list_columns,
     .watch = true,
     .run = diag_list},
    {.name = "diag show",
     .arguments = {{.name = "ID"}},
     .help = "show one of them, with what led to it",
     .columns = item_columns,
     .run = diag_show},
    {.name = "diag send",
     .help = "send them now, if the node has an address to send them to",
     .run = diag_send},
    {.name = "diag delete",
     .arguments = {{.name = "ID", .optional = true}},
     .help = "delete one of them, or all",
     .flags = delete_flags,
     .destructive = true,
     .run = diag_delete},
    {0},
};

static int diag_list(struct run *r)
{
    struct params p = {0};
    bx_val result;
    int rc = run_call(r, "diag.list", &p, &result);

    params_close(&p);
    return rc == BX_OK ? result_print(r, result) : run_fail(r);
}

static void print_line(const char *title, bx_val v, enum value_format format)
{
    char text[512];

    if (v == NULL || bx_val_type(v) == BX_V_NIL)
        return;
    value_text(v, format, text, sizeof text);
    printf("%-12s %s\n", title, text);
}

/* What an event says, for people. */
static void print_event(const struct run *r, bx_val event)
{
    bx_val exception = bx_val_at(bx_val_get(bx_val_get(event, "exception"), "values"), 0);
    bx_val crumbs = bx_val_get(bx_val_get(event, "breadcrumbs"), "values");

    print_line("level", bx_val_get(event, "level"), VALUE_TEXT);
    print_line("release", bx_val_get(event, "release"), VALUE_TEXT);
    print_line("transaction", bx_val_get(event, "transaction"), VALUE_TEXT);
    print_line("message", bx_val_get(bx_val_get(event, "logentry"), "formatted"), VALUE_TEXT);
    print_line("exception", bx_val_get(exception, "type"), VALUE_TEXT);
    print_line("", bx_val_get(exception, "value"), VALUE_TEXT);
    fflush(stdout);
    if (bx_val_len(crumbs) > 0)
        output_table(&r->out, crumbs, crumb_columns);
}

static void print_payload(const struct run *r, bx_val payload)
{
    struct bx_pack *pack = bx_pack_create();
    struct bx_buf b = {0};
    struct bx_str text;

    if (pack != NULL && bx_val_str(payload, &text) &&
        bx_json_read(&b, text.p, text.n, text.n, NULL) == BX_OK)
        print_event(r, bx_pack_parse(pack, b.data, b.len, b.len, NULL));
    bx_buf_release(&b);
    bx_pack_destroy(pack);
}

static int print_for_people(struct run *r, bx_val v)
{
    bx_val items = bx_val_get(v, "items");

    print_line("id", bx_val_get(v, "id"), VALUE_TEXT);
    print_line("time", bx_val_get(v, "time"), VALUE_TIME);
    print_line("damage", bx_val_get(v, "damage"), VALUE_TEXT);
    for (uint32_t i = 0; i < bx_val_len(items); i++) {
        bx_val item = bx_val_at(items, i);
        struct bx_str type;

        if (bx_val_str(bx_val_get(item, "type"), &type) && bx_str_eq(type, bx_str("event")))
            print_payload(r, bx_val_get(item, "payload"));
    }
    fflush(stdout);
    output_table(&r->out, items, item_columns);
    return 0;
}

static int diag_show(struct run *r)
{
    struct params p = {0};
    bx_val result;
    int rc;

    params_str(&p, "id", r->arguments[0]);
    rc = run_call(r, "diag.show", &p, &result);
    params_close(&p);
    if (rc != BX_OK)
        return run_fail(r);
    return result_is_for_people(r) ? print_for_people(r, result)
                                   : result_print_part(r, result, "items");
}

/* Send or delete, and say how many. */
static int count(struct run *r, const char *method, struct params *p, const char *done)
{
    uint64_t n = 0;
    bx_val result;
    int rc = run_call(r, method, p, &result);

    params_close(p);
    if (rc != BX_OK)
        return run_fail(r);
    if (!result_is_for_people(r))
        return result_print(r, result);
    bx_val_u64(bx_val_get(result, "envelopes"), &n);
    if (!r->quiet)
        printf("%llu envelope%s %s\n", (unsigned long long)n, n == 1 ? "" : "s", done);
    return 0;
}

static int diag_send(struct run *r)
{
    struct params p = {0};

    return count(r, "diag.send", &p, "to be sent");
}

static int diag_delete(struct run *r)
{
    bool all = args_has(&r->args, "all");
    struct params p = {0};

    if (all == (r->n_arguments > 0))
        return run_fail_with(r, BX_INVALID, "blixardctl diag list shows the ids",
                             "diag delete: pass an id, or --all");
    if (all && run_confirm(r, "all envelopes of the node") != BX_OK)
        return run_fail(r);
    if (all)
        params_bool(&p, "all", true);
    else
        params_str(&p, "id", r->arguments[0]);
    return count(r, "diag.delete", &p, "deleted");
}
