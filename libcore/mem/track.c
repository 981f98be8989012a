#include "mem/track_priv.h"

#ifdef BX_TRACK_ALLOCATIONS

#include <dlfcn.h>
#include <execinfo.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define SITES BX_TRACK_SITES
#define OBJECTS 64u
#define FIRST_LIVE (1u << 16)
#define SKIP 3 /* the tracker's own frames */

const char *const bx_owner_names[BX__OWNERS] = {
    [BX_OWNER_OURS] = "ours",       [BX_OWNER_RAFT] = "raft",       [BX_OWNER_SQLITE] = "sqlite",
    [BX_OWNER_MSGPACK] = "msgpack", [BX_OWNER_JANSSON] = "jansson", [BX_OWNER_UV] = "uv",
    [BX_OWNER_LIBC] = "libc",       [BX_OWNER_OTHER] = "other",     [BX_OWNER_TRACKER] = "tracker",
};

static const struct {
    const char *begin;
    enum bx_owner owner;
} libraries[] = {
    {"libraft", BX_OWNER_RAFT},       {"libsqlite3", BX_OWNER_SQLITE},
    {"libmsgpack", BX_OWNER_MSGPACK}, {"libjansson", BX_OWNER_JANSSON},
    {"libuv.", BX_OWNER_UV},          {"libc.", BX_OWNER_LIBC},
    {"ld-linux", BX_OWNER_LIBC},      {"libpthread", BX_OWNER_LIBC},
};

/* The first members of libc's struct link_map; libc's <link.h> is shadowed by the daemon's. */
struct map_head {
    uintptr_t address;
    const char *path; /* empty: the executable */
};

struct object { /* a shared object that called malloc */
    const void *map;
    enum bx_owner owner;
    char name[BX_TRACK_NAME];
};

struct live {
    uintptr_t p; /* 0: free */
    uint64_t size;
    uint32_t site;
};

pthread_mutex_t bx_track_lock = PTHREAD_MUTEX_INITIALIZER;
struct bx_track_entry bx_track_entries[SITES + BX__OWNERS];
uint64_t bx_track_peak;
bool bx_track_stacks, bx_track_prints;

static struct object objects[OBJECTS];
static uint32_t n_sites;
static struct live *alive; /* open addressing, no tombstones; mapped, grows */
static size_t alive_cap, n_alive;
static uint64_t live_bytes;
/* True while the unwinder or the printing runs: their allocations are recorded without a stack
 * trace. */
static _Thread_local bool inside;
static _Thread_local enum bx_owner behalf; /* owner of bx_alloc's allocations */

/* ---- live blocks ---- */

