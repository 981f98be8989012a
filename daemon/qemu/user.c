#include "qemu/user.h"

#include "mem/alloc.h"

#include <assert.h>
#include <inttypes.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define USERS_MAX 65536u

/* Whether a file of /proc/self, uid_map or gid_map, has all of these numbers in one line. */
static bool is_mapped(const char *path, uid_t first, uid_t last)
{
    uint64_t from, outside, n;
    FILE *f = fopen(path, "re");
    bool found = f == NULL; /* no /proc: the first use tells */

    while (f != NULL && !found &&
           fscanf(f, "%" SCNu64 " %" SCNu64 " %" SCNu64, &from, &outside, &n) == 3)
        found = from <= first && last - from < n;
    if (f != NULL)
        fclose(f);
    return found;
}

static bool exist(uid_t first, uid_t last)
{
    return is_mapped("/proc/self/uid_map", first, last) &&
           is_mapped("/proc/self/gid_map", first, last);
}

/* What systemd's list of ranges calls unused; in a container with 65,536 users, the range of
 * systemd's dynamic users, which are not in use there. */
bool qemu_users_usual(uid_t *first, uid_t *last)
{
    static const uid_t usual[][2] = {{1879048192, 1879113727}, {61184, 65519}};

    for (size_t i = 0; i < sizeof usual / sizeof usual[0]; i++) {
        *first = usual[i][0];
        *last = usual[i][1];
        if (exist(*first, *last))
            return true;
    }
    return false;
}

int qemu_users_open(struct qemu_users *u, uid_t first, uid_t last, struct bx_err *err)
{
    memset(u, 0, sizeof *u);
    if (first == 0)
        return BX_OK;
    if (geteuid() != 0)
        return bx_err_set(err, BX_DENIED, "--qemu-user: only root can run QEMU as another user");
    if (last < first || last - first >= USERS_MAX || !exist(first, last))
        return bx_err_set(err, BX_INVALID,
                          "--qemu-user %u-%u: not a range of at most %u user ids of this host",
                          (unsigned)first, (unsigned)last, USERS_MAX);
    u->first = first;
    u->n = last - first + 1;
    u->used = bx_calloc(u->n / 8 + 1, 1);
    return u->used != NULL ? BX_OK : bx_err_set(err, BX_NO_MEMORY, "out of memory");
}

void qemu_users_close(struct qemu_users *u)
{
    bx_free(u->used);
    memset(u, 0, sizeof *u);
}

/* The place of a directory's owner in the range; false: it is none of it. */
static bool find(const struct qemu_users *u, int dir, uint32_t *place)
{
    struct stat st;

    if (u->n == 0 || fstat(dir, &st) != 0 || st.st_uid < u->first || st.st_uid - u->first >= u->n)
        return false;
    *place = st.st_uid - u->first;
    return true;
}

static bool is_used(const struct qemu_users *u, uint32_t i)
{
    return (u->used[i / 8] >> i % 8 & 1) != 0;
}

void qemu_users_note(struct qemu_users *u, int dir)
{
    uint32_t i;

    if (find(u, dir, &i))
        u->used[i / 8] |= (uint8_t)(1u << i % 8);
}

void qemu_users_release(struct qemu_users *u, int dir)
{
    uint32_t i;

    if (find(u, dir, &i))
        u->used[i / 8] &= (uint8_t) ~(1u << i % 8);
}

/* The next free one after the last that was taken: a number is not used again soon. */
static bool find_free(struct qemu_users *u, uint32_t *out)
{
    for (uint32_t k = 0; k < u->n; k++) {
        uint32_t i = (u->next + k) % u->n;

        if (is_used(u, i))
            continue;
        u->next = i + 1;
        *out = i;
        return true;
    }
    return false;
}

int qemu_users_take(struct qemu_users *u, int dir, uid_t *uid, struct bx_err *err)
{
    uint32_t i;

    *uid = 0;
    if (u->n == 0)
        return BX_OK;
    if (!find(u, dir, &i)) {
        if (!find_free(u, &i))
            return bx_err_set(err, BX_BUSY,
                              "each of the %" PRIu32 " users of --qemu-user is used by a VM", u->n);
        if (fchown(dir, u->first + i, (gid_t)(u->first + i)) != 0)
            return bx_err_set(err, BX_IO, "cannot give the VM its directory: %s", strerror(errno));
        u->used[i / 8] |= (uint8_t)(1u << i % 8);
    }
    *uid = u->first + i;
    return BX_OK;
}
