/* report: what the payload of an event and of a transaction is, and that both writers give the same
 * bytes, for any event that the fast one takes. */
#include "lib/testlib.h"

#include "codec/digits.h"
#include "codec/json.h"
#include "diag/report.h"
#include "mem/alloc.h"

#include <inttypes.h>
#include <string.h>

static uint64_t now(void)
{
    return 1764421200123456789u; /* 2025-11-29T13:00:00.123456789Z */
}

static struct bx_scopes scopes;

static int set_up(void **state)
{
    struct bx_scopes_options o = {.client = true, .now_ns = now};

    (void)state;
    return bx_scopes_open(&scopes, &o);
}

static int tear_down(void **state)
{
    (void)state;
    bx_scopes_close(&scopes);
    return 0;
}

static void assert_text(const struct bx_buf *b, const char *want)
{
    if (b->len != strlen(want) || memcmp(b->data, want, b->len) != 0)
        fail_msg("got  %.*s\nwant %s", (int)b->len, (const char *)b->data, want);
}

static struct bx_report plain(void)
{
    struct bx_report r = {.time_ns = now(),
                          .level = BX_SEVERITY_ERROR,
                          .logger = bx_str("api"),
                          .message = bx_str("cannot \"write\"\n"),
                          .server = bx_str("node-1"),
                          .release = bx_str("blixard@0.1.0")};

    for (unsigned i = 0; i < 16; i++)
        r.id[i] = (uint8_t)(i * 17);
    return r;
}

#define SDK ",\"sdk\":{\"name\":\"blixard\",\"version\":\"" PACKAGE_VERSION "\"}}"
#define HEAD(level)                                                                                \
    "{\"event_id\":\"00112233445566778899aabbccddeeff\","                                          \
    "\"timestamp\":\"2025-11-29T13:00:00.123456Z\",\"platform\":\"native\",\"level\":\"" level     \
    "\",\"logger\":\"api\""

TEST(an_event_is_written_as_the_format_says)
{
    struct bx_scope *s = bx_scope_push(&scopes, NULL);
    struct bx_report r = plain();
    struct bx_span span = {{1, 2}, {3}};
    struct bx_buf b = {0};

    bx_scope_set_tag(s, bx_str("zone"), bx_str("a"));
    bx_scope_set_json(s, BX_SCOPE_EXTRA, bx_str("n"), bx_str("3"));
    bx_scope_set(s, BX_SCOPE_USER, bx_str("id"), bx_str("uid:0"));
    bx_scope_add_fingerprint(s, bx_str("disk"));
    bx_scope_set_name(s, bx_str("vm.create"));
    bx_scope_set_span(s, &span);
    bx_scope_set_json(s, BX_SCOPE_CONTEXTS, bx_str("os"), bx_str("{\"name\":\"Linux\"}"));
    assert_true(bx_report_in_scope(&r, s));
    bx_report_write(&b, &r);
    assert_text(&b, HEAD("error") ",\"transaction\":\"vm.create\",\"server_name\":\"node-1\","
                                  "\"release\":\"blixard@0.1.0\","
                                  "\"logentry\":{\"formatted\":\"cannot \\\"write\\\"\\n\"},"
                                  "\"fingerprint\":[\"disk\"],\"tags\":{\"zone\":\"a\"},"
                                  "\"extra\":{\"n\":3},\"user\":{\"id\":\"uid:0\"},"
                                  "\"contexts\":{\"trace\":{"
                                  "\"trace_id\":\"01020000000000000000000000000000\","
                                  "\"span_id\":\"0300000000000000\"},"
                                  "\"os\":{\"name\":\"Linux\"}}" SDK);
    bx_buf_release(&b);
    bx_scope_pop(s);
}

