/* schema - a description of a record: a table of its fields.
 *
 * The table defines the flat form (flat.h), the MessagePack form (pack.h) and, through that, the
 * JSON form of a C struct. Field names are the names users see in MessagePack and JSON. A field may
 * hold another record, or a list of records, with its own schema.
 *
 * New fields are only appended. A reader that knows fewer fields skips the rest; a reader that
 * knows more finds zero. A field added after the first release has the feature
 * level that added it (wire/level.h). The flat form omits empty ones at the end, so the bytes of
 * records that do not use them do not change. */
#ifndef BX_SCHEMA_H
#define BX_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* A view of text or bytes owned by someone else; not NUL-terminated. */
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
struct bx_pairs { /* sorted by key, without duplicates; the writer ensures it */
    const struct bx_pair *v;
    uint32_t n;
};

/* An array of structs described by field.sub. */
struct bx_list {
    const void *v;
    uint32_t n;
};

/* Nesting depth of records; a deeper flat record or map is refused. */
#define BX_RECORD_DEPTH 4
/* Nesting depth of containers in a BX_T_VALUE. */
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
    /* From here on, types have data after the slots of the flat form. */
    BX_T_STR,    /* struct bx_str, valid UTF-8 */
    BX_T_BYTES,  /* struct bx_str, any bytes */
    BX_T_STRS,   /* struct bx_strs */
    BX_T_PAIRS,  /* struct bx_pairs; a map in MessagePack */
    BX_T_VALUE,  /* struct bx_str: one MessagePack value, or empty, which is nil. Strings in it are
                    not checked; JSON refuses those that are not UTF-8. */
    BX_T_RECORD, /* a struct of field.sub in place; a map in MessagePack */
    BX_T_LIST,   /* struct bx_list; an array of maps in MessagePack */
};

struct bx_field {
    const char *name;
    enum bx_type type;
    uint16_t offset;             /* offset of the member */
    uint32_t max;                /* bytes of a str, bytes or value, items of a list; 0: 65,535 */
    const char *const *names;    /* of an enum, NULL-terminated */
    const struct bx_schema *sub; /* of a record and of a list's items */
    bool nil;                    /* nil in MessagePack when it is empty */
    bool omit;                   /* omitted in MessagePack when it is empty */
    uint8_t since;               /* the feature level that added it, ascending; 0: the first */
    bool droppable;              /* omitted below its level, not refused */
    bool secret;                 /* never in an event of the recorder or in a report of an error */
};

struct bx_schema {
    const char *name;
    uint16_t kind; /* checked when a flat record is read; 0: flat form only inside another record */
    uint32_t size; /* of the struct */
    uint16_t n;
    const struct bx_field *fields;
    uint16_t *slots; /* cache of the flat form's slot count; 0: not computed, NULL: no cache */
};

/* The bound that field.max gives. */
#define BX_FIELD_MAX 65535u
static inline uint32_t bx_field_max(const struct bx_field *f)
{
    return f->max == 0 ? BX_FIELD_MAX : f->max;
}

/* Empty means: zero, false, the first enum value, no bytes, no items, or a record of only empty
 * fields. */
bool bx_value_empty(const struct bx_field *f, const void *m); /* the types not decided below */
static inline bool bx_field_empty(const struct bx_field *f, const void *obj)
{
    const char *m = (const char *)obj + f->offset;

    /* Texts, values and lists begin with a pointer and a count, as struct bx_str does. */
    if (f->type >= BX_T_STR && f->type != BX_T_RECORD)
        return ((const struct bx_str *)m)->n == 0;
    return f->type == BX_T_BOOL ? *m == 0 : bx_value_empty(f, m);
}
_Static_assert(offsetof(struct bx_pairs, n) == offsetof(struct bx_str, n) &&
                   offsetof(struct bx_strs, n) == offsetof(struct bx_str, n) &&
                   offsetof(struct bx_list, n) == offsetof(struct bx_str, n),
               "the counts are at one place");
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

/* Size of a UUID's text: 36 characters and a NUL. */
#define BX_UUID_TEXT 37
void bx_uuid_format(const uint8_t uuid[16], char out[BX_UUID_TEXT]);
/* False if s is not in the 36-character form. */
bool bx_uuid_parse(const char *s, size_t n, uint8_t uuid[16]);

/* No byte of the word is zero or has its high bit set. */
static inline bool bx_plain_word(uint64_t w)
{
    const uint64_t ones = 0x0101010101010101u, tops = 0x8080808080808080u;

    return (((w - ones) | w) & tops) == 0;
}

/* True for ASCII without NUL, the common case. Reads words, which may overlap. */
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

/* The length of the UTF-8 sequence at s, of at most n bytes and n >= 1; 0 if it is not well-formed
 * or a NUL (RFC 3629, section 4). */
size_t bx_utf8_sequence(const unsigned char *s, size_t n);
bool bx_utf8_whole(const char *s, size_t n);

/* True when the bytes are well-formed UTF-8 without NUL (RFC 3629). */
static inline bool bx_utf8_valid(const char *s, size_t n)
{
    return bx_plain_text(s, n) || bx_utf8_whole(s, n);
}

#endif
