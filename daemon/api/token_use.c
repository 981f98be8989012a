/* token_use - when tokens and certificates of users were used last on this node, since it was
 * started. */
#include "api/priv.h"

#include "mem/alloc.h"
#include "state/user.h"

#include <string.h>

struct use {
    uint8_t key[16]; /* of the token */
    uint64_t wall_ms;
};

static bool is_use(const void *item, const void *key)
{
    return memcmp(((const struct use *)item)->key, key, 16) == 0;
}

static struct use *find_use(const struct api *a, const uint8_t *hash)
{
    return bx_map_get(&a->token_uses, bx_hash(hash, 16), is_use, hash);
}

/* Forget the tokens that do not exist any more: then there is room for those that do. */
static void drop_uses(struct api *a)
{
    struct bx_map kept = {0};
    struct use *u;
    size_t pos = 0;

    while ((u = bx_map_next(&a->token_uses, &pos)) != NULL) {
        if (bx_view_get(bx_node_view(a->node), BX_TABLE_USER_TOKEN, u->key) != NULL)
            bx_must_ok(bx_map_add(&kept, bx_hash(u->key, 16), u));
        else
            bx_free(u);
    }
    bx_map_close(&a->token_uses);
    a->token_uses = kept;
}

void api_token_note_use(struct api *a, const uint8_t hash[BX_USER_SECRET_HASH])
{
    struct use *u = find_use(a, hash);

    if (u == NULL) {
        if (a->token_uses.n >= BX_USER_TOKENS_MAX_ALL)
            drop_uses(a);
        u = bx_must_calloc(1, sizeof *u);
        memcpy(u->key, hash, sizeof u->key);
        bx_must_ok(bx_map_add(&a->token_uses, bx_hash(hash, 16), u));
    }
    u->wall_ms = a->o.clock->ops->wall_ms(a->o.clock);
}

uint64_t api_token_used(const struct api *a, const uint8_t hash[BX_USER_SECRET_HASH])
{
    const struct use *u = find_use(a, hash);

    return u == NULL ? 0 : u->wall_ms;
}

void api_token_uses_close(struct api *a)
{
    struct use *u;
    size_t pos = 0;

    while ((u = bx_map_next(&a->token_uses, &pos)) != NULL)
        bx_free(u);
    bx_map_close(&a->token_uses);
}
