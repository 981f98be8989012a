/* api_params - the parameters of a request: which a method takes, what they are, where they lie.
 *
 * One table describes those of all methods. Values are views into the call's message; what has none
 * there, the labels of a VM, moves into pooled memory. */
#include "api/priv.h"

#include "wire/suggest.h"

#include <stdio.h>
#include <string.h>

/* Everything is read into one of these on the stack; the call keeps what its method needs of it. */
struct reading {
    struct api_params p;
    struct bx_vm_config config;
};

#define P(member, typ, ...)                                                                        \
    {                                                                                              \
        .name = #member, .type = (typ), .offset = offsetof(struct reading, p.member), __VA_ARGS__  \
    }
static const struct bx_field fields[] = {
    BX_VM_CONFIG_FIELDS(offsetof(struct reading, config)),
    P(if_not_exists, BX_T_BOOL),
    P(dry_run, BX_T_BOOL),
    P(force, BX_T_BOOL),
    P(confirm_dead, BX_T_BOOL),
    P(vm, BX_T_STR, .max = 255),
    P(until, BX_T_STR, .max = 16),
    P(token, BX_T_STR, .max = 8192),
    P(query, BX_T_STR, .max = 65535),
    P(consistency, BX_T_STR, .max = 16),
    P(request_id, BX_T_STR, .max = 32),
    P(trace_id, BX_T_STR, .max = 32),
    P(epoch, BX_T_U64),
    P(since, BX_T_U64),
    P(sequence, BX_T_U64),
    P(floor, BX_T_U64),
    P(bytes, BX_T_U64),
    P(ttl_s, BX_T_U64),
    P(version, BX_T_U64),
    P(limit, BX_T_U32),
    P(timeout_ms, BX_T_U32),
    P(timeout_s, BX_T_U32),
    P(scope, BX_T_STR, .max = 255),
    P(action, BX_T_STR, .max = 16),
    P(codecs, BX_T_STRS, .max = 8),
};
static const struct bx_schema schema = BX_SCHEMA("parameters", 0, reading, fields);

bool api_hex16(struct bx_str s, uint8_t out[16])
{
    if (s.n != 32)
        return false;
    for (uint32_t i = 0; i < 32; i++) {
        char c = s.p[i];
        int v = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;

        if (v < 0)
            return false;
        out[i / 2] = (uint8_t)(out[i / 2] << 4 | v);
    }
    return true;
}

static bool word_in(const char *words, struct bx_str key)
{
    char want[80];

    if (key.n == 0 || key.n > 70 || memchr(key.p, ' ', key.n) != NULL)
        return false;
    snprintf(want, sizeof want, " " BX_STR_FMT " ", BX_STR_ARG(key));
    return strstr(words, want) != NULL;
}

/* " a b c " cut into words; the copy is theirs. */
static size_t split(char *text, const char **words, size_t max)
{
    char *save = NULL;
    size_t n = 0;

    for (char *w = strtok_r(text, " ", &save); w != NULL && n < max; w = strtok_r(NULL, " ", &save))
        words[n++] = w;
    return n;
}

static void hint_keys(const char *allowed, struct bx_str key, struct bx_err *err)
{
    const char *words[32], *near;
    char text[BX_ERR_HINT];

    snprintf(text, sizeof text, "%s", allowed);
    near = bx_suggest(key.p, key.n, words, split(text, words, 32));
    if (near != NULL)
        bx_err_hint(err, "did you mean \"%s\"?", near);
    else
        bx_err_hint(err, "it takes:%s", allowed);
}

static int check_keys(const struct api_call *c, bx_val map, const char *allowed, struct bx_err *err)
{
    if (bx_val_type(map) != BX_V_MAP)
        return bx_err_set(err, BX_INVALID, "the parameters must be one map");
    for (uint32_t i = 0; i < bx_val_len(map); i++) {
        struct bx_str key = {"", 0};

        if (bx_val_str(bx_val_key(map, i), &key) && word_in(allowed, key))
            continue;
        bx_err_set(err, BX_INVALID, "%s: unknown parameter \"%.*s\"", bx_methods[c->method].name,
                   (int)(key.n > 64 ? 64 : key.n), key.p);
        hint_keys(allowed, key, err);
        return BX_INVALID;
    }
    return BX_OK;
}

static int check_common(const struct api_params *p, struct bx_err *err)
{
    uint8_t id[16];

    if (p->timeout_ms < 1 || p->timeout_ms > API_TIMEOUT_MAX_MS)
        return bx_err_set(err, BX_INVALID, "timeout_ms: must be 1 to %u", API_TIMEOUT_MAX_MS);
    if (p->consistency.n > 0 && !bx_str_eq(p->consistency, bx_str("stale")) &&
        !bx_str_eq(p->consistency, bx_str("linearizable")))
        return bx_err_set(err, BX_INVALID, "consistency: must be \"linearizable\" or \"stale\"");
    if (p->request_id.n > 0 && !api_hex16(p->request_id, id))
        return bx_err_set(err, BX_INVALID, "request_id: must be 32 hex digits");
    if (p->trace_id.n > 0 && !api_hex16(p->trace_id, id))
        return bx_err_set(err, BX_INVALID, "trace_id: must be 32 hex digits");
    return BX_OK;
}

/* The configuration moves into pooled memory, its labels out of the arena too. */
static int keep_config(struct api_call *c, const struct bx_vm_config *config, struct bx_err *err)
{
    const struct bx_pairs *labels = &config->labels;

    c->config = bx_pool_acquire(&c->api->configs);
    if (c->config != NULL && labels->n > 0)
        c->metadata = bx_pool_acquire(&c->api->metadata);
    if (c->config == NULL || (labels->n > 0 && c->metadata == NULL))
        return bx_err_set(err, BX_NO_MEMORY, "out of memory");
    *c->config = *config;
    if (labels->n > 0) {
        memcpy(c->metadata->pairs, labels->v, labels->n * sizeof *labels->v);
        c->config->labels.v = c->metadata->pairs;
    }
    return BX_OK;
}

int api_params_read(struct api_call *c, bx_val map, const char *allowed, struct bx_err *err)
{
    struct reading r = {.p = {.timeout_ms = API_TIMEOUT_MS}};
    int rc = check_keys(c, map, allowed, err);

    if (rc != BX_OK)
        return rc;
    bx_vm_config_init(&r.config);
    rc = bx_pack_read(&schema, map, &r, &c->api->arena, err);
    if (rc != BX_OK)
        return rc;
    c->p = r.p;
    c->p.name = r.config.name;
    c->p.node = r.config.node;
    if (c->method == BX_M_VM_CREATE)
        rc = keep_config(c, &r.config, err);
    return rc == BX_OK ? check_common(&c->p, err) : rc;
}
