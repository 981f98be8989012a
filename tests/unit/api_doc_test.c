/* docs/API.md is made from the tables of the API: what is committed is what this build would write.
 *
 * `api_doc_test --write` prints the file. */
#include "lib/testlib.h"

#include "codec/header.h"
#include "mem/buf.h"
#include "wire/params.h"
#include "wire/reply.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define SCHEMAS_MAX 64

static struct bx_buf out;
static const struct bx_schema *schemas[SCHEMAS_MAX]; /* of the answers, each once */
static uint32_t schemas_n;

__attribute__((format(printf, 1, 2))) static void put(const char *fmt, ...)
{
    char text[4096];
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    assert_true(n >= 0 && (size_t)n < sizeof text);
    assert_int_equal(bx_buf_append(&out, text, (size_t)n), BX_OK);
}

/* ---- types ---- */

static void put_names(const char *const *names)
{
    put("one of");
    for (uint32_t i = 0; names[i] != NULL; i++)
        put("%s `%s`", i == 0 ? "" : ",", names[i]);
}

static void put_type(const struct bx_field *f)
{
    switch (f->type) {
    case BX_T_BOOL:
        put("true or false");
        break;
    case BX_T_U8:
        put("0 to %u", UINT8_MAX);
        break;
    case BX_T_U16:
        put("0 to %u", UINT16_MAX);
        break;
    case BX_T_U32:
        put("0 to %u", UINT32_MAX);
        break;
    case BX_T_U64:
        put("0 to %" PRIu64, UINT64_MAX);
        break;
    case BX_T_I64:
        put("an integer of 64 bits");
        break;
    case BX_T_ENUM:
        put_names(f->names);
        break;
    case BX_T_UUID:
        put("a UUID of 36 characters");
        break;
    case BX_T_HEX64:
        put("16 hexadecimal digits");
        break;
    case BX_T_STR:
        put("text of at most %u bytes", bx_field_max(f));
        break;
    case BX_T_BYTES:
        put("at most %u bytes", bx_field_max(f));
        break;
    case BX_T_STRS:
        put("a list of at most %u texts", bx_field_max(f));
        break;
    case BX_T_PAIRS:
        put("a map of at most %u texts", bx_field_max(f));
        break;
    case BX_T_VALUE:
        put("a list");
        break;
    case BX_T_RECORD:
        put("[%s](#%s)", f->sub->name, f->sub->name);
        break;
    case BX_T_LIST:
        put("a list of at most %u: [%s](#%s)", bx_field_max(f), f->sub->name, f->sub->name);
        break;
    }
    put("%s%s", f->nil ? ", or nil" : "", f->omit ? "; left out when empty" : "");
}

static void put_fields(const struct bx_schema *s, const char *title)
{
    if (s->n == 0) {
        put("No fields.\n\n");
        return;
    }
    put("| %s | value |\n|---|---|\n", title);
    for (uint32_t i = 0; i < s->n; i++) {
        put("| `%s` | ", s->fields[i].name);
        put_type(&s->fields[i]);
        put(" |\n");
    }
    put("\n");
}

/* ---- answers ---- */

static void collect(const struct bx_schema *s)
{
    if (s == NULL)
        return;
    for (uint32_t i = 0; i < schemas_n; i++) {
        if (schemas[i] == s)
            return;
    }
    assert_true(schemas_n < SCHEMAS_MAX);
    schemas[schemas_n++] = s;
    for (uint32_t i = 0; i < s->n; i++)
        collect(s->fields[i].sub);
}

static void put_answer(const struct bx_method_info *m)
{
    put("Answers [%s](#%s)", m->reply->name, m->reply->name);
    if (m->other != NULL)
        put(", or [%s](#%s)", m->other->name, m->other->name);
    put(".\n\n");
}

static void put_list_answer(const struct bx_method_info *m)
{
    put("Answers a list of [%s](#%s), in the order of `%s`.\n\n", m->reply->name, m->reply->name,
        m->key);
}

/* ---- the file ---- */

static void put_method(const struct bx_method_info *m)
{
    static const char *const scopes[] = {
        [BX_SCOPE_CLUSTER] = " of the whole cluster",
        [BX_SCOPE_TENANT] = ", of one tenant about what it has",
        [BX_SCOPE_SHARED] = "",
    };

    put("### %s\n\n%s\n\n", m->name, m->about);
    put("`%s %s`, role %s%s%s%s.\n\n", m->verb, m->path, bx_rpc_role_names[m->role],
        scopes[m->scope], m->mutates ? ", changes the cluster" : "",
        m->before_init ? ", also on a host that does not belong to a cluster" : "");
    put_fields(m->params, "parameter");
    if (m->key != NULL)
        put_list_answer(m);
    else
        put_answer(m);
}

