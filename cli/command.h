/* command - the table of commands.
 *
 * Dispatch, help, completion and the check of the manual page are made from it. Each noun has a
 * file, which opens with its commands, and a row of NOUNS; command.c lists the commands that do not
 * exist yet. */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include "args.h"
#include "output.h"

#include <stdbool.h>

#define ARGUMENTS_MAX 2u

struct run; /* one invocation, run.h */

/* A positional argument; those that are optional come last. */
struct argument {
    const char *name;           /* of the usage line: "NAME" */
    const char *const *choices; /* for completion, ends with NULL; NULL: any */
    const char *completes;      /* noun whose `list -o name` completes it; NULL: none */
    bool optional;
    bool many; /* the last one: any number, and none with --all */
};

struct command {
    const char *name; /* "vm create", "events", "cluster token create": noun, verb, object */
    struct argument arguments[ARGUMENTS_MAX + 1]; /* end with a NULL name */
    const char *help;                             /* one line */
    const struct flag *flags;                     /* its own; NULL: none */
    const struct column *columns; /* of what it prints as a table; NULL: it prints none */
    bool watch;                   /* a read that may be repeated: takes --watch */
    bool request_id;              /* a write that may be repeated safely: takes --request-id */
    bool destructive;             /* asks on a terminal, and needs --yes elsewhere */
    bool offline;                 /* talks to no daemon, and so needs no context */
    bool of_tenants;              /* about what tenants have: takes --tenant and --all-tenants */
    int (*run)(struct run *r);    /* an exit code */
};

/* A command that does not exist yet. */
struct planned {
    const char *name; /* as of a command; a noun alone stands for all of its verbs */
    const char *hint; /* what to do meanwhile; NULL: see the help */
};

/* X(noun): its commands are NOUN_commands of cli/NOUN.c, which ends with a NULL name. In the order
 * of the help. */
#define NOUNS(X)                                                                                   \
    X(vm)                                                                                          \
    X(tenant)                                                                                      \
    X(user)                                                                                        \
    X(node)                                                                                        \
    X(cluster)                                                                                     \
    X(ca)                                                                                          \
    X(context)                                                                                     \
    X(events)                                                                                      \
    X(sql)                                                                                         \
    X(mem)                                                                                         \
    X(log)                                                                                         \
    X(log_level)                                                                                   \
    X(audit)                                                                                       \
    X(diag)                                                                                        \
    X(doctor)                                                                                      \
    X(bench)                                                                                       \
    X(completion)                                                                                  \
    X(version)

#define NOUN_EXTERN(noun) extern const struct command noun##_commands[];
NOUNS(NOUN_EXTERN)

extern const struct planned planned_commands[]; /* ends with a NULL name */
extern const struct flag global_flags[];        /* of every command */

/* The ith command, NULL after the last. */
const struct command *command_at(unsigned i);
/* The command whose name is the first words; NULL: none. */
const struct command *command_find(const char *const *words, unsigned n);
/* Words of its name. */
unsigned command_depth(const struct command *c);
/* The flags that it takes, its own first; a list of tables for args_parse. */
void command_flags(const struct command *c, const struct flag *tables[FLAG_TABLES_MAX + 1]);
/* "vm create NAME": its name and arguments. */
void command_usage(const struct command *c, char *out, size_t size);
/* Whether the name of the command, or of a planned one, begins with these n words. */
bool command_begins_with(const char *name, const char *const *words, unsigned n);
/* Why the words name no command: an error of BX_INVALID with a hint. */
int command_unknown(const char *const *words, unsigned n, struct bx_err *err);

/* The words of argv[1..] that are neither flags nor their values, at most `max`. Flags may stand
 * before the noun, so the flags of all commands are looked at; a flag of one name takes a value in
 * every command or in none. */
unsigned command_words(int argc, char **argv, const char **words, unsigned max);

#endif
