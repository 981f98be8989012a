/* other - events, sql, version. */
#include "command.h"

#include "config.h"
#include "mem/alloc.h"
#include "wire/event.h"
#include "wire/near.h"

#include <stdio.h>
#include <string.h>

static const struct flag events_flags[] = {
    {"follow", NULL, "go on as they happen", NULL},
    {"since", "INDEX", "only events after this revision", NULL},
    {"type", "T", "only events of this type, or beginning with it", NULL},
    {0},
};

/* ---- events ---- */

struct following {
    struct run *r;
    const char *type;
    uint64_t last;
};

static bool wanted(bx_val e, const char *type)
{
    struct bx_str t = {"", 0};

    bx_val_str(bx_val_get(e, "type"), &t);
    return type == NULL || (t.n >= strlen(type) && memcmp(t.p, type, strlen(type)) == 0);
}

/* A type, or what several types begin with. */
static int check_type(struct run *r, const char *type)
{
    const char *words[BX__EVENTS], *near;

    for (unsigned i = 0; i < BX__EVENTS; i++) {
        words[i] = bx_event_names[i];
        if (type[0] != '\0' && strncmp(words[i], type, strlen(type)) == 0)
            return BX_OK;
    }
    near = bx_near_find(type, strlen(type), words, BX__EVENTS);
    bx_err_set(&r->err, BX_INVALID, "--type: \"%.60s\" is no type of event", type);
    if (near != NULL)
        bx_err_hint(&r->err, "did you mean %s?", near);
    else
        bx_err_hint(&r->err, "for example vm.created, or vm for all that begin with it");
    return BX_INVALID;
}

static void print_event(const struct run *r, bx_val e)
{
    char index[24], type[32], object[80], node[80], detail[256];

    if (r->json) {
        print_json_line(e);
        return;
    }
    value_text(bx_val_get(e, "index"), 0, index, sizeof index);
    value_text(bx_val_get(e, "type"), 0, type, sizeof type);
    value_text(bx_val_get(e, "object"), 0, object, sizeof object);
    value_text(bx_val_get(e, "node"), 0, node, sizeof node);
    value_text(bx_val_get(e, "detail"), 0, detail, sizeof detail);
    printf("%-8s %-16s %-24s %-12s %s\n", index, type, object, node, detail);
    fflush(stdout);
}

static void on_event(void *ctx, struct bx_str method, bx_val e)
{
    struct following *f = ctx;
    uint64_t index = 0;

    if (!bx_str_eq(method, bx_str("event")) || !bx_val_u64(bx_val_get(e, "index"), &index) ||
        index <= f->last)
        return;
    f->last = index;
    if (wanted(e, f->type))
        print_event(f->r, e);
}

/* From one node after the other, each from where the last one stopped. */
static int follow(struct run *r, struct following *f)
{
    r->client.notify = on_event;
    r->client.ctx = f;
    for (;;) {
        struct params p = {0};
        bx_val result;
        int rc;

        params_u64(&p, "since", f->last);
        rc = run_call(r, "events.watch", &p, &result);
        params_close(&p);
        if (rc != BX_OK)
            return run_fail(r);
        rc = client_listen(&r->client, &r->err);
        if (rc == BX_INTERRUPTED || (rc != BX_UNREACHABLE && rc != BX_BUSY && rc != BX_SHUTDOWN))
            return run_fail(r);
        client_next_address(&r->client);
    }
}

/* All kept events, page by page; filtered here, so that JSON stays one array. */
static int list_events(struct run *r, struct following *f)
{
    bool first = true;
    uint32_t n, pages = 0;

    do {
        struct params p = {0};
        bx_val result;
        int rc;

        params_u64(&p, "since", f->last);
        params_u64(&p, "limit", 1000);
        run_read_params(r, &p);
        rc = run_call(r, "events.list", &p, &result);
        params_close(&p);
        if (rc != BX_OK)
            return run_fail(r);
        n = bx_val_len(result);
        if (r->json && pages++ == 0)
            printf("[");
        for (uint32_t i = 0; i < n; i++) {
            bx_val e = bx_val_at(result, i);

            bx_val_u64(bx_val_get(e, "index"), &f->last);
            if (!wanted(e, f->type))
                continue;
            if (r->json)
                printf(first ? "\n" : ",\n");
            first = false;
            print_event(r, e);
        }
    } while (n == 1000);
    if (r->json)
        printf("]\n");
    return 0;
}

static int events(struct run *r)
{
    struct following f = {r, args_get(&r->args, "type", NULL), 0};
    const char *since = args_get(&r->args, "since", NULL);

    if (since != NULL &&
        parse_number(since, "--since", UINT64_MAX, &f.last, &r->err) != BX_OK)
        return run_fail(r);
    if (f.type != NULL && check_type(r, f.type) != BX_OK)
        return run_fail(r);
    return args_has(&r->args, "follow") ? follow(r, &f) : list_events(r, &f);
}

