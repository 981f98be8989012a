/* bench - times a thing against its reference: in one run, alternating, with equal results checked.
 *
 * A case is two ways to do the same operation. Both work on one context; `same` proves that they
 * give the same result before either is timed. Then rounds of each alternate, and the table tells
 * median and spread (MAD) of both, their ratio, and what one operation takes from the heap: the
 * first one after opening (cold) apart from the later ones (warm).
 *
 * A group is a NULL-less array of cases in a file of its own; main knows the groups. */
#ifndef BENCH_H
#define BENCH_H

#include "config.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bench_case {
    const char *name;      /* group/subject/operation */
    const char *reference; /* what it is measured against */
    double goal;           /* reference time / own time to reach; 0: none was set */
    const void *arg;       /* of the case's own */
    unsigned size;         /* how large the subject is; the smoke run asks for less */
    void *(*open)(const struct bench_case *c, unsigned size); /* aborts when it can not */
    void (*close)(void *ctx);
    void (*run)(void *ctx, uint64_t n); /* n operations */
    void (*refer)(void *ctx, uint64_t n);
    bool (*same)(void *ctx);
};

struct bench_group {
    const struct bench_case *cases;
    size_t n;
};
extern const struct bench_group bench_mem, bench_names, bench_codec, bench_frame, bench_sched,
    bench_state, bench_diag, bench_rec, bench_metrics;

/* The value counts as used: what made it is not optimised away. */
static inline void bench_use(const void *p)
{
    __asm__ volatile("" : : "g"(p) : "memory");
}

/* End the program: a benchmark that can not go on says so. */
_Noreturn void bench_die(const char *what);
static inline void bench_must(bool ok, const char *what)
{
    if (!ok)
        bench_die(what);
}

/* A new empty directory under TMPDIR, or /tmp; its name goes to out. */
#define BENCH_DIR_MAX 256
void bench_make_dir(char out[BENCH_DIR_MAX]);

/* Next number of a sequence that the seed alone determines. */
uint64_t bench_random(uint64_t *seed);

#endif
