/* help - made from the tables of commands and flags, on standard output. */
#ifndef CLI_HELP_H
#define CLI_HELP_H

#include "command.h"

void help_command(const struct command *c);
/* The commands whose names begin with these words; n 0: all. */
void help_list(const char *const *words, unsigned n);

#endif
