/* build - MessagePack under construction, for requests and for answers that are made here.
 *
 * The functions append to a zeroed or growing buffer. Memory that runs out ends the process: a
 * command line tool has nothing better to do. */
#ifndef CLI_BUILD_H
#define CLI_BUILD_H

#include "codec/pack.h"

#include <stdbool.h>
#include <stdint.h>

/* The header of a map of n pairs or an array of n items, which the caller appends next. */
void build_map(struct bx_buf *b, uint32_t n);
void build_array(struct bx_buf *b, uint32_t n);

void build_str(struct bx_buf *b, const char *s); /* NULL: nil */
void build_strn(struct bx_buf *b, struct bx_str s);
void build_u64(struct bx_buf *b, uint64_t n);
void build_bool(struct bx_buf *b, bool v);
void build_val(struct bx_buf *b, bx_val v); /* NULL: nil */
void build_bytes(struct bx_buf *b, const void *packed, size_t n);

/* A key and its value. */
void build_pair_str(struct bx_buf *b, const char *key, const char *value);
void build_pair_u64(struct bx_buf *b, const char *key, uint64_t value);
void build_pair_bool(struct bx_buf *b, const char *key, bool value);

/* What was built as a value. It is a view: it ends with b and the next call. */
bx_val build_parse(const struct bx_buf *b);

#endif
