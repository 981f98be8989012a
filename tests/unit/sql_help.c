#include "sql_help.h"

#include "codec/json.h"

#include <string.h>

struct test_fsm t;
struct bx_sql_absent absent;
bool limited;
struct bx_str tenant;

int end(void *ctx)
{
    struct patience *p = ctx;

    p->looks++;
    return p->left-- == 0 ? BX_TIMEOUT : BX_OK;
}

int run(const char *query, size_t max, struct patience *p, struct bx_buf *out, struct bx_err *err)
{
    struct bx_sql_options o = {end, p, max, absent, limited, tenant};

    memset(err, 0, sizeof *err);
    return bx_fsm_sql(t.path, bx_str(query), &o, out, err);
}

char *ask(const char *query, struct bx_err *err)
{
    struct patience p = {.left = 10000};
    struct bx_buf out = {0}, json = {0};
    struct bx_pack *pack = bx_pack_create();
    char *text = NULL;
    int rc = run(query, 1 << 20, &p, &out, err);

    if (rc == BX_OK) {
        bx_val v = bx_pack_parse(pack, out.data, out.len, out.len, err);

        assert_non_null(v);
        assert_int_equal(bx_json_write(&json, v, 0), BX_OK);
        text = bx_must_alloc(json.len + 1);
        memcpy(text, json.data, json.len);
        text[json.len] = '\0';
    } else {
        assert_int_equal(rc, err->code);
        assert_int_equal(out.len, 0);
        assert_true(err->msg[0] != '\0');
    }
    bx_pack_destroy(pack);
    bx_buf_release(&json);
    bx_buf_release(&out);
    return text;
}

void gives(const char *query, const char *want)
{
    struct bx_err err;
    char *text = ask(query, &err), *to = text;

    if (text == NULL)
        fail_msg("%s: %s", query, err.msg);
    for (const char *p = text; *p != '\0'; p++) {
        if (*p != ' ')
            *to++ = *p;
    }
    *to = '\0';
    assert_string_equal(text, want);
    bx_free(text);
}

void refuses(const char *query, int code)
{
    struct bx_err err;
    char *text = ask(query, &err);

    if (text != NULL)
        fail_msg("%s gave %s", query, text);
    if (err.code != code)
        fail_msg("%s: %s (%s)", query, err.msg, bx_code_name(err.code));
}

static void read_in_little_memory(void *ctx)
{
    struct patience p = {.left = 1000};
    struct bx_buf out = {0};
    struct bx_err err;
    int rc = run(ctx, 1 << 20, &p, &out, &err);

    assert_true(rc == BX_OK || rc == BX_NO_MEMORY);
    bx_buf_release(&out);
    bx_buf_thread_close();
}

void survives_little_memory(const char *query)
{
    bx_buf_thread_close();
    assert_true(test_fail_each_allocation(read_in_little_memory, (void *)(uintptr_t)query) > 0);
}
