/* word - the name of a value, for the command line and for messages. */
#ifndef WORD_H
#define WORD_H

struct word {
    const char *name; /* NULL ends a table */
    int value;
};

#endif
