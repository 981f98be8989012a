/* diagnose_help - what the tests of diagnose share: it is opened on a loop of the test, with a
 * directory of its own. */
#ifndef DIAGNOSE_HELP_H
#define DIAGNOSE_HELP_H

#include "lib/testlib.h"

#include "diagnose/diag.h"
#include "mem/buf.h"

extern char *diagnose_dir; /* DATA, made for each test */
extern uv_loop_t diagnose_loop;
extern struct diag *diag;

int diagnose_setup(void **state);
int diagnose_teardown(void **state);
void diagnose_open(struct diag_options o);
struct diag_stats diagnose_stats(void);
/* Close, and read what was stored: all of it as one text. */
struct bx_buf diagnose_stored(void);
/* How often the text has this part. */
uint32_t diagnose_times(const struct bx_buf *text, const char *part);

#endif
