/* word - a table of named values, for the command line and messages. */
#ifndef WORD_H
#define WORD_H

struct word {
    const char *name; /* NULL ends a table */
    int value;
};

#endif
