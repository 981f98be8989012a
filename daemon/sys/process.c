#include "sys/process.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

static const struct bx_field process_fields[] = {
    BX_FIELD(process_stats, resident_bytes, BX_T_U64),
    BX_FIELD(process_stats, cpu_ms, BX_T_U64),
    BX_FIELD(process_stats, open_files, BX_T_U64),
    BX_FIELD(process_stats, max_files, BX_T_U64),
};
static const struct bx_schema process_schema =
    BX_SCHEMA("process", 0, process_stats, process_fields);
static const struct bx_metric process_rows[] = {
    {"blixard_process_resident_bytes", "bytes", BX_GAUGE, "physical memory of the daemon"},
    {"blixard_process_cpu_seconds_total", "ms", BX_COUNTER, "processor time of all its threads"},
    {"blixard_process_open_files", NULL, BX_GAUGE, "file descriptors in use"},
    {"blixard_process_max_files", NULL, BX_GAUGE, "bound on them"},
};
BX_METRIC_EACH(process_fields, process_rows);
const struct bx_metric_set process_metrics = {&process_schema, process_rows, NULL};

static const struct bx_field build_fields[] = {BX_FIELD(build_stats, info, BX_T_U32)};
static const struct bx_schema build_schema = BX_SCHEMA("build", 0, build_stats, build_fields);
static const struct bx_metric build_rows[] = {
    {"blixard_build_info", NULL, BX_GAUGE, "1, by the version of the daemon"},
};
BX_METRIC_EACH(build_fields, build_rows);
const struct bx_metric_set build_metrics = {&build_schema, build_rows, "version"};

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
