/* text: an event in each of the forms, whatever its strings contain. */
#include "lib/testlib.h"

#include "rec/text.h"

#include <jansson.h>
#include <math.h>
#include <string.h>
#include <time.h>

static const uint8_t uuid[16] = {0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf0,
                                 1,    2,    3,    4,    5,    6,    7,    8};
static struct bx_site site = {
    .target = "node",
    .message = "connected",
    .level = BX_LEVEL_INFO,
    .n = 4,
    .fields = {
        {"node", BX_ARG_U64}, {"name", BX_ARG_STR}, {"vm", BX_ARG_UUID}, {"load", BX_ARG_F64}}};

static struct bx_recevent event(const char *name, double load)
{
    struct bx_recevent e = {.site = &site, .level = BX_LEVEL_INFO, .n = 4};

    e.time_ns = UINT64_C(1732885200123456789);
    e.args[0] = bx_arg_u64(2);
    e.args[1] = bx_arg_text(name);
    e.args[2] = bx_arg_uuid(bx_uuid(uuid));
    e.args[3] = bx_arg_f64(load);
    return e;
}

static void expect(enum bx_text_form form, const struct bx_recevent *e, const char *text)
{
    struct bx_buf b = {0};

    bx_text_event(&b, form, e);
    assert_false(b.failed);
    bx_buf_append(&b, "", 1);
    assert_string_equal((const char *)b.data, text);
    bx_buf_release(&b);
}

TEST(each_form_has_all_of_an_event)
{
    struct bx_recevent e = event("web 1", 0.5);

    expect(BX_TEXT_CONSOLE, &e,
           "2024-11-29T13:00:00.123Z info node: connected node=2 name=\"web 1\" "
           "vm=12345678-9abc-def0-0102-030405060708 load=0.5\n");
    e.trace = 0xabc;
    expect(BX_TEXT_LOGFMT, &e,
           "time=2024-11-29T13:00:00.123456789Z level=info target=node msg=connected node=2 "
           "name=\"web 1\" vm=12345678-9abc-def0-0102-030405060708 load=0.5 "
           "trace=0000000000000abc\n");
    e.cut = true;
    expect(BX_TEXT_JSON, &e,
           "{\"time\":\"2024-11-29T13:00:00.123456789Z\",\"level\":\"info\",\"target\":\"node\","
           "\"msg\":\"connected\",\"node\":2,\"name\":\"web 1\","
           "\"vm\":\"12345678-9abc-def0-0102-030405060708\",\"load\":0.5,"
           "\"trace\":\"0000000000000abc\",\"cut\":true}\n");
}

TEST(a_line_without_a_message_of_its_own_is_the_message)
{
    static struct bx_site line = {.target = "raft", .n = 1, .fields = {{"msg", BX_ARG_STR}}};
    struct bx_recevent e = {.site = &line, .level = BX_LEVEL_WARNING, .n = 1};

    e.args[0] = bx_arg_text("a \"quorum\"\nis \033[31mlost\x9b");
    expect(BX_TEXT_CONSOLE, &e,
           "1970-01-01T00:00:00.000Z warning raft: a \"quorum\"\\nis \\x1b[31mlost\\x9b\n");
}

TEST(what_moves_a_cursor_or_turns_text_round_is_escaped)
{
    struct bx_recevent e = event("\xc2\x9b"
                                 "2J\xe2\x80\xae"
                                 "evil\xc3\xa4",
                                 1);

    expect(BX_TEXT_CONSOLE, &e,
           "2024-11-29T13:00:00.123Z info node: connected node=2 "
           "name=\"\\xc2\\x9b2J\\xe2\\x80\\xaeevil\xc3\xa4\" "
           "vm=12345678-9abc-def0-0102-030405060708 load=1\n");
}

TEST(json_is_json_whatever_a_string_contains)
{
    uint64_t seed = 5;

    for (int round = 0; round < 3000; round++) {
        char name[40];
        struct bx_recevent e = event(name, round % 7 == 0 ? INFINITY : 1e300 / (round + 1));
        struct bx_buf b = {0};
        json_error_t error;
        json_t *v;
        size_t n = test_random(&seed) % sizeof name;

        for (size_t i = 0; i < n; i++)
            name[i] = (char)test_random(&seed);
        e.args[1].n = n;
        bx_text_event(&b, BX_TEXT_JSON, &e);
        v = json_loadb((const char *)b.data, b.len, JSON_ALLOW_NUL, &error);
        assert_non_null(v);
        assert_int_equal(json_object_size(v), 8);
        json_decref(v);
        assert_ptr_equal(memchr(b.data, '\n', b.len), b.data + b.len - 1);
        bx_buf_release(&b);
    }
}

TEST(times_are_those_of_the_c_library)
{
    uint64_t seed = 9;

    for (int round = 0; round < 20000; round++) {
        char ours[BX_TEXT_TIME + 1], theirs[32];
        time_t t = (time_t)(test_random(&seed) % UINT64_C(7000000000));
        struct tm tm;
        size_t n = bx_text_time(ours, (uint64_t)t * 1000000000u, 3);

        ours[n] = '\0';
        gmtime_r(&t, &tm);
        strftime(theirs, sizeof theirs, "%Y-%m-%dT%H:%M:%S.000Z", &tm);
        assert_string_equal(ours, theirs);
    }
}

int main(void)
{
    return test_run(NULL, NULL);
}
