#include "mem/track.h"

#ifdef BX_TRACK_ALLOCATIONS

#include "mem/alloc.h"

#include <assert.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SITES 4096 /* power of two */
#define TOP 20

struct prefix {
    size_t size;
    uint32_t site, magic;
};
_Static_assert(sizeof(struct prefix) == BX_TRACK_PREFIX, "the block stays aligned");

#define MAGIC 0xb11ca11cu

struct site {
    const char *name;
    uint64_t count, bytes, live, live_bytes;
};

static struct site sites[SITES + 1]; /* the last one takes what finds no place */
static uint32_t n_sites;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static uint32_t hash_text(const char *s)
{
    uint32_t h = 2166136261u;

    while (*s != '\0')
        h = (h ^ (uint8_t)*s++) * 16777619u;
    return h;
}

/* By text and not by address: a line in a header has one literal in every file that includes it. */
static uint32_t find_site(const char *name)
{
    uint32_t i = hash_text(name) % SITES;

    while (sites[i].name != NULL) {
        if (strcmp(sites[i].name, name) == 0)
            return i;
        i = (i + 1) % SITES;
    }
    if (n_sites == SITES * 3 / 4)
        return SITES;
    n_sites++;
    sites[i].name = name;
    return i;
}

void *bx_track_add(void *base, size_t size, const char *site)
{
    struct prefix *p = base;
    struct site *s;

    pthread_mutex_lock(&lock);
    *p = (struct prefix){.size = size, .site = find_site(site), .magic = MAGIC};
    s = &sites[p->site];
    s->count++;
    s->bytes += size;
    s->live++;
    s->live_bytes += size;
    pthread_mutex_unlock(&lock);
    return p + 1;
}

void bx_track_remove(const void *base)
{
    const struct prefix *p = base;
    struct site *s;

    assert(p->magic == MAGIC && p->site <= SITES);
    s = &sites[p->site];
    pthread_mutex_lock(&lock);
    s->live--;
    s->live_bytes -= p->size;
    pthread_mutex_unlock(&lock);
}

static int by_bytes(const void *left, const void *right)
{
    const struct site *l = left, *r = right;

    return (l->bytes < r->bytes) - (l->bytes > r->bytes);
}

static void print_report(void)
{
    static struct site copy[SITES + 1];
    struct bx_alloc_stats total;

    bx_alloc_stats(&total);
    pthread_mutex_lock(&lock);
    memcpy(copy, sites, sizeof copy);
    pthread_mutex_unlock(&lock);
    copy[SITES].name = "(other sites)";
    qsort(copy, SITES + 1, sizeof copy[0], by_bytes);
    fprintf(stderr,
            "allocations %" PRIu64 ", frees %" PRIu64 ", failures %" PRIu64 "\n"
            "live %" PRIu64 " in %" PRIu64 " bytes, peak %" PRIu64 " bytes\n"
            "%12s %10s %12s %10s  site\n",
            total.allocations, total.frees, total.failures, total.live, total.live_bytes,
            total.peak_bytes, "bytes", "count", "live bytes", "live");
    for (size_t i = 0; i < TOP && copy[i].count > 0; i++)
        fprintf(stderr, "%12" PRIu64 " %10" PRIu64 " %12" PRIu64 " %10" PRIu64 "  %s\n",
                copy[i].bytes, copy[i].count, copy[i].live_bytes, copy[i].live, copy[i].name);
}

__attribute__((destructor)) static void report_at_exit(void)
{
    const char *want = getenv("BLIXARD_PRINT_ALLOCATIONS");

    if (want != NULL && strcmp(want, "1") == 0)
        print_report();
}

#endif
