/* result - what a command answers, in the format that was asked for.
 *
 * For people that is a table or a line a key; for programs the object of the API as JSON or YAML,
 * its columns as CSV, or only names. */
#ifndef CLI_RESULT_H
#define CLI_RESULT_H

#include "run.h"

/* Whether a sentence will do: a table was asked for, and no columns. */
bool result_is_for_people(const struct run *r);
/* Print v: an array is a table of the columns that were chosen, a map one row of it when columns
 * were named, or a line a key. An exit code; an error is printed. */
int result_print(struct run *r, bx_val v);
/* The answer of a read, with the parameters of run_read. */
int result_print_read(struct run *r, const char *method, const char *key);
/* Revoke the token with the number in the first argument by a method, and print that. */
int result_print_revoked(struct run *r, const char *method);
/* Print all pages of a list, narrowed by the flags that were given, as if they were one array. */
int result_print_list(struct run *r, const char *method);
/* As result_print, for v[key] alone, except in JSON and YAML, which are the whole object. */
int result_print_part(struct run *r, bx_val v, const char *key);
/* As result_print, for what build.h has built; b is released. */
int result_print_built(struct run *r, struct bx_buf *b);

/* Rows one by one, in a format for programs: what precedes the first row, and each. */
void result_begin(struct run *r);
int result_next(struct run *r, bx_val v);

/* One row of CSV from an array. */
int result_csv_row(struct run *r, bx_val cells);

#endif
