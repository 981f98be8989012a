#include "forget.h"

#include "log/fs.h"
#include "options.h"
#include "sys/data.h"
#include "sys/disk_fs.h"
#include "sys/keys.h"
#include "sys/sim_runs.h"
#include "vmdir/record.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NAMED_MAX 5u /* VMs that an error names; the others are only counted */

/* In the order of their removal; a name that ends with a dash stands for all that begin so. */
static const char *const of_the_cluster[] = {
    "identity",  "identity.tmp", "vote",         "vote.tmp",     "trust",    "trust.tmp",
    "snapshot-", "snapshot.tmp", "state.db-wal", "state.db-shm", "state.db", "spare-",
    "wal-",      "wal.tmp",      "ballast",      "mark.tmp",     "mark",
};
#define NAMES (sizeof of_the_cluster / sizeof of_the_cluster[0])

/* ---- what runs ---- */

struct running {
    uint32_t n;
    bool unclear; /* it can not be told of some of them */
    char names[NAMED_MAX * (BX_UUID_TEXT + 2) + 8];
    size_t at;
};

static void add_running(void *ctx, const uint8_t vm[16])
{
    struct running *r = ctx;
    char text[BX_UUID_TEXT];

    bx_uuid_format(vm, text);
    if (r->n < NAMED_MAX)
        r->at += (size_t)snprintf(r->names + r->at, sizeof r->names - r->at, "%s%s",
                                  r->n == 0 ? "" : ", ", text);
    else if (r->n == NAMED_MAX)
        snprintf(r->names + r->at, sizeof r->names - r->at, ", ...");
    r->n++;
}

static void add_unclear(struct running *r, const uint8_t vm[16])
{
    r->unclear = true;
    add_running(r, vm);
}

/* A VM's lock is held by its shim and its QEMU; without the file neither was started. */
static void look_at_lock(int dir, const uint8_t vm[16], struct running *r)
{
    struct bx_err ignored;
    int lock, rc;

    if (faccessat(dir, VM_FILE_LOCK, F_OK, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno != ENOENT)
            add_unclear(r, vm);
        return;
    }
    rc = vm_lock_take(dir, &lock, &ignored);
    if (rc == BX_CONFLICT)
        add_running(r, vm);
    else if (rc != BX_OK)
        add_unclear(r, vm);
    else
        close(lock);
}

