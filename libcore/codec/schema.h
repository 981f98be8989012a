/* schema - a record described once, by a table of its fields.
 *
 * The table gives the C struct its flat form (flat.h), its MessagePack form (pack.h) and, through
 * that, JSON. Field names are what users see in MessagePack and JSON. A field may hold another
 * record, or a list of records, of a schema of its own.
 *
 * A schema grows only at its end. A reader that knows fewer fields skips the rest, one that knows
 * more finds zero. Fields that were added after the first release are marked `later`: the flat form
 * leaves out those at the end that are empty, so records that do not use them keep their bytes. */
#ifndef BX_SCHEMA_H
#define BX_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* A view of text or bytes that somebody else owns; not NUL-terminated. */
struct bx_str {
    const char *p;
    uint32_t n;
};
struct bx_strs {
    const struct bx_str *v;
    uint32_t n;
};
struct bx_pair {
    struct bx_str key, value;
};
struct bx_pairs { /* in ascending order of key, no key twice; writers see to it */
    const struct bx_pair *v;
    uint32_t n;
};

/* Structs of field.sub, one after the other as in a C array. */
struct bx_list {
    const void *v;
    uint32_t n;
};

/* Records inside of records; a flat record or a map that goes deeper is refused. */
#define BX_RECORD_DEPTH 4
/* Containers inside of a BX_T_VALUE. */
#define BX_VALUE_DEPTH 4

#define BX_STR_FMT "%.*s"
#define BX_STR_ARG(s) (int)(s).n, (s).p == NULL ? "" : (s).p

static inline struct bx_str bx_str(const char *s)
{
    return (struct bx_str){s, s == NULL ? 0 : (uint32_t)strlen(s)};
}
static inline bool bx_str_eq(struct bx_str a, struct bx_str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

enum bx_type {
    BX_T_BOOL,  /* bool */
    BX_T_U8,    /* uint8_t */
    BX_T_U16,   /* uint16_t */
    BX_T_U32,   /* uint32_t */
    BX_T_U64,   /* uint64_t */
    BX_T_I64,   /* int64_t */
    BX_T_ENUM,  /* uint8_t; its name from field.names; text in MessagePack */
    BX_T_UUID,  /* uint8_t[16]; 8-4-4-4-12 text in MessagePack, absent when all zero */
    BX_T_HEX64, /* uint64_t; 16 hex digits in MessagePack */
    /* The types from here on have bytes behind the slots of the flat form. */
    BX_T_STR,    /* struct bx_str, valid UTF-8 */
    BX_T_BYTES,  /* struct bx_str, any bytes */
    BX_T_STRS,   /* struct bx_strs */
    BX_T_PAIRS,  /* struct bx_pairs; a map in MessagePack */
    BX_T_VALUE,  /* struct bx_str: one MessagePack value, or no bytes, which is nil. Its texts are
                    not  checked, and JSON refuses those that are no UTF-8. */
    BX_T_RECORD, /* a struct of field.sub in place; a map in MessagePack */
    BX_T_LIST,   /* struct bx_list; an array of maps in MessagePack */
};

struct bx_field {
    const char *name;
    enum bx_type type;
    uint16_t offset;             /* in the struct */
    uint32_t max;                /* bytes of a str, bytes or value, items of a list; 0: 65,535 */
    const char *const *names;    /* of an enum, NULL-terminated */
    const struct bx_schema *sub; /* of a record and of a list's items */
    bool nil;                    /* MessagePack has nil for it when it is empty */
    bool omit;                   /* MessagePack leaves it out when it is empty */
    bool later;                  /* added after the first release; only later ones follow */
};

struct bx_schema {
    const char *name;
    uint16_t kind; /* checked when a flat record is read; 0: no flat form but inside of another */
    uint32_t size; /* of the struct */
    uint16_t n;
    const struct bx_field *fields;
    uint16_t *slots; /* of the flat form; 0 until counted, NULL: never kept */
};

/* The bound that field.max gives. */
#define BX_FIELD_MAX 65535u
static inline uint32_t bx_field_max(const struct bx_field *f)
{
    return f->max == 0 ? BX_FIELD_MAX : f->max;
}

/* Zero, false, the first of an enum's names, no bytes, no items, or a record of nothing else. */
bool bx_field_empty(const struct bx_field *f, const void *obj);
bool bx_record_empty(const struct bx_schema *s, const void *obj);

#define BX_FIELD(strukt, member, typ, ...)                                                         \
    {                                                                                              \
        .name = #member, .type = (typ), .offset = offsetof(struct strukt, member), __VA_ARGS__     \
    }
#define BX_SCHEMA(nam, knd, strukt, tab)                                                           \
    {                                                                                              \
        .name = (nam), .kind = (knd), .size = sizeof(struct strukt),                               \
        .n = sizeof(tab) / sizeof((tab)[0]), .fields = (tab), .slots = &(uint16_t)                 \
        {                                                                                          \
            0                                                                                      \
        }                                                                                          \
    }

/* Text of a UUID: 36 characters and a NUL. */
#define BX_UUID_TEXT 37
void bx_uuid_format(const uint8_t uuid[16], char out[BX_UUID_TEXT]);
/* False when s is not the 36-character form. */
bool bx_uuid_parse(const char *s, size_t n, uint8_t uuid[16]);

/* No byte of the word is zero or has its high bit set. */
static inline bool bx_plain_word(uint64_t w)
{
    const uint64_t ones = 0x0101010101010101u, tops = 0x8080808080808080u;

    return (((w - ones) | w) & tops) == 0;
}

/* ASCII without NUL, which nearly all text is: words at once, that may overlap. */
static inline bool bx_plain_text(const char *s, size_t n)
{
    uint64_t w = 0, high = 0;

    if (n >= 8) {
        for (size_t i = 0; i + 8 < n; i += 8) {
            memcpy(&w, s + i, sizeof w);
            if (!bx_plain_word(w))
                return false;
        }
        memcpy(&w, s + n - 8, sizeof w);
        return bx_plain_word(w);
    }
    if (n >= 4) {
        memcpy(&w, s, 4);
        memcpy(&high, s + n - 4, 4);
        return bx_plain_word(w | w << 32) && bx_plain_word(high | high << 32);
    }
    for (size_t i = 0; i < n; i++) {
        if ((signed char)s[i] <= 0)
            return false;
    }
    return true;
}

bool bx_utf8_whole(const char *s, size_t n);

/* True when the bytes are well-formed UTF-8 without NUL (RFC 3629). */
static inline bool bx_utf8_valid(const char *s, size_t n)
{
    return bx_plain_text(s, n) || bx_utf8_whole(s, n);
}

#endif
