/* The chains of a check, and what is told of them. */
#include "audit_verify.h"

#include "build.h"
#include "mem/alloc.h"
#include "result.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define CHAINS_MAX (2 * AUDIT_NODES_MAX)

void verify_open(struct verify *v, struct run *r)
{
    *v = (struct verify){.r = r};
    v->chains = bx_must_calloc(CHAINS_MAX, sizeof *v->chains);
    v->faults = bx_must_calloc(VERIFY_FAULTS_MAX, sizeof *v->faults);
}

void verify_close(struct verify *v)
{
    bx_free(v->chains);
    bx_free(v->faults);
    bx_buf_release(&v->hashes);
}

/* ---- faults ---- */

void verify_fault(struct verify *v, const char *node, const char *record, uint64_t first,
                  uint64_t last, const char *problem)
{
    struct verify_fault *f = &v->faults[v->n_faults];

    if (v->n_faults++ >= VERIFY_FAULTS_MAX)
        return;
    snprintf(f->node, sizeof f->node, "%s", node);
    snprintf(f->problem, sizeof f->problem, "%s", problem);
    f->record = record;
    f->first = first;
    f->last = last;
}

static void on_fault(void *ctx, const struct bx_chain_fault *f)
{
    static const char *const problems[] = {[BX_CHAIN_CHANGED] = "was changed",
                                           [BX_CHAIN_MISSING] = "missing",
                                           [BX_CHAIN_DOUBLED] = "is there twice"};
    struct verify_chain *c = ctx;

    c->n_faults++;
    verify_fault(c->verify, c->node, c->record, f->first, f->last, problems[f->kind]);
}

/* ---- chains ---- */

struct verify_chain *verify_chain(struct verify *v, const char *node, const char *record)
{
    struct verify_chain *c;

    for (uint32_t i = 0; i < v->n_chains; i++) {
        c = &v->chains[i];
        if (strcmp(c->node, node) == 0 && strcmp(c->record, record) == 0)
            return c;
    }
    c = &v->chains[v->n_chains < CHAINS_MAX ? v->n_chains++ : CHAINS_MAX - 1];
    *c = (struct verify_chain){.verify = v, .record = record, .chain = {on_fault, c}};
    snprintf(c->node, sizeof c->node, "%s", node);
    return c;
}

/* The first node's events are what those of the others are compared with. */
static void compare(struct verify_chain *c, uint64_t revision, const uint8_t hash[BX_SHA256])
{
    struct verify *v = c->verify;
    uint64_t kept = v->hashes.len / BX_SHA256;
    char text[400];

    if (v->base == NULL) {
        v->base = c->node;
        v->base_first = revision;
    }
    if (v->base == c->node && revision == v->base_first + kept) {
        bx_must_ok(bx_buf_append(&v->hashes, hash, BX_SHA256));
    } else if (v->base == c->node) { /* there is a gap, or a second one */
        static const uint8_t unknown[BX_SHA256];

        for (uint64_t i = kept; revision > v->base_first && i < revision - v->base_first; i++)
            bx_must_ok(bx_buf_append(&v->hashes, unknown, BX_SHA256));
        if (revision > v->base_first + kept)
            bx_must_ok(bx_buf_append(&v->hashes, hash, BX_SHA256));
    } else if (revision >= v->base_first && revision < v->base_first + kept) {
        const uint8_t *there = v->hashes.data + (revision - v->base_first) * BX_SHA256;
        static const uint8_t unknown[BX_SHA256];

        if (memcmp(there, hash, BX_SHA256) == 0 || memcmp(there, unknown, BX_SHA256) == 0)
            return;
        snprintf(text, sizeof text, "is another one than node %s has", v->base);
        c->n_faults++;
        verify_fault(v, c->node, c->record, revision, revision, text);
    }
}

void verify_record(struct verify_chain *c, const struct bx_audit_reply *a)
{
    uint8_t hash[BX_SHA256], previous[BX_SHA256];
    uint64_t number = a->number > 0 ? a->number : a->revision;

    if (a->number == 0 && a->previous.n == 0 && c->chain.last == 0)
        return; /* from before the chain */
    if (!bx_audit_check(a, hash, previous)) {
        c->n_faults++;
        verify_fault(c->verify, c->node, c->record, number, number, "has not the form of a record");
        memset(hash, 0, sizeof hash);
        memset(previous, 0, sizeof previous);
    }
    bx_chain_step(&c->chain, number, (struct bx_str){(const char *)previous, BX_SHA256}, hash);
    if (a->number == 0)
        compare(c, number, hash);
}

