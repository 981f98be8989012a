/* help - made from the tables of commands and flags. */
#include "command.h"

#include <stdio.h>
#include <string.h>

#define WIDTH 78u

/* The one letter that means the same; 0: none. */
static char letter_of(const struct flag *flags, const char *name)
{
    for (const struct flag *f = flags; f->name != NULL; f++) {
        if (f->alias != NULL && strcmp(f->alias, name) == 0 && strlen(f->name) == 1)
            return f->name[0];
    }
    return 0;
}

static bool has(const struct flag *flags, const char *name)
{
    for (; flags != NULL && flags->name != NULL; flags++) {
        if (strcmp(flags->name, name) == 0)
            return true;
    }
    return false;
}

/* All flags that there are and that `own` does not have with a meaning of its own. */
static void help_flags(const struct flag *flags, const struct flag *own)
{
    for (const struct flag *f = flags; f != NULL && f->name != NULL; f++) {
        char name[64], letter[8] = "    ";

        if (f->alias != NULL || f->about == NULL || has(own, f->name))
            continue;
        if (letter_of(flags, f->name) != 0)
            snprintf(letter, sizeof letter, "-%c, ", letter_of(flags, f->name));
        snprintf(name, sizeof name, "%s--%s%s%s", letter, f->name, f->value == NULL ? "" : " ",
                 f->value == NULL ? "" : f->value);
        printf("  %-24s %s\n", name, f->about);
    }
}

static void help_columns(const struct column *columns)
{
    size_t at = WIDTH;

    printf("\ncolumns of --columns; those in brackets are in -o wide only:");
    for (const struct column *k = columns; k->title != NULL; k++) {
        bool wide = k->flags & COLUMN_WIDE;
        size_t n = strlen(k->title) + (wide ? 3 : 1);

        if (at + n > WIDTH) {
            printf("\n ");
            at = 1;
        }
        printf(wide ? " [%s]" : " %s", k->title);
        at += n;
    }
    printf("\n");
}

void help_command(const struct command *c)
{
    printf("usage: blixardctl %s%s%s%s%s [flags]\n\n%s\n", c->noun, c->verb[0] ? " " : "", c->verb,
           c->words[0] ? " " : "", c->words, c->about);
    if (c->flags != NULL) {
        printf("\nflags:\n");
        help_flags(c->flags, NULL);
    }
    if (c->columns != NULL)
        help_columns(c->columns);
    printf("\nflags of every command:\n");
    help_flags(global_flags, c->flags);
}

static void help_rest(void)
{
    printf("\nflags of every command:\n");
    help_flags(global_flags, NULL);
    printf("\n"
           "A VM goes by its name, its uuid, or four and more digits that only its uuid begins"
           " with.\n"
           "blixardctl help NOUN VERB shows the flags and columns of one command.\n"
           "\n"
           "environment, which a flag outweighs: BLIXARD_ADDR, BLIXARD_CONTEXT, BLIXARD_OUTPUT,\n"
           "NO_COLOR. The address comes from --addr, else BLIXARD_ADDR, else the current context,\n"
           "else %s.\n"
           "\n"
           "exit codes: 0 done, or nothing to do   1 failure   2 wrong usage, or not supported\n"
           "  3 unreachable, or bad configuration  4 not allowed   5 not found"
           "   6 conflict, exists\n"
           "  7 no leader or no quorum: try again  8 the wait timed out   9 fits on no node\n"
           "  130 interrupted: what was asked goes on\n",
           DEFAULT_ADDR);
}

void help_list(const char *noun)
{
    const char *last = "";
    bool found = false;

    for (size_t t = 0; command_tables[t] != NULL; t++) {
        for (const struct command *c = command_tables[t]; c->noun != NULL; c++) {
            char text[80];

            if (c->fn == NULL || (noun != NULL && strcmp(noun, c->noun) != 0))
                continue;
            if (!found)
                printf("usage: blixardctl %s VERB [words] [flags]\n", noun == NULL ? "NOUN" : noun);
            if (!found || strcmp(last, c->verb[0] ? c->noun : "") != 0)
                printf("\n");
            found = true;
            last = c->verb[0] ? c->noun : "";
            snprintf(text, sizeof text, "%s%s%s%s%s", c->noun, c->verb[0] ? " " : "", c->verb,
                     c->words[0] ? " " : "", c->words);
            printf("  %-28s %s\n", text, c->about);
        }
    }
    help_rest();
}
