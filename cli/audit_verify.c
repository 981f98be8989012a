/* audit_verify - blixardctl makes the hash of each record again, from what the node tells of it,
 * and compares: with what the next record has, with what other nodes have, and with the newest hash
 * that the node knows in memory. So no node is trusted for having said that all is well. */
#include "audit_verify.h"

#include "mapped.h"
#include "codec/json.h"
#include "mem/alloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct flag audit_verify_flags[] = {
    {.name = "node", .value = "NODE", .help = "ask only this node", .completes = "node"},
    {0},
};

/* ---- nodes ---- */

/* Damage that the node itself has seen in its files, which is told as one text. */
static void add_damage(struct verify *v, const struct audit_source *s)
{
    char text[BX_AUDIT_DAMAGE_MAX + 32];

    if (s->page.damage.n == 0)
        return;
    snprintf(text, sizeof text, BX_STR_FMT " can not be read", BX_STR_ARG(s->page.damage));
    verify_fault(v, s->node, "file", 0, 0, text);
}

/* Both ends of the chain are known now. */
static void end_chain(struct verify_chain *c, const struct audit_source *s)
{
    uint8_t hash[BX_SHA256] = {0};
    bool chained = s->page.hash.n > 0 && bx_audit_unhex(s->page.hash, hash);

    bx_chain_end(&c->chain, chained ? s->page.head : 0, hash);
}

static int read_chain(struct verify *v, const char *node, bool refused, bool alone)
{
    struct audit_source s = {.r = v->r, .refused = refused, .stale = true, .alone = alone};
    struct verify_chain *c = verify_chain(v, node, refused ? "number" : "revision");
    int rc;

    snprintf(s.node, sizeof s.node, "%s", node);
    audit_open(&s);
    do {
        uint64_t before = s.after;

        rc = audit_fill(&s);
        if (rc == BX_OK && before == 0)
            add_damage(v, &s);
        for (; audit_peek(&s) != NULL; s.at++)
            verify_record(c, audit_peek(&s));
    } while (rc == BX_OK && s.page.more);
    if (rc == BX_OK && !s.lost)
        end_chain(c, &s);
    v->lost += s.lost;
    audit_close(&s);
    return rc == BX_OK && s.lost ? BX_UNREACHABLE : rc;
}

static int read_node(struct verify *v, const char *node, bool alone)
{
    int rc = node[0] == '\0' ? BX_OK : read_chain(v, node, false, alone);

    if (rc == BX_OK)
        rc = read_chain(v, node, true, alone);
    return rc == BX_UNREACHABLE && !alone ? BX_OK : rc;
}

static int verify_nodes(struct verify *v)
{
    static char names[AUDIT_NODES_MAX][256];
    uint32_t n = 0;
    int rc = audit_nodes(v->r, names, &n);

    for (uint32_t i = 0; i < n && rc == BX_OK; i++)
        rc = read_node(v, names[i], n == 1);
    v->nodes = n - v->lost;
    if (rc == BX_OK && v->nodes == 0)
        rc = bx_err_set(&v->r->err, BX_UNREACHABLE, "no node could be asked");
    return rc;
}

/* ---- files ---- */

/* A file of DATA/audit. */
static void verify_refusals(struct verify *v, const uint8_t *p, size_t n, const char *name)
{
    struct verify_chain *c = verify_chain(v, name, "number");
    struct bx_refusals file = {.p = p, .n = n};
    enum bx_refusals_found found;
    struct bx_audit_reply record;
    struct bx_arena arena = {0};
    char text[80];

    while ((found = bx_refusals_next(&file)) != BX_REFUSALS_END) {
        if (found == BX_REFUSALS_DAMAGE) {
            snprintf(text, sizeof text, "bytes %zu to %zu can not be read", file.at,
                     file.at + file.size - 1);
            verify_fault(v, name, "file", 0, 0, text);
        } else if (found == BX_REFUSALS_HEAD) {
            if (file.at != 0)
                verify_fault(v, name, "file", 0, 0, "a second beginning");
            bx_chain_begin(&c->chain, file.head.first, (const uint8_t *)file.head.previous.p);
        } else {
            bx_arena_reset(&arena);
            bx_audit_of_refusal(&file.record, &arena, &record);
            verify_record(c, &record);
        }
    }
    bx_chain_end(&c->chain, 0, NULL);
    bx_arena_close(&arena);
    bx_refusals_close(&file);
}

/* What `audit list -o json` has printed. */
static int verify_list(struct verify *v, bx_val list, const char *name)
{
    struct bx_arena arena = {0};
    int rc = BX_OK;

    for (uint32_t i = 0; i < bx_val_len(list) && rc == BX_OK; i++) {
        struct bx_audit_reply a = {0};
        char node[256];

        rc = bx_pack_read(&bx_audit_reply_schema, bx_val_at(list, i), &a, &arena, &v->r->err);
        if (rc != BX_OK)
            break;
        snprintf(node, sizeof node, BX_STR_FMT, BX_STR_ARG(a.number > 0 ? a.node : bx_str(name)));
        if (a.number > 0)
            a.node = bx_str("");
        verify_record(verify_chain(v, node, a.number > 0 ? "number" : "revision"), &a);
    }
    for (uint32_t i = 0; i < v->n_chains; i++)
        bx_chain_end(&v->chains[i].chain, 0, NULL);
    bx_arena_close(&arena);
    return rc;
}

static int verify_json(struct verify *v, const struct mapped *file, const char *name)
{
    struct bx_pack *pack = bx_must(bx_pack_create(), 0);
    struct bx_buf b = {0};
    bx_val list = NULL;
    int rc = bx_json_read(&b, (const char *)file->p, file->n, CLIENT_ANSWER_MAX, &v->r->err);

    if (rc == BX_OK)
        list = bx_pack_parse(pack, b.data, b.len, b.len, &v->r->err);
    if (rc == BX_OK && bx_val_type(list) != BX_V_ARRAY)
        rc = bx_err_set(&v->r->err, BX_INVALID, "no list of records");
    if (rc == BX_OK)
        rc = verify_list(v, list, name);
    if (rc != BX_OK)
        bx_err_hint(&v->r->err, "pass a file of DATA/audit, or one that audit list -o json made");
    bx_buf_release(&b);
    bx_pack_destroy(pack);
    return rc;
}

static int verify_file(struct verify *v, const char *path)
{
    struct mapped file;
    int rc = mapped_open(&file, path, &v->r->err);

    if (rc != BX_OK)
        return rc;
    if (file.n > 0 && (file.p[0] == '[' || file.p[0] == ' '))
        rc = verify_json(v, &file, path);
    else
        verify_refusals(v, file.p, file.n, path);
    if (rc != BX_OK)
        bx_err_wrap(&v->r->err, "%s", path);
    mapped_close(&file);
    return rc;
}

/* ---- the command ---- */

int audit_verify(struct run *r)
{
    struct verify v;
    int rc, code;

    verify_open(&v, r);
    rc = r->n_arguments > 0 ? verify_file(&v, r->arguments[0]) : verify_nodes(&v);
    code = rc == BX_OK ? verify_tell(&v) : run_fail(r);
    verify_close(&v);
    return code;
}
