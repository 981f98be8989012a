#include "fuzz/targets.h"

#include "mem/alloc.h"
#include "wire/audit.h"
#include "wire/chain.h"

#include <assert.h>
#include <string.h>

static void on_fault(void *ctx, const struct bx_chain_fault *f)
{
    assert(f->first <= f->last);
    ++*(uint64_t *)ctx;
}

/* What is made of a record can be checked again, and it is written as it was read. */
static void use(const struct bx_refusals *r, struct bx_chain *c)
{
    uint8_t hash[BX_SHA256], again[BX_SHA256], previous[BX_SHA256];
    struct bx_arena arena = {0};
    struct bx_audit_reply a;
    struct bx_buf b = {0};

    bx_refusal_hash(&r->record, hash);
    bx_audit_of_refusal(&r->record, &arena, &a);
    if (bx_audit_check(&a, again, previous))
        assert(memcmp(previous, r->record.previous.p, sizeof previous) == 0);
    assert(bx_refusal_write(&b, &r->record) == BX_OK);
    assert(b.len == r->size && memcmp(b.data, r->p + r->at, b.len) == 0);
    bx_chain_step(c, r->record.number, r->record.previous, hash);
    bx_buf_release(&b);
    bx_arena_close(&arena);
}

int fuzz_refusals(const uint8_t *p, size_t n)
{
    uint8_t *src = fuzz_copy(p, n);
    uint64_t faults = 0, records = 0, damage = 0;
    struct bx_refusals r = {.p = src, .n = n};
    struct bx_chain c = {.fault = on_fault, .ctx = &faults};
    enum bx_refusals_found found;
    size_t end = 0;

    while ((found = bx_refusals_next(&r)) != BX_REFUSALS_END) {
        assert(r.at == end && r.size > 0 && r.size <= n - r.at);
        end = r.at + r.size;
        damage += found == BX_REFUSALS_DAMAGE;
        records += found == BX_REFUSALS_RECORD;
        if (found == BX_REFUSALS_HEAD)
            bx_chain_begin(&c, r.head.first, (const uint8_t *)r.head.previous.p);
        else if (found == BX_REFUSALS_RECORD)
            use(&r, &c);
    }
    assert(end == n && faults <= 3 * (records + 1));
    bx_chain_end(&c, 0, NULL);
    bx_refusals_close(&r);
    bx_free(src);
    return damage + faults > 0 ? BX_CORRUPT : BX_OK;
}
