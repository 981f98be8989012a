/* pack - MessagePack. The only user of msgpack.h.
 *
 * Input is scanned before msgpack-c parses it, because msgpack-c allocates arrays of the declared
 * size before it has seen their data. The scan also finds the end of a message in a byte stream,
 * and resumes where it stopped when more bytes arrive. The contents of strings are skipped. */
#ifndef BX_PACK_H
#define BX_PACK_H

#include "codec/schema.h"
#include "err.h"
#include "mem/arena.h"
#include "mem/buf.h"

#define BX_PACK_DEPTH 16
/* A result, a list of records and a value inside the deepest record must fit, so that a client can
 * parse it. */
_Static_assert(2 + 2 * BX_RECORD_DEPTH + BX_VALUE_DEPTH <= BX_PACK_DEPTH, "records fit");

/* ---- finding the end of one object in a stream ---- */

struct bx_pack_scan {
    size_t at;                        /* bytes processed; beyond len inside a long string */
    uint32_t depth, bound;            /* open containers, and their maximum */
    uint64_t left[BX_PACK_DEPTH + 1]; /* objects still expected, by depth */
    uint64_t missing;                 /* sum of left */
};
void bx_pack_scan_init(struct bx_pack_scan *s);
/* data holds the object's first len bytes. BX_OK: the object is complete and s->at bytes long.
 * BX_BUSY: more bytes are needed. BX_MALFORMED, or BX_TOO_LARGE: nested deeper than BX_PACK_DEPTH,
 * or longer than max bytes. */
int bx_pack_scan(struct bx_pack_scan *s, const uint8_t *data, size_t len, size_t max);

/* True if the n bytes are exactly one value with at most BX_VALUE_DEPTH nested containers: the
 * contents of a field of type BX_T_VALUE. */
bool bx_pack_is_value(const void *data, size_t n);

/* ---- reading ---- */

/* A value inside a parsed message; NULL means absent, and every accessor accepts it. */
typedef const struct msgpack_object *bx_val;

struct bx_pack; /* one parsed message; reusable */
struct bx_pack *bx_pack_create(void);
void bx_pack_destroy(struct bx_pack *p);
/* Parse exactly one object of len bytes, at most max. Strings are views into data, which must
 * outlive the values; the values of the previous message become invalid. Returns the root, or NULL
 * with err set. */
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
/* False, with *out unchanged, if v has another type or does not fit. str also accepts bin, and f64
 * integers, because JSON has only one number type. */
bool bx_val_str(bx_val v, struct bx_str *out);
bool bx_val_u64(bx_val v, uint64_t *out);
bool bx_val_i64(bx_val v, int64_t *out);
bool bx_val_f64(bx_val v, double *out);
bool bx_val_bool(bx_val v, bool *out);

/* Fill *obj from a map. An unknown key, a wrong type, a value out of range, invalid UTF-8 and a
 * duplicate key are BX_INVALID with the key in the message ("vcpus: ...", "members: item 2: id:
 * ..."). A missing key and nil leave the member unchanged, which is zero in the items of a list.
 * Strings are views into the message; lists and values come from the arena, pairs sorted by key.
 * BX_OK, BX_INVALID or BX_NO_MEMORY. */
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
/* Bin whose bytes the caller appends between begin and end; pass *at from begin to end. */
int bx_pw_bin_begin(struct bx_buf *b, size_t *at);
void bx_pw_bin_end(struct bx_buf *b, size_t at);
int bx_pw_uuid(struct bx_buf *b, const uint8_t uuid[16]); /* as text */
int bx_pw_array(struct bx_buf *b, uint32_t n);
int bx_pw_map(struct bx_buf *b, uint32_t n);
/* Write all fields of obj as pairs without a map header, for use inside a larger map;
 * bx_pack_fields returns the number of pairs. */
uint32_t bx_pack_fields(const struct bx_schema *s, const void *obj);
int bx_pack_write(struct bx_buf *b, const struct bx_schema *s, const void *obj);
/* Copy a parsed value; NULL writes nil. */
int bx_pw_val(struct bx_buf *b, bx_val v);

#endif
