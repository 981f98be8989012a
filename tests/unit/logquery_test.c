/* logquery: an event of the recorder through the API and back, and the question. */
#include "lib/testlib.h"

#include "rec/text.h"
#include "wire/logquery.h"

#include <string.h>

static const uint8_t uuid[16] = {0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf0,
                                 1,    2,    3,    4,    5,    6,    7,    8};
static struct bx_site site = {.target = "vm",
                              .message = "started",
                              .file = "vm.c",
                              .line = 12,
                              .level = BX_LEVEL_WARNING,
                              .n = 6,
                              .fields = {{"name", BX_ARG_STR},
                                         {"ms", BX_ARG_U64},
                                         {"delta", BX_ARG_I64},
                                         {"load", BX_ARG_F64},
                                         {"ok", BX_ARG_BOOL},
                                         {"vm", BX_ARG_UUID}}};
static struct bx_site line = {.target = "node",
                              .file = "rec.c",
                              .level = BX_LEVEL_INFO,
                              .n = 1,
                              .fields = {{"msg", BX_ARG_STR}}};

static struct bx_recevent event(const char *name)
{
    struct bx_recevent e = {.site = &site,
                            .level = site.level,
                            .n = 6,
                            .time_ns = 1700000000123456789,
                            .trace = 0xfedcba9876543210,
                            .seq = 7,
                            .cut = true};

    e.args[0] = bx_arg_text(name);
    e.args[1] = bx_arg_u64(UINT64_MAX);
    e.args[2] = bx_arg_i64(-7);
    e.args[3] = bx_arg_f64(0.5);
    e.args[4] = bx_arg_u64(true);
    e.args[5] = bx_arg_uuid(bx_uuid(uuid));
    return e;
}

/* The text of an event, and of what arrives when it is described and read. */
static void check(const struct bx_recevent *e, const char *want)
{
    struct bx_log_event_reply r;
    struct bx_log_query_reply all = {.events = {&r, 1}};
    struct bx_arena arena = {0};
    struct bx_pack *pack = bx_pack_create();
    struct bx_buf b = {0}, text = {0};
    static struct bx_log_event back;
    bx_val v;

    assert_int_equal(bx_log_event_describe(e, "loop", &arena, &r), BX_OK);
    bx_pw_map(&b, bx_pack_fields(&bx_log_query_reply_schema, &all));
    bx_pack_write(&b, &bx_log_query_reply_schema, &all);
    v = bx_pack_parse(pack, b.data, b.len, b.len, NULL);
    assert_true(bx_log_event_read(bx_val_at(bx_val_get(v, "events"), 0), &back));
    assert_int_equal(back.e.seq, e->seq);
    assert_int_equal(back.site.line, e->site->line);
    assert_string_equal(back.site.file, e->site->file);
    bx_text_event(&text, BX_TEXT_JSON, &back.e);
    bx_buf_append(&text, "", 1);
    assert_string_equal((const char *)text.data, want);
    bx_buf_release(&text);
    bx_buf_release(&b);
    bx_pack_destroy(pack);
    bx_arena_close(&arena);
}

TEST(an_event_arrives_as_it_was_recorded)
{
    struct bx_recevent e = event("web 1"), l = {.site = &line, .level = BX_LEVEL_INFO, .n = 1};

    check(&e,
          "{\"time\":\"2023-11-14T22:13:20.123456789Z\",\"level\":\"warning\",\"target\":\"vm\","
          "\"msg\":\"started\",\"name\":\"web 1\",\"ms\":18446744073709551615,\"delta\":-7,"
          "\"load\":0.5,\"ok\":true,\"vm\":\"12345678-9abc-def0-0102-030405060708\","
          "\"trace\":\"fedcba9876543210\",\"cut\":true}\n");
    l.args[0] = bx_arg_text("leader of term 3");
    check(&l, "{\"time\":\"1970-01-01T00:00:00.000000000Z\",\"level\":\"info\",\"target\":\"node\","
              "\"msg\":\"leader of term 3\"}\n");
}

