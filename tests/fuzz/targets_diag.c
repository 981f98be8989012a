#include "fuzz/targets.h"

#include "diag/envread.h"
#include "diag/limits.h"
#include "mem/alloc.h"

#include <assert.h>
#include <string.h>

/* What was read and written again is read as the same items. */
static void check_again(const struct bx_envelope *e, uint32_t items)
{
    struct bx_envread_item item;
    struct bx_envread r;
    uint32_t n = 0;

    assert(bx_envread_open(&r, e->out.data, e->out.len, NULL) == BX_OK);
    while (bx_envread_next(&r, &item, NULL) == BX_OK)
        n++;
    assert(n == items);
    bx_envread_close(&r);
}

static int read_items(struct bx_envread *r)
{
    struct bx_envelope_head head = {r->has_event ? r->event : NULL, r->sent_ns};
    struct bx_envelope e = {.items = 0};
    struct bx_envread_item item;
    struct bx_limits limits = {0};
    int rc;

    bx_envelope_begin(&e, &head);
    while ((rc = bx_envread_next(r, &item, NULL)) == BX_OK) {
        assert(item.payload.p >= r->p && item.payload.p + item.payload.n <= r->p + r->n);
        bx_limits_read(&limits, item.payload, 0);
        bx_limits_retry_after(&limits, item.header, 0);
        if (memchr(item.payload.p, '\n', item.payload.n) == NULL)
            bx_envelope_item(&e, item.header, item.payload);
    }
    check_again(&e, e.items);
    bx_envelope_close(&e);
    return rc == BX_NOT_FOUND ? BX_OK : rc;
}

int fuzz_envelope(const uint8_t *p, size_t n)
{
    uint8_t *src = fuzz_copy(p, n);
    struct bx_envread r;
    int rc = bx_envread_open(&r, src, n, NULL);

    if (rc == BX_OK)
        rc = read_items(&r);
    bx_envread_close(&r);
    bx_free(src);
    return rc;
}
