/* weight: what scopes and their collections tell of their memory. */
#include "lib/testlib.h"

#include "diag/scope.h"
#include "err.h"
#include "mem/alloc.h"

#include <string.h>

static uint64_t now(void)
{
    return 1;
}

static void tag(struct bx_scope *s, const char *key, const char *value)
{
    bx_scope_set_tag(s, bx_str(key), bx_str(value));
}

static void crumb(struct bx_scope *s, const char *message)
{
    bx_scope_crumb(s, BX_SEVERITY_INFO, bx_str("test"), bx_str(message), NULL, 0);
}

#define HEADERS 1024u /* that blocks of buffers have, a few dozen bytes each */

/* Bytes of the heap that are in use: buffers keep blocks for reuse. */
static uint64_t in_use(void)
{
    struct bx_alloc_stats heap;
    struct bx_buf_stats kept;

    bx_alloc_stats(&heap);
    bx_buf_stats(&kept);
    return heap.live_bytes - kept.kept_bytes;
}

TEST(what_scopes_and_their_collections_weigh_is_what_they_have_allocated)
{
    const struct bx_scopes_options o = {.client = true, .now_ns = now, .kept = 1, .kept_crumbs = 1};
    char large[BX_BAG_VALUE + 1] = "";
    struct bx_scope *a, *b;
    uint64_t before;
    struct bx_scopes_counts counts;
    struct bx_scopes s;

    assert_int_equal(bx_scopes_open(&s, &o), BX_OK);
    before = in_use();
    a = bx_scope_push(&s, NULL);
    tag(a, "a", "b");
    for (int i = 0; i < 200; i++)
        crumb(a, "a breadcrumb whose text is copied");
    memset(large, 'x', sizeof large - 1);
    b = bx_scope_push(&s, a);
    tag(b, "large", large);
    tag(b, "larger", large);
    crumb(b, "of a list of its own");
    bx_scopes_counts(&s, &counts);
    assert_in_range(counts.weight.bytes, in_use() - before - HEADERS, in_use() - before);
    assert_int_equal(counts.weight.peak, counts.weight.bytes);
    assert_true(counts.weight.grown >= counts.misses);
    assert_int_equal(counts.misses, 6); /* two scopes, bags and lists */
    assert_int_equal(counts.hits, 0);
    bx_scope_pop(b);
    bx_scope_pop(a);
    bx_scopes_counts(&s, &counts);
    assert_in_range(counts.weight.bytes, in_use() - before - HEADERS, in_use() - before);
    assert_true(counts.weight.bytes < counts.weight.peak);
    a = bx_scope_push(&s, NULL);
    tag(a, "a", "b");
    bx_scopes_counts(&s, &counts);
    assert_int_equal(counts.hits, 2);
    bx_scope_pop(a);
    bx_scopes_close(&s);
}

int main(void)
{
    return test_run(NULL, NULL);
}
