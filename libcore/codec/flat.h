/* flat - a binary record format that is read in place.
 *
 *   offset 0  size   u32, of the whole record, a multiple of 8
 *          4  kind   u16, the schema's
 *          6  slots  u16, number of 8-byte slots that follow
 *          8  slots  one per field in the order of the schema, two for a UUID; numbers are
 *                    little endian; every other type holds {offset u32, count u32}, both zero
 *                    if it is empty
 *             then   the data the offsets refer to, offsets from the record's start, 8-aligned;
 *                    strs is an array of {offset, length}, pairs of {key, value} of those; a list
 *                    is count records of this form, one after the other, a record is one of them
 *
 * The size is known before the first byte is written. Reading validates once: bounds, alignment,
 * UTF-8, enum range, order of pairs, the field's maximum, nesting depth. After that, all views
 * point into src. */
#ifndef BX_FLAT_H
#define BX_FLAT_H

#include "codec/schema.h"
#include "err.h"
#include "mem/arena.h"

/* Size of the record that bx_flat_write writes; a multiple of 8. */
size_t bx_flat_size(const struct bx_schema *s, const void *obj);
/* Write obj to dst, which has bx_flat_size bytes; returns that size. Padding is zero, so equal
 * objects give equal bytes. */
size_t bx_flat_write(const struct bx_schema *s, const void *obj, uint8_t *dst);
/* Fill *obj (s->size bytes) with views into src, which must outlive it; arrays of strs, pairs and
 * lists come from the arena. src must be 8-aligned. len may exceed the record: the record's own
 * size applies and is returned in *used (may be NULL). BX_OK, BX_MALFORMED, BX_TOO_LARGE or
 * BX_NO_MEMORY. */
int bx_flat_read(const struct bx_schema *s, const uint8_t *src, size_t len, void *obj,
                 struct bx_arena *arena, size_t *used, struct bx_err *err);

/* Validate the record like bx_flat_read without decoding it; same codes. */
int bx_flat_check(const struct bx_schema *s, const uint8_t *src, size_t len, size_t *used,
                  struct bx_err *err);
/* A numeric field of a validated record; field counts from 0. Zero if the record was written by a
 * build without the field. */
uint64_t bx_flat_u64(const struct bx_schema *s, const uint8_t *src, uint32_t field);
/* The 16 bytes of a UUID in it; NULL if the record was written by a build without the field. */
const uint8_t *bx_flat_uuid(const struct bx_schema *s, const uint8_t *src, uint32_t field);
/* Give it another value, in place; the record must have the field. */
void bx_flat_set_u64(const struct bx_schema *s, uint8_t *dst, uint32_t field, uint64_t value);

#endif