/* ---- telling ---- */

static void print_chain(const struct verify_chain *c)
{
    const char *what = strcmp(c->record, "revision") == 0 ? "events" : "refusals";

    if (c->chain.last == 0)
        printf("%s: %s: there are none\n", c->node, what);
    else
        printf("%s: %s: %s %" PRIu64 " to %" PRIu64 ": %s\n", c->node, what, c->record,
               c->chain.first, c->chain.last, c->n_faults == 0 ? "whole" : "damaged");
}

static void print_fault(const struct verify_fault *f)
{
    if (f->first == 0)
        printf("damaged: %s: %s\n", f->node, f->problem);
    else if (f->first == f->last)
        printf("damaged: %s: %s %" PRIu64 " %s%s\n", f->node, f->record, f->first,
               strcmp(f->problem, "missing") == 0 ? "is " : "", f->problem);
    else
        printf("damaged: %s: %s %" PRIu64 " to %" PRIu64 " are %s\n", f->node, f->record, f->first,
               f->last, f->problem);
}

static void print_all(const struct verify *v)
{
    for (uint32_t i = 0; i < v->n_chains && !v->r->quiet; i++)
        print_chain(&v->chains[i]);
    for (uint64_t i = 0; i < v->n_faults && i < VERIFY_FAULTS_MAX; i++)
        print_fault(&v->faults[i]);
    if (v->n_faults > VERIFY_FAULTS_MAX)
        printf("damaged: %" PRIu64 " more\n", v->n_faults - VERIFY_FAULTS_MAX);
    if (v->n_faults == 0 && v->lost == 0 && !v->r->quiet)
        printf("the audit is whole\n");
}

static void build_hash(struct bx_buf *b, const uint8_t hash[BX_SHA256])
{
    struct bx_arena arena = {0};

    build_strn(b, bx_audit_hex(hash, &arena));
    bx_arena_close(&arena);
}

static int print_object(struct verify *v)
{
    uint32_t n = v->n_faults < VERIFY_FAULTS_MAX ? (uint32_t)v->n_faults : VERIFY_FAULTS_MAX;
    struct bx_buf b = {0};

    build_map(&b, 4);
    build_pair_bool(&b, "whole", v->n_faults == 0 && v->lost == 0);
    build_pair_u64(&b, "unreachable", v->lost);
    build_str(&b, "chains");
    build_array(&b, v->n_chains);
    for (uint32_t i = 0; i < v->n_chains; i++) {
        const struct verify_chain *c = &v->chains[i];

        build_map(&b, 6);
        build_pair_str(&b, "node", c->node);
        build_pair_str(&b, "record", c->record);
        build_pair_u64(&b, "first", c->chain.first);
        build_pair_u64(&b, "last", c->chain.last);
        build_str(&b, "hash");
        build_hash(&b, c->chain.hash);
        build_pair_u64(&b, "faults", c->n_faults);
    }
    build_str(&b, "faults");
    build_array(&b, n);
    for (uint32_t i = 0; i < n; i++) {
        const struct verify_fault *f = &v->faults[i];

        build_map(&b, 5);
        build_pair_str(&b, "node", f->node);
        build_pair_str(&b, "record", f->record);
        build_pair_u64(&b, "first", f->first);
        build_pair_u64(&b, "last", f->last);
        build_pair_str(&b, "problem", f->problem);
    }
    return result_print_built(v->r, &b);
}

int verify_tell(struct verify *v)
{
    int code = 0;

    if (result_is_for_people(v->r))
        print_all(v);
    else
        code = print_object(v);
    fflush(stdout);
    if (code != 0)
        return code;
    if (v->n_faults > 0)
        return run_fail_with(v->r, BX_CORRUPT, "compare with an export or a backup from before",
                             "the audit is damaged in %" PRIu64 " places", v->n_faults);
    if (v->lost > 0)
        return run_fail_with(v->r, BX_UNREACHABLE, "run it again when they are up",
                             "%u nodes could not be asked; the others are whole", v->lost);
    return 0;
}
