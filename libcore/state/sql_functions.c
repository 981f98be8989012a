#include "state/sql_functions.h"

#include "codec/flat.h"
#include "codec/json.h"
#include "codec/pack.h"
#include "model/node.h"
#include "state/kind.h"
#include "wire/vm.h"

#include <stdio.h>
#include <string.h>

static void uuid_text(sqlite3_context *c, int n, sqlite3_value **v)
{
    char text[BX_UUID_TEXT];
    uint8_t uuid[16];

    (void)n;
    if (sqlite3_value_bytes(v[0]) != (int)sizeof uuid) {
        sqlite3_result_value(c, v[0]);
        return;
    }
    memcpy(uuid, sqlite3_value_blob(v[0]), sizeof uuid);
    bx_uuid_format(uuid, text);
    sqlite3_result_text(c, text, -1, SQLITE_TRANSIENT);
}

/* ---- records ---- */

static const struct bx_field *field_named(const struct bx_schema *s, const char *name)
{
    for (uint32_t i = 0; name != NULL && i < s->n; i++) {
        if (strcmp(s->fields[i].name, name) == 0)
            return &s->fields[i];
    }
    return NULL;
}

/* The object of a record, which may be unaligned; both are in the arena. BX_OK, BX_NO_MEMORY, or
 * another code if it is none of this kind. */
static int read_record(const struct bx_kind_desc *k, sqlite3_value *v, struct bx_arena *arena,
                       void **object)
{
    size_t len = (size_t)sqlite3_value_bytes(v);
    void *record = bx_arena_alloc(arena, len);

    *object = bx_arena_alloc(arena, k->schema->size);
    if (record == NULL || *object == NULL)
        return BX_NO_MEMORY;
    if (len > 0)
        memcpy(record, sqlite3_value_blob(v), len);
    return bx_flat_read(k->schema, record, len, *object, arena, NULL, NULL);
}

static int write_pairs_json(struct bx_buf *out, const struct bx_pairs *pairs)
{
    struct bx_pack *pack = bx_pack_create();
    struct bx_buf b = {0};
    bx_val map;

    bx_pw_map(&b, pairs->n);
    for (uint32_t i = 0; i < pairs->n; i++) {
        bx_pw_strn(&b, pairs->v[i].key.p, pairs->v[i].key.n);
        bx_pw_strn(&b, pairs->v[i].value.p, pairs->v[i].value.n);
    }
    map = b.failed || pack == NULL ? NULL : bx_pack_parse(pack, b.data, b.len, b.len, NULL);
    if (map == NULL || bx_json_write(out, map, 0) != BX_OK)
        out->failed = true;
    bx_buf_release(&b);
    bx_pack_destroy(pack);
    return out->failed ? BX_NO_MEMORY : BX_OK;
}

static int result_json(sqlite3_context *c, const struct bx_pairs *pairs)
{
    struct bx_buf text = {0};
    int rc = write_pairs_json(&text, pairs);

    if (rc == BX_OK)
        sqlite3_result_text(c, (const char *)text.data, (int)text.len, SQLITE_TRANSIENT);
    bx_buf_release(&text);
    return rc;
}

/* Fields of other types are NULL: no view has one. */
static int result_field(sqlite3_context *c, const struct bx_field *f, const void *member)
{
    const struct bx_str *text = member;

    switch (f->type) {
    case BX_T_U32:
        sqlite3_result_int64(c, *(const uint32_t *)member);
        return BX_OK;
    case BX_T_U64:
        sqlite3_result_int64(c, (sqlite3_int64) * (const uint64_t *)member);
        return BX_OK;
    case BX_T_STR:
        sqlite3_result_text(c, text->p == NULL ? "" : text->p, (int)text->n, SQLITE_TRANSIENT);
        return BX_OK;
    case BX_T_PAIRS:
        return result_json(c, member);
    default:
        return BX_OK;
    }
}

