#include "sys/sim_runs.h"

#include "rec/rec.h"
#include "mem/alloc.h"
#include "mem/map.h"
#include "node/driver_sim.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define RECORD 32u

static int fd = -1;
static uint32_t records;
static char path[4200];
static uint8_t boot[16];
static struct bx_driver *driver;

struct seen {
    uint8_t vm[16];
    uint64_t epoch;
    bool running;
};

static bool same(const void *item, const void *vm)
{
    return memcmp(((const struct seen *)item)->vm, vm, 16) == 0;
}

/* ---- writing ---- */

static void give_up(const char *what)
{
    BX_WARNING("driver", "the file of runs can not be used; simulated VMs end with this daemon",
               "file", path, "call", what, "err", strerror(errno));
    sim_runs_close();
}

static void append(const uint8_t vm[16], uint64_t epoch, bool running)
{
    uint8_t r[RECORD] = {0};

    memcpy(r, vm, 16);
    bx_put64(r + 16, epoch);
    r[24] = running;
    records++;
    if (fd >= 0 && write(fd, r, sizeof r) != (ssize_t)sizeof r)
        give_up("write");
}

static void append_live(void *ctx, const struct bx_observation *o)
{
    (void)ctx;
    if (o->observed != BX_OBSERVED_EXITED)
        append(o->vm, o->epoch, true);
}

static void write_anew(void)
{
    char tmp[4210];

    sim_runs_close();
    snprintf(tmp, sizeof tmp, "%s.tmp", path);
    fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    records = 0;
    if (fd < 0 || write(fd, boot, 16) != 16) {
        give_up("open");
        return;
    }
    driver->ops->each(driver, append_live, NULL);
    if (fd >= 0 && rename(tmp, path) != 0)
        give_up("rename");
}

void sim_runs_note(void *ctx, const uint8_t vm[16], uint64_t epoch, bool running)
{
    (void)ctx;
    if (fd < 0)
        return;
    append(vm, epoch, running);
    if (records > SIM_RUNS_MAX)
        write_anew();
}

void sim_runs_close(void)
{
    if (fd >= 0)
        close(fd);
    fd = -1;
}

/* ---- reading ---- */

static void take(struct bx_map *map, const uint8_t r[RECORD])
{
    struct seen *s = bx_map_get(map, bx_hash(r, 16), same, r);

    if (s == NULL) {
        s = bx_must_calloc(1, sizeof *s);
        memcpy(s->vm, r, 16);
        if (bx_map_add(map, bx_hash(r, 16), s) != BX_OK)
            bx_oom(sizeof *s);
    }
    s->epoch = bx_get64(r + 16);
    s->running = r[24] == 1;
}

/* The runs of a file; none when it is missing, or of another boot. BX_OK or BX_IO. */
static int read_runs(const char *file, const uint8_t boot_id[16], struct bx_map *map,
                     struct bx_err *err)
{
    FILE *f = fopen(file, "re");
    uint8_t r[RECORD];
    int rc = BX_OK;

    if (f == NULL && errno == ENOENT)
        return BX_OK;
    if (f == NULL)
        return bx_err_set(err, BX_IO, "cannot open %s: %s", file, strerror(errno));
    if (fread(r, 16, 1, f) == 1 && memcmp(r, boot_id, 16) == 0) {
        while (fread(r, RECORD, 1, f) == 1)
            take(map, r);
    }
    if (ferror(f))
        rc = bx_err_set(err, BX_IO, "cannot read %s: %s", file, strerror(errno));
    fclose(f);
    return rc;
}

static void each(struct bx_map *map, void (*fn)(void *ctx, const struct seen *s), void *ctx)
{
    struct seen *s;
    size_t pos = 0;

    while ((s = bx_map_next(map, &pos)) != NULL) {
        if (s->running)
            fn(ctx, s);
        bx_free(s);
    }
    bx_map_close(map);
}

static void adopt(void *ctx, const struct seen *s)
{
    bx_driver_sim_adopt(ctx, s->vm, s->epoch);
}

void sim_runs_open(const char *dir, const uint8_t boot_id[16], struct bx_driver *d)
{
    struct bx_map map = {0};
    struct bx_err err;

    driver = d;
    memcpy(boot, boot_id, 16);
    snprintf(path, sizeof path, "%s/sim-runs", dir);
    if (read_runs(path, boot, &map, &err) != BX_OK)
        BX_WARNING("driver", "the file of runs can not be read", "err", err.msg);
    each(&map, adopt, driver);
    write_anew();
}

struct teller {
    void (*fn)(void *ctx, const uint8_t vm[16]);
    void *ctx;
};

static void tell(void *ctx, const struct seen *s)
{
    const struct teller *t = ctx;

    t->fn(t->ctx, s->vm);
}

int sim_runs_each(const char *dir, const uint8_t boot_id[16],
                  void (*fn)(void *ctx, const uint8_t vm[16]), void *ctx, struct bx_err *err)
{
    struct teller t = {fn, ctx};
    struct bx_map map = {0};
    char file[4200];
    int rc;

    snprintf(file, sizeof file, "%s/sim-runs", dir);
    rc = read_runs(file, boot_id, &map, err);
    each(&map, tell, &t);
    return rc;
}
