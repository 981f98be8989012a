#include "wire/params.h"

#include "codec/header.h"
#include "wire/suggest.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define ID_TEXT 32
#define KEYS_MAX 32

const char *const bx_consistency_names[] = {"linearizable", "stale", NULL};
const char *const bx_until_names[] = {"running", "stopped", "deleted", NULL};
const char *const bx_sites_action_names[] = {"report", "start", "finish", NULL};

/* ---- the schemas ---- */

/* struct bx_common stands at the beginning of each. */
#define COMMON(member, typ, ...)                                                                   \
    {                                                                                              \
        .name = #member, .type = (typ), .offset = offsetof(struct bx_common, member), __VA_ARGS__  \
    }
#define TIMES COMMON(timeout_ms, BX_T_U32), COMMON(trace_id, BX_T_STR, .max = ID_TEXT)
#define READS COMMON(consistency, BX_T_ENUM, .names = bx_consistency_names), TIMES
#define WRITES                                                                                     \
    COMMON(request_id, BX_T_STR, .max = ID_TEXT), COMMON(sequence, BX_T_U64),                      \
        COMMON(floor, BX_T_U64), TIMES
#define MATCHES COMMON(limit, BX_T_U32), COMMON(match, BX_T_PAIRS, .max = BX_MATCH_MAX)
#define LISTS COMMON(after, BX_T_STR, .max = 255), MATCHES, READS
#define CREATE_AT offsetof(struct bx_vm_create_params, body)
#define VM BX_FIELD(bx_vm_params, vm, BX_T_STR, .max = 255)
#define STOP                                                                                       \
    VM, BX_FIELD(bx_vm_params, timeout_s, BX_T_U32), BX_FIELD(bx_vm_params, force, BX_T_BOOL)
#define NODE BX_FIELD(bx_node_params, node, BX_T_STR, .max = 255)
#define TENANT BX_FIELD(bx_tenant_params, tenant, BX_T_STR, .max = 255)
#define SINCE BX_FIELD(bx_events_params, since, BX_T_U64)

static const struct bx_field times_fields[] = {TIMES};
static const struct bx_field reads_fields[] = {READS};
static const struct bx_field lists_fields[] = {LISTS};
static const struct bx_field hello_fields[] = {
    BX_FIELD(bx_hello_params, version, BX_T_U64),
    BX_FIELD(bx_hello_params, codecs, BX_T_STRS, .max = 8),
};
static const struct bx_field vm_create_fields[] = {
    BX_VM_CONFIG_FIELDS(CREATE_AT + offsetof(struct bx_cmd_vm_create, config)),
    {.name = "if_not_exists",
     .type = BX_T_BOOL,
     .offset = CREATE_AT + offsetof(struct bx_cmd_vm_create, if_not_exists)},
    BX_FIELD(bx_vm_create_params, dry_run, BX_T_BOOL),
    COMMON(consistency, BX_T_ENUM, .names = bx_consistency_names),
    WRITES,
    BX_VM_CONFIG_LATER_FIELDS(CREATE_AT + offsetof(struct bx_cmd_vm_create, config)),
};
static const struct bx_field vm_read_fields[] = {VM, READS};
static const struct bx_field vm_write_fields[] = {VM, WRITES};
static const struct bx_field vm_stop_fields[] = {STOP, WRITES};
static const struct bx_field vm_rename_fields[] = {
    VM, BX_FIELD(bx_vm_params, name, BX_T_STR, .max = 255), WRITES};
static const struct bx_field vm_wait_fields[] = {
    VM, BX_FIELD(bx_vm_params, epoch, BX_T_U64),
    BX_FIELD(bx_vm_params, until, BX_T_ENUM, .names = bx_until_names), READS};
static const struct bx_field vm_logs_fields[] = {VM, BX_FIELD(bx_vm_params, bytes, BX_T_U64),
                                                 READS};
static const struct bx_field node_read_fields[] = {NODE, READS};
static const struct bx_field node_remove_fields[] = {
    NODE, BX_FIELD(bx_node_params, confirm_dead, BX_T_BOOL), WRITES};
static const struct bx_field tenant_read_fields[] = {TENANT, READS};
static const struct bx_field tenant_delete_fields[] = {TENANT, WRITES};
static const struct bx_field tenant_write_fields[] = {
    TENANT, BX_QUOTA_FIELDS(bx_tenant_params, quota), WRITES};
static const struct bx_field init_fields[] = {BX_FIELD(bx_init_params, name, BX_T_STR, .max = 255),
                                              TIMES};
static const struct bx_field join_fields[] = {
    BX_FIELD(bx_join_params, token, BX_T_STR, .max = BX_TOKEN_MAX), TIMES};
static const struct bx_field token_fields[] = {BX_FIELD(bx_token_params, ttl_s, BX_T_U64), WRITES};
static const struct bx_field events_fields[] = {SINCE, MATCHES, READS};
static const struct bx_field watch_fields[] = {SINCE};
static const struct bx_field sql_fields[] = {
    BX_FIELD(bx_sql_params, query, BX_T_STR, .max = BX_QUERY_MAX), READS};