static size_t home(uintptr_t p)
{
    return (size_t)((p >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 20) & (alive_cap - 1);
}

static void place(const struct live *l)
{
    size_t i = home(l->p);

    while (alive[i].p != 0)
        i = (i + 1) & (alive_cap - 1);
    alive[i] = *l;
}

static void grow(void)
{
    struct live *old = alive;
    size_t old_cap = alive_cap;

    alive_cap = old_cap == 0 ? FIRST_LIVE : old_cap * 2;
    alive = mmap(NULL, alive_cap * sizeof *alive, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (alive == MAP_FAILED)
        abort(); /* continuing would produce wrong figures */
    for (size_t i = 0; i < old_cap; i++) {
        if (old[i].p != 0)
            place(&old[i]);
    }
    if (old != NULL)
        munmap(old, old_cap * sizeof *old);
}

static void add_live(const struct live *l)
{
    if (n_alive + 1 > alive_cap / 4 * 3)
        grow();
    place(l);
    n_alive++;
    live_bytes += l->size;
    if (live_bytes > bx_track_peak)
        bx_track_peak = live_bytes;
}

/* Backward-shift deletion, as in map.c. */
static bool take_live(uintptr_t p, struct live *out)
{
    size_t mask = alive_cap - 1, i, gap;

    if (alive_cap == 0)
        return false;
    for (i = home(p); alive[i].p != p; i = (i + 1) & mask) {
        if (alive[i].p == 0)
            return false;
    }
    *out = alive[i];
    gap = i;
    for (i = (gap + 1) & mask; alive[i].p != 0; i = (i + 1) & mask) {
        if (((i - home(alive[i].p)) & mask) >= ((i - gap) & mask)) {
            alive[gap] = alive[i];
            gap = i;
        }
    }
    alive[gap].p = 0;
    n_alive--;
    live_bytes -= out->size;
    return true;
}

/* ---- sites ---- */

static uint64_t mix(uint64_t h, uint64_t v)
{
    return (h ^ v) * UINT64_C(0x100000001b3);
}

/* Compare by text, not by address: a line in a header has a separate literal in each file that
 * includes it. */
static uint64_t hash_of(const struct bx_track_entry *s)
{
    uint64_t h = mix(UINT64_C(0xcbf29ce484222325), s->owner);

    for (const char *c = s->name; *c != '\0'; c++)
        h = mix(h, (uint8_t)*c);
    for (uint32_t i = 0; i < s->n_frames; i++)
        h = mix(h, (uintptr_t)s->frames[i]);
    return h ^ h >> 29;
}

static bool same_site(const struct bx_track_entry *a, const struct bx_track_entry *b)
{
    return a->hash == b->hash && a->owner == b->owner && a->n_frames == b->n_frames &&
           strcmp(a->name, b->name) == 0 &&
           memcmp(a->frames, b->frames, a->n_frames * sizeof a->frames[0]) == 0;
}

static uint32_t find_site(struct bx_track_entry *wanted)
{
    uint32_t i;

    wanted->hash = hash_of(wanted);
    i = wanted->hash & (SITES - 1);
    for (; bx_track_entries[i].name != NULL; i = (i + 1) & (SITES - 1)) {
        if (same_site(&bx_track_entries[i], wanted))
            return i;
    }
    if (n_sites == SITES / 4 * 3) {
        i = SITES + wanted->owner;
        bx_track_entries[i].name = "(other sites)";
        bx_track_entries[i].owner = wanted->owner;
        return i;
    }
    n_sites++;
    bx_track_entries[i] = *wanted;
    return i;
}

/* ---- owners ---- */

static void name_object(struct object *o, const void *map)
{
    const char *path = ((const struct map_head *)map)->path, *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;

    o->map = map;
    o->owner = *name == '\0' ? BX_OWNER_OURS : BX_OWNER_OTHER; /* the executable has no name */
    snprintf(o->name, sizeof o->name, "%s", *name == '\0' ? "(executable)" : name);
    for (size_t i = 0; i < sizeof libraries / sizeof libraries[0]; i++) {
        if (strncmp(name, libraries[i].begin, strlen(libraries[i].begin)) == 0)
            o->owner = libraries[i].owner;
    }
}

static const struct object *object_of(const void *pc)
{
    static const struct object unknown = {.owner = BX_OWNER_OTHER, .name = "(unknown)"};
    struct dl_find_object found;

    if (_dl_find_object((void *)(uintptr_t)pc, &found) != 0)
        return &unknown;
    for (size_t i = 0; i < OBJECTS; i++) {
        if (objects[i].map == NULL)
            name_object(&objects[i], found.dlfo_link_map);
        if (objects[i].map == found.dlfo_link_map)
            return &objects[i];
    }
    return &unknown;
}

/* The stack trace without the tracker's frames. Called without the lock, because the unwinder may
 * allocate. */
__attribute__((noinline)) static void unwind(struct bx_track_entry *s)
{
    void *frames[BX_TRACK_FRAMES + SKIP];
    int n;

    if (!bx_track_stacks || inside)
        return;
    inside = true;
    n = backtrace(frames, BX_TRACK_FRAMES + SKIP);
    inside = false;
    s->n_frames = n <= SKIP ? 0 : (uint32_t)n - SKIP;
    memcpy(s->frames, frames + SKIP, s->n_frames * sizeof frames[0]);
}

/* ---- recording ---- */

bool bx_track_inside(bool now)
{
    bool before = inside;

    inside = now;
    return before;
}

enum bx_owner bx_track_for(enum bx_owner owner)
{
    enum bx_owner before = behalf;

    behalf = owner;
    return before;
}

__attribute__((noinline)) void bx_track_note(void *p, size_t size, const char *site, const void *pc)
{
    struct bx_track_entry wanted = {.name = site, .owner = behalf};
    struct live l = {.p = (uintptr_t)p, .size = size};
    struct bx_track_count *c;

    if (p == NULL)
        return;
    unwind(&wanted);
    pthread_mutex_lock(&bx_track_lock);
    if (site == NULL) {
        const struct object *o = object_of(pc);

        wanted.owner = inside ? BX_OWNER_TRACKER : o->owner;
        wanted.name = o->name;
    }
    l.site = find_site(&wanted);
    c = &bx_track_entries[l.site].count;
    c->allocations++;
    c->bytes += size;
    add_live(&l);
    if (!inside)
        bx_track_count_code(&(struct bx_track_count){.allocations = 1, .bytes = size});
    pthread_mutex_unlock(&bx_track_lock);
}

struct bx_track_block bx_track_forget(void *p)
{
    struct bx_track_block block = {0};
    struct live l;

    if (p == NULL)
        return block;
    pthread_mutex_lock(&bx_track_lock);
    block.known = take_live((uintptr_t)p, &l);
    if (block.known) {
        struct bx_track_count *c = &bx_track_entries[l.site].count;

        block.size = l.size;
        block.site = l.site;
        c->frees++;
        c->freed_bytes += l.size;
        if (!inside)
            bx_track_count_code(&(struct bx_track_count){.frees = 1, .freed_bytes = l.size});
    }
    pthread_mutex_unlock(&bx_track_lock);
    return block;
}

void bx_track_restore(void *p, struct bx_track_block block)
{
    struct live l = {.p = (uintptr_t)p, .size = block.size, .site = block.site};

    if (!block.known)
        return;
    pthread_mutex_lock(&bx_track_lock);
    bx_track_entries[l.site].count.frees--;
    bx_track_entries[l.site].count.freed_bytes -= l.size;
    if (!inside)
        bx_track_count_code(
            &(struct bx_track_count){.frees = -UINT64_C(1), .freed_bytes = -l.size}); /* undo */
    add_live(&l);
    pthread_mutex_unlock(&bx_track_lock);
}

/* ---- start ---- */

static bool is_one(const char *name)
{
    const char *value = getenv(name);

    return value != NULL && strcmp(value, "1") == 0;
}

static void before_fork(void)
{
    pthread_mutex_lock(&bx_track_door);
    pthread_mutex_lock(&bx_track_lock);
}

static void after_fork(void)
{
    pthread_mutex_unlock(&bx_track_lock);
    pthread_mutex_unlock(&bx_track_door);
}

/* Call the unwinder once at start, because it loads a library on first use. */
__attribute__((constructor)) static void begin(void)
{
    void *frame;

    pthread_atfork(before_fork, after_fork, after_fork);
    bx_track_prints = is_one("BLIXARD_PRINT_ALLOCATIONS");
    if (is_one("BLIXARD_TRACK_ALLOCATION_SITES")) {
        inside = true;
        backtrace(&frame, 1);
        inside = false;
        bx_track_stacks = true;
    }
}

__attribute__((destructor)) static void report_at_exit(void)
{
    if (bx_track_prints)
        bx_track_print(NULL);
}

#endif
