/* context - named clusters in $XDG_CONFIG_HOME/blixard/config.yaml (or ~/.config), mode 0600:
 *
 *   current: prod
 *   contexts:
 *     prod:
 *       addr: "10.0.0.1:7410,10.0.0.2:7410"
 *       output: wide
 */
#ifndef CLI_CONTEXT_H
#define CLI_CONTEXT_H

#include "err.h"

#define CONTEXTS_MAX 64u

struct context {
    char *name, *addr, *output; /* output may be NULL */
};
struct contexts {
    char *path, *current; /* current: a name, or NULL */
    struct context v[CONTEXTS_MAX];
    unsigned n;
};

/* Read the file; none is no error, and holds nothing. BX_OK, or BX_UNREACHABLE: it can not be
 * read. */
int contexts_load(struct contexts *c, struct bx_err *err);
/* Takes a zeroed object. */
void contexts_close(struct contexts *c);
/* The context of that name, or of `current` when name is NULL; *out NULL when there is none and
 * none was named. BX_OK, or BX_UNREACHABLE with a hint. */
int contexts_find(const struct contexts *c, const char *name, const struct context **out,
                  struct bx_err *err);

#endif
