/* events - what changed, in order: those on record, or as they happen. */
#include "result.h"

#include "wire/event.h"
#include "wire/suggest.h"

#include <stdio.h>
#include <string.h>

static int events(struct run *r);

static const struct flag events_flags[] = {
    {.name = "follow", .help = "print new events as they happen, until Ctrl-C"},
    {.name = "since", .value = "INDEX", .help = "only events after this revision"},
    {.name = "type",
     .value = "T",
     .help = "only events of this type, or whose type begins with T",
     .choices = bx_event_names},
    {0},
};

static const struct column event_columns[] = {
    {.title = "INDEX", .key = "index", .width = 8},
    {.title = "TYPE", .key = "type", .width = 16},
    {.title = "OBJECT", .key = "object", .width = 24},
    {.title = "NODE", .key = "node", .width = 12},
    {.title = "TIME", .key = "time", .format = VALUE_TIME, .width = 24},
    {.title = "DETAIL", .key = "detail"},
    {.title = "TENANT", .key = "tenant", .wide = true},
    {0},
};

const struct command events_commands[] = {
    {.name = "events",
     .help = "list the recorded changes, oldest first",
     .flags = events_flags,
     .columns = event_columns,
     .of_tenants = true,
     .run = events},
    {0},
};

struct stream {
    struct run *r;
    const char *type; /* NULL: all */
    uint64_t last;    /* revision of the last event that came */
};

/* ---- types ---- */

static bool is_wanted(bx_val event, const char *type)
{
    struct bx_str t = {"", 0};

    bx_val_str(bx_val_get(event, "type"), &t);
    return type == NULL || (t.n >= strlen(type) && memcmp(t.p, type, strlen(type)) == 0);
}

/* A type, or what several types begin with. */
static int check_type(struct run *r, const char *type)
{
    const char *names[BX__EVENTS], *close;

    for (unsigned i = 0; i < BX__EVENTS; i++) {
        names[i] = bx_event_names[i];
        if (type[0] != '\0' && strncmp(names[i], type, strlen(type)) == 0)
            return BX_OK;
    }
    close = bx_suggest(type, strlen(type), names, BX__EVENTS);
    bx_err_set(&r->err, BX_INVALID, "--type: unknown type of event \"%.60s\"", type);
    if (close != NULL)
        bx_err_hint(&r->err, "did you mean %s?", close);
    else
        bx_err_hint(&r->err, "for example vm.created, or vm for all types that begin with it");
    return BX_INVALID;
}

/* ---- printing ---- */

static bool is_table(const struct run *r)
{
    return r->out.format == OUTPUT_TABLE || r->out.format == OUTPUT_WIDE;
}

static void begin(struct run *r)
{
    if (!is_table(r))
        result_begin(r);
    else if (r->out.headers)
        output_line(r->out.columns, NULL);
}

static int print_event(struct run *r, bx_val event)
{
    if (!is_table(r))
        return result_next(r, event);
    output_line(r->out.columns, event);
    return 0;
}

/* ---- --follow ---- */

static void on_event(void *ctx, struct bx_str method, bx_val event)
{
    struct stream *s = ctx;
    uint64_t index = 0;

    if (!bx_str_eq(method, bx_str("event")) || !bx_val_u64(bx_val_get(event, "index"), &index) ||
        index <= s->last)
        return;
    s->last = index;
    if (is_wanted(event, s->type))
        print_event(s->r, event);
    if (ferror(stdout)) /* the reader is gone, or the disk is full */
        client_interrupted = 1;
}

static bool is_lost(int rc)
{
    return rc == BX_UNREACHABLE || rc == BX_BUSY || rc == BX_SHUTDOWN;
}

/* From one node after the other, each from where the one before it stopped. */
static int follow(struct run *r, struct stream *s)
{
    r->client.notify = on_event;
    r->client.ctx = s;
    begin(r);
    for (;;) {
        struct params p = {0};
        bx_val result;
        int rc;

        params_u64(&p, "since", s->last);
        run_tenant_params(r, &p);
        rc = run_call(r, "events.watch", &p, &result);
        params_close(&p);
        if (rc != BX_OK)
            return run_fail(r);
        rc = client_listen(&r->client, &r->err);
        if (!is_lost(rc))
            return run_fail(r);
        client_next_address(&r->client);
    }
}

/* ---- those on record ---- */

static int get_page(struct run *r, uint64_t since, bx_val *result)
{
    struct params p = {0};
    int rc;

    params_u64(&p, "since", since);
    run_tenant_params(r, &p);
    run_read_params(r, &p);
    rc = run_call(r, "events.list", &p, result);
    params_close(&p);
    return rc;
}

/* In JSON all pages are one array: *n counts the events printed so far. */
static int print_page(struct stream *s, bx_val page, uint64_t *n)
{
    struct run *r = s->r;
    int code = 0;

    for (uint32_t i = 0; i < bx_val_len(page) && code == 0; i++) {
        bx_val event = bx_val_at(page, i);

        bx_val_u64(bx_val_get(event, "index"), &s->last);
        if (!is_wanted(event, s->type))
            continue;
        if (r->out.format == OUTPUT_JSON)
            printf(*n == 0 ? "[\n" : ",\n");
        ++*n;
        code = print_event(r, event);
    }
    return code;
}

static int list(struct run *r, struct stream *s)
{
    bool json = r->out.format == OUTPUT_JSON, started = false;
    uint64_t n = 0;
    bx_val page;
    int code = 0;

    do {
        if (get_page(r, s->last, &page) != BX_OK)
            return run_fail(r);
        if (!started)
            begin(r);
        started = true;
        code = print_page(s, page, &n);
    } while (r->client.next[0] != '\0' && code == 0);
    if (n == 0 && (json || r->out.format == OUTPUT_YAML))
        printf("[]\n");
    else if (json)
        printf("]\n");
    return code;
}

static int events(struct run *r)
{
    struct stream s = {.r = r, .type = args_get(&r->args, "type", NULL)};

    if (args_number(&r->args, "since", 0, UINT64_MAX, &s.last, &r->err) != BX_OK)
        return run_fail(r);
    if (s.type != NULL && check_type(r, s.type) != BX_OK)
        return run_fail(r);
    return args_has(&r->args, "follow") ? follow(r, &s) : list(r, &s);
}
