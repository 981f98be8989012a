/* recorder - what the files of the recorder's benchmark share. */
#ifndef BENCH_RECORDER_H
#define BENCH_RECORDER_H

#include "bench.h"

#include "rec/rec.h"

#include <time.h>

#define MILLION 1000000u

/* A figure of --json; goal 0: none was set. outliers: of the runs that it is the median of. */
void recorder_figure(const char *name, double value, const char *unit, double goal,
                     unsigned outliers);
uint64_t recorder_now_ns(clockid_t clock);

/* What rings and queues take: filters. */
void recorder_take(const char *ring, const char *queue);
/* The calling thread records into the rings of this number, of so many words, until recorder_end.
 */
struct bx_rec_thread *recorder_use(unsigned which, size_t ring, size_t queue);
void recorder_end(struct bx_rec_thread *t);
/* Record n events without fields. */
void recorder_plain(uint64_t n);

/* recorder_file.c: write so many events to files, in each way. */
void recorder_files(uint64_t events);

#endif
