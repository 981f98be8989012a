#include "fuzz/targets.h"

#include "codec/flat.h"
#include "codec/hybrid.h"
#include "codec/json.h"
#include "codec/lz.h"
#include "mem/alloc.h"
#include "unit/golden.h"
#include "wire/vm.h"

#include <assert.h>

#define TEXT_MAX (1u << 20)
#define OBJECT_MAX 4096

/* Read every byte, so that a sanitizer sees a view that leads elsewhere. */
static void touch(struct bx_str s)
{
    volatile uint8_t sum = 0;

    for (uint32_t i = 0; i < s.n; i++)
        sum = (uint8_t)(sum + (uint8_t)s.p[i]);
}

int fuzz_head(const uint8_t *p, size_t n)
{
    uint8_t *src = fuzz_copy(p, n), *again;
    struct bx_header h;
    int rc = n < BX_HEADER_SIZE ? BX_MALFORMED : bx_header_read(src, &h);

    if (rc == BX_OK)
        rc = bx_header_check(src, n, h.kind, 255, &h);
    if (rc == BX_OK) {
        again = fuzz_copy(src, BX_HEADER_SIZE + (size_t)h.length);
        bx_header_seal(again, h.kind, h.version, h.codec, h.length);
        assert(memcmp(again, src, BX_HEADER_SIZE) == 0);
        assert(bx_header_check(src, n, (uint16_t)(h.kind + 1), 255, &h) == BX_MALFORMED);
        bx_free(again);
    }
    bx_free(src);
    return rc;
}

/* ---- records ---- */

static const struct bx_schema *schema_of(uint8_t selector)
{
    size_t n;
    const struct golden_sample *s = golden_samples(&n);

    return s[selector % n].schema;
}

static void touch_all(const struct bx_schema *s, const void *obj);

static void touch_list(const struct bx_schema *s, const struct bx_list *list)
{
    for (uint32_t i = 0; i < list->n; i++)
        touch_all(s, (const char *)list->v + (size_t)i * s->size);
}

static void touch_all(const struct bx_schema *s, const void *obj)
{
    for (uint32_t i = 0; i < s->n; i++) {
        const void *m = (const char *)obj + s->fields[i].offset;
        const struct bx_strs *strs = m;
        const struct bx_pairs *pairs = m;

        switch (s->fields[i].type) {
        case BX_T_STR:
        case BX_T_BYTES:
        case BX_T_VALUE:
            touch(*(const struct bx_str *)m);
            break;
        case BX_T_STRS:
            for (uint32_t k = 0; k < strs->n; k++)
                touch(strs->v[k]);
            break;
        case BX_T_PAIRS:
            for (uint32_t k = 0; k < pairs->n; k++) {
                touch(pairs->v[k].key);
                touch(pairs->v[k].value);
            }
            break;
        case BX_T_LIST:
            touch_list(s->fields[i].sub, m);
            break;
        case BX_T_RECORD:
            touch_all(s->fields[i].sub, m);
            break;
        default:
            break;
        }
    }
}

/* An object has one flat form: obj's, in a block of its own; bx_free. */
static uint8_t *flat_of(const struct bx_schema *s, const void *obj, size_t *size)
{
    uint8_t *bytes;

    *size = bx_flat_size(s, obj);
    bytes = bx_must_alloc(*size);
    assert(bx_flat_write(s, obj, bytes) == *size);
    return bytes;
}

/* The accessor gives what reading gives. */
static void check_fields(const struct bx_schema *s, const uint8_t *src, const void *obj)
{
    for (uint32_t i = 0; i < s->n; i++) {
        const void *m = (const char *)obj + s->fields[i].offset;

        if (s->fields[i].type == BX_T_U64)
            assert(bx_flat_u64(s, src, i) == *(const uint64_t *)m);
    }
}

static bool has_nested(const struct bx_schema *s)
{
    uint32_t i = 0;

    while (i < s->n && s->fields[i].sub == NULL)
        i++;
    return i < s->n;
}

/* But for fields of a newer build, and those that an older one did not have, in the record or in
 * those inside of it, there is one form. And what this build writes it reads as the same. */
static void check_one_form(const struct bx_schema *s, const uint8_t *src, size_t used,
                           const void *obj)
{
    _Alignas(16) uint8_t back[OBJECT_MAX];
    struct bx_arena arena = {0};
    size_t size, size2;
    uint8_t *again = flat_of(s, obj, &size), *third;

    assert(has_nested(s) || bx_get16(src + 6) != bx_get16(again + 6) ||
           (size == used && memcmp(src, again, size) == 0));
    assert(bx_flat_read(s, again, size, back, &arena, NULL, NULL) == BX_OK);
    third = flat_of(s, back, &size2);
    assert(size == size2 && memcmp(again, third, size) == 0);
    bx_free(again);
    bx_free(third);
    bx_arena_close(&arena);
}

