/* Scopes, and the counts since they began. A scope is a copy of all counts, about 260 KiB, from a
 * pool. It is acquired and released under bx_track_door, where the pool may allocate and be
 * recorded like all other code. */
#include "mem/track_priv.h"

#ifdef BX_TRACK_ALLOCATIONS

#include "err.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <sys/queue.h>

#define ENTRIES (BX_TRACK_SITES + BX__OWNERS)

struct scope {
    SLIST_ENTRY(scope) link;
    char name[BX_TRACK_NAME];
    struct bx_track_count before[ENTRIES];
};

pthread_mutex_t bx_track_door = PTHREAD_MUTEX_INITIALIZER;
/* Changed with both locks held. */
static SLIST_HEAD(, scope) scopes = SLIST_HEAD_INITIALIZER(scopes);
static struct bx_pool pool;

int bx_track_scopes(struct bx_pool_size size)
{
    int rc;

    pthread_mutex_lock(&bx_track_door);
    assert(SLIST_EMPTY(&scopes));
    bx_pool_close(&pool);
    rc = bx_pool_init(&pool, "scope", sizeof(struct scope), size, NULL);
    pthread_mutex_unlock(&bx_track_door);
    return rc;
}

void bx_track_scopes_close(void)
{
    struct scope *s;

    pthread_mutex_lock(&bx_track_door);
    while ((s = SLIST_FIRST(&scopes)) != NULL) {
        pthread_mutex_lock(&bx_track_lock);
        SLIST_REMOVE_HEAD(&scopes, link);
        pthread_mutex_unlock(&bx_track_lock);
        bx_pool_release(&pool, s);
    }
    bx_pool_close(&pool);
    pthread_mutex_unlock(&bx_track_door);
}

void bx_track_scope_stats(struct bx_pool_stats *out)
{
    pthread_mutex_lock(&bx_track_door);
    *out = pool.stats;
    pthread_mutex_unlock(&bx_track_door);
}

static struct scope *find_scope(const char *name)
{
    struct scope *s;

    SLIST_FOREACH(s, &scopes, link)
    {
        if (strcmp(s->name, name) == 0)
            break;
    }
    return s;
}

static int take_scope(const char *name, struct scope **out)
{
    *out = NULL;
    if (find_scope(name) != NULL)
        return BX_CONFLICT;
    if (pool.stats.in_use >= BX_TRACK_SCOPES)
        return BX_BUSY;
    if (pool.stats.object_bytes == 0 &&
        bx_pool_init(&pool, "scope", sizeof(struct scope), BX_TRACK_SCOPE_POOL, NULL) != BX_OK)
        return BX_NO_MEMORY;
    *out = bx_pool_acquire(&pool);
    return *out == NULL ? BX_NO_MEMORY : BX_OK;
}

int bx_track_start(const char *name)
{
    struct scope *s;
    int rc;

    if (*name == '\0' || strlen(name) >= BX_TRACK_NAME)
        return BX_INVALID;
    pthread_mutex_lock(&bx_track_door);
    rc = take_scope(name, &s);
    if (rc == BX_OK) {
        memcpy(s->name, name, strlen(name) + 1);
        pthread_mutex_lock(&bx_track_lock);
        for (size_t i = 0; i < ENTRIES; i++)
            s->before[i] = bx_track_entries[i].count;
        SLIST_INSERT_HEAD(&scopes, s, link);
        pthread_mutex_unlock(&bx_track_lock);
    }
    pthread_mutex_unlock(&bx_track_door);
    return rc;
}

int bx_track_finish(const char *name)
{
    struct scope *s;

    if (bx_track_prints)
        bx_track_print(name);
    pthread_mutex_lock(&bx_track_door);
    s = find_scope(name);
    if (s != NULL) {
        pthread_mutex_lock(&bx_track_lock);
        SLIST_REMOVE(&scopes, s, scope, link);
        pthread_mutex_unlock(&bx_track_lock);
    }
    bx_pool_release(&pool, s);
    pthread_mutex_unlock(&bx_track_door);
    return s == NULL ? BX_NOT_FOUND : BX_OK;
}

static struct bx_track_count since(const struct scope *s, size_t i)
{
    struct bx_track_count c = bx_track_entries[i].count;

    if (s != NULL) {
        c.allocations -= s->before[i].allocations;
        c.bytes -= s->before[i].bytes;
        c.frees -= s->before[i].frees;
        c.freed_bytes -= s->before[i].freed_bytes;
    }
    return c;
}

void bx_track_sum(struct bx_track_count *to, const struct bx_track_count *c)
{
    to->allocations += c->allocations;
    to->bytes += c->bytes;
    to->frees += c->frees;
    to->freed_bytes += c->freed_bytes;
}

int bx_track_report(const char *name, struct bx_track_report *out)
{
    const struct scope *s;
    int rc = BX_OK;

    memset(out, 0, sizeof *out);
    pthread_mutex_lock(&bx_track_lock);
    s = name == NULL ? NULL : find_scope(name);
    if (name != NULL && s == NULL)
        rc = BX_NOT_FOUND;
    for (size_t i = 0; rc == BX_OK && i < ENTRIES; i++) {
        struct bx_track_count c = since(s, i);

        bx_track_sum(&out->owners[bx_track_entries[i].owner], &c);
        bx_track_sum(&out->total, &c);
    }
    out->peak_bytes = bx_track_peak;
    out->stacks = bx_track_stacks;
    pthread_mutex_unlock(&bx_track_lock);
    return rc;
}

/* Insert into the list of the largest so far, if large enough. */
static uint32_t insert(struct bx_track_site *list, uint32_t n, uint32_t max,
                       const struct bx_track_entry *s, struct bx_track_count c)
{
    uint32_t at = n;

    while (at > 0 && list[at - 1].count.bytes < c.bytes)
        at--;
    if (at == max)
        return n;
    n = n == max ? n - 1 : n;
    memmove(&list[at + 1], &list[at], (n - at) * sizeof *list);
    list[at] = (struct bx_track_site){.owner = s->owner, .n_frames = s->n_frames, .count = c};
    snprintf(list[at].name, sizeof list[at].name, "%s", s->name);
    memcpy(list[at].frames, s->frames, sizeof s->frames);
    return n + 1;
}

uint32_t bx_track_top(const char *name, struct bx_track_site *out, uint32_t max)
{
    const struct scope *s;
    uint32_t n = 0;

    pthread_mutex_lock(&bx_track_lock);
    s = name == NULL ? NULL : find_scope(name);
    for (size_t i = 0; (name == NULL || s != NULL) && i < ENTRIES; i++) {
        struct bx_track_count c = since(s, i);

        if (c.allocations > 0)
            n = insert(out, n, max, &bx_track_entries[i], c);
    }
    pthread_mutex_unlock(&bx_track_lock);
    return n;
}

#endif
