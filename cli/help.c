#include "help.h"

#include "run.h"

#include <stdio.h>
#include <string.h>

#define WIDTH 78u
#define USAGE_MAX 128u

/* ---- flags ---- */

static void print_flag(const struct flag *f)
{
    char name[64], letter[8] = "    ";

    if (f->letter != 0)
        snprintf(letter, sizeof letter, "-%c, ", f->letter);
    snprintf(name, sizeof name, "%s--%s%s%s", letter, f->name, f->value == NULL ? "" : " ",
             f->value == NULL ? "" : f->value);
    printf("  %-24s %s\n", name, f->help);
}

/* Those of a table that are supported, and that `own` does not have with a meaning of its own. */
static void print_flags(const struct flag *table, const struct flag *own)
{
    for (; table->name != NULL; table++) {
        if (!table->planned && flag_find(own, table->name, strlen(table->name)) == NULL)
            print_flag(table);
    }
}

static void print_global_flags(const struct flag *own)
{
    printf("\nflags of every command:\n");
    print_flags(global_flags, own);
}

/* ---- one command ---- */

static void print_columns(const struct column *columns)
{
    size_t at = WIDTH;

    printf("\ncolumns of --columns; those in brackets are in -o wide only:");
    for (const struct column *c = columns; c->title != NULL; c++) {
        size_t n = strlen(c->title) + (c->wide ? 3 : 1);

        if (at + n > WIDTH) {
            printf("\n ");
            at = 1;
        }
        printf(c->wide ? " [%s]" : " %s", c->title);
        at += n;
    }
    printf("\n");
}

void help_command(const struct command *c)
{
    const struct flag *tables[FLAG_TABLES_MAX + 1];
    char usage[USAGE_MAX];

    command_usage(c, usage, sizeof usage);
    command_flags(c, tables);
    printf("usage: blixardctl %s [flags]\n\n%s\n", usage, c->help);
    if (tables[0] != global_flags)
        printf("\nflags:\n");
    for (unsigned i = 0; tables[i] != global_flags; i++)
        print_flags(tables[i], NULL);
    if (c->columns != NULL)
        print_columns(c->columns);
    print_global_flags(c->flags);
}

/* ---- many commands ---- */

static void print_notes(void)
{
    printf("\n"
           "A VM is named by its name, its uuid, or a prefix of the uuid of at least four digits\n"
           "that no other VM has. blixardctl help NOUN VERB shows the flags and columns of one\n"
           "command.\n"
           "\n"
           "environment, overridden by flags: BLIXARD_ADDR, BLIXARD_CONTEXT, BLIXARD_OUTPUT,\n"
           "NO_COLOR. The address is that of --addr, else BLIXARD_ADDR, else the current context,\n"
           "else %s.\n"
           "BLIXARD_LOG=debug shows what blixardctl itself does, on standard error.\n"
           "\n"
           "exit codes: 0 success, or nothing to do   1 failure   2 usage error, or not supported\n"
           "  3 unreachable, or bad configuration   4 not allowed   5 not found\n"
           "  6 conflict, or already exists   7 no leader or no quorum: try again\n"
           "  8 wait timed out       9 cannot be placed\n"
           "  130 interrupted: the operation continues\n",
           DEFAULT_ADDR);
}

/* Commands of a noun stand together; a noun with one command needs no paragraph of its own. */
static bool begins_paragraph(const struct command *c, const struct command *before)
{
    size_t n = strcspn(c->name, " ");
    bool alone = c->name[n] == '\0';

    if (before == NULL)
        return true;
    if (alone)
        return strchr(before->name, ' ') != NULL;
    return strncmp(c->name, before->name, n + 1) != 0;
}

void help_list(const char *const *words, unsigned n)
{
    const struct command *c, *before = NULL;
    char usage[USAGE_MAX];

    printf("usage: blixardctl %s VERB [ARGUMENT...] [flags]\n", n == 0 ? "NOUN" : words[0]);
    for (unsigned i = 0; (c = command_at(i)) != NULL; i++) {
        if (!command_begins_with(c->name, words, n))
            continue;
        if (begins_paragraph(c, before))
            printf("\n");
        command_usage(c, usage, sizeof usage);
        printf("  %-28s %s\n", usage, c->help);
        before = c;
    }
    print_global_flags(NULL);
    print_notes();
}