/* KIND_field(data, name): the field of this name of a record. */
static void record_field(sqlite3_context *c, int n, sqlite3_value **v)
{
    const struct bx_kind_desc *k = sqlite3_user_data(c);
    const struct bx_field *f = field_named(k->schema, (const char *)sqlite3_value_text(v[1]));
    struct bx_arena arena = {0};
    void *object;
    int rc;

    (void)n;
    if (f == NULL)
        return;
    rc = read_record(k, v[0], &arena, &object);
    if (rc == BX_OK)
        rc = result_field(c, f, (const char *)object + f->offset);
    if (rc == BX_NO_MEMORY)
        sqlite3_result_error_nomem(c);
    bx_arena_close(&arena);
}

/* ---- the phase of a VM ---- */

static bool is_absent(const struct bx_sql_absent *absent, sqlite3_value *node, const char *state)
{
    uint64_t id = (uint64_t)sqlite3_value_int64(node);

    if (state != NULL && strcmp(state, bx_node_state_names[BX_NODE_DOWN]) == 0)
        return true;
    for (uint32_t low = 0, high = absent->n; low < high;) {
        uint32_t middle = low + (high - low) / 2;

        if (absent->ids[middle] == id)
            return true;
        if (absent->ids[middle] < id)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

static int read_failures(sqlite3_value *record, uint32_t *failures)
{
    const struct bx_kind_desc *k = bx_kinds[BX_TABLE_VM];
    const struct bx_field *f = field_named(k->schema, "failures");
    struct bx_arena arena = {0};
    void *object;
    int rc = read_record(k, record, &arena, &object);

    *failures = 0;
    if (rc == BX_OK)
        memcpy(failures, (const char *)object + f->offset, sizeof *failures);
    bx_arena_close(&arena);
    return rc;
}

/* shown_phase(phase, data, node, state of the node): what bx_shown_phase says. The record is read
 * only if that depends on it. */
static void shown_phase(sqlite3_context *c, int n, sqlite3_value **v)
{
    const char *name = (const char *)sqlite3_value_text(v[0]);
    bool absent = is_absent(sqlite3_user_data(c), v[2], (const char *)sqlite3_value_text(v[3]));
    uint32_t failures = 0;
    uint8_t phase = 0;

    (void)n;
    while (phase < BX__PHASES && (name == NULL || strcmp(bx_phase_names[phase], name) != 0))
        phase++;
    if (phase == BX__PHASES)
        return;
    if (bx_shown_phase(phase, 0, absent) != bx_shown_phase(phase, 1, absent) &&
        read_failures(v[1], &failures) == BX_NO_MEMORY) {
        sqlite3_result_error_nomem(c);
        return;
    }
    sqlite3_result_text(c, bx_shown_phase_names[bx_shown_phase(phase, failures, absent)], -1,
                        SQLITE_STATIC);
}

/* ---- refused ---- */

/* In place of SQLite's trim with a list of characters, which compares each one of the text with
 * each one of the list, and can not be interrupted. */
static void refuse_list(sqlite3_context *c, int n, sqlite3_value **v)
{
    (void)n;
    (void)v;
    sqlite3_result_error(c, "a query can trim spaces only", -1);
}

/* ---- searching ---- */

/* In place of SQLite's, which compare at each place: 128 KiB in 128 KiB take minutes. */

static bool continues(uint8_t byte)
{
    return (byte & 0xc0) == 0x80;
}

static uint32_t count_characters(const uint8_t *p, size_t n)
{
    uint32_t count = 0;

    for (size_t i = 0; i < n; i++)
        count += !continues(p[i]);
    return count;
}

/* instr(text, part): the place of the first one, in characters, or in bytes when both are blobs. */
static void find_first(sqlite3_context *c, int n, sqlite3_value **v)
{
    bool blobs = sqlite3_value_type(v[0]) == SQLITE_BLOB && sqlite3_value_type(v[1]) == SQLITE_BLOB;
    const uint8_t *in, *part, *found;
    size_t len, part_len;

    (void)n;
    if (sqlite3_value_type(v[0]) == SQLITE_NULL || sqlite3_value_type(v[1]) == SQLITE_NULL)
        return;
    in = blobs ? sqlite3_value_blob(v[0]) : sqlite3_value_text(v[0]);
    part = blobs ? sqlite3_value_blob(v[1]) : sqlite3_value_text(v[1]);
    len = (size_t)sqlite3_value_bytes(v[0]);
    part_len = (size_t)sqlite3_value_bytes(v[1]);
    if ((in == NULL && len > 0) || (part == NULL && part_len > 0)) {
        sqlite3_result_error_nomem(c);
        return;
    }
    if (part_len == 0 || len == 0) {
        sqlite3_result_int(c, part_len == 0);
        return;
    }
    found = memmem(in, len, part, part_len);
    if (found != NULL && found != in && !blobs && continues(*found))
        found = NULL; /* no character begins like this */
    if (found == NULL)
        sqlite3_result_int(c, 0);
    else if (blobs)
        sqlite3_result_int64(c, found - in + 1);
    else
        sqlite3_result_int64(c, count_characters(in, (size_t)(found - in)) + 1);
}

static bool append(struct bx_buf *b, const uint8_t *p, size_t n, size_t max)
{
    return b->len + n <= max && bx_buf_append(b, p, n) == BX_OK;
}

/* replace(text, part, by) */
static void replace_all(sqlite3_context *c, int n, sqlite3_value **v)
{
    size_t max = (size_t)sqlite3_limit(sqlite3_context_db_handle(c), SQLITE_LIMIT_LENGTH, -1);
    const uint8_t *text[3], *at, *end, *found;
    struct bx_buf out = {0};
    size_t len[3];
    bool fits = true;

    for (int i = 0; i < n; i++) {
        text[i] = sqlite3_value_text(v[i]);
        len[i] = (size_t)sqlite3_value_bytes(v[i]);
        if (text[i] == NULL)
            return; /* NULL, or no memory, which SQLite has noted */
    }
    if (len[1] == 0) {
        sqlite3_result_text(c, (const char *)text[0], (int)len[0], SQLITE_TRANSIENT);
        return;
    }
    end = text[0] + len[0];
    for (at = text[0]; fits; at = found + len[1]) {
        found = memmem(at, (size_t)(end - at), text[1], len[1]);
        fits = append(&out, at, (size_t)((found == NULL ? end : found) - at), max);
        if (found == NULL)
            break;
        fits = fits && append(&out, text[2], len[2], max);
    }
    if (fits)
        sqlite3_result_text(c, out.len == 0 ? "" : (const char *)out.data, (int)out.len,
                            SQLITE_TRANSIENT);
    else if (out.failed)
        sqlite3_result_error_nomem(c);
    else
        sqlite3_result_error_toobig(c);
    bx_buf_release(&out);
}

/* ---- all of them ---- */

static int create_function(sqlite3 *db, const char *name, int n, const void *data,
                           void (*f)(sqlite3_context *c, int n, sqlite3_value **v))
{
    return sqlite3_create_function_v2(db, name, n,
                                      SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS,
                                      (void *)(uintptr_t)data, f, NULL, NULL, NULL);
}

int bx_sql_create_functions(sqlite3 *db, const struct bx_sql_absent *absent)
{
    static const char *const trims[] = {"trim", "ltrim", "rtrim"};
    int rc = create_function(db, "uuid_text", 1, NULL, uuid_text);
    char name[32];

    if (rc == SQLITE_OK)
        rc = create_function(db, "instr", 2, NULL, find_first);
    if (rc == SQLITE_OK)
        rc = create_function(db, "replace", 3, NULL, replace_all);
    if (rc == SQLITE_OK)
        rc = create_function(db, "shown_phase", 4, absent, shown_phase);
    for (size_t i = 0; rc == SQLITE_OK && i < sizeof trims / sizeof trims[0]; i++)
        rc = create_function(db, trims[i], 2, NULL, refuse_list);
    for (size_t i = 0; rc == SQLITE_OK && i < BX__TABLES; i++) {
        if (bx_kinds[i]->shown == NULL)
            continue;
        snprintf(name, sizeof name, "%s_field", bx_kinds[i]->name);
        rc = create_function(db, name, 2, bx_kinds[i], record_field);
    }
    return rc;
}
