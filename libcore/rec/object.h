/* object - a record of a schema (codec/schema.h) as the fields of an event.
 *
 *     BX_OBJECT(BX_LEVEL_DEBUG, "node", "joined", bx_join_schema, &join);
 *
 * The fields are those of the schema, in its order, the first BX_SITE_FIELDS of them: numbers,
 * bools, UUIDs, texts, and enums by their names; those of a record inside it with a key such as
 * `outer.inner`. Fields marked secret, bytes, lists and maps are left out. They are found once,
 * when a filter is set for the first time; an event costs what one with the same fields costs. */
#ifndef BX_OBJECT_H
#define BX_OBJECT_H

#include "rec/rec.h"

#define BX_OBJECT_KEY 40u /* bytes, with the NUL; a longer key is cut */

struct bx_site_object {
    const struct bx_schema *schema;
    struct {
        const struct bx_field *field;
        uint32_t offset; /* in the object */
    } from[BX_SITE_FIELDS];
    char keys[BX_SITE_FIELDS][BX_OBJECT_KEY];
};

/* Record the event; what the macro calls. */
void bx_rec_object(const struct bx_site *s, const void *obj);

#define BX_OBJECT(lvl, tgt, msg, schema_, obj)                                                     \
    do {                                                                                           \
        static struct bx_site_object bx_object_here = {.schema = &(schema_)};                      \
        static struct bx_site bx_site_here = {.target = tgt,                                       \
                                              .message = msg,                                      \
                                              .file = __FILE__,                                    \
                                              .line = __LINE__,                                    \
                                              .level = lvl,                                        \
                                              .object = &bx_object_here};                          \
        static struct bx_site *bx_site_entry BX_SITE_ENTRY = &bx_site_here;                        \
        if ((lvl) <= BX_LEVEL_COMPILED && __builtin_expect(bx_site_on(&bx_site_here), 0))          \
            bx_rec_object(bx_site_entry, obj);                                                     \
    } while (0)

#endif
