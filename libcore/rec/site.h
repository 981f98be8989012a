/* site - the places in the program that record events, and the values that they pass.
 *
 * A site is a static descriptor made by one of the macros of rec.h. It holds all that is the same
 * for every event of that place: level, target, message, the keys and types of the fields. A record
 * holds its id and the values. The linker gathers the pointers to all sites of a program in one
 * section; an id is an index in it, and belongs to one build of one program. */
#ifndef BX_SITE_H
#define BX_SITE_H

#include "codec/schema.h"
#include "mem/intern.h"

#include <stdbool.h>
#include <stdint.h>

#define BX_SITE_FIELDS 8u /* the most that one event can have */

/* As in syslog: a lower number is more severe. */
enum bx_level {
    BX_LEVEL_ERROR = 3,
    BX_LEVEL_WARNING = 4,
    BX_LEVEL_INFO = 6,
    BX_LEVEL_DEBUG = 7,
    BX_LEVEL_TRACE = 8
};
#define BX_LEVELS 9u
/* "error", "warning", "info", "debug", "trace"; syslog's other levels have the name of the next one
 * of ours that is less severe. */
const char *bx_level_name(unsigned level);
/* Also "warn". False: no such level. */
bool bx_level_parse(const char *name, size_t n, enum bx_level *out);

enum bx_arg_type {
    BX_ARG_NONE,
    BX_ARG_BOOL,
    BX_ARG_I64,
    BX_ARG_U64,
    BX_ARG_F64,
    BX_ARG_STR, /* copied into the record, up to BX_RECEVENT_STR bytes */
    BX_ARG_UUID,
    BX__ARG_TYPES
};
/* A constant expression, for initialisers. */
#define BX_ARG_HAS_BYTES(type) ((type) == BX_ARG_STR || (type) == BX_ARG_UUID)

/* A value on its way into a record. A string is valid during the call. */
struct bx_arg {
    union {
        uint64_t u;
        int64_t i;
        double f;
        const void *p;
    };
    size_t n; /* bytes at p */
};

struct bx_site_field {
    const char *key;
    enum bx_arg_type type;
};

enum { BX_SITE_RING = 1, BX_SITE_QUEUE = 2 }; /* who takes events of a site */

struct bx_site {
    const char *target, *message, *file;
    uint32_t line, id;
    uint8_t level;
    uint8_t n;  /* fields */
    uint8_t on; /* set of BX_SITE_*; changes while other threads read it */
    bool plain; /* no field has bytes; false: not known */
    struct bx_site_field fields[BX_SITE_FIELDS + 1]; /* and an end */
    struct bx_site_object *object; /* where they come from (object.h); NULL: not from an object */
};

/* Fill in the fields of a site that has an object; once is enough. Before other threads record. */
void bx_site_find_fields(struct bx_site *s);

/* All sites of this program, by id. */
struct bx_sites {
    struct bx_site **v;
    uint32_t n;
};
struct bx_sites bx_sites(void);
/* Of a pointer to a site that is to be among them, or an array of such. Their alignment is given,
 * so that the linker leaves no gaps. */
#define BX_SITE_ENTRY __attribute__((section("bx_site_table"), used, aligned(sizeof(void *))))

static inline bool bx_site_on(const struct bx_site *s)
{
    return __atomic_load_n(&s->on, __ATOMIC_RELAXED) != 0;
}

/* ---- the macros of values; see rec.h ---- */

struct bx_uuid_arg {
    const uint8_t *bytes; /* 16 */
};
static inline struct bx_uuid_arg bx_uuid(const uint8_t bytes[16])
{
    return (struct bx_uuid_arg){bytes};
}

static inline struct bx_arg bx_arg_u64(uint64_t v)
{
    return (struct bx_arg){.u = v};
}
static inline struct bx_arg bx_arg_i64(int64_t v)
{
    return (struct bx_arg){.i = v};
}
static inline struct bx_arg bx_arg_f64(double v)
{
    return (struct bx_arg){.f = v};
}
static inline struct bx_arg bx_arg_text(const char *s)
{
    return (struct bx_arg){.p = s, .n = s == NULL ? 0 : strlen(s)};
}
static inline struct bx_arg bx_arg_str(struct bx_str s)
{
    return (struct bx_arg){.p = s.p, .n = s.n};
}
static inline struct bx_arg bx_arg_istr(const struct bx_istr *s)
{
    return (struct bx_arg){.p = s->s, .n = s->len};
}
static inline struct bx_arg bx_arg_uuid(struct bx_uuid_arg u)
{
    return (struct bx_arg){.p = u.bytes, .n = 16};
}

/* One row per C type that a field may have: its type in a record, and how it is passed. */
#define BX_ARG_SELECT(v, boolean, i64, u64, f64, text, istr, str, uuid)                            \
    _Generic((v),                                                                                  \
        _Bool: boolean,                                                                            \
        char: i64,                                                                                 \
        signed char: i64,                                                                          \
        short: i64,                                                                                \
        int: i64,                                                                                  \
        long: i64,                                                                                 \
        long long: i64,                                                                            \
        unsigned char: u64,                                                                        \
        unsigned short: u64,                                                                       \
        unsigned: u64,                                                                             \
        unsigned long: u64,                                                                        \
        unsigned long long: u64,                                                                   \
        double: f64,                                                                               \
        char *: text,                                                                              \
        const char *: text,                                                                        \
        const struct bx_istr *: istr,                                                              \
        struct bx_str: str,                                                                        \
        struct bx_uuid_arg: uuid)
#define BX_ARG_TYPE(v)                                                                             \
    BX_ARG_SELECT(v, BX_ARG_BOOL, BX_ARG_I64, BX_ARG_U64, BX_ARG_F64, BX_ARG_STR, BX_ARG_STR,      \
                  BX_ARG_STR, BX_ARG_UUID)
#define BX_ARG(v)                                                                                  \
    BX_ARG_SELECT(v, bx_arg_u64, bx_arg_i64, bx_arg_u64, bx_arg_f64, bx_arg_text, bx_arg_istr,     \
                  bx_arg_str, bx_arg_uuid)                                                         \
    (v)

#endif
