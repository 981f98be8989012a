/* main - blixard-sim: run histories, and show the one that goes wrong.
 *
 * Exit code 0 when every history was good, 1 when one was not, 2 for a command line that says
 * nothing. Standard output depends on the arguments alone. */
#include "sim/run.h"
#ifdef BX_MUTANTS
#include "sim/mutants.h"
#endif

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: blixard-sim [flags]\n"
    "\n"
    "Runs clusters of simulated hosts on virtual time and checks that nothing is lost or doubled.\n"
    "The same seed is the same history. Exits with 0, or with 1 when a seed fails.\n"
    "\n"
    "  --seed S       the first seed (1)\n"
    "  --seeds N      so many seeds, each a history of its own (1)\n"
    "  --jobs J       so many at a time (1)\n"
    "  --hours H      virtual hours of faults and operations, fractions too (0.1)\n"
    "  --hosts N      1 to 9 hosts at the beginning; without it the seed chooses\n"
    "  --faults LIST  only these kinds, separated by commas; or none\n"
    "  --only LIST    of the faults that the seed plans only these numbers; or none\n"
    "  --record DIR   where a seed that fails leaves what its nodes recorded, in files that\n"
    "                 blixardctl log query reads (the working directory); or none\n"
    "  --trace        print what happens\n"
    "  --until-failure  stop at the first seed that fails\n"
    "  --no-shrink    do not look for a smaller history that fails too\n"
#ifdef BX_MUTANTS
    "  --mutant NAME   with this mistake put in; list: show the names\n"
#endif
    "\n"
    "Kinds of faults:";

static _Noreturn void misuse(const char *what, const char *value)
{
    fprintf(stderr, "error: %s: %s\nhint: blixard-sim --help\n", what, value);
    exit(2);
}

static uint64_t number(const char *option, const char *text, uint64_t min, uint64_t max)
{
    char *end;
    unsigned long long v;

    errno = 0;
    v = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || text[0] == '-' || v < min || v > max)
        misuse(option, text);
    return v;
}

static uint64_t duration(const char *text)
{
    char *end;
    double hours = strtod(text, &end);

    if (end == text || *end != '\0' || !(hours > 0) || hours > 24 * 365)
        misuse("--hours", text);
    return (uint64_t)(hours * 3600 * (double)SIM_S);
}

static uint64_t kind(const char *name)
{
    for (unsigned i = 0; sim_fault_names[i] != NULL; i++) {
        if (strcmp(sim_fault_names[i], name) == 0)
            return 1ull << i;
    }
    misuse("--faults knows no such kind", name);
}

static uint64_t kinds(const char *list)
{
    char text[512], *save = NULL;
    uint64_t out = 0;

    if (strcmp(list, "none") == 0)
        return 0;
    if (strcmp(list, "all") == 0)
        return ~0ull;
    if ((size_t)snprintf(text, sizeof text, "%s", list) >= sizeof text)
        misuse("--faults", list);
    for (char *s = strtok_r(text, ",", &save); s != NULL; s = strtok_r(NULL, ",", &save))
        out |= kind(s);
    return out;
}

static void only(struct sim_options *o, const char *list)
{
    char text[4096], *save = NULL;

    o->only_set = true;
    if (strcmp(list, "none") == 0)
        return;
    if ((size_t)snprintf(text, sizeof text, "%s", list) >= sizeof text)
        misuse("--only", list);
    for (char *s = strtok_r(text, ",", &save); s != NULL; s = strtok_r(NULL, ",", &save)) {
        if (o->n_only == sizeof o->only / sizeof *o->only)
            misuse("--only: too many", list);
        o->only[o->n_only++] = number("--only", s, 0, UINT32_MAX);
    }
}

static void help(void)
{
    size_t at = SIZE_MAX;

    fputs(usage, stdout);
    for (unsigned i = 0; sim_fault_names[i] != NULL; i++) {
        const char *comma = sim_fault_names[i + 1] != NULL ? "," : "";
        size_t n = strlen(sim_fault_names[i]) + 2;

        at = at > 78 - n ? 1 + n : at + n;
        printf(at == 1 + n ? "\n  %s%s" : " %s%s", sim_fault_names[i], comma);
    }
    putchar('\n');
    exit(0);
}

#ifdef BX_MUTANTS
static void mutant(const char *name)
{
    if (strcmp(name, "list") == 0) {
        mutant_list();
        exit(0);
    }
    if (!mutant_choose(name))
        misuse("--mutant knows no such mistake", name);
}
#endif

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"seed", required_argument, NULL, 's'},   {"seeds", required_argument, NULL, 'n'},
        {"jobs", required_argument, NULL, 'j'},   {"hours", required_argument, NULL, 'h'},
        {"hosts", required_argument, NULL, 'o'},  {"faults", required_argument, NULL, 'f'},
        {"only", required_argument, NULL, 'y'},   {"trace", no_argument, NULL, 't'},
        {"record", required_argument, NULL, 'r'}, {"until-failure", no_argument, NULL, 'u'},
        {"no-shrink", no_argument, NULL, 'k'},
#ifdef BX_MUTANTS
        {"mutant", required_argument, NULL, 'p'},
#endif
        {"help", no_argument, NULL, '?' + 128},   {0},
    };
    struct sim_options o = {.seed = 1, .duration = 360 * SIM_S, .faults = ~0ull, .record = "."};
    uint64_t seeds = 1;
    unsigned jobs = 1;
    int c;

    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (c == 's')
            o.seed = number("--seed", optarg, 0, UINT64_MAX);
        else if (c == 'n')
            seeds = number("--seeds", optarg, 1, 10000000);
        else if (c == 'j')
            jobs = (unsigned)number("--jobs", optarg, 1, RUN_JOBS_MAX);
        else if (c == 'h')
            o.duration = duration(optarg);
        else if (c == 'o')
            o.hosts = (unsigned)number("--hosts", optarg, 1, 9);
        else if (c == 'f')
            o.faults = kinds(o.faults_text = optarg);
        else if (c == 'y')
            only(&o, optarg);
        else if (c == 'r')
            o.record = strcmp(optarg, "none") == 0 ? NULL : optarg;
        else if (c == 't')
            o.trace = true;
        else if (c == 'u')
            o.until_failure = true;
        else if (c == 'k')
            o.no_shrink = true;
#ifdef BX_MUTANTS
        else if (c == 'p')
            mutant(o.mutant = optarg);
#endif
        else if (c == '?' + 128)
            help();
        else
            misuse("the command line can not be used", "see above");
    }
    if (optind < argc)
        misuse("an argument without option", argv[optind]);
    if (o.trace && seeds == 1)
        run_here(&o);
    return run_seeds(&o, seeds, jobs) > 0 ? 1 : 0;
}
