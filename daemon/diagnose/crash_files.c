/* crash_files - the crash files in DATA/recorder, each of which becomes an envelope once
 * (crashed.c). DATA/diag/crashes names those that were looked at. */
#include "diagnose/priv.h"

#include "mem/alloc.h"
#include "sys/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEEN_FILE "crashes"
#define SEEN_BYTES 16384u
#define FILES 64u

static int take_file(struct spool *spool, const struct diag_about *about, const char *path,
                     const char *name, struct bx_err *err)
{
    struct diag_crash_file from = {.name = name, .path = path};
    int fd = open(path, O_RDONLY | O_CLOEXEC), rc;
    struct stat st;
    void *p;

    if (fd < 0)
        return bx_err_set(err, BX_IO, "%s", strerror(errno));
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size == 0) {
        close(fd);
        return bx_err_set(err, BX_MALFORMED, "it is empty, or no file");
    }
    from.n = (size_t)st.st_size;
    p = mmap(NULL, from.n, PROT_READ, MAP_PRIVATE, fd, 0);
    from.p = p;
    rc = p == MAP_FAILED ? bx_err_set(err, BX_NO_MEMORY, "%s", strerror(errno))
                         : diag_crash_envelope(spool, about, &from, err);
    if (p != MAP_FAILED)
        munmap(p, from.n);
    close(fd);
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

/* Look at a file unless it was; whether an envelope was made. What can not be stored now, because
 * the disk is full, is tried again at the next start. */
static bool look_at(struct spool *s, const struct diag_about *about, const char *data,
                    const char *name, const char *before, char now[SEEN_BYTES])
{
    char path[4200];
    struct bx_err err = {0};
    size_t used = strlen(now);
    int rc = BX_EXISTS;

    if (strstr(before, name) == NULL) {
        snprintf(path, sizeof path, "%s/recorder/%s", data, name);
        rc = take_file(s, about, path, name, &err);
        if (rc == BX_OK)
            log_write(LOG_WARNING, "the daemon crashed before: blixardctl diag list; file %s",
                      name);
        else
            log_write(LOG_WARNING, "no envelope of %s: %s", name, err.msg);
    }
    if (rc != BX_NO_SPACE && rc != BX_IO && rc != BX_NO_MEMORY)
        snprintf(now + used, SEEN_BYTES - used, "%s\n", name);
    return rc == BX_OK;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(a, b);
}

uint32_t diag_collect_crashes(struct spool *s, const char *data, const struct diag_about *about)
{
    char *before = bx_must_calloc(2, SEEN_BYTES), *now = before + SEEN_BYTES;
    char(*names)[256] = bx_must_calloc(FILES, sizeof *names), path[4200];
    uint32_t n = 0, made = 0;
    const struct dirent *e;
    DIR *d;

    snprintf(path, sizeof path, "%s/recorder", data);
    d = opendir(path);
    load_seen(s, before);
    while (d != NULL && n < FILES && (e = readdir(d)) != NULL)
        if (strncmp(e->d_name, "crash-", 6) == 0)
            snprintf(names[n++], sizeof names[0], "%s", e->d_name);
    qsort(names, n, sizeof names[0], by_text);
    for (uint32_t i = 0; i < n; i++)
        made += look_at(s, about, data, names[i], before, now);
    if (d != NULL) {
        save_seen(s, now);
        closedir(d);
    }
    bx_free(names);
    bx_free(before);
    return made;
}
