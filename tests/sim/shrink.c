/* shrink - make a history that fails smaller: end it where it failed, then leave out one fault
 * after the other. What is left out moves nothing else, so most of what remains is what it was. */
#include "sim/run.h"

#include "mem/alloc.h"

#include <stdlib.h>
#include <string.h>

#define TRIES_MAX 150u
#define LINES_SHOWN 60u

#define KIND 40u /* so many characters of a violation tell what it is: no numbers, no names */

static void kind_of(const char *text, char out[KIND + 1])
{
    const char *at = text == NULL ? NULL : strstr(text, "violation");
    size_t n = 0;

    at = at == NULL ? "" : strchr(at, ':');
    for (; at != NULL && *at != '\0' && *at != '\n' && n < KIND; at++) {
        if (!(*at >= '0' && *at <= '9'))
            out[n++] = *at;
    }
    out[n] = '\0';
}

/* It fails, and in the same way. */
static bool fails(const struct sim_options *o, const char *kind)
{
    char other[KIND + 1];
    struct run_outcome r;

    run_one(o, &r);
    kind_of(r.text, other);
    bx_free(r.text);
    return r.failed && strcmp(kind, other) == 0;
}

/* The numbers of the faults that happened, from the trace; and when it failed. */
static void look_at(const struct sim_options *o, struct sim_options *small, char kind[KIND + 1])
{
    struct sim_options traced = *o;
    struct run_outcome r;
    double at = 0;

    traced.trace = true;
    traced.brief = true;
    run_one(&traced, &r);
    kind_of(r.text, kind);
    small->n_only = 0;
    for (char *save = NULL, *l = strtok_r(r.text, "\n", &save); l != NULL;
         l = strtok_r(NULL, "\n", &save)) {
        unsigned number;

        if (sscanf(l, "%*f - fault %u:", &number) == 1 &&
            small->n_only < sizeof small->only / sizeof *small->only)
            small->only[small->n_only++] = number;
        (void)sscanf(l, "violation at %lf s", &at);
    }
    small->only_set = true;
    if (at > 0 && (uint64_t)((at + 0.001) * (double)SIM_S) < o->duration)
        small->duration = (uint64_t)((at + 0.001) * (double)SIM_S);
    bx_free(r.text);
}

static void drop_faults(struct sim_options *small, const char *kind)
{
    unsigned tries = 0;

    for (unsigned size = small->n_only / 2; size > 0 && tries < TRIES_MAX; size /= 2) {
        for (unsigned at = 0; at < small->n_only && tries < TRIES_MAX; tries++) {
            struct sim_options less = *small;
            unsigned n = size < small->n_only - at ? size : small->n_only - at;

            memmove(&less.only[at], &less.only[at + n], (less.n_only - at - n) * sizeof *less.only);
            less.n_only -= n;
            if (fails(&less, kind))
                *small = less;
            else
                at += n;
        }
    }
}

static void print_command(const char *what, const struct sim_options *o)
{
    printf("%s: blixard-sim%s%s --seed %llu --hours %.9f", what,
           o->mutant == NULL ? "" : "-mutants --mutant ", o->mutant == NULL ? "" : o->mutant,
           (unsigned long long)o->seed, (double)o->duration / (double)SIM_S / 3600);
    if (o->hosts != 0)
        printf(" --hosts %u", o->hosts);
    if (o->faults_text != NULL)
        printf(" --faults %s", o->faults_text);
    if (o->only_set) {
        printf(" --only ");
        for (unsigned i = 0; i < o->n_only; i++)
            printf("%s%llu", i == 0 ? "" : ",", (unsigned long long)o->only[i]);
        if (o->n_only == 0)
            printf("none");
    }
    printf(" --trace\n");
}

static void print_end(const struct sim_options *o)
{
    struct sim_options traced = *o;
    struct run_outcome r;
    const char *p;
    unsigned lines = 0;

    traced.trace = true;
    run_one(&traced, &r);
    for (p = r.text + strlen(r.text); p > r.text && lines <= LINES_SHOWN; p--)
        lines += p[-1] == '\n';
    printf("how it ends:\n%s", p == r.text ? p : p + 2);
    bx_free(r.text);
}

/* The files are those of the history that was run first. */
void run_shrink(const struct sim_options *o)
{
    struct sim_options whole = *o, small;
    char kind[KIND + 1];

    whole.record = NULL;
    small = whole;
    print_command("replay", o);
    look_at(&whole, &small, kind);
    if (!fails(&small, kind))
        small = whole;
    if (small.only_set)
        drop_faults(&small, kind);
    print_command("shrunk", &small);
    print_end(&small);
}