/* ---- sql ---- */

/* {columns, rows} as an array of objects. */
static int print_objects(bx_val result)
{
    bx_val columns = bx_val_get(result, "columns"), rows = bx_val_get(result, "rows");
    struct bx_pack *pack = bx_pack_create();
    struct bx_buf b = {0};
    int rc = bx_pw_array(&b, bx_val_len(rows));

    for (uint32_t i = 0; rc == BX_OK && i < bx_val_len(rows); i++) {
        rc = bx_pw_map(&b, bx_val_len(columns));
        for (uint32_t c = 0; rc == BX_OK && c < bx_val_len(columns); c++) {
            rc = bx_pw_val(&b, bx_val_at(columns, c));
            if (rc == BX_OK)
                rc = bx_pw_val(&b, bx_val_at(bx_val_at(rows, i), c));
        }
    }
    if (rc == BX_OK && pack != NULL)
        print_json(bx_pack_parse(pack, b.data, b.len, SIZE_MAX, NULL));
    bx_buf_release(&b);
    bx_pack_destroy(pack);
    return rc == BX_OK ? 0 : 1;
}

static int sql(struct run *r)
{
    struct params p = {0};
    bx_val result;
    int rc;

    params_str(&p, "query", r->words[0]);
    run_read_params(r, &p);
    rc = run_call(r, "sql.query", &p, &result);
    params_close(&p);
    if (rc != BX_OK)
        return run_fail(r);
    if (r->json)
        return print_objects(result);
    print_rows(r, result);
    return 0;
}

/* ---- version ---- */

#define HELLO_MS 1000

static void print_versions(bx_val server)
{
    struct bx_pack *pack = bx_pack_create();
    struct bx_buf b = {0};

    if (pack == NULL || bx_pw_map(&b, 2) != BX_OK || bx_pw_str(&b, "client") != BX_OK ||
        bx_pw_str(&b, PACKAGE_VERSION) != BX_OK || bx_pw_str(&b, "server") != BX_OK ||
        bx_pw_val(&b, server) != BX_OK)
        bx_oom(0);
    print_json(bx_pack_parse(pack, b.data, b.len, SIZE_MAX, NULL));
    bx_buf_release(&b);
    bx_pack_destroy(pack);
}

static int version(struct run *r)
{
    bool patient = args_has(&r->args, "timeout");
    struct params p = {0};
    bx_val result = NULL;
    char server[64], driver[32];
    int rc;

    params_u64(&p, "version", 1);
    rc = client_call(&r->client, "sys.hello", &p, patient ? r->timeout_ms : HELLO_MS, &result,
                     &r->err);
    params_close(&p);
    if (rc == BX_INTERRUPTED)
        return run_fail(r);
    if (rc != BX_OK)
        result = NULL;
    if (r->json) {
        print_versions(bx_val_get(result, "server"));
        return 0;
    }
    printf("blixardctl %s\n", PACKAGE_VERSION);
    if (result != NULL) {
        value_text(bx_val_get(result, "server"), 0, server, sizeof server);
        value_text(bx_val_get(result, "driver"), 0, driver, sizeof driver);
        printf("blixardd %s, driver %s\n", server, driver);
    }
    return 0;
}

const struct command other_commands[] = {
    {"events", "", "", 0, 0, "what changed, in order", events_flags, events},
    {"sql", "", "QUERY", 1, 1, "SELECT over the cluster's state", NULL, sql},
    {"version", "", "", 0, 0, "of this tool and of the server", NULL, version},
    {"image", "", NULL, 0, 0, NULL, NULL, NULL},
    {"network", "", NULL, 0, 0, NULL, NULL, NULL},
    {"quota", "", NULL, 0, 0, NULL, NULL, NULL},
    {"user", "", NULL, 0, 0, NULL, NULL, NULL},
    {"apply", "", NULL, 0, 0, NULL, NULL, NULL},
    {"diff", "", NULL, 0, 0, NULL, NULL, NULL},
    {"whatif", "", NULL, 0, 0, NULL, NULL, NULL},
    {"top", "", NULL, 0, 0, NULL, NULL, NULL},
    {"log", "", NULL, 0, 0, NULL, NULL, NULL},
    {"diag", "", NULL, 0, 0, NULL, NULL, NULL},
    {"doctor", "", NULL, 0, 0, NULL, NULL, NULL},
    {"context", "", NULL, 0, 0, NULL, NULL, NULL},
    {"completion", "", NULL, 0, 0, NULL, NULL, NULL},
    {0},
};
