#include "sys/process.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#define PROCESS(X, at)                                                                             \
    X(at, BYTES, resident_bytes, "physical memory of the daemon")                                  \
    X(at, MS_TOTAL, cpu, "processor time of all its threads")                                      \
    X(at, LEVEL, open_files, "file descriptors in use")                                            \
    X(at, LEVEL, max_files, "bound on them")
BX_METRIC_SET(process_metrics, "process", process_stats, PROCESS, NULL);

#define BUILD(X, at) X(at, LEVEL, info, "1, by the version of the daemon")
BX_METRIC_SET(build_metrics, "build", build_stats, BUILD, "version");

static uint64_t resident(void)
{
    unsigned long long pages = 0;
    FILE *f = fopen("/proc/self/statm", "re");

    if (f == NULL)
        return 0;
    if (fscanf(f, "%*u %llu", &pages) != 1)
        pages = 0;
    fclose(f);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint64_t open_files(void)
{
    DIR *dir = opendir("/proc/self/fd");
    uint64_t n = 0;

    if (dir == NULL)
        return 0;
    while (readdir(dir) != NULL)
        n++;
    closedir(dir);
    return n > 3 ? n - 3 : 0; /* ".", ".." and the directory's own */
}

static uint64_t ms_of(struct timeval t)
{
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_usec / 1000;
}

void process_stats(struct process_stats *out)
{
    struct rusage use = {0};
    struct rlimit files = {0};

    getrusage(RUSAGE_SELF, &use);
    getrlimit(RLIMIT_NOFILE, &files);
    *out = (struct process_stats){.resident_bytes = resident(),
                                  .cpu_ms = ms_of(use.ru_utime) + ms_of(use.ru_stime),
                                  .open_files = open_files(),
                                  .max_files = files.rlim_cur};
}
