/* help - made from the tables of commands and flags. */
#include "command.h"

#include <stdio.h>
#include <string.h>

static void help_flags(const struct flag *f)
{
    for (; f != NULL && f->name != NULL; f++) {
        char name[64];

        if (f->alias != NULL || f->about == NULL)
            continue;
        snprintf(name, sizeof name, "--%s%s%s", f->name, f->value == NULL ? "" : " ",
                 f->value == NULL ? "" : f->value);
        printf("  %-28s %s\n", name, f->about);
    }
}

void help_command(const struct command *c)
{
    printf("usage: blixardctl %s%s%s%s%s [flags]\n\n%s\n", c->noun, c->verb[0] ? " " : "", c->verb,
           c->words[0] ? " " : "", c->words, c->about);
    if (c->flags != NULL) {
        printf("\nflags:\n");
        help_flags(c->flags);
    }
    if (c->columns != NULL) {
        printf("\ncolumns:");
        for (const struct column *k = c->columns; k->title != NULL; k++)
            printf(k->flags & COLUMN_WIDE ? " [%s]" : " %s", k->title);
        printf("\n");
    }
    printf("\nflags of every command:\n");
    help_flags(global_flags);
}

static void help_rest(void)
{
    printf("\nflags of every command:\n");
    help_flags(global_flags);
    printf("\nblixardctl help NOUN VERB shows the flags of one. The address comes from --addr,\n"
           "else BLIXARD_ADDR, else the current context, else %s.\n", DEFAULT_ADDR);
}

void help_list(const char *noun)
{
    bool found = false;

    for (size_t t = 0; command_tables[t] != NULL; t++) {
        for (const struct command *c = command_tables[t]; c->noun != NULL; c++) {
            char text[80];

            if (c->fn == NULL || (noun != NULL && strcmp(noun, c->noun) != 0))
                continue;
            if (!found)
                printf("usage: blixardctl %s VERB [words] [flags]\n\n", noun == NULL ? "NOUN" : noun);
            found = true;
            snprintf(text, sizeof text, "%s%s%s%s%s", c->noun, c->verb[0] ? " " : "", c->verb,
                     c->words[0] ? " " : "", c->words);
            printf("  %-32s %s\n", text, c->about);
        }
    }
    help_rest();
}