static const struct bx_field sites_fields[] = {
    BX_FIELD(bx_sites_params, scope, BX_T_STR, .max = 255),
    BX_FIELD(bx_sites_params, action, BX_T_ENUM, .names = bx_sites_action_names), TIMES};

#define PARAMS(method, strukt, tab)                                                                \
    [BX_M_##method] = BX_SCHEMA("parameters", BX_KIND_PARAMS + BX_M_##method, strukt, tab)
const struct bx_schema bx_param_schemas[BX__METHODS] = {
    PARAMS(SYS_HELLO, bx_hello_params, hello_fields),
    PARAMS(VM_CREATE, bx_vm_create_params, vm_create_fields),
    PARAMS(VM_LIST, bx_plain_params, lists_fields),
    PARAMS(VM_SHOW, bx_vm_params, vm_read_fields),
    PARAMS(VM_START, bx_vm_params, vm_write_fields),
    PARAMS(VM_STOP, bx_vm_params, vm_stop_fields),
    PARAMS(VM_RESTART, bx_vm_params, vm_stop_fields),
    PARAMS(VM_DELETE, bx_vm_params, vm_write_fields),
    PARAMS(VM_RENAME, bx_vm_params, vm_rename_fields),
    PARAMS(VM_WAIT, bx_vm_params, vm_wait_fields),
    PARAMS(VM_LOGS, bx_vm_params, vm_logs_fields),
    PARAMS(VM_EXPLAIN, bx_vm_params, vm_read_fields),
    PARAMS(NODE_LIST, bx_plain_params, lists_fields),
    PARAMS(NODE_SHOW, bx_node_params, node_read_fields),
    PARAMS(NODE_REMOVE, bx_node_params, node_remove_fields),
    PARAMS(CLUSTER_INIT, bx_init_params, init_fields),
    PARAMS(CLUSTER_JOIN, bx_join_params, join_fields),
    PARAMS(CLUSTER_TOKEN, bx_token_params, token_fields),
    PARAMS(CLUSTER_STATUS, bx_plain_params, reads_fields),
    PARAMS(CLUSTER_MEMBERS, bx_plain_params, lists_fields),
    PARAMS(EVENTS_LIST, bx_events_params, events_fields),
    PARAMS(EVENTS_WATCH, bx_events_params, watch_fields),
    PARAMS(SQL, bx_sql_params, sql_fields),
    PARAMS(MEM_STATS, bx_plain_params, times_fields),
    PARAMS(MEM_SITES, bx_sites_params, sites_fields),
    PARAMS(TENANT_CREATE, bx_tenant_params, tenant_write_fields),
    PARAMS(TENANT_LIST, bx_plain_params, lists_fields),
    PARAMS(TENANT_SHOW, bx_tenant_params, tenant_read_fields),
    PARAMS(TENANT_SET, bx_tenant_params, tenant_write_fields),
    PARAMS(TENANT_DELETE, bx_tenant_params, tenant_delete_fields),
};

/* ---- reading ---- */

void bx_params_init(enum bx_method m, void *params)
{
    const struct bx_method_info *info = &bx_methods[m];
    struct bx_common *common = params;

    memset(params, 0, info->params->size);
    common->timeout_ms = BX_TIMEOUT_DEFAULT_MS;
    if (info->defaults != NULL)
        info->defaults(params);
}

bool bx_hex16(struct bx_str s, uint8_t out[16])
{
    if (s.n != ID_TEXT)
        return false;
    for (uint32_t i = 0; i < ID_TEXT; i++) {
        char c = s.p[i];
        int v = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;

        if (v < 0)
            return false;
        out[i / 2] = (uint8_t)(out[i / 2] << 4 | v);
    }
    return true;
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
    const struct bx_schema *s = bx_methods[m].params;
    char text[BX_ERR_HINT] = "";
    size_t n = 0;

    for (uint32_t i = 0; i < s->n && n < sizeof text; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, " %s", s->fields[i].name);
    bx_err_hint(err, "%s takes:%s", prefix, text);
}

static void hint_key(enum bx_method m, struct bx_str key, struct bx_err *err)
{
    const struct bx_schema *s = bx_methods[m].params;
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

        if (bx_val_str(bx_val_key(map, i), &key) && takes(bx_methods[m].params, key))
            continue;
        bx_err_set(err, BX_INVALID, "%s: unknown parameter \"%.*s\"", bx_methods[m].name,
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
        rc = bx_pack_read(bx_methods[m].params, map, params, arena, &words);
    if (rc == BX_OK)
        rc = check_common(params, &words);
    if (rc != BX_OK && words.hint[0] == '\0')
        hint_names(m, bx_methods[m].name, &words);
    if (rc != BX_OK && err != NULL)
        *err = words;
    return rc;
}
