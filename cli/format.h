/* format - values as YAML and CSV, for programs. */
#ifndef CLI_FORMAT_H
#define CLI_FORMAT_H

#include "codec/pack.h"

/* Append v as YAML in block style, lines ending with a newline, each behind `indent` spaces.
 * Strings that YAML could take for something else are in double quotes. BX_OK, BX_NO_MEMORY, or
 * BX_INVALID for what JSON can not express either. */
int format_yaml(struct bx_buf *b, bx_val v, unsigned indent);
/* The same as one item of a list. */
int format_yaml_item(struct bx_buf *b, bx_val v, unsigned indent);
/* Append v as one cell of RFC 4180: numbers as they are, nothing for nil, containers as JSON. */
int format_csv(struct bx_buf *b, bx_val v);
int format_csv_text(struct bx_buf *b, const char *p, size_t n);

#endif
