#include "rec/object.h"

#include <stdio.h>

static enum bx_arg_type type_of(enum bx_type type)
{
    static const uint8_t types[] = {
        [BX_T_BOOL] = BX_ARG_BOOL, [BX_T_U8] = BX_ARG_U64,    [BX_T_U16] = BX_ARG_U64,
        [BX_T_U32] = BX_ARG_U64,   [BX_T_U64] = BX_ARG_U64,   [BX_T_I64] = BX_ARG_I64,
        [BX_T_ENUM] = BX_ARG_STR,  [BX_T_UUID] = BX_ARG_UUID, [BX_T_HEX64] = BX_ARG_U64,
        [BX_T_STR] = BX_ARG_STR,   [BX_T_LIST] = BX_ARG_NONE,
    };

    return types[type];
}

static void add_fields(struct bx_site *s, const struct bx_schema *schema, const char *outer,
                       uint32_t offset)
{
    struct bx_site_object *o = s->object;

    for (uint16_t i = 0; i < schema->n && s->n < BX_SITE_FIELDS; i++) {
        const struct bx_field *f = &schema->fields[i];
        enum bx_arg_type type = type_of(f->type);
        char key[BX_OBJECT_KEY];

        snprintf(key, sizeof key, "%s%s", outer, f->name);
        if (f->secret)
            continue;
        if (f->type == BX_T_RECORD) {
            snprintf(key, sizeof key, "%s%s.", outer, f->name);
            add_fields(s, f->sub, key, offset + f->offset);
        } else if (type != BX_ARG_NONE) {
            memcpy(o->keys[s->n], key, sizeof key);
            o->from[s->n].field = f;
            o->from[s->n].offset = offset + f->offset;
            s->fields[s->n] = (struct bx_site_field){o->keys[s->n], type};
            s->n++;
        }
    }
}

void bx_site_find_fields(struct bx_site *s)
{
    if (s->n == 0)
        add_fields(s, s->object->schema, "", 0);
}

/* The object may be one that nobody has checked. */
static const char *name_of(const struct bx_field *f, uint8_t value)
{
    for (uint8_t i = 0; i <= value; i++)
        if (f->names[i] == NULL)
            return "?";
    return f->names[value];
}

static struct bx_arg arg_of(const struct bx_field *f, const void *at)
{
    struct bx_arg arg = {0};

    switch (f->type) {
    case BX_T_BOOL:
        return bx_arg_u64(*(const bool *)at);
    case BX_T_U8:
        return bx_arg_u64(*(const uint8_t *)at);
    case BX_T_U16:
        return bx_arg_u64(*(const uint16_t *)at);
    case BX_T_U32:
        return bx_arg_u64(*(const uint32_t *)at);
    case BX_T_U64:
    case BX_T_I64:
    case BX_T_HEX64:
        return bx_arg_u64(*(const uint64_t *)at);
    case BX_T_ENUM:
        return bx_arg_text(name_of(f, *(const uint8_t *)at));
    case BX_T_UUID:
        return bx_arg_uuid(bx_uuid(at));
    case BX_T_STR:
        return bx_arg_str(*(const struct bx_str *)at);
    default:
        return arg;
    }
}

void bx_rec_object(const struct bx_site *s, const void *obj)
{
    struct bx_arg args[BX_SITE_FIELDS];

    for (uint8_t i = 0; i < s->n; i++)
        args[i] = arg_of(s->object->from[i].field, (const char *)obj + s->object->from[i].offset);
    bx_rec_write(s, args);
}
