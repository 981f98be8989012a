/* nemesis_disk - disks that are slow, stand still, are full, fail, rot and lie.
 *
 * What a disk loses of its own accord is more than one host can survive, but not more than the
 * cluster can, and the host has to notice. So no more hosts than may be lost are damaged at a time,
 * and only in what was durable so long that the log's high-water mark says so: the promise of
 * log/wal.h is no older than that. A host that refuses to start with what is left is taken out,
 * wiped, and joins as a new one. */
#include "sim/nemesis.h"

#include "mem/alloc.h"
#include "node/ballast.h"

#include <errno.h>
#include <string.h>

#define LASTS_MAX_US (25 * SIM_S)
#define LIE_AFTER_US (3 * SIM_S) /* what was written before is promised by the mark */
#define WINDOW 64u               /* bytes around the one that rots which must not have changed */

/* ---- slow, full, failing ---- */

static void on_fast_again(struct sim *s, struct sim_host *h, void *arg)
{
    (void)s;
    (void)arg;
    h->disk.slow_us = 0;
}

bool nemesis_slow_disk(struct sim *s)
{
    struct sim_host *h = nemesis_host(s);

    if (h->life == SIM_DOWN)
        return false;
    h->disk.slow_us = 10 * SIM_MS + nemesis_draw(s, 2 * SIM_S);
    sim_trace(s, h, "disk is slow, up to %llu us", (unsigned long long)h->disk.slow_us);
    sim_at(s, s->now + nemesis_draw(s, LASTS_MAX_US), h, on_fast_again, NULL);
    return true;
}

static void stall(struct sim *s, struct sim_host *h, uint64_t us)
{
    if (h->life == SIM_DOWN)
        return;
    h->disk.stalled_until = s->now + us;
    sim_trace(s, h, "disk stands still until %.3f", (double)(s->now + us) / (double)SIM_S);
}

/* One disk; or all but one, so that nothing can be committed and no leader can be blamed. */
bool nemesis_stall(struct sim *s)
{
    struct sim_host *h = nemesis_host(s);
    bool others = nemesis_draw(s, 3) == 0;

    if (h->life == SIM_DOWN)
        return false;
    for (unsigned i = 0; i < s->n_hosts; i++) {
        uint64_t us = SIM_S + nemesis_draw(s, LASTS_MAX_US);

        if ((&s->hosts[i] == h) != others)
            stall(s, &s->hosts[i], us);
    }
    return true;
}

static bool fail_change(struct sim *s, struct sim_host *h, int error)
{
    if (h->node == NULL)
        return false;
    h->excused = true;
    memfs_plan(h->fs, MEMFS_FAIL, memfs_changes(h->fs) + nemesis_draw(s, 20), error);
    sim_trace(s, h, "a change of its disk will fail with %d", error);
    return true;
}

static void on_room(struct sim *s, struct sim_host *none, void *arg)
{
    struct sim_host *h = *(struct sim_host **)arg;

    (void)none;
    sim_disk_leave(h, SIM_NEVER);
    sim_trace(s, h, "its disk has room again");
}

/* One change finds no room, or the disk is full or nearly so for a while, whoever lives and dies
 * meanwhile. For the latter the host has its ballast: it must not end. */
bool nemesis_disk_full(struct sim *s)
{
    struct sim_host *h = nemesis_host(s), **arg;
    bool once = nemesis_draw(s, 3) == 0, full = nemesis_draw(s, 2) == 0;
    uint64_t left = nemesis_draw(s, 2 * SIM_BALLAST);

    if (once)
        return fail_change(s, h, -ENOSPC);
    if (memfs_free(h->fs) < SIM_NEVER / 4 || !memfs_exists(h->fs, BX_BALLAST_NAME))
        return false; /* the ballast is for one time that space ends */
    left = full ? 0 : left;
    sim_disk_leave(h, left);
    sim_trace(s, h, "its disk has %llu bytes left", (unsigned long long)left);
    arg = bx_must_alloc(sizeof(struct sim_host *));
    *arg = h;
    sim_at(s, s->now + SIM_S + nemesis_draw(s, 2 * LASTS_MAX_US), NULL, on_room, arg);
    return true;
}

bool nemesis_disk_error(struct sim *s)
{
    return fail_change(s, nemesis_host(s), -EIO);
}

