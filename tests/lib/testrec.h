/* testrec - what the code under test records, as lines of text.
 *
 * A test that opens it records on its thread, whichever node or module is at work. */
#ifndef BX_TESTREC_H
#define BX_TESTREC_H

#include "lib/testlib.h"

#include <stdint.h>

extern struct test_rec {
    uint32_t lines;    /* so far */
    uint32_t warnings; /* of them, those of level warning or error */
    char last[1024];   /* "level target: message key=value ..." */
    char warned[1024]; /* the last warning or error */
} test_rec;

/* Record what the filter lets through (rec/filter.h), from no line on. */
void test_rec_open(const char *filter);
/* May be closed twice, or without being opened. */
void test_rec_close(void);
/* Whether the last line, or the last warning, has this text. */
bool test_rec_said(const char *text);

#endif
