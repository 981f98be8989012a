/* pack - MessagePack. The only user of msgpack.h.
 *
 * Input is scanned before msgpack-c sees it, because msgpack-c allocates the array sizes that the
 * data claims before it has seen the data. The scan also finds where a message in a byte stream
 * ends, and goes on where it stopped when more bytes arrive. Strings are skipped, not looked at. */
#ifndef BX_PACK_H
#define BX_PACK_H

#include "codec/schema.h"
#include "err.h"
#include "mem/arena.h"
#include "mem/buf.h"

#define BX_PACK_DEPTH 16
/* An answer, a list of records, a value at the end of the deepest of them: it can be read back. */
_Static_assert(2 + 2 * BX_RECORD_DEPTH + BX_VALUE_DEPTH <= BX_PACK_DEPTH, "records fit");

/* ---- finding the end of one object in a stream ---- */

struct bx_pack_scan {
    size_t at;                        /* bytes done with; beyond len inside a long string */
    uint32_t depth, bound;            /* containers open, and how many there may be */
    uint64_t left[BX_PACK_DEPTH + 1]; /* objects still missing, by depth */
    uint64_t missing;                 /* the sum of them */
};
void bx_pack_scan_init(struct bx_pack_scan *s);
/* data holds all bytes of the object so far (from its first byte), len of them. BX_OK: the object
 * is complete and s->at bytes long. BX_BUSY: more bytes are needed. BX_MALFORMED, or BX_TOO_LARGE:
 * deeper than BX_PACK_DEPTH, or it can not end within max bytes. */
int bx_pack_scan(struct bx_pack_scan *s, const uint8_t *data, size_t len, size_t max);

/* True when n bytes are exactly one value, of at most BX_VALUE_DEPTH containers inside of each
 * other: what a field of type BX_T_VALUE may hold. */
bool bx_pack_is_value(const void *data, size_t n);

/* ---- reading ---- */

/* A value inside a parsed message; NULL stands for "not there" and every accessor takes it. */
typedef const struct msgpack_object *bx_val;

struct bx_pack; /* one parsed message; reusable */
struct bx_pack *bx_pack_create(void);
void bx_pack_destroy(struct bx_pack *p);
/* Parse exactly one object of len bytes, at most max. Strings are views into data, which must
 * outlive the values; the previous message's values are gone. Returns the root or NULL with err. */
bx_val bx_pack_parse(struct bx_pack *p, const void *data, size_t len, size_t max,
                     struct bx_err *err);

enum bx_val_type {
    BX_V_NONE,
    BX_V_NIL,
    BX_V_BOOL,
    BX_V_INT,
    BX_V_FLOAT,
    BX_V_STR,
    BX_V_BIN,
    BX_V_ARRAY,
    BX_V_MAP,
    BX_V_EXT
};
enum bx_val_type bx_val_type(bx_val v);
/* Members of an array or pairs of a map; 0 for anything else. */
uint32_t bx_val_len(bx_val v);
bx_val bx_val_at(bx_val array, uint32_t i);
bx_val bx_val_key(bx_val map, uint32_t i);
bx_val bx_val_value(bx_val map, uint32_t i);
bx_val bx_val_get(bx_val map, const char *key); /* first pair with this key */
/* False, and *out untouched, when v is not of that type or does not fit. str takes bin too, f64
 * takes integers too: JSON has one kind of number. */
bool bx_val_str(bx_val v, struct bx_str *out);
bool bx_val_u64(bx_val v, uint64_t *out);
bool bx_val_i64(bx_val v, int64_t *out);
bool bx_val_f64(bx_val v, double *out);
bool bx_val_bool(bx_val v, bool *out);

/* Fill *obj from a map. A key that the schema does not have, a wrong type, a value out of range
 * bad UTF-8 and a key given twice are BX_INVALID with the key in the message ("vcpus: ...",
 * "members: item 2: id: ..."); a missing key and nil leave the member as it is, which is zero in a
 * list's items. Strings are views into the message, lists and values come from the arena, pairs in
 * the order of their keys. BX_OK, BX_INVALID or BX_NO_MEMORY. */
int bx_pack_read(const struct bx_schema *s, bx_val map, void *obj, struct bx_arena *arena,
                 struct bx_err *err);

/* ---- writing: BX_OK, or BX_NO_MEMORY with the buffer's contents unchanged ---- */

int bx_pw_nil(struct bx_buf *b);
int bx_pw_bool(struct bx_buf *b, bool v);
int bx_pw_u64(struct bx_buf *b, uint64_t v);
int bx_pw_i64(struct bx_buf *b, int64_t v);
int bx_pw_f64(struct bx_buf *b, double v);
int bx_pw_str(struct bx_buf *b, const char *s); /* NULL writes nil */
int bx_pw_strn(struct bx_buf *b, const char *s, size_t n);
int bx_pw_bin(struct bx_buf *b, const void *p, size_t n);
/* Bytes that the caller appends between the two; *at goes from the first to the second. */
int bx_pw_bin_begin(struct bx_buf *b, size_t *at);
void bx_pw_bin_end(struct bx_buf *b, size_t at);
int bx_pw_uuid(struct bx_buf *b, const uint8_t uuid[16]); /* as text */
int bx_pw_array(struct bx_buf *b, uint32_t n);
int bx_pw_map(struct bx_buf *b, uint32_t n);
/* All fields of obj as pairs, without the map's own header, for use inside a larger map;
 * bx_pack_fields tells how many pairs that is. */
uint32_t bx_pack_fields(const struct bx_schema *s, const void *obj);
int bx_pack_write(struct bx_buf *b, const struct bx_schema *s, const void *obj);
/* Copy a parsed value as it is; NULL writes nil. */
int bx_pw_val(struct bx_buf *b, bx_val v);

#endif
