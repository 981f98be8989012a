/* context - named clusters, in $XDG_CONFIG_HOME/blixard/config.yaml or ~/.config, mode 0600:
 *
 *   current: prod
 *   contexts:
 *     prod:
 *       addr: "10.0.0.1:7410,10.0.0.2:7410"
 *       output: wide
 *       token-file: /home/me/.config/blixard/prod.token
 *       ca: /home/me/.config/blixard/prod-ca.pem
 *       cert: /home/me/.config/blixard/prod.crt
 *       key: /home/me/.config/blixard/prod.key
 *       tenant: blue
 *
 * context_store.c reads and writes the file, context.c has the commands. */
#ifndef CLI_CONTEXT_H
#define CLI_CONTEXT_H

#include "err.h"

#define CONTEXTS_MAX 64u

struct context {
    char *name, *addr;
    char *output;          /* NULL: the default format */
    char *token_file;      /* this and the following: NULL: none */
    char *ca, *cert, *key; /* as of the flags */
    char *tenant;          /* that commands are about; NULL: all */
};
struct contexts {
    char *path;    /* NULL: there is no home directory */
    char *current; /* a name, or NULL */
    struct context v[CONTEXTS_MAX];
    unsigned n;
};

/* Read the file; without one there are no contexts. *c is overwritten and, whatever is returned, to
 * be closed. BX_OK, or BX_UNREACHABLE with a hint: it can not be read. */
int contexts_load(struct contexts *c, struct bx_err *err);
/* Replace the file, atomically. BX_OK, or BX_IO with a hint. */
int contexts_save(const struct contexts *c, struct bx_err *err);
void contexts_close(struct contexts *c); /* takes a zeroed struct, too */

/* The context of that name, or the current one when name is NULL; *out is NULL when none is named
 * and none is current. BX_OK, or BX_UNREACHABLE with a hint. */
int contexts_find(const struct contexts *c, const char *name, const struct context **out,
                  struct bx_err *err);
/* The same to change it; NULL: there is none. */
struct context *contexts_lookup(struct contexts *c, const char *name);
/* Error for a context that does not exist: returns `code`. */
int contexts_unknown(const struct contexts *c, const char *name, int code, struct bx_err *err);
/* A new one of that name, without an address yet; NULL: there are CONTEXTS_MAX. */
struct context *contexts_add(struct contexts *c, const char *name);
/* Take one out; if it is the current one, none is current afterwards. */
void contexts_remove(struct contexts *c, struct context *x);
/* Replace a text of the store; NULL clears it. */
void contexts_set_text(char **text, const char *value);

#endif
