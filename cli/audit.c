/* audit - who changed what, and what was refused; and whether the record of it is whole. */
#include "audit.h"

#include "build.h"
#include "mem/alloc.h"
#include "rec/recquery.h"
#include "result.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static int audit_list(struct run *r);

static const struct flag list_flags[] = {
    {.name = "since", .value = "T", .help = "from this time on, or after this revision"},
    {.name = "until", .value = "T", .help = "before this time, or up to this revision"},
    {.name = "who", .value = "P", .help = "only what this one did or was refused: user:eve"},
    {.name = "object", .value = "O", .help = "only about the object of this name"},
    {.name = "refused", .help = "only what was refused"},
    {.name = "node", .value = "NODE", .help = "only what this node tells", .completes = "node"},
    {0},
};

static const struct column list_columns[] = {
    {.title = "TIME", .key = "time", .format = VALUE_TIME, .width = 24},
    {.title = "REVISION", .key = "revision", .width = 8},
    {.title = "WHO", .key = "who", .width = 16},
    {.title = "FROM", .key = "from", .width = 15},
    {.title = "WHAT", .key = "what", .width = 18},
    {.title = "OBJECT", .key = "object", .width = 20},
    {.title = "NODE", .key = "node", .width = 10},
    {.title = "OUTCOME", .key = "outcome", .width = 10},
    {.title = "MESSAGE", .key = "message"},
    {.title = "TENANT", .key = "tenant", .wide = true, .width = 10},
    {.title = "NUMBER", .key = "number", .wide = true, .width = 8},
    {.title = "TRACE", .key = "trace", .wide = true, .width = 32},
    {.title = "HASH", .key = "hash", .wide = true, .width = 64},
    {.title = "PREVIOUS", .key = "previous", .wide = true, .width = 64},
    {.title = "COUNT", .key = "count", .wide = true, .width = 8},
    {0},
};

const struct command audit_commands[] = {
    {.name = "audit list",
     .help = "list who changed what, and what was refused, oldest first",
     .flags = list_flags,
     .columns = list_columns,
     .run = audit_list},
    {.name = "audit verify",
     .arguments = {{.name = "FILE", .optional = true}},
     .help = "check that no record of a node, or of FILE, was changed or removed",
     .flags = audit_verify_flags,
     .run = audit_verify},
    {0},
};

struct list {
    struct run *r;
    struct audit_source *v; /* the events first */
    uint32_t n, lost;
    uint64_t last; /* revision of the last event that is wanted; 0: no bound */
    uint64_t printed;
    bool over;
};

/* ---- the question ---- */