static void look_at_vm(int vms, const char *name, struct forgotten *out, struct running *r)
{
    uint8_t id[16];
    int dir;

    if (!bx_uuid_parse(name, strlen(name), id))
        return;
    dir = openat(vms, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (dir < 0) {
        add_unclear(r, id);
        return;
    }
    out->vms++;
    out->disks += faccessat(dir, VM_FILE_DISK, F_OK, 0) == 0;
    look_at_lock(dir, id, r);
    close(dir);
}

static int look_at_vms(const char *data, struct forgotten *out, struct running *r,
                       struct bx_err *err)
{
    char path[OPTIONS_PATH + 8];
    struct dirent *e;
    DIR *dir;
    int rc;

    snprintf(path, sizeof path, "%s/vms", data);
    dir = opendir(path);
    if (dir == NULL && errno == ENOENT)
        return BX_OK;
    if (dir == NULL)
        return bx_err_set(err, BX_IO, "cannot list %s: %s", path, strerror(errno));
    while (errno = 0, (e = readdir(dir)) != NULL)
        look_at_vm(dirfd(dir), e->d_name, out, r);
    rc = errno == 0 ? BX_OK : bx_err_set(err, BX_IO, "cannot list %s: %s", path, strerror(errno));
    closedir(dir);
    return rc;
}

static int check_running(const char *data, bool force, struct forgotten *out, struct bx_err *err)
{
    struct running r = {.n = 0};
    uint8_t boot[16];
    int rc = look_at_vms(data, out, &r, err);

    if (rc == BX_OK)
        rc = vm_boot_id(boot, err);
    if (rc == BX_OK)
        rc = sim_runs_each(data, boot, add_running, &r, err);
    if (force || (rc == BX_OK && r.n == 0))
        return BX_OK;
    if (rc != BX_OK) {
        bx_err_hint(err, "shut down the guests, then pass --force; those that are still running "
                         "keep running until this host joins a cluster");
        return rc;
    }
    bx_err_set(err, BX_CONFLICT, "--data %s: %u VM%s %s: %s", data, r.n, r.n == 1 ? "" : "s",
               r.unclear  ? "may still run"
               : r.n == 1 ? "still runs"
                          : "still run",
               r.names);
    bx_err_hint(err,
                "shut down the guests; or pass --force: they keep running until this host joins a "
                "cluster");
    return BX_CONFLICT;
}

/* ---- what is kept ---- */

static bool make_mark(int dir)
{
    int fd = openat(dir, VM_FILE_KEPT, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

    if (fd >= 0)
        close(fd);
    return (fd >= 0 || errno == EEXIST) && fsync(dir) == 0;
}

/* The daemon removes the files of VMs that its cluster does not have, but not of one that is
 * marked. Of one that runs, neither the run nor its lock is touched. The driver follows a link,
 * too. */
static int mark_vm(int vms, const char *name, struct bx_err *err)
{
    int dir = openat(vms, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool marked = dir >= 0 ? make_mark(dir) : errno == ENOENT || errno == ENOTDIR;

    if (!marked)
        bx_err_set(err, BX_IO, "cannot mark vms/%s as one to keep: %s", name, strerror(errno));
    if (dir >= 0)
        close(dir);
    return marked ? BX_OK : BX_IO;
}

static int mark_vms(const char *data, struct bx_err *err)
{
    char path[OPTIONS_PATH + 8];
    uint8_t id[16];
    struct dirent *e;
    DIR *dir;
    int rc = BX_OK;

    snprintf(path, sizeof path, "%s/vms", data);
    dir = opendir(path);
    if (dir == NULL)
        return errno == ENOENT
                   ? BX_OK
                   : bx_err_set(err, BX_IO, "cannot list %s: %s", path, strerror(errno));
    while (rc == BX_OK && (errno = 0, (e = readdir(dir)) != NULL))
        if (bx_uuid_parse(e->d_name, strlen(e->d_name), id))
            rc = mark_vm(dirfd(dir), e->d_name, err);
    if (rc == BX_OK && errno != 0)
        rc = bx_err_set(err, BX_IO, "cannot list %s: %s", path, strerror(errno));
    closedir(dir);
    return rc;
}

/* ---- what is removed ---- */

struct search {
    const char *pattern;
    char name[OPTIONS_TEXT]; /* one that matches; empty: none */
};

static void match(void *ctx, const char *name)
{
    struct search *s = ctx;
    size_t n = strlen(s->pattern);
    bool prefix = s->pattern[n - 1] == '-';

    if (strlen(name) < sizeof s->name &&
        (prefix ? strncmp(name, s->pattern, n) : strcmp(name, s->pattern)) == 0)
        snprintf(s->name, sizeof s->name, "%s", name);
}

static int find(struct bx_fs *fs, const char *pattern, struct search *s, struct bx_err *err)
{
    int rc;

    *s = (struct search){.pattern = pattern};
    rc = fs->ops->list(fs, match, s);
    return rc == 0 ? BX_OK : bx_fs_fail(fs, rc, "list", "", err);
}

static int is_member(struct bx_fs *fs, bool *member, struct bx_err *err)
{
    struct search s;
    int rc = BX_OK;

    *member = false;
    for (size_t i = 0; rc == BX_OK && !*member && i < NAMES; i++) {
        rc = find(fs, of_the_cluster[i], &s, err);
        *member = s.name[0] != '\0';
    }
    return rc;
}

/* All names of one pattern, one at a time, because a directory that is being listed must not
 * change. */
static int remove_all(struct bx_fs *fs, const char *pattern, struct bx_err *err)
{
    struct search s;
    int rc;

    while ((rc = find(fs, pattern, &s, err)) == BX_OK && s.name[0] != '\0') {
        rc = fs->ops->unlink(fs, s.name);
        if (rc != 0)
            return bx_fs_fail(fs, rc, "remove", s.name, err);
    }
    return rc;
}

static int sync_dir(struct bx_fs *fs, struct bx_err *err)
{
    int rc = fs->ops->sync_dir(fs);

    return rc == 0 ? BX_OK : bx_fs_fail(fs, rc, "sync", "", err);
}

/* The identity is gone durably before anything of the log is: a member without its vote must not
 * start. */
static int remove_files(struct bx_fs *fs, struct bx_err *err)
{
    int rc = BX_OK;

    for (size_t i = 0; rc == BX_OK && i < NAMES; i++) {
        rc = remove_all(fs, of_the_cluster[i], err);
        if (rc == BX_OK && (i == 0 || i + 2 >= NAMES))
            rc = sync_dir(fs, err);
    }
    return rc;
}

static int forget(const char *data, bool force, struct forgotten *out, struct bx_err *err)
{
    struct bx_fs *fs = NULL;
    bool member = false;
    int rc = disk_fs_open(&fs, data, err);

    if (rc == BX_OK)
        rc = is_member(fs, &member, err);
    if (rc == BX_OK)
        rc = check_running(data, force || !member, out, err);
    if (rc == BX_OK && member)
        rc = mark_vms(data, err);
    if (rc == BX_OK && member)
        rc = remove_files(fs, err);
    if (rc == BX_OK)
        rc = keys_remove(data, err);
    out->forgot = rc == BX_OK && member;
    disk_fs_close(fs);
    return rc;
}

int forget_cluster(const char *data, bool force, struct forgotten *out, struct bx_err *err)
{
    char path[OPTIONS_PATH];
    int lock, rc;

    *out = (struct forgotten){.forgot = false};
    if (access(data, F_OK) != 0) {
        bx_err_set(err, BX_NOT_FOUND, "--data %s: %s", data, strerror(errno));
        bx_err_hint(err, "check the path");
        return BX_NOT_FOUND;
    }
    snprintf(path, sizeof path, "%s", data);
    rc = data_open(path, sizeof path, &lock, err);
    if (rc != BX_OK)
        return rc;
    rc = forget(path, force, out, err);
    close(lock);
    return rc;
}
