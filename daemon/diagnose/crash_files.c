/* crash_files - the crash files in DATA/recorder, and those of supervisors in DATA/vms/UUID, each
 * of which becomes an envelope once (crashed.c). DATA/diag/crashes names those that were looked at.
 */
#include "diagnose/priv.h"

#include "mem/alloc.h"
#include "sys/log.h"
#include "sys/recdir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEEN_FILE "crashes"
#define SEEN_BYTES 65536u
#define FILES 64u
#define VM_FILES 512u /* of supervisors, that are there at a time */

struct collection {
    struct spool *spool;
    const char *data;
    const struct diag_about *about;
    const struct diag_vm_files *vms;
    char *before, *now; /* what was looked at, a line each; of the files that there still are */
    uint32_t vm_files;
    struct diag_crashes made;
};

/* It is read, not mapped: who writes the file may cut it meanwhile, which is then told as damage.
 */
static int take_file(const struct collection *x, int fd, struct diag_crash_file *from,
                     struct bx_err *err)
{
    struct stat st;
    uint8_t *p;
    int rc;

    if (fd < 0)
        return bx_err_set(err, BX_IO, "%s", strerror(errno));
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size == 0)
        return bx_err_set(err, BX_MALFORMED, "it is empty, or no file");
    rc = recdir_read_open(fd, &p, &from->n);
    if (rc != BX_OK)
        return bx_err_set(err, rc, "it can not be read: %s", bx_code_name(rc));
    from->p = p;
    rc = diag_crash_envelope(x->spool, x->about, from, err);
    bx_free(p);
    return rc;
}

static void load_seen(const struct spool *s, char seen[SEEN_BYTES])
{
    int fd = openat(s->dir, SEEN_FILE, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, seen, SEEN_BYTES - 1);

    seen[n < 0 ? 0 : n] = '\0';
    if (fd >= 0)
        close(fd);
}

static void save_seen(const struct spool *s, const char *seen)
{
    int fd = openat(s->dir, SEEN_FILE ".tmp", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    size_t n = strlen(seen);

    if (fd < 0)
        return;
    if (write(fd, seen, n) == (ssize_t)n && fsync(fd) == 0)
        renameat(s->dir, SEEN_FILE ".tmp", s->dir, SEEN_FILE);
    close(fd);
}

/* What can not be stored now, because the disk is full, is tried again at the next start. */
static void note(struct collection *x, const char *line, int rc)
{
    size_t used = strlen(x->now);

    if (rc != BX_NO_SPACE && rc != BX_IO && rc != BX_NO_MEMORY)
        snprintf(x->now + used, SEEN_BYTES - used, "%s", line);
}

/* ---- the daemon's ---- */

static void look_at(struct collection *x, const char *name)
{
    struct diag_crash_file from = {.name = name};
    char path[4200], line[300];
    struct bx_err err = {0};
    int rc = BX_EXISTS, fd;

    snprintf(line, sizeof line, "%s\n", name);
    if (!diag_was_seen(x->before, line)) {
        snprintf(path, sizeof path, "%s/recorder/%s", x->data, name);
        from.path = path;
        fd = open(path, O_RDONLY | O_CLOEXEC);
        rc = take_file(x, fd, &from, &err);
        if (fd >= 0)
            close(fd);
        if (rc == BX_OK)
            log_write(LOG_WARNING, "the daemon crashed before: blixardctl diag list; file %s",
                      name);
        else
            log_write(LOG_WARNING, "no envelope of %s: %s", name, err.msg);
    }
    note(x, line, rc);
    x->made.daemon += rc == BX_OK;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* False: the directory cannot be read. */
static bool look_at_own(struct collection *x)
{
    char(*names)[256] = bx_must_calloc(FILES, sizeof *names), path[4200];
    const struct dirent *e;
    uint32_t n = 0;
    bool readable;
    DIR *d;

    snprintf(path, sizeof path, "%s/recorder", x->data);
    d = opendir(path);
    readable = d != NULL || errno == ENOENT;
    while (d != NULL && n < FILES && (e = readdir(d)) != NULL)
        if (strncmp(e->d_name, "crash-", 6) == 0)
            snprintf(names[n++], sizeof names[0], "%s", e->d_name);
    qsort(names, n, sizeof names[0], by_text);
    for (uint32_t i = 0; i < n; i++)
        look_at(x, names[i]);
    if (d != NULL)
        closedir(d);
    bx_free(names);
    return readable;
}

/* ---- the supervisors' ---- */

/* The envelope of an open file. QEMU may own the directory, so what has the file's name later is
 * not what was looked at: the file is attached by its descriptor. */
static int take_vm_file(const struct collection *x, int fd, const char *vm, const char *name)
{
    char path[40];
    struct diag_crash_file from = {.name = name, .path = path, .vm = vm};
    struct bx_err err = {0};
    int rc;

    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    rc = take_file(x, fd, &from, &err);
    if (rc == BX_OK)
        log_write(LOG_WARNING,
                  "a supervisor (blixard-vm) crashed before: blixardctl diag list; file vms/%s/%s",
                  vm, name);
    else
        log_write(LOG_WARNING, "no envelope of vms/%s/%s: %s", vm, name, err.msg);
    return rc;
}

/* The file of a supervisor that runs is empty. A later run may use the name again. */
static void look_at_vm_file(struct collection *x, int dir, const char *vm, const char *name)
{
    int fd = x->vms->open(dir, name, O_RDONLY), rc = BX_EXISTS;
    char line[160];
    struct stat st;

    if (fd < 0)
        return;
    if (fstat(fd, &st) == 0 && st.st_size > 0 && x->vm_files++ < VM_FILES) {
        snprintf(line, sizeof line, "%.40s/%.20s %lld.%09ld\n", vm, name,
                 (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
        if (!diag_was_seen(x->before, line))
            rc = take_vm_file(x, fd, vm, name);
        note(x, line, rc);
        x->made.supervisors += rc == BX_OK;
    }
    close(fd);
}

static void look_at_vms(struct collection *x)
{
    char path[4200];
    const struct dirent *e;
    DIR *d;

    snprintf(path, sizeof path, "%s/vms", x->data);
    d = x->vms->open == NULL ? NULL : opendir(path);
    while (d != NULL && (e = readdir(d)) != NULL) {
        int dir = e->d_name[0] == '.' ? -1
                                      : openat(dirfd(d), e->d_name,
                                               O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

        for (unsigned i = 0; dir >= 0 && i < x->vms->n; i++)
            look_at_vm_file(x, dir, e->d_name, x->vms->names[i]);
        if (dir >= 0)
            close(dir);
    }
    if (x->vm_files > VM_FILES)
        log_write(LOG_WARNING,
                  "%u crash files of supervisors in DATA/vms are too many: %u were not looked at",
                  x->vm_files, x->vm_files - VM_FILES);
    if (d != NULL)
        closedir(d);
}

struct diag_crashes diag_collect_crashes(struct spool *s, const char *data,
                                         const struct diag_about *about,
                                         const struct diag_vm_files *vms)
{
    struct collection x = {.spool = s, .data = data, .about = about, .vms = vms};
    bool own;

    x.before = bx_must_calloc(2, SEEN_BYTES);
    x.now = x.before + SEEN_BYTES;
    load_seen(s, x.before);
    own = look_at_own(&x);
    look_at_vms(&x);
    if (own)
        save_seen(s, x.now);
    bx_free(x.before);
    return x.made;
}