/* Most is read at a start. */
bool nemesis_read_error(struct sim *s)
{
    struct sim_host *h = nemesis_host(s);

    if (h->node == NULL)
        return false;
    h->excused = true;
    memfs_plan_read(h->fs, 1 + nemesis_draw(s, 30));
    sim_host_kill(h, "killed, and a read will fail");
    return true;
}

/* ---- rotting, losing, misdirecting ---- */

static bool may_lie(struct sim *s, const struct sim_host *h)
{
    return h->node != NULL && !h->damaged && h->paused_until <= s->now && h->disk.slow_us == 0 &&
           h->disk.stalled_until <= s->now && s->removals == 0 && nemesis_may_lose_one(s);
}

struct lie {
    uint64_t due;
    char name[64]; /* the file */
    size_t at;     /* in it */
    uint8_t mask;
    bool tail; /* what rots is the end of the log, and the host dies at once */
    uint8_t window[WINDOW];
};

static void later(struct sim *s, struct sim_host *h, const struct lie *l, uint64_t after,
                  void (*fire)(struct sim *s, struct sim_host *h, void *arg))
{
    struct lie *arg = bx_must_alloc(sizeof *arg);

    *arg = *l;
    arg->due = s->now + after;
    sim_at(s, arg->due, h, fire, arg);
}

struct choice {
    uint64_t left;
    char *name; /* 64 bytes */
};

static void choose(void *ctx, const char *name)
{
    struct choice *c = ctx;

    if (c->left-- == 0)
        snprintf(c->name, 64, "%s", name);
}

static void count(void *ctx, const char *name)
{
    (void)name;
    ++*(uint64_t *)ctx;
}

/* Any file of the disk. */
static bool some_file(struct sim *s, struct sim_host *h, char name[64])
{
    struct bx_fs *fs = memfs_fs(h->fs);
    uint64_t files = 0;
    struct choice c;

    fs->ops->list(fs, count, &files);
    if (files == 0)
        return false;
    c = (struct choice){nemesis_draw(s, files), name};
    fs->ops->list(fs, choose, &c);
    return true;
}

static void newest(void *ctx, const char *name)
{
    char *best = ctx;

    if (strncmp(name, "wal-", 4) == 0 && strcmp(name, best) > 0)
        snprintf(best, 64, "%s", name);
}

/* The last byte of the log that says something; false: there is none. */
static bool find_tail(struct sim_host *h, struct lie *l)
{
    struct bx_fs *fs = memfs_fs(h->fs);
    const uint8_t *p;

    l->name[0] = '\0';
    fs->ops->list(fs, newest, l->name);
    if (l->name[0] == '\0')
        return false;
    p = memfs_bytes(h->fs, l->name, &l->at);
    while (l->at > 0 && p[l->at - 1] == 0)
        l->at--;
    return l->at-- > WINDOW;
}

/* The bytes around the place; false: it is not there. */
static bool look(struct sim_host *h, const struct lie *l, uint8_t window[WINDOW])
{
    size_t n, from = l->at - l->at % WINDOW;
    const uint8_t *p;

    if (!memfs_exists(h->fs, l->name))
        return false;
    p = memfs_bytes(h->fs, l->name, &n);
    if (l->at >= n)
        return false;
    memset(window, 0, WINDOW);
    memcpy(window, p + from, WINDOW < n - from ? WINDOW : n - from);
    return true;
}

/* Later than meant: the process stood still, and nobody raised the mark. */
static bool in_time(const struct sim *s, const struct sim_host *h, const struct lie *l)
{
    return s->now == l->due && h->node != NULL && !s->quiet && h->disk.slow_us == 0 &&
           h->disk.stalled_until + LIE_AFTER_US <= s->now;
}

static void on_rot(struct sim *s, struct sim_host *h, void *arg)
{
    const struct lie *l = arg;
    uint8_t window[WINDOW];
    struct lie now = *l;

    if (!in_time(s, h, l) || !look(h, l, window) || memcmp(window, l->window, WINDOW) != 0)
        return;
    if (l->tail && (!find_tail(h, &now) || now.at != l->at || strcmp(now.name, l->name) != 0))
        return;
    h->damaged = true;
    s->stats.faults[SIM_FAULT_ROT]++;
    memfs_flip(h->fs, l->name, l->at, l->mask);
    sim_trace(s, h, "byte %zu of %s has rotted", l->at, l->name);
    if (l->tail)
        sim_host_kill(h, "killed");
}

