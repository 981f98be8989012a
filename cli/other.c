/* other - events, version. */
#include "command.h"

#include "config.h"
#include "mem/alloc.h"
#include "wire/event.h"
#include "wire/suggest.h"

#include <stdio.h>
#include <string.h>

static const struct flag events_flags[] = {
    {"follow", NULL, "go on as they happen", NULL},
    {"since", "INDEX", "only events after this revision", NULL},
    {"type", "T", "only events of this type, or beginning with it", NULL},
    {0},
};
static const struct column event_columns[] = {
    {"INDEX", "index", 0, COLUMN_PAD(8)},
    {"TYPE", "type", 0, COLUMN_PAD(16)},
    {"OBJECT", "object", 0, COLUMN_PAD(24)},
    {"NODE", "node", 0, COLUMN_PAD(12)},
    {"TIME", "time", 't', COLUMN_PAD(24) | COLUMN_WIDE},
    {"DETAIL", "detail", 0, 0},
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
    near = bx_suggest(type, strlen(type), words, BX__EVENTS);
    bx_err_set(&r->err, BX_INVALID, "--type: \"%.60s\" is no type of event", type);
    if (near != NULL)
        bx_err_hint(&r->err, "did you mean %s?", near);
    else
        bx_err_hint(&r->err, "for example vm.created, or vm for all that begin with it");
    return BX_INVALID;
}

static bool for_people(const struct run *r)
{
    return r->format == FORMAT_TABLE || r->format == FORMAT_WIDE;
}

static void begin_events(struct run *r)
{
    if (!for_people(r))
        result_begin(r);
    else if (r->headers)
        print_line(r->columns, NULL);
}

static int print_event(struct run *r, bx_val e)
{
    if (!for_people(r))
        return result_next(r, e);
    print_line(r->columns, e);
    return 0;
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
    if (ferror(stdout)) /* nobody reads any more, or there is no room: what goes on is of no use */
        client_interrupted = 1;
}

/* From one node after the other, each from where the last one stopped. */
static int follow(struct run *r, struct following *f)
{
    r->client.notify = on_event;
    r->client.ctx = f;
    begin_events(r);
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
    bool array = r->format == FORMAT_JSON, first = true;
    uint32_t n, pages = 0;
    int code = 0;

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
        if (pages++ == 0)
            begin_events(r);
        for (uint32_t i = 0; i < n && code == 0; i++) {
            bx_val e = bx_val_at(result, i);

            bx_val_u64(bx_val_get(e, "index"), &f->last);
            if (!wanted(e, f->type))
                continue;
            if (array)
                printf(first ? "[\n" : ",\n");
            first = false;
            code = print_event(r, e);
        }
    } while (n == 1000 && code == 0);
    if (first && (array || r->format == FORMAT_YAML))
        printf("[]\n");
    else if (array)
        printf("]\n");
    return code;
}

static int events(struct run *r)
{
    struct following f = {r, args_get(&r->args, "type", NULL), 0};
    const char *since = args_get(&r->args, "since", NULL);

    if (since != NULL && parse_number(since, "--since", UINT64_MAX, &f.last, &r->err) != BX_OK)
        return run_fail(r);
    if (f.type != NULL && check_type(r, f.type) != BX_OK)
        return run_fail(r);
    return args_has(&r->args, "follow") ? follow(r, &f) : list_events(r, &f);
}

/* ---- version ---- */

#define HELLO_MS 1000

static int print_versions(struct run *r, bx_val server)
{
    struct bx_pack *pack = bx_pack_create();
    struct bx_buf b = {0};
    int code;

    if (pack == NULL || bx_pw_map(&b, 2) != BX_OK || bx_pw_str(&b, "client") != BX_OK ||
        bx_pw_str(&b, PACKAGE_VERSION) != BX_OK || bx_pw_str(&b, "server") != BX_OK ||
        bx_pw_val(&b, server) != BX_OK)
        bx_oom(0);
    code = result_print(r, bx_pack_parse(pack, b.data, b.len, SIZE_MAX, NULL));
    bx_buf_release(&b);
    bx_pack_destroy(pack);
    return code;
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
    if (!result_is_for_people(r))
        return print_versions(r, bx_val_get(result, "server"));
    printf("blixardctl %s\n", PACKAGE_VERSION);
    if (result != NULL) {
        value_text(bx_val_get(result, "server"), 0, server, sizeof server);
        value_text(bx_val_get(result, "driver"), 0, driver, sizeof driver);
        printf("blixardd %s, driver %s\n", server, driver);
    }
    return 0;
}

const struct command other_commands[] = {
    {"events", "", "", 0, 0, "what changed, in order", events_flags, events, event_columns},
    {"version", "", "", 0, 0, "of this tool and of the server", read_flags, version, NULL},
    {"image", "", NULL, 0, 0, NULL, NULL, NULL, NULL},
    {"network", "", NULL, 0, 0, NULL, NULL, NULL, NULL},
    {"quota", "", NULL, 0, 0, NULL, NULL, NULL, NULL},
    {"user", "", NULL, 0, 0, NULL, NULL, NULL, NULL},
    {"apply", "", NULL, 0, 0, NULL, NULL, NULL, NULL},
    {"diff", "", NULL, 0, 0, NULL, NULL, NULL, NULL},
    {"whatif", "", NULL, 0, 0, NULL, NULL, NULL, NULL},
    {"top", "", NULL, 0, 0, NULL, NULL, NULL, NULL},
    {"log", "", NULL, 0, 0, NULL, NULL, NULL, NULL},
    {"diag", "", NULL, 0, 0, NULL, NULL, NULL, NULL},
    {0},
};