static void put_all(void)
{
    put("# API\n\n"
        "This page is generated from the tables in `libcore/wire` by `tests/unit/api_doc_test "
        "--write`.\n\n"
        "MessagePack-RPC over a unix socket or TCP: request `[0, id, method, [parameters]]`, "
        "response\n`[1, id, error, result]`, notification `[2, name, [value]]`. Parameters are "
        "one map; a key that a method\ndoes not know is refused. The error is nil or "
        "[error](#error). Verb and path are those of REST.\n\n"
        "Parameters that many methods take:\n\n"
        "- `consistency`: a `stale` read is answered at once from local state, after the "
        "notification [stale](#stale).\n"
        "- `timeout_ms`: how long to wait for a leader, 1 to %u, %u when it is not given.\n"
        "- `trace_id`: 32 hexadecimal digits that nodes record with all that the request causes.\n"
        "- `request_id`: 32 hexadecimal digits, the session of a write; a repeat under the same "
        "`sequence` gets\n  the first answer. `sequence` is 1 when it is not given, and `floor`, "
        "the lowest one whose answer is\n  still waited for, the same as `sequence`.\n"
        "- `after`: of a list, only what follows the object with this key. `limit`: at most so "
        "many. `match`: only\n  objects whose values, as text, are these; `labels.KEY` is the "
        "value of a label.\n"
        "- `tenant`: whose VMs, users or events are meant; those of all tenants when it is not "
        "given. A caller of one tenant\n  may only give its own, and nothing else exists for it: "
        "a VM of another tenant is not found, whatever names it.\n  Of all tenants' VMs a "
        "name that several have is refused.\n\n"
        "A list is answered in pages of at most %u items and about %u KiB; a page of a list with "
        "`match` can have fewer\nitems, or none. If the list continues, the notification "
        "[page](#page) is sent before the answer, with the\n`after` of the next page; for events "
        "it is the next `since`. Each page shows the state at its time, so an item\nthat is "
        "renamed meanwhile can be in two pages or in none.\n\n"
        "## Methods\n\n",
        BX_TIMEOUT_MAX_MS, BX_TIMEOUT_DEFAULT_MS, BX_PAGE_ITEMS, BX_PAGE_BYTES >> 10);
    for (int m = 0; m < BX__METHODS; m++) {
        put_method(bx_methods[m]);
        collect(bx_methods[m]->reply);
        collect(bx_methods[m]->other);
    }
    collect(&bx_error_reply_schema);
    collect(&bx_stale_reply_schema);
    collect(&bx_page_reply_schema);
    put("## Answers\n\n");
    for (uint32_t i = 0; i < schemas_n; i++) {
        put("### %s\n\n", schemas[i]->name);
        put_fields(schemas[i], "key");
    }
}

/* ---- tests ---- */

TEST(the_reference_is_what_the_tables_say)
{
    const char *text = test_read_source("docs/API.md");

    put_all();
    if (strlen(text) != out.len || memcmp(text, out.data, out.len) != 0)
        fail_msg("docs/API.md is old: tests/unit/api_doc_test --write > docs/API.md");
    bx_buf_release(&out);
}

TEST(every_method_is_complete)
{
    for (int m = 0; m < BX__METHODS; m++) {
        const struct bx_method_info *info = bx_methods[m];

        assert_non_null(info->name);
        assert_non_null(info->verb);
        assert_non_null(info->path);
        assert_non_null(info->about);
        assert_non_null(info->reply);
        assert_true(info->params->n > 0 && info->params->kind == BX_KIND_PARAMS + m);
        assert_true(info->params->size <= BX_PARAMS_SIZE_MAX);
        assert_int_equal(bx_method_find(info->name, strlen(info->name)), m);
        for (int other = 0; other < m; other++)
            assert_true(strcmp(info->verb, bx_methods[other]->verb) != 0 ||
                        strcmp(info->path, bx_methods[other]->path) != 0);
    }
}

/* {vm} in a path is filled from the parameter of that name. */
TEST(a_path_names_a_parameter)
{
    for (int m = 0; m < BX__METHODS; m++) {
        const char *open = strchr(bx_methods[m]->path, '{'), *close;
        const struct bx_schema *s = bx_methods[m]->params;
        bool found = false;

        if (open == NULL)
            continue;
        close = strchr(open, '}');
        assert_non_null(close);
        for (uint32_t i = 0; i < s->n; i++)
            found = found || bx_str_eq((struct bx_str){open + 1, (uint32_t)(close - open - 1)},
                                       bx_str(s->fields[i].name));
        assert_true(found);
    }
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--write") == 0) {
        put_all();
        fwrite(out.data, 1, out.len, stdout);
        bx_buf_release(&out);
        return 0;
    }
    return test_run(NULL, NULL);
}
