#include "rec/names.h"

#include "rec/site.h"

#include <assert.h>
#include <string.h>

static struct bx_intern *names;

static bool keep_targets(struct bx_intern *t)
{
    struct bx_sites all = bx_sites();
    bool kept = true;

    for (uint32_t i = 0; i < all.n && kept; i++)
        kept = bx_intern_keep(t, all.v[i]->target, strlen(all.v[i]->target)) != NULL;
    return kept;
}

struct bx_intern *bx_names_open(uint64_t max_strings, uint64_t max_bytes, void (*fence)(void))
{
    struct bx_intern *t = bx_intern_create(max_strings, max_bytes);

    assert(names == NULL);
    if (t == NULL || !keep_targets(t)) {
        bx_intern_destroy(t);
        return NULL;
    }
    bx_intern_share(t, fence);
    names = t;
    return t;
}

struct bx_intern *bx_names(void)
{
    return names;
}

void bx_names_close(void)
{
    bx_intern_destroy(names);
    names = NULL;
}
