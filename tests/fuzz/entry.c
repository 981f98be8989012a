/* What libFuzzer calls: BLIXARD_FUZZ names the target. */
#include "fuzz/targets.h"

#include "mem/alloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static const struct fuzz_target *target;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    const char *name = getenv("BLIXARD_FUZZ");

    (void)argc;
    (void)argv;
    for (size_t i = 0; i < fuzz_targets_n; i++) {
        if (name != NULL && strcmp(fuzz_targets[i].name, name) == 0)
            target = &fuzz_targets[i];
    }
    if (target != NULL)
        return 0;
    fprintf(stderr, "BLIXARD_FUZZ must be one of");
    for (size_t i = 0; i < fuzz_targets_n; i++)
        fprintf(stderr, " %s", fuzz_targets[i].name);
    fprintf(stderr, "\n");
    exit(2);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    uint8_t *copy;

    target->run(p, n);
    if (target->reseal == NULL)
        return 0;
    copy = fuzz_copy(p, n);
    target->reseal(copy, n);
    target->run(copy, n);
    bx_free(copy);
    return 0;
}
