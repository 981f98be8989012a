#include "sys/recdir.h"

#include "rec/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SUFFIX ".bxr"

int recdir_open(const char *data, int *out, struct bx_err *err)
{
    char path[4096];

    if (snprintf(path, sizeof path, "%s/recorder", data) >= (int)sizeof path)
        return bx_err_set(err, BX_IO, "%s/recorder: the path is too long", data);
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return bx_err_set(err, BX_IO, "cannot create %s: %s", path, strerror(errno));
    *out = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*out < 0)
        return bx_err_set(err, BX_IO, "%s: %s", path, strerror(errno));
    return BX_OK;
}

/* Without printf, which may lock. */
void recdir_name(char out[RECDIR_NAME], const char *kind, uint64_t time_ns, uint32_t pid)
{
    char time[BX_TEXT_TIME], digits[16];
    size_t at = strnlen(kind, RECDIR_KIND), n = 0, time_n = bx_text_time(time, time_ns, 9);

    memcpy(out, kind, at);
    out[at++] = '-';
    for (size_t i = 0; i < time_n; i++)
        if ((time[i] >= '0' && time[i] <= '9') || time[i] == 'T')
            out[at++] = time[i];
    out[at++] = '-';
    do {
        digits[n++] = (char)('0' + pid % 10);
        pid /= 10;
    } while (pid > 0);
    while (n > 0)
        out[at++] = digits[--n];
    memcpy(out + at, SUFFIX, sizeof SUFFIX);
}

static bool is_of(const char *name, const char *kind)
{
    size_t n = strlen(name), n_kind = strlen(kind), n_suffix = strlen(SUFFIX);

    return n > n_kind + n_suffix && strncmp(name, kind, n_kind) == 0 && name[n_kind] == '-' &&
           strcmp(name + n - n_suffix, SUFFIX) == 0;
}

/* The oldest file of a kind; the number of them. */
static unsigned find_oldest(DIR *d, const char *kind, char oldest[256])
{
    const struct dirent *e;
    unsigned n = 0;

    rewinddir(d);
    while ((e = readdir(d)) != NULL)
        if (is_of(e->d_name, kind) && (n++ == 0 || strcmp(e->d_name, oldest) < 0))
            snprintf(oldest, 256, "%s", e->d_name);
    return n;
}

void recdir_prune(int dir, const char *kind, unsigned keep)
{
    char oldest[256] = "";
    int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);

    if (d == NULL) {
        if (fd >= 0)
            close(fd);
        return;
    }
    while (find_oldest(d, kind, oldest) > keep && unlinkat(dir, oldest, 0) == 0)
        ;
    closedir(d);
}