TEST(a_crash_has_its_frames_and_its_breadcrumbs)
{
    static const uint64_t frames[] = {0x10, 0xabcdef0123};
    struct bx_scope *s = bx_scope_push(&scopes, NULL);
    struct bx_pair data = {bx_str("method"), bx_str("vm.create")};
    struct bx_report r = plain();
    struct bx_buf b = {0};

    r.level = BX_SEVERITY_FATAL;
    r.message = (struct bx_str){"", 0};
    r.exception = (struct bx_exception){bx_str("SIGSEGV"), bx_str("at 0x0"), frames, 2, false};
    r.build = (struct bx_str){"\xab\x01", 2};
    bx_scope_crumb(s, BX_SEVERITY_INFO, bx_str("api"), bx_str("began"), &data, 1);
    bx_scope_crumb(s, BX_SEVERITY_DEBUG, bx_str("api"), bx_str(""), NULL, 0);
    assert_true(bx_report_in_scope(&r, s));
    bx_report_write(&b, &r);
    assert_text(&b, HEAD("fatal") ",\"server_name\":\"node-1\",\"release\":\"blixard@0.1.0\","
                                  "\"exception\":{\"values\":[{\"type\":\"SIGSEGV\","
                                  "\"value\":\"at 0x0\",\"mechanism\":{"
                                  "\"type\":\"signalhandler\",\"handled\":false},"
                                  "\"stacktrace\":{\"frames\":["
                                  "{\"instruction_addr\":\"0x000000abcdef0123\"},"
                                  "{\"instruction_addr\":\"0x0000000000000010\"}]}}]},"
                                  "\"debug_meta\":{\"images\":[{\"type\":\"elf\","
                                  "\"code_id\":\"ab01\",\"image_addr\":\"0x0\"}]},"
                                  "\"breadcrumbs\":{\"values\":["
                                  "{\"timestamp\":\"2025-11-29T13:00:00.123456Z\","
                                  "\"category\":\"api\",\"level\":\"info\",\"message\":\"began\","
                                  "\"data\":{\"method\":\"vm.create\"}},"
                                  "{\"timestamp\":\"2025-11-29T13:00:00.123456Z\","
                                  "\"category\":\"api\",\"level\":\"debug\"}]}" SDK);
    bx_buf_release(&b);
    bx_scope_pop(s);
}

TEST(a_transaction_has_spans)
{
    struct bx_report_span spans[] = {{{9}, bx_str("commit"), 1000000000, 1500000000}};
    struct bx_report r = {.time_ns = 2000000000,
                          .start_ns = 1000000000,
                          .level = BX_SEVERITY_INFO,
                          .transaction = bx_str("vm.create"),
                          .op = bx_str("rpc"),
                          .status = bx_str("ok"),
                          .span = {{1}, {2}},
                          .spans = spans,
                          .n_spans = 1};
    struct bx_buf b = {0};

    bx_report_write(&b, &r);
    assert_text(&b, "{\"event_id\":\"00000000000000000000000000000000\","
                    "\"timestamp\":\"1970-01-01T00:00:02.000000Z\","
                    "\"start_timestamp\":\"1970-01-01T00:00:01.000000Z\","
                    "\"type\":\"transaction\",\"platform\":\"native\",\"level\":\"info\","
                    "\"transaction\":\"vm.create\",\"contexts\":{\"trace\":{"
                    "\"trace_id\":\"01000000000000000000000000000000\","
                    "\"span_id\":\"0200000000000000\",\"op\":\"rpc\",\"status\":\"ok\"}},"
                    "\"spans\":[{\"trace_id\":\"01000000000000000000000000000000\","
                    "\"span_id\":\"0900000000000000\",\"parent_span_id\":\"0200000000000000\","
                    "\"op\":\"commit\",\"start_timestamp\":\"1970-01-01T00:00:01.000000Z\","
                    "\"timestamp\":\"1970-01-01T00:00:01.500000Z\"}]" SDK);
    bx_buf_release(&b);
}

/* Any text: ASCII, quotes, controls, sequences whole and broken. */
static struct bx_str any_text(uint64_t *seed, char out[40], bool empty)
{
    static const char *const pieces[] = {"a",    "zone", "\"", "\\",       "\n",           "\x01",
                                         "\x7f", "ä",    "€",  "\xf0\x9f", "\xff",         " ",
                                         "\t",   "\r",   "/",  "\xc3",     "\xed\xa0\x80", "😀"};
    unsigned n = (unsigned)(test_random(seed) % 6) + !empty;

    out[0] = '\0';
    while (n-- > 0)
        strncat(out, pieces[test_random(seed) % (sizeof pieces / sizeof pieces[0])], 6);
    return bx_str(out);
}

