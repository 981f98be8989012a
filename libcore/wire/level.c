#include "wire/level.h"

uint32_t bx_record_level(const struct bx_schema *s, const void *obj)
{
    const struct bx_field *f = s->fields + s->n;

    while (f > s->fields && f[-1].since > 1 && bx_field_empty(&f[-1], obj))
        f--;
    return f > s->fields && f[-1].since > 1 ? f[-1].since : 1;
}

static void clear(const struct bx_field *f, void *obj)
{
    static const uint8_t sizes[] = {
        [BX_T_BOOL] = sizeof(bool),
        [BX_T_U8] = 1,
        [BX_T_U16] = 2,
        [BX_T_U32] = 4,
        [BX_T_U64] = 8,
        [BX_T_I64] = 8,
        [BX_T_ENUM] = 1,
        [BX_T_UUID] = 16,
        [BX_T_HEX64] = 8,
        [BX_T_STR] = sizeof(struct bx_str),
        [BX_T_BYTES] = sizeof(struct bx_str),
        [BX_T_STRS] = sizeof(struct bx_strs),
        [BX_T_PAIRS] = sizeof(struct bx_pairs),
        [BX_T_VALUE] = sizeof(struct bx_str),
        [BX_T_LIST] = sizeof(struct bx_list),
    };

    memset((char *)obj + f->offset, 0, f->type == BX_T_RECORD ? f->sub->size : sizes[f->type]);
}

const struct bx_field *bx_record_lower(const struct bx_schema *s, void *obj, uint32_t level)
{
    for (const struct bx_field *f = s->fields; f < s->fields + s->n; f++) {
        if (f->since <= level || bx_field_empty(f, obj))
            continue;
        if (!f->droppable)
            return f;
        clear(f, obj);
    }
    return NULL;
}

bool bx_record_drop(const struct bx_schema *s, void *obj)
{
    bool any = false;

    for (const struct bx_field *f = s->fields; f < s->fields + s->n; f++) {
        if (!f->droppable || bx_field_empty(f, obj))
            continue;
        clear(f, obj);
        any = true;
    }
    return any;
}
