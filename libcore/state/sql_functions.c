#include "state/sql_functions.h"

#include "codec/flat.h"
#include "codec/json.h"
#include "codec/pack.h"
#include "state/kind.h"

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

static const struct bx_field *field_named(const struct bx_schema *s, const char *name)
{
    uint32_t i = 0;

    while (strcmp(s->fields[i].name, name) != 0)
        i++;
    return &s->fields[i];
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

/* KIND_json(data): the kind's pairs as JSON, from a record that may be unaligned. */
static void record_json(sqlite3_context *c, int n, sqlite3_value **v)
{
    const struct bx_kind_desc *k = sqlite3_user_data(c);
    const struct bx_field *f = field_named(k->schema, k->json);
    size_t len = (size_t)sqlite3_value_bytes(v[0]);
    struct bx_arena arena = {0};
    void *record = bx_arena_alloc(&arena, len), *object = bx_arena_alloc(&arena, k->schema->size);
    struct bx_buf text = {0};
    int rc = record == NULL || object == NULL ? BX_NO_MEMORY : BX_OK;

    (void)n;
    if (rc == BX_OK && len > 0)
        memcpy(record, sqlite3_value_blob(v[0]), len);
    if (rc == BX_OK)
        rc = bx_flat_read(k->schema, record, len, object, &arena, NULL, NULL);
    if (rc == BX_OK)
        rc = write_pairs_json(&text, (const void *)((const char *)object + f->offset));
    if (rc == BX_OK)
        sqlite3_result_text(c, (const char *)text.data, (int)text.len, SQLITE_TRANSIENT);
    else if (rc == BX_NO_MEMORY)
        sqlite3_result_error_nomem(c);
    else
        sqlite3_result_null(c);
    bx_buf_release(&text);
    bx_arena_close(&arena);
}

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

static int create_function(sqlite3 *db, const char *name, int n, const struct bx_kind_desc *k,
                           void (*f)(sqlite3_context *c, int n, sqlite3_value **v))
{
    return sqlite3_create_function_v2(db, name, n,
                                      SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS,
                                      (void *)(uintptr_t)k, f, NULL, NULL, NULL);
}

int bx_sql_create_functions(sqlite3 *db)
{
    static const char *const trims[] = {"trim", "ltrim", "rtrim"};
    int rc = create_function(db, "uuid_text", 1, NULL, uuid_text);
    char name[32];

    if (rc == SQLITE_OK)
        rc = create_function(db, "instr", 2, NULL, find_first);
    if (rc == SQLITE_OK)
        rc = create_function(db, "replace", 3, NULL, replace_all);
    for (size_t i = 0; rc == SQLITE_OK && i < sizeof trims / sizeof trims[0]; i++)
        rc = create_function(db, trims[i], 2, NULL, refuse_list);
    for (size_t i = 0; rc == SQLITE_OK && i < BX__TABLES; i++) {
        if (bx_kinds[i]->json == NULL)
            continue;
        snprintf(name, sizeof name, "%s_json", bx_kinds[i]->name);
        rc = create_function(db, name, 1, bx_kinds[i], record_json);
    }
    return rc;
}