static void fill(struct bx_scope *s, uint64_t *seed)
{
    for (int i = 0; i < BX__SCOPE_BAGS; i++)
        for (uint64_t n = test_random(seed) % 4; n > 0; n--) {
            char key[40], value[40];
            struct bx_str k = any_text(seed, key, false), v = any_text(seed, value, true);

            if (i == BX_SCOPE_CONTEXTS || test_random(seed) % 5 == 0)
                bx_scope_set_json(s, (enum bx_scope_bag)i, k, bx_str("{\"a\":[1,null]}"));
            else
                bx_scope_set(s, (enum bx_scope_bag)i, k, v);
        }
}

static void any_bytes(uint64_t *seed, uint8_t *out, size_t n)
{
    bool zero = test_random(seed) % 3 == 0;

    for (size_t i = 0; i < n; i++)
        out[i] = zero ? 0 : (uint8_t)test_random(seed);
}

static void assert_json(const struct bx_buf *b)
{
    struct bx_buf packed = {0};
    struct bx_err err;

    if (bx_json_read(&packed, (const char *)b->data, b->len, 1 << 20, &err) != BX_OK &&
        strstr(err.msg, "duplicate") == NULL)
        fail_msg("%s: %.*s", err.msg, (int)b->len, (const char *)b->data);
    bx_buf_release(&packed);
}

TEST(the_fast_writer_gives_the_bytes_of_the_full_one)
{
    uint64_t seed = 11;
    struct bx_buf fast = {0}, full = {0};

    for (int round = 0; round < 5000; round++) {
        struct bx_scope *s = bx_scope_push(&scopes, NULL);
        struct bx_report r = {.time_ns = test_random(&seed) >> 2,
                              .level = (enum bx_severity)(test_random(&seed) % BX__SEVERITIES)};
        struct bx_str *texts[] = {&r.logger,  &r.message,     &r.transaction, &r.server,
                                  &r.release, &r.environment, &r.op,          &r.status};
        char room[8][40];

        for (int i = 0; i < 8; i++)
            *texts[i] = any_text(&seed, room[i], true);
        any_bytes(&seed, r.id, sizeof r.id);
        any_bytes(&seed, r.span.trace, sizeof r.span.trace);
        fill(s, &seed);
        assert_true(bx_report_in_scope(&r, s));
        fast.len = full.len = 0;
        assert_true(bx_report_write_fast(&fast, &r));
        bx_report_write_full(&full, &r);
        assert_int_equal(fast.len, full.len);
        assert_memory_equal(fast.data, full.data, full.len);
        assert_json(&full);
        bx_scope_pop(s);
    }
    bx_buf_release(&fast);
    bx_buf_release(&full);
}

TEST(the_fast_writer_declines_what_it_does_not_know)
{
    struct bx_scope *s = bx_scope_push(&scopes, NULL);
    struct bx_report r[5] = {plain(), plain(), plain(), plain(), plain()};
    struct bx_buf b = {0};

    bx_scope_crumb(s, BX_SEVERITY_INFO, bx_str("a"), bx_str("b"), NULL, 0);
    r[0].exception.type = bx_str("x");
    r[1].method = bx_str("GET");
    r[2].start_ns = 1;
    r[3].crumbs = s->crumbs;
    r[4].build = bx_str("id");
    for (int i = 0; i < 5; i++)
        assert_false(bx_report_write_fast(&b, &r[i]));
    assert_int_equal(b.len, 0);
    bx_scope_pop(s);
}

TEST(numbers_and_times_are_those_that_printf_writes)
{
    uint64_t seed = 3;

    for (int i = 0; i < 20000; i++) {
        uint64_t v = test_random(&seed) >> (test_random(&seed) % 64);
        char ours[BX_DIGITS_TIME + 1], theirs[32];
        size_t n = bx_digits_u64(ours, v);

        snprintf(theirs, sizeof theirs, "%" PRIu64, v);
        ours[n] = '\0';
        assert_string_equal(ours, theirs);
        v %= 4102444800u * 1000000000u; /* until 2100 */
        n = bx_digits_time(ours, v, 9);
        assert_true(bx_digits_time_read(ours, n) == v);
    }
}

int main(void)
{
    return test_run(set_up, tear_down);
}