TEST(bytes_that_are_no_text_are_replaced)
{
    struct bx_recevent e = event("a\xff\xfe z"),
                       l = {.site = &line, .level = BX_LEVEL_INFO, .n = 1};
    char text[64];

    snprintf(text, sizeof text, "a?? z");
    e.n = 1;
    site.n = 1;
    e.trace = 0;
    e.cut = false;
    check(&e,
          "{\"time\":\"2023-11-14T22:13:20.123456789Z\",\"level\":\"warning\",\"target\":\"vm\","
          "\"msg\":\"started\",\"name\":\"a?? z\"}\n");
    site.n = 6;
    l.args[0] = bx_arg_text("\x1b[31m\xff");
    check(&l, "{\"time\":\"1970-01-01T00:00:00.000000000Z\",\"level\":\"info\",\"target\":\"node\","
              "\"msg\":\"\\\\x1b[31m\\\\xff\"}\n");
}

static bool reads(const char *key, const char *value)
{
    struct bx_pack *pack = bx_pack_create();
    struct bx_buf b = {0};
    static struct bx_log_event e;
    bool ok;

    bx_pw_map(&b, 5);
    bx_pw_str(&b, "time_ns");
    bx_pw_u64(&b, 5);
    bx_pw_str(&b, "level");
    bx_pw_str(&b, strcmp(key, "level") == 0 ? value : "info");
    bx_pw_str(&b, "target");
    bx_pw_str(&b, strcmp(key, "target") == 0 ? value : "vm");
    bx_pw_str(&b, "msg");
    bx_pw_str(&b, "m");
    bx_pw_str(&b, "fields");
    bx_pw_map(&b, 1);
    bx_pw_str(&b, strcmp(key, "fields") == 0 ? value : "k");
    bx_pw_u64(&b, 1);
    ok = bx_log_event_read(bx_pack_parse(pack, b.data, b.len, b.len, NULL), &e) && e.e.n == 1;
    bx_buf_release(&b);
    bx_pack_destroy(pack);
    return ok;
}

TEST(names_that_could_deceive_a_terminal_are_refused)
{
    static struct bx_log_event e;

    assert_true(reads("", ""));
    assert_false(reads("level", "loud"));
    assert_false(reads("target", "a\x1b[2J"));
    assert_false(reads("fields", "a\nb"));
    assert_false(bx_log_event_read(NULL, &e));
}

static int asks(const char *filter, const char *where, const char *trace)
{
    struct bx_str conditions[] = {bx_str(where)};
    struct bx_log_query_params p = {.filter = bx_str(filter),
                                    .where = {conditions, where == NULL ? 0 : 1},
                                    .trace = bx_str(trace)};
    struct bx_recquery q;
    struct bx_err err = {0};
    int rc = bx_log_query_of(&p, &q, &err);

    assert_true(rc == BX_OK || err.hint[0] != '\0');
    return rc;
}

TEST(a_question_that_is_none_is_refused_with_a_hint)
{
    assert_int_equal(asks("info", "ms>5", "00000000000000aa"), BX_OK);
    assert_int_equal(asks(NULL, NULL, NULL), BX_OK);
    assert_int_equal(asks("loud", NULL, NULL), BX_INVALID);
    assert_int_equal(asks(NULL, "ms", NULL), BX_INVALID);
    assert_int_equal(asks(NULL, NULL, "12"), BX_INVALID);
}

static void use(void *ctx)
{
    struct bx_recevent e = event("x");
    struct bx_arena arena = {0};
    struct bx_log_event_reply r;

    (void)ctx;
    (void)bx_log_event_describe(&e, "loop", &arena, &r);
    bx_arena_close(&arena);
}

TEST(exhausted_memory_is_told)
{
    test_fail_each_allocation(use, NULL);
}

int main(void)
{
    return test_run(NULL, NULL);
}