/* A time, or a revision, which is a number alone. */
static int read_bound(struct run *r, const char *flag, uint64_t *revision, uint64_t *ms)
{
    const char *text = args_get(&r->args, flag, NULL);
    struct timespec now;
    uint64_t ns = 0;

    if (text == NULL)
        return BX_OK;
    if (text[strspn(text, "0123456789")] == '\0')
        return args_number(&r->args, flag, 0, UINT64_MAX, revision, &r->err);
    clock_gettime(CLOCK_REALTIME, &now);
    if (bx_recquery_time(text, (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec, &ns,
                         &r->err) != BX_OK)
        return bx_err_wrap(&r->err, "--%s", flag);
    *ms = ns / 1000000;
    return BX_OK;
}

static struct audit_source *add_source(struct list *l, const char *node, bool refused)
{
    struct audit_source *s = &l->v[l->n++];

    s->r = l->r;
    snprintf(s->node, sizeof s->node, "%s", node);
    s->refused = refused;
    audit_open(s);
    return s;
}

/* The events, which every node has, and the refusals of each node. */
static int open_sources(struct list *l)
{
    static char names[AUDIT_NODES_MAX][256];
    struct run *r = l->r;
    uint64_t after = 0, since_ms = 0, until_ms = 0;
    const char *node = args_get(&r->args, "node", "");
    uint32_t n = 0;
    int rc = read_bound(r, "since", &after, &since_ms);

    if (rc == BX_OK)
        rc = read_bound(r, "until", &l->last, &until_ms);
    if (rc == BX_OK)
        rc = audit_nodes(r, names, &n);
    if (rc != BX_OK)
        return rc;
    if (!args_has(&r->args, "refused") && (n == 0 || names[0][0] != '\0')) {
        struct audit_source *events = add_source(l, node, false);

        events->after = after;
        events->alone = true;
        events->since_ms = since_ms;
        events->until_ms = until_ms;
        rc = audit_fill(events);
        if (after > 0 && audit_peek(events) != NULL)
            since_ms = audit_peek(events)->time; /* of the first event that is listed */
    }
    for (uint32_t i = 0; rc == BX_OK && i < n; i++) {
        struct audit_source *s = add_source(l, names[i], true);

        s->alone = n == 1;
        s->since_ms = since_ms;
        s->until_ms = until_ms;
    }
    return rc;
}

/* ---- printing ---- */

/* The record as it came; of a refusal, `node` is the one that refused. */
static void build_row(const struct audit_source *s, const struct bx_audit_reply *a,
                      struct bx_buf *b)
{
    struct bx_audit_reply row = *a;

    b->len = 0;
    if (a->number > 0)
        row.node = s->node[0] == '\0' ? s->page.node : bx_str(s->node);
    build_map(b, bx_pack_fields(&bx_audit_reply_schema, &row));
    bx_must_ok(bx_pack_write(b, &bx_audit_reply_schema, &row));
}

static bool is_table(const struct run *r)
{
    return r->out.format == OUTPUT_TABLE || r->out.format == OUTPUT_WIDE;
}

static int print_row(struct list *l, const struct audit_source *s, struct bx_buf *b)
{
    struct run *r = l->r;

    build_row(s, audit_peek(s), b);
    if (r->out.format == OUTPUT_JSON)
        printf(l->printed == 0 ? "[\n" : ",\n");
    l->printed++;
    if (!is_table(r))
        return result_next(r, build_parse(b));
    output_line(r->out.columns, build_parse(b));
    return 0;
}

static void begin_output(struct run *r)
{
    if (!is_table(r))
        result_begin(r);
    else if (r->out.headers)
        output_line(r->out.columns, NULL);
}

static void end_output(const struct list *l)
{
    bool json = l->r->out.format == OUTPUT_JSON;

    if (l->printed == 0 && (json || l->r->out.format == OUTPUT_YAML))
        printf("[]\n");
    else if (json)
        printf("]\n");
}

/* The source whose next record is the oldest; NULL: there are no more, or *rc. */
static struct audit_source *oldest(struct list *l, int *rc)
{
    struct audit_source *found = NULL;

    for (uint32_t i = 0; i < l->n && *rc == BX_OK; i++) {
        struct audit_source *s = &l->v[i];

        *rc = audit_fill(s);
        if (*rc == BX_OK && audit_peek(s) != NULL &&
            (found == NULL || audit_peek(s)->time < audit_peek(found)->time))
            found = s;
    }
    return *rc == BX_OK ? found : NULL;
}

static int print_all(struct list *l)
{
    struct bx_buf b = {0};
    struct audit_source *s;
    int rc = BX_OK, code = 0;

    begin_output(l->r);
    while (code == 0 && (s = oldest(l, &rc)) != NULL) {
        if (l->last > 0 && audit_peek(s)->revision > l->last)
            break;
        code = print_row(l, s, &b);
        s->at++;
    }
    bx_buf_release(&b);
    if (rc != BX_OK)
        return run_fail(l->r);
    if (code == 0)
        end_output(l);
    return code;
}

static int audit_list(struct run *r)
{
    struct list l = {.r = r};
    int code;

    l.v = bx_must_calloc(AUDIT_NODES_MAX + 1, sizeof *l.v);
    code = open_sources(&l) == BX_OK ? print_all(&l) : run_fail(r);
    for (uint32_t i = 0; i < l.n; i++)
        audit_close(&l.v[i]);
    bx_free(l.v);
    return code;
}
