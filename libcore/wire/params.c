#include "wire/params.h"

#include "wire/suggest.h"

#include <stdio.h>
#include <string.h>

#define KEYS_MAX 32

const char *const bx_consistency_names[] = {"linearizable", "stale", NULL};

static const struct bx_field caller_fields[] = {
    BX_FIELD(bx_caller, principal, BX_T_STR, .max = 255),
    BX_FIELD(bx_caller, role, BX_T_ENUM, .names = bx_rpc_role_names),
    BX_FIELD(bx_caller, tenant, BX_T_STR, .max = 255),
};
const struct bx_schema bx_caller_schema = BX_SCHEMA("caller", 0, bx_caller, caller_fields);

void bx_params_init(enum bx_method m, void *params)
{
    const struct bx_method_info *info = bx_methods[m];
    struct bx_common *common = params;

    memset(params, 0, info->params->size);
    common->timeout_ms = BX_TIMEOUT_DEFAULT_MS;
    if (info->defaults != NULL)
        info->defaults(params);
}

bool bx_hex16(struct bx_str s, uint8_t out[16])
{
    if (s.n != BX_ID_TEXT)
        return false;
    for (uint32_t i = 0; i < BX_ID_TEXT; i++) {
        char c = s.p[i];
        int v = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;

        if (v < 0)
            return false;
        out[i / 2] = (uint8_t)(out[i / 2] << 4 | v);
    }
    return true;
}

bool bx_hex32(struct bx_str s, uint8_t out[32])
{
    return s.n == 64 && bx_hex16((struct bx_str){s.p, 32}, out) &&
           bx_hex16((struct bx_str){s.p + 32, 32}, out + 16);
}

static bool takes(const struct bx_schema *s, struct bx_str key)
{
    for (uint32_t i = 0; i < s->n; i++) {
        if (bx_str_eq(key, bx_str(s->fields[i].name)))
            return true;
    }
    return false;
}

/* "vm.show takes: vm consistency timeout_ms trace_id". */
static void hint_names(enum bx_method m, const char *prefix, struct bx_err *err)
{
    const struct bx_schema *s = bx_methods[m]->params;
    char text[BX_ERR_HINT] = "";
    size_t n = 0;

    for (uint32_t i = 0; i < s->n && n < sizeof text; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, " %s", s->fields[i].name);
    bx_err_hint(err, "%s takes:%s", prefix, text);
}

static void hint_key(enum bx_method m, struct bx_str key, struct bx_err *err)
{
    const struct bx_schema *s = bx_methods[m]->params;
    const char *words[KEYS_MAX], *word;
    uint32_t n = 0;

    for (; n < s->n && n < KEYS_MAX; n++)
        words[n] = s->fields[n].name;
    word = bx_suggest(key.p, key.n, words, n);
    if (word != NULL)
        bx_err_hint(err, "did you mean \"%s\"?", word);
    else
        hint_names(m, "it", err);
}

static int check_keys(enum bx_method m, bx_val map, struct bx_err *err)
{
    if (bx_val_type(map) != BX_V_MAP)
        return bx_err_set(err, BX_INVALID, "the parameters must be one map");
    for (uint32_t i = 0; i < bx_val_len(map); i++) {
        struct bx_str key = {"", 0};

        if (bx_val_str(bx_val_key(map, i), &key) && takes(bx_methods[m]->params, key))
            continue;
        bx_err_set(err, BX_INVALID, "%s: unknown parameter \"%.*s\"", bx_methods[m]->name,
                   (int)(key.n > 64 ? 64 : key.n), key.p);
        hint_key(m, key, err);
        return BX_INVALID;
    }
    return BX_OK;
}

static int check_common(const struct bx_common *c, struct bx_err *err)
{
    uint8_t id[16];

    if (c->timeout_ms < 1 || c->timeout_ms > BX_TIMEOUT_MAX_MS)
        return bx_err_set(err, BX_INVALID, "timeout_ms: must be 1 to %u", BX_TIMEOUT_MAX_MS);
    if (c->request_id.n > 0 && !bx_hex16(c->request_id, id))
        return bx_err_set(err, BX_INVALID, "request_id: must be 32 hex digits");
    if (c->trace_id.n > 0 && !bx_hex16(c->trace_id, id))
        return bx_err_set(err, BX_INVALID, "trace_id: must be 32 hex digits");
    return BX_OK;
}

int bx_params_read(enum bx_method m, bx_val map, void *params, struct bx_arena *arena,
                   struct bx_err *err)
{
    struct bx_err words = {0};
    int rc = check_keys(m, map, &words);

    if (rc == BX_OK)
        rc = bx_pack_read(bx_methods[m]->params, map, params, arena, &words);
    if (rc == BX_OK)
        rc = check_common(params, &words);
    if (rc != BX_OK && words.hint[0] == '\0')
        hint_names(m, bx_methods[m]->name, &words);
    if (rc != BX_OK && err != NULL)
        *err = words;
    return rc;
}
