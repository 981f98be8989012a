/* output - tables, rows and fields for people, on standard output. The only user of libsmartcols.
 */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include "err.h"
#include "value.h"

#include <stdbool.h>

#define COLUMNS_MAX 32u

/* The first three have columns. */
enum output_format {
    OUTPUT_TABLE,
    OUTPUT_WIDE,
    OUTPUT_CSV,
    OUTPUT_JSON,
    OUTPUT_YAML,
    OUTPUT_NAME,
    OUTPUT__FORMATS
};
extern const char *const output_format_names[]; /* in that order, ends with NULL */

/* A table of columns ends with a NULL title. */
struct column {
    const char *title;
    const char *key; /* in the row, may be a path: "capacity.vcpus" */
    enum value_format format;
    unsigned width; /* where rows are printed one by one; 0: as wide as its text */
    bool wide;      /* only with -o wide, in CSV, or when it is named */
    bool sparse;    /* left out of a table in which it would be empty, unless it is named */
    bool varied;    /* the same where all rows have one value; but not with -o wide */
};

/* How answers are printed. */
struct output {
    enum output_format format;
    struct column columns[COLUMNS_MAX + 1]; /* those to print */
    bool chosen;                            /* by --columns */
    bool headers, color;
};

/* Take the columns to print from those of a command (`all`, NULL: it has none): the ones named in
 * `names`, titles or keys with commas between, or when that is NULL the ones that the format
 * shows. BX_OK, or BX_INVALID with a hint. */
int output_choose_columns(struct output *o, const struct column *all, const char *names,
                          struct bx_err *err);

/* An array of maps, or one map, as a table. */
void output_table(const struct output *o, bx_val rows, const struct column *columns);
/* The same for several arrays of rows. `end` prints the table, because a column is as wide as its
 * widest cell; `drop` discards it. */
struct output_table;
struct output_table *output_table_begin(const struct output *o, const struct column *columns);
void output_table_add(struct output_table *t, bx_val rows);
void output_table_end(struct output_table *t);
void output_table_drop(struct output_table *t); /* NULL is allowed */
/* An array of arrays as a table whose titles are in `titles`. */
void output_rows(const struct output *o, bx_val titles, bx_val rows);
/* One map as a row that is printed at once; NULL: the titles. */
void output_line(const struct column *columns, bx_val v);
/* One map, a line a key. */
void output_fields(bx_val v);

#endif