int fuzz_flat(const uint8_t *p, size_t n)
{
    _Alignas(16) uint8_t obj[OBJECT_MAX];
    const struct bx_schema *s = schema_of(n == 0 ? 0 : p[0]);
    struct bx_arena arena = {0};
    uint8_t *src;
    size_t used, size;
    int rc;

    if (n == 0)
        return BX_MALFORMED;
    src = fuzz_copy(p + 1, n - 1);
    assert(s->size <= sizeof obj);
    rc = bx_flat_read(s, src, n - 1, obj, &arena, &used, NULL);
    assert(bx_flat_check(s, src, n - 1, &size, NULL) == rc);
    if (rc == BX_OK) {
        assert(size == used);
        check_fields(s, src, obj);
        touch_all(s, obj);
        check_one_form(s, src, used, obj);
    }
    bx_arena_close(&arena);
    bx_free(src);
    return rc;
}

/* ---- MessagePack ---- */

static void scan_in_pieces(const uint8_t *p, size_t n, bool whole)
{
    struct bx_pack_scan s;
    int rc = BX_BUSY;

    bx_pack_scan_init(&s);
    for (size_t have = 0; rc == BX_BUSY && have <= n; have += 1 + have / 3)
        rc = bx_pack_scan(&s, p, have, TEXT_MAX);
    if (rc == BX_BUSY)
        rc = bx_pack_scan(&s, p, n, TEXT_MAX);
    assert((rc == BX_OK && s.at == n) == whole);
}

/* Write v with the writers by hand; false for what they do not write as msgpack-c does: floating
 * point numbers of 32 bits, and extensions. */
static bool by_hand(struct bx_buf *b, bx_val v)
{
    bool map = bx_val_type(v) == BX_V_MAP, flag, all = true;
    struct bx_str s;
    uint64_t u;
    int64_t i;

    switch (bx_val_type(v)) {
    case BX_V_NONE:
    case BX_V_NIL:
        return bx_pw_nil(b) == BX_OK;
    case BX_V_BOOL:
        return bx_val_bool(v, &flag) && bx_pw_bool(b, flag) == BX_OK;
    case BX_V_INT:
        if (bx_val_i64(v, &i))
            return bx_pw_i64(b, i) == BX_OK;
        return bx_val_u64(v, &u) && bx_pw_u64(b, u) == BX_OK;
    case BX_V_STR:
        return bx_val_str(v, &s) && bx_pw_strn(b, s.p, s.n) == BX_OK;
    case BX_V_BIN:
        return bx_val_str(v, &s) && bx_pw_bin(b, s.p, s.n) == BX_OK;
    case BX_V_ARRAY:
    case BX_V_MAP:
        (map ? bx_pw_map : bx_pw_array)(b, bx_val_len(v));
        for (uint32_t k = 0; all && k < bx_val_len(v); k++)
            all = (!map || by_hand(b, bx_val_key(v, k))) &&
                  by_hand(b, map ? bx_val_value(v, k) : bx_val_at(v, k));
        return all;
    case BX_V_FLOAT:
    case BX_V_EXT:
        break;
    }
    return false;
}

static int pack_again(const uint8_t *src, size_t n, struct bx_buf *first)
{
    struct bx_pack *pack = bx_pack_create();
    struct bx_buf second = {0};
    bx_val v = bx_pack_parse(pack, src, n, TEXT_MAX, NULL);
    int rc = v == NULL ? BX_MALFORMED : BX_OK;

    scan_in_pieces(src, n, v != NULL);
    if (v != NULL) {
        bx_pw_val(first, v);
        v = bx_pack_parse(pack, first->data, first->len, TEXT_MAX, NULL);
        assert(v != NULL);
        bx_pw_val(&second, v);
        assert(first->len == second.len && memcmp(first->data, second.data, second.len) == 0);
        second.len = 0;
        if (by_hand(&second, v))
            assert(first->len == second.len && memcmp(first->data, second.data, second.len) == 0);
    }
    bx_buf_release(&second);
    bx_pack_destroy(pack);
    return rc;
}

int fuzz_pack(const uint8_t *p, size_t n)
{
    uint8_t *src = fuzz_copy(p, n);
    struct bx_buf first = {0};
    int rc = pack_again(src, n, &first);

    bx_buf_release(&first);
    bx_free(src);
    return rc;
}

