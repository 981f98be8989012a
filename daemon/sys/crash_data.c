/* The crashes of a program with a data directory: where the file is, and whose events it has. */
#include "sys/crash.h"
#include "sys/crash_file.h"
#include "sys/recdir.h"

#include <unistd.h>

#define RINGS ((BX_REC_RING + (LOG_THREADS - 1) * LOG_THREAD_RING) * sizeof(uint64_t))

static int directory = -1; /* DATA/recorder */

int crash_open(const char *data, const char *program, struct bx_err *err)
{
    const struct crash_program p = {.name = program, .where = "recorder/", .threads = log_threads};
    int rc = recdir_open(data, &directory, err);

    if (rc != BX_OK)
        return rc;
    rc = crash_file_open(directory, RINGS, err);
    crash_watch(&p);
    return rc;
}

int crash_directory(void)
{
    return directory;
}

void crash_close(void)
{
    crash_unwatch();
    crash_file_close();
    if (directory >= 0)
        close(directory);
    directory = -1;
}
