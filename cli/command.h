/* command - the table of commands: dispatch and help are both made from it. */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include "args.h"
#include "client.h"
#include "context.h"

struct run; /* one invocation */

enum format {
    FORMAT_TABLE,
    FORMAT_WIDE,
    FORMAT_CSV, /* have columns */
    FORMAT_JSON,
    FORMAT_YAML,
    FORMAT_NAME
};

#define COLUMNS_MAX 32u
#define COLUMN_RIGHT 1u
#define COLUMN_WIDE 2u            /* not in a plain table */
#define COLUMN_PAD(n) ((n) << 8u) /* so wide where rows come one by one */
struct column {
    const char *title, *key; /* key may be "a.b" */
    /* 0: as it is; 'm' MiB, 'g' GiB, 'a' age of a time in ms, 't' the time, 'l' labels, 's' a
     * state, coloured */
    char as;
    unsigned flags;
};

struct command {
    const char *noun, *verb; /* verb "": the noun alone */
    const char *words;       /* of the usage line: "NAME" */
    unsigned min, max;       /* words after noun and verb */
    const char *about;
    const struct flag *flags;
    int (*fn)(struct run *r);     /* an exit code; NULL: not supported yet, and not in the help */
    const struct column *columns; /* of what it answers; ends with a NULL title */
};

struct run {
    const struct command *command;
    struct args args;
    const char **words; /* after noun and verb */
    unsigned n;
    struct contexts contexts; /* when one was needed */
    const char *addr;         /* the addresses, as given */
    struct client client;
    char request_id[33]; /* of a write, once it has one */
    enum format format;
    struct column columns[COLUMNS_MAX + 1]; /* to be shown, ends with a NULL title */
    bool headers, quiet, color;
    uint64_t timeout_ms; /* of a request */
    uint64_t wait_ms;    /* of --wait */
    struct bx_err err;
};

/* Each ends with a NULL noun. */
extern const struct command vm_commands[], node_commands[], cluster_commands[], mem_commands[],
    bench_commands[], sql_commands[], doctor_commands[], context_commands[], completion_commands[],
    other_commands[];
extern const struct command *const command_tables[]; /* all of them; ends with NULL */
extern const struct flag read_flags[];               /* of what may be watched */

#define DEFAULT_ADDR "unix:/run/blixard/blixard.sock"

/* ---- help.c ---- */
void help_command(const struct command *c);
/* The commands of one noun, or of all. */
void help_list(const char *noun);

/* ---- main.c ---- */

/* Print error: and hint: of r->err and give its exit code. */
int run_fail(struct run *r);
/* Words that the server did not give. */
int run_fail_with(struct run *r, int code, const char *hint, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* Add --consistency. */
void run_read_params(struct run *r, struct params *p);
/* Call with the request's timeout; BX_OK or r->err is set. */
int run_call(struct run *r, const char *method, const struct params *p, bx_val *result);
/* 32 hex digits that nobody else has: a random UUID. */
void run_random_id(char out[33]);
/* Add the request id, --request-id or a random one, and keep it for what is said later. */
int run_write_params(struct run *r, struct params *p);

/* ---- result.c ---- */
/* Which columns are to be shown: --columns, or those of the command. BX_OK or BX_INVALID. */
int result_columns(struct run *r);
/* A table or text was asked for, and no columns: a sentence will do. */
bool result_is_for_people(const struct run *r);
/* What was answered, in the format asked for; an array is a table of the command's columns, a map
 * is one row of it, or lines. An exit code. */
int result_print(struct run *r, bx_val v);
/* The same, of v[key] alone where there are columns. */
int result_print_part(struct run *r, bx_val v, const char *key);
/* One after the other, not for people: what stands before the first, and each. */
void result_begin(struct run *r);
int result_next(struct run *r, bx_val v);

/* ---- output.c ---- */
/* An array of maps, or one map, as a table; columns end with a NULL title. */
void print_table(const struct run *r, bx_val rows, const struct column *columns);
/* Arrays as a table, the columns only known now. */
void print_rows(const struct run *r, bx_val columns, bx_val rows);
/* One map as a row that does not wait for others; NULL: the titles. */
void print_line(const struct column *columns, bx_val v);
/* One map, a line a key. */
void print_fields(bx_val v);
bx_val value_at(bx_val v, const char *path);
/* Replace control characters: what others wrote must not move the cursor, nor make lines. */
void printable(char *text);
/* Text of a scalar into out, printable. */
void value_text(bx_val v, char as, char *out, size_t size);

#endif