/* Written and read again, an object is the same. */
static void check_record(const struct bx_schema *s, const void *obj)
{
    _Alignas(16) uint8_t back[OBJECT_MAX] = {0};
    struct bx_pack *pack = bx_pack_create();
    struct bx_arena arena = {0};
    struct bx_buf b = {0};
    size_t size, size2;
    uint8_t *one = flat_of(s, obj, &size), *two;

    bx_pw_map(&b, bx_pack_fields(s, obj));
    bx_pack_write(&b, s, obj);
    assert(bx_pack_read(s, bx_pack_parse(pack, b.data, b.len, TEXT_MAX, NULL), back, &arena,
                        NULL) == BX_OK);
    two = flat_of(s, back, &size2);
    assert(size == size2 && memcmp(one, two, size) == 0);
    bx_free(one);
    bx_free(two);
    bx_buf_release(&b);
    bx_arena_close(&arena);
    bx_pack_destroy(pack);
}

int fuzz_record(const uint8_t *p, size_t n)
{
    _Alignas(16) uint8_t obj[OBJECT_MAX] = {0};
    const struct bx_schema *s = schema_of(n == 0 ? 0 : p[0]);
    struct bx_pack *pack = bx_pack_create();
    struct bx_arena arena = {0};
    uint8_t *src = n == 0 ? NULL : fuzz_copy(p + 1, n - 1);
    bx_val v = n == 0 ? NULL : bx_pack_parse(pack, src, n - 1, TEXT_MAX, NULL);
    int rc = v == NULL ? BX_MALFORMED : bx_pack_read(s, v, obj, &arena, NULL);

    if (rc == BX_OK) {
        touch_all(s, obj);
        check_record(s, obj);
    }
    bx_arena_close(&arena);
    bx_pack_destroy(pack);
    bx_free(src);
    return rc;
}

/* ---- JSON ---- */

int fuzz_json(const uint8_t *p, size_t n)
{
    char *src = (char *)fuzz_copy(p, n);
    struct bx_buf one = {0}, two = {0}, text = {0};
    struct bx_pack *pack = bx_pack_create();
    int rc = bx_json_read(&one, src, n, TEXT_MAX, NULL);

    if (rc == BX_OK) {
        bx_val v = bx_pack_parse(pack, one.data, one.len, 4 * TEXT_MAX, NULL);

        assert(v != NULL);
        assert(bx_json_write(&text, v, (unsigned)(n % 3)) == BX_OK);
        assert(bx_json_read(&two, (char *)text.data, text.len, 16 * TEXT_MAX, NULL) == BX_OK);
        assert(one.len == two.len && memcmp(one.data, two.data, one.len) == 0);
    }
    bx_pack_destroy(pack);
    bx_buf_release(&one);
    bx_buf_release(&two);
    bx_buf_release(&text);
    bx_free(src);
    return rc;
}

/* ---- a reply, in the form that its header names ---- */

static void take_vm(void *ctx, const void *obj)
{
    ++*(uint32_t *)ctx;
    touch_all(&bx_vm_reply_schema, obj);
    check_record(&bx_vm_reply_schema, obj);
}

int fuzz_hybrid(const uint8_t *p, size_t n)
{
    struct bx_decoder d = {.pack = NULL};
    uint8_t *src = fuzz_copy(p, n);
    struct bx_vm_reply vm;
    uint32_t count = 0;
    struct bx_taker taker = {&vm, NULL, take_vm, &count};
    int rc =
        bx_hybrid_read(&d, BX_USE_OTHER, BX_KIND_VM, &bx_vm_reply_schema, src, n, &taker, NULL);

    bx_decoder_close(&d);
    bx_free(src);
    return rc;
}

/* ---- packed bytes ---- */

int fuzz_lz(const uint8_t *p, size_t n)
{
    uint8_t *src = fuzz_copy(p, n);
    struct bx_buf out = {0}, packed = {0}, again = {0};
    int rc;

    bx_buf_append(&out, "before", 6);
    rc = bx_lz_unpack(&out, src, n, TEXT_MAX);
    assert(memcmp(out.data, "before", 6) == 0);
    assert(rc == BX_OK ? out.len == 6 + (size_t)bx_get32(src) : out.len == 6);
    assert(out.len - 6 <= TEXT_MAX && out.len - 6 <= n * BX_LZ_RATIO_MAX);
    if (bx_lz_pack(&packed, src, n) == BX_OK) {
        assert(packed.len <= n - n / 8);
        assert(bx_lz_unpack(&again, packed.data, packed.len, n) == BX_OK);
        assert(again.len == n && memcmp(again.data, src, n) == 0);
        assert(bx_lz_unpack(&again, packed.data, packed.len, n - 1) == BX_MALFORMED);
    }
    bx_buf_release(&out);
    bx_buf_release(&packed);
    bx_buf_release(&again);
    bx_free(src);
    return rc;
}
