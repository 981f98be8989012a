/* crash_help - a process that is about to die, and the file that it has left. */
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

int crash_setup(void **state);
int crash_teardown(void **state);

/* Open log and crash in a child, and record CRASH_EVENTS events "counted". */
#define CRASH_EVENTS 2000u
void crash_begin(void);
/* What is in DATA/recorder; if there are several files, in one of them. */
struct left *crash_look(void);
/* There is one whole file, with all of those events. */
void crash_expect_all(const struct left *left);
/* One of the other events is this, or has it. */
void crash_expect_text(const struct left *left, const char *text);

#endif
