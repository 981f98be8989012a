#include "audit.h"

#include "mem/alloc.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- which nodes ---- */

struct names {
    char (*v)[256];
    uint32_t n, left_out;
};

static bool add_page(void *ctx, bx_val items)
{
    struct names *names = ctx;

    for (uint32_t i = 0; i < bx_val_len(items); i++) {
        struct bx_str name;

        if (!bx_val_str(bx_val_get(bx_val_at(items, i), "name"), &name))
            continue;
        if (names->n == AUDIT_NODES_MAX)
            names->left_out++;
        else
            snprintf(names->v[names->n++], sizeof *names->v, BX_STR_FMT, BX_STR_ARG(name));
    }
    return true;
}

int audit_nodes(struct run *r, char (*v)[256], uint32_t *n)
{
    const char *node = args_get(&r->args, "node", NULL);
    struct names names = {.v = v};
    struct params p = {0};
    int rc = BX_OK;

    r->stale = true; /* the age of an answer is of no interest: its records have times */
    if (node != NULL) {
        snprintf(v[names.n++], sizeof *v, "%s", node);
    } else {
        params_str(&p, "consistency", "stale");
        rc = client_list(&r->client, "node.list", &p, r->timeout_ms, add_page, &names, &r->err);
        params_close(&p);
    }
    if (rc == BX_CONFLICT) { /* of no cluster yet */
        v[names.n++][0] = '\0';
        rc = BX_OK;
    }
    if (names.left_out > 0)
        fprintf(stderr, "warning: %u nodes beyond the first %u are not asked; --node names one\n",
                names.left_out, AUDIT_NODES_MAX);
    *n = names.n;
    return rc;
}

/* ---- pages ---- */

void audit_open(struct audit_source *s)
{
    s->pack = bx_must(bx_pack_create(), 0);
    s->page.more = true;
}

void audit_close(struct audit_source *s)
{
    bx_pack_destroy(s->pack);
    bx_buf_release(&s->bytes);
    bx_arena_close(&s->arena);
}

static int ask(struct audit_source *s, bx_val *result)
{
    struct run *r = s->r;
    const char *who = args_get(&r->args, "who", NULL), *object = args_get(&r->args, "object", NULL);
    char after[24];
    struct params p = {0};
    int rc;

    snprintf(after, sizeof after, "%" PRIu64, s->after);
    params_str(&p, "after", after);
    if (s->stale || s->refused)
        params_str(&p, "consistency", "stale");
    else
        run_read_params(r, &p);
    if (s->node[0] != '\0')
        params_str(&p, "node", s->node);
    if (s->refused)
        params_bool(&p, "refused", true);
    if (s->since_ms > 0)
        params_u64(&p, "since_ms", s->since_ms);
    if (s->until_ms > 0)
        params_u64(&p, "until_ms", s->until_ms);
    if (who != NULL)
        params_str(&p, "who", who);
    if (object != NULL)
        params_str(&p, "object", object);
    rc = run_call(r, "audit.list", &p, result);
    params_close(&p);
    return rc;
}

static void tell_damage(const struct audit_source *s)
{
    if (s->page.damage.n > 0)
        fprintf(stderr, "warning: node %s: not readable: " BX_STR_FMT "\n", s->node,
                BX_STR_ARG(s->page.damage));
}

/* Copy the answer, which ends with the next call. */
static int keep(struct audit_source *s, bx_val result)
{
    struct run *r = s->r;
    char after[24];

    s->bytes.len = 0;
    bx_arena_reset(&s->arena);
    s->page = (struct bx_audit_list_reply){.more = false};
    s->at = 0;
    bx_must_ok(bx_pw_val(&s->bytes, result));
    result = bx_pack_parse(s->pack, s->bytes.data, s->bytes.len, s->bytes.len, NULL);
    if (bx_pack_read(&bx_audit_list_reply_schema, result, &s->page, &s->arena, &r->err) != BX_OK) {
        bx_err_wrap(&r->err, "node %s", s->node);
        bx_err_hint(&r->err, "does blixardctl have the release of the cluster?");
        return r->err.code;
    }
    snprintf(after, sizeof after, BX_STR_FMT, BX_STR_ARG(s->page.after));
    if (s->page.more && strtoull(after, NULL, 10) <= s->after)
        return bx_err_set(&r->err, BX_MALFORMED, "node %s: a page repeats", s->node);
    s->after = strtoull(after, NULL, 10);
    tell_damage(s);
    return BX_OK;
}

static bool is_of_all(int code)
{
    return code == BX_INVALID || code == BX_DENIED || code == BX_INTERRUPTED;
}

int audit_fill(struct audit_source *s)
{
    struct run *r = s->r;
    bx_val result;
    int rc;

    while (s->at == s->page.records.n && s->page.more) {
        rc = client_interrupted ? bx_err_set(&r->err, BX_INTERRUPTED, "interrupted")
                                : ask(s, &result);
        if (rc == BX_OK)
            rc = keep(s, result);
        if (rc == BX_OK)
            continue;
        if (s->alone || is_of_all(rc))
            return rc;
        fprintf(stderr, "warning: node %s was not asked: %s\n", s->node, r->err.msg);
        s->lost = true;
        s->page = (struct bx_audit_list_reply){.more = false};
        s->at = 0;
    }
    return BX_OK;
}

const struct bx_audit_reply *audit_peek(const struct audit_source *s)
{
    const struct bx_audit_reply *v = s->page.records.v;

    return s->at < s->page.records.n ? &v[s->at] : NULL;
}