/* The state is a copy, built anew from what the log and its snapshot have: who finds it damaged
 * ends, and starts again without being refused. */
static bool rot_state(struct sim *s, struct sim_host *h, uint64_t number, uint8_t mask)
{
    if (!sim_db_rot(h->db, number, mask))
        return false;
    h->rotten = 2;
    s->stats.faults[SIM_FAULT_ROT]++;
    sim_trace(s, h, "its state.db has rotted");
    return true;
}

/* One bit, anywhere; or the end of the log of a host that stands alone, so that nothing behind it
 * tells that it was durable. */
bool nemesis_rot(struct sim *s)
{
    struct sim_host *h = nemesis_host(s);
    struct lie l = {.mask = (uint8_t)(1u << nemesis_draw(s, 8)), .tail = nemesis_draw(s, 2) == 0};
    uint64_t number = nemesis_draw(s, UINT64_MAX);
    size_t n;

    if (!may_lie(s, h))
        return false;
    if (!l.tail && number % 3 == 0)
        return rot_state(s, h, number / 3, l.mask);
    if (l.tail)
        nemesis_isolate(s, h);
    if (l.tail ? !find_tail(h, &l) : !some_file(s, h, l.name))
        return false;
    if (!l.tail) {
        (void)memfs_bytes(h->fs, l.name, &n);
        l.at = n == 0 ? 0 : (size_t)(number % n);
    }
    if (!look(h, &l, l.window))
        return false;
    later(s, h, &l, LIE_AFTER_US, on_rot);
    return true;
}

static void on_lie(struct sim *s, struct sim_host *h, void *arg)
{
    const struct lie *l = arg;
    bool told;

    if (!in_time(s, h, l) || (l->name[0] != '\0' && !memfs_exists(h->fs, l->name)))
        return;
    told = l->name[0] == '\0' ? memfs_lose(h->fs) : memfs_misdirect(h->fs, l->name, l->at);
    if (!told)
        return;
    h->damaged = true;
    s->stats.faults[l->name[0] == '\0' ? SIM_FAULT_LOST_WRITE : SIM_FAULT_MISDIRECTED]++;
    sim_trace(s, h, "a write was lost%s%s", l->name[0] == '\0' ? "" : ", and is in ", l->name);
}

static void on_written(struct sim *s, struct sim_host *h, void *arg)
{
    if (in_time(s, h, arg) && memfs_remembered(h->fs))
        later(s, h, arg, LIE_AFTER_US, on_lie);
}

/* A write within the next second, which will turn out to be nowhere, or elsewhere. */
bool nemesis_lost_write(struct sim *s, bool misdirected)
{
    struct sim_host *h = nemesis_host(s);
    uint64_t number = nemesis_draw(s, UINT64_MAX);
    struct lie l = {0};
    size_t n;

    if (!may_lie(s, h))
        return false;
    if (misdirected) {
        if (!some_file(s, h, l.name))
            return false;
        (void)memfs_bytes(h->fs, l.name, &n);
        l.at = n == 0 ? 0 : (size_t)(number % n / MEMFS_SECTOR * MEMFS_SECTOR);
    }
    memfs_remember(h->fs);
    later(s, h, &l, SIM_S, on_written);
    return true;
}

/* ---- operators ---- */

static void on_wipe(struct sim *s, struct sim_host *none, void *arg)
{
    struct sim_host *h = *(struct sim_host **)arg;

    (void)none;
    if (h->life == SIM_UP || !h->refused)
        return;
    sim_remove(s, h->name);
    sim_host_wipe(h);
    h->refused = false;
    h->start_at = s->now + SIM_S;
}

void sim_nemesis_refused(struct sim_host *h)
{
    struct sim_host **arg = bx_must_alloc(sizeof(struct sim_host *));

    *arg = h;
    sim_at(h->sim, h->sim->now, NULL, on_wipe, arg);
}

void nemesis_disk_stop(struct sim_host *h)
{
    h->disk.slow_us = h->disk.stalled_until = 0;
    sim_disk_leave(h, SIM_NEVER);
    memfs_plan_read(h->fs, 0);
    if ((h->damaged || h->rotten) && h->life == SIM_UP && h->node != NULL)
        sim_host_kill(h, "killed, to see what its disk has");
}
