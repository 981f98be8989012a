/* crash_help - reads the file that a process has left when it died. */
#ifndef CRASH_HELP_H
#define CRASH_HELP_H

#include "lib/testlib.h"

struct left {
    unsigned files;
    int open;
    bool complete;
    uint64_t damaged, events, counted; /* all; those that were recorded before */
    uint64_t last;                     /* the newest of those */
    char text[65536];                  /* the others, as lines */
    size_t n;
};

extern char *crash_dir;      /* DATA, made for each test */
extern char crash_name[256]; /* of the file that was read last */

/* What is in DATA/recorder; if there are several files, in one of them. */
struct left *crash_look(void);

#endif
