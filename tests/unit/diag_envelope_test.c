/* envelope: the bytes of each kind of item, reading them again, unknown and damaged ones, and the
 * limits that a service names. */
#include "lib/testlib.h"

#include "diag/envread.h"
#include "diag/limits.h"
#include "mem/alloc.h"

#include <string.h>

#define TIME 1764421200123456789u
static const uint8_t id[16] = {0x9e, 0xc7, 0x9c, 0x33, 0xec, 0x99, 0x42, 0xab,
                               0x83, 0x53, 0x58, 0x9f, 0xcb, 0x2e, 0x04, 0xdc};
#define ID "9ec79c33ec9942ab8353589fcb2e04dc"
#define STAMP "\"2025-11-29T13:00:00.123456Z\""
#define STARTED "\"2025-11-29T12:59:58.123456Z\""

static void assert_text(struct bx_envelope *e, const char *want)
{
    if (e->out.len != strlen(want) || memcmp(e->out.data, want, e->out.len) != 0)
        fail_msg("got  %.*s\nwant %s", (int)e->out.len, (const char *)e->out.data, want);
    bx_envelope_close(e);
}

static struct bx_envelope begin(bool with_event, uint64_t sent_ns)
{
    struct bx_envelope_head h = {with_event ? id : NULL, sent_ns};
    struct bx_envelope e = {.items = 0};

    bx_envelope_begin(&e, &h);
    return e;
}

TEST(the_header_names_the_event_and_is_empty_without_one)
{
    struct bx_envelope e = begin(true, 0);

    assert_text(&e, "{\"event_id\":\"" ID "\"}\n");
    e = begin(false, 0);
    assert_text(&e, "{}\n");
    e = begin(true, TIME);
    assert_text(&e, "{\"event_id\":\"" ID "\",\"sent_at\":" STAMP "}\n");
}

TEST(an_event_is_an_item_with_its_length)
{
    struct bx_envelope e = begin(true, 0);
    struct bx_report r = {.time_ns = TIME, .level = BX_SEVERITY_INFO};
    struct bx_buf payload = {0};
    char want[1024];

    memcpy(r.id, id, 16);
    bx_report_write(&payload, &r);
    snprintf(want, sizeof want,
             "{\"event_id\":\"%s\"}\n{\"type\":\"event\",\"length\":%zu}\n%.*s\n", ID, payload.len,
             (int)payload.len, (const char *)payload.data);
    bx_envelope_report(&e, &r);
    assert_int_equal(e.items, 1);
    assert_text(&e, want);
    bx_buf_release(&payload);
}

TEST(a_session_begins_and_ends)
{
    struct bx_session s = {.status = BX_SESSION_OK,
                           .init = true,
                           .started_ns = TIME - 2000000000,
                           .time_ns = TIME,
                           .release = bx_str("blixard@0.1.0")};
    struct bx_envelope e = begin(false, 0);

    memcpy(s.id, id, 16);
    bx_envelope_session(&e, &s);
    s.init = false;
    s.sequence = 1;
    s.errors = 1;
    s.status = BX_SESSION_CRASHED;
    s.user = bx_str("node-1");
    s.environment = bx_str("test");
    bx_envelope_session(&e, &s);
    assert_text(&e, "{}\n{\"type\":\"session\",\"length\":205}\n{\"sid\":\"" ID "\",\"seq\":0,"
                    "\"init\":true,\"timestamp\":" STAMP ",\"started\":" STARTED
                    ",\"status\":\"ok\",\"errors\":0,"
                    "\"attrs\":{\"release\":\"blixard@0.1.0\"}}\n"
                    "{\"type\":\"session\",\"length\":264}\n{\"sid\":\"" ID "\","
                    "\"did\":\"node-1\",\"seq\":1,\"init\":false,\"timestamp\":" STAMP
                    ",\"started\":" STARTED ",\"status\":\"crashed\",\"errors\":1,"
                    "\"duration\":2.000,\"attrs\":{\"release\":\"blixard@0.1.0\","
                    "\"environment\":\"test\"}}\n");
}

TEST(sessions_check_ins_and_client_reports_are_written_as_the_format_says)
{
    struct bx_session_count counts[] = {{TIME, 5, 1, 2, 0}, {TIME, 1, 0, 0, 1}};
    struct bx_check_in check = {
        .monitor = bx_str("snapshot"), .status = BX_CHECK_OK, .duration_ms = 1207};
    struct bx_discarded gone = {bx_str("cache_overflow"), bx_str("error"), 3};
    struct bx_envelope e = begin(false, 0);

    memcpy(check.id, id, 16);
    bx_envelope_sessions(&e, counts, 2, bx_str("r"), bx_str(""));
    bx_envelope_check_in(&e, &check);
    check.status = BX_CHECK_IN_PROGRESS;
    bx_envelope_check_in(&e, &check);
    check.every_s = 61;
    bx_envelope_check_in(&e, &check);
    bx_envelope_client_report(&e, TIME, &gone, 1);
    assert_text(&e,
                "{}\n{\"type\":\"sessions\",\"length\":220}\n{\"aggregates\":["
                "{\"started\":" STAMP ",\"exited\":5,\"errored\":1,\"crashed\":2,\"abnormal\":0},"
                "{\"started\":" STAMP ",\"exited\":1,\"errored\":0,\"crashed\":0,\"abnormal\":1}],"
                "\"attrs\":{\"release\":\"r\"}}\n"
                "{\"type\":\"check_in\",\"length\":107}\n{\"check_in_id\":\"" ID "\","
                "\"monitor_slug\":\"snapshot\",\"status\":\"ok\",\"duration\":1.207}\n"
                "{\"type\":\"check_in\",\"length\":99}\n{\"check_in_id\":\"" ID "\","
                "\"monitor_slug\":\"snapshot\",\"status\":\"in_progress\"}\n"
                "{\"type\":\"check_in\",\"length\":175}\n{\"check_in_id\":\"" ID "\","
                "\"monitor_slug\":\"snapshot\",\"status\":\"in_progress\",\"monitor_config\":"
                "{\"schedule\":{\"type\":\"interval\",\"value\":2,\"unit\":\"minute\"}}}\n"
                "{\"type\":\"client_report\",\"length\":124}\n{\"timestamp\":" STAMP ","
                "\"discarded_events\":[{\"reason\":\"cache_overflow\","
                "\"category\":\"error\",\"quantity\":3}]}\n");
}

TEST(recorded_events_are_one_item_of_log_lines)
{
    struct bx_log_attribute attributes[] = {{bx_str("node"), bx_str("2"), BX_LOG_INTEGER},
                                            {bx_str("vm"), bx_str("web1"), BX_LOG_STRING}};
    struct bx_log_line line = {TIME, {0}, BX_SEVERITY_WARNING, bx_str("slow"), attributes, 2};
    struct bx_envelope e = begin(false, 0);

    bx_envelope_logs_begin(&e);
    bx_envelope_log(&e, &line);
    line.level = BX_SEVERITY_INFO;
    line.n = 0;
    bx_envelope_log(&e, &line);
    bx_envelope_logs_end(&e);
    assert_text(&e, "{}\n{\"type\":\"log\",\"item_count\":2,"
                    "\"content_type\":\"application/vnd.sentry.items.log+json\",\"length\":395}\n"
                    "{\"items\":[{\"timestamp\":" STAMP
                    ",\"trace_id\":\"00000000000000000000000000000000\",\"level\":\"warn\","
                    "\"severity_number\":13,\"body\":\"slow\",\"attributes\":{"
                    "\"node\":{\"value\":2,\"type\":\"integer\"},"
                    "\"vm\":{\"value\":\"web1\",\"type\":\"string\"}}},{\"timestamp\":" STAMP
                    ",\"trace_id\":\"00000000000000000000000000000000\",\"level\":\"info\","
                    "\"severity_number\":9,\"body\":\"slow\",\"attributes\":{}}]}\n");
}

/* Each kind of item, an unknown one, one without a length, and a payload with newlines in it. */
static struct bx_envelope sample(void)
{
    static const char odd[] = "a\n\n{}\nb";
    struct bx_envelope e = begin(true, TIME);
    struct bx_report r = {.time_ns = TIME, .level = BX_SEVERITY_ERROR, .message = bx_str("m")};
    struct bx_session s = {.started_ns = TIME, .time_ns = TIME, .init = true};

    memcpy(r.id, id, 16);
    bx_envelope_report(&e, &r);
    bx_envelope_attach(&e, bx_str("crash.bxr"), bx_str("application/octet-stream"), odd, 7);
    bx_envelope_item(&e, bx_str("{\"type\":\"profile\",\"length\":3,\"x\":[1]}"), bx_str("p\nq"));
    bx_envelope_session(&e, &s);
    bx_envelope_item(&e, bx_str("{\"type\":\"event\"}"), bx_str("{}"));
    return e;
}

static void assert_next(struct bx_envread *r, struct bx_envread_item *item, enum bx_item_type type)
{
    struct bx_err err = {0};

    if (bx_envread_next(r, item, &err) != BX_OK)
        fail_msg("%s", err.msg);
    assert_int_equal(item->type, type);
}

TEST(what_was_written_is_read_and_unknown_items_are_kept)
{
    struct bx_envelope e = sample(), again = {.items = 0};
    struct bx_envread_item item;
    struct bx_envread r;
    const char *line_end;

    assert_int_equal(bx_envread_open(&r, e.out.data, e.out.len, NULL), BX_OK);
    assert_true(r.has_event && memcmp(r.event, id, 16) == 0);
    assert_true(r.sent_ns == TIME / 1000 * 1000);
    line_end = memchr(e.out.data, '\n', e.out.len);
    bx_envelope_raw(&again, e.out.data, (size_t)(line_end + 1 - (char *)e.out.data));
    assert_next(&r, &item, BX_ITEM_EVENT);
    bx_envelope_item(&again, item.header, item.payload);
    assert_next(&r, &item, BX_ITEM_ATTACHMENT);
    assert_true(bx_str_eq(item.filename, bx_str("crash.bxr")));
    assert_true(bx_str_eq(item.payload, bx_str("a\n\n{}\nb")));
    bx_envelope_item(&again, item.header, item.payload);
    assert_next(&r, &item, BX_ITEM_UNKNOWN);
    assert_true(bx_str_eq(item.name, bx_str("profile")));
    bx_envelope_item(&again, item.header, item.payload);
    assert_next(&r, &item, BX_ITEM_SESSION);
    bx_envelope_item(&again, item.header, item.payload);
    assert_next(&r, &item, BX_ITEM_EVENT);
    assert_true(bx_str_eq(item.payload, bx_str("{}")));
    bx_envelope_item(&again, item.header, item.payload);
    assert_int_equal(bx_envread_next(&r, &item, NULL), BX_NOT_FOUND);
    assert_int_equal(again.out.len, e.out.len);
    assert_memory_equal(again.out.data, e.out.data, e.out.len);
    bx_envread_close(&r);
    bx_envelope_close(&again);
    bx_envelope_close(&e);
}

static int read_all(const void *p, size_t n, unsigned *items)
{
    uint8_t *copy = bx_must_alloc(n);
    struct bx_err err = {0};
    struct bx_envread_item item;
    struct bx_envread r;
    int rc;

    memcpy(copy, p, n);
    *items = 0;
    rc = bx_envread_open(&r, copy, n, &err);
    while (rc == BX_OK && (rc = bx_envread_next(&r, &item, &err)) == BX_OK) {
        volatile uint8_t sum = 0;

        for (uint32_t i = 0; i < item.payload.n; i++)
            sum = (uint8_t)(sum + (uint8_t)item.payload.p[i]);
        (void)sum;
        ++*items;
    }
    assert_true(rc == BX_NOT_FOUND || (rc != BX_OK && err.msg[0] != '\0'));
    bx_envread_close(&r);
    bx_free(copy);
    return rc;
}

TEST(ids_are_read_with_hyphens_and_without)
{
    uint8_t got[16];
    unsigned items;
    const char *text = "{\"event_id\":\"9EC79C33-EC99-42AB-8353-589FCB2E04DC\"}";

    assert_true(bx_id_parse(bx_str(ID), got) && memcmp(got, id, 16) == 0);
    memset(got, 0, 16);
    assert_true(bx_id_parse(bx_str("9ec79c33-ec99-42ab-8353-589fcb2e04dc"), got));
    assert_memory_equal(got, id, 16);
    assert_false(bx_id_parse(bx_str("9ec79c33ec9942ab8353589fcb2e04d"), got));
    assert_false(bx_id_parse(bx_str("9ec79c33ec9942ab8353589fcb2e04dg"), got));
    assert_int_equal(read_all(text, strlen(text), &items), BX_NOT_FOUND);
}

TEST(what_is_no_envelope_is_refused_and_named)
{
    static const char *const bad[] = {
        "",
        "\n",
        "[]\n",
        "{\"event_id\":7}\n",
        "{}\n{\"length\":1}\na\n",
        "{}\n{\"type\":\"event\",\"length\":5}\nabc",
        "{}\n{\"type\":\"event\",\"length\":-1}\nabc",
        "{}\n{\"type\":\"event\",\"length\":1}\nabc\n",
        "{}\n{\"type\":\"event\",\"length\":99999999999999999}\nabc",
        "{}\nnot json\n",
        "{}\n{\"type\":3}\n",
    };
    const char *blank = "{}\n{\"type\":\"x\",\"length\":0}\n\n\n";
    unsigned items;

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(read_all(bad[i], strlen(bad[i]), &items), BX_MALFORMED);
    assert_int_equal(read_all("{}", 2, &items), BX_NOT_FOUND);
    assert_int_equal(read_all(blank, strlen(blank), &items), BX_NOT_FOUND);
    assert_int_equal(items, 1);
}

TEST(no_flipped_byte_and_no_cut_makes_the_reader_fail)
{
    struct bx_envelope e = sample();
    unsigned items;

    for (size_t i = 0; i < e.out.len; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            e.out.data[i] ^= (uint8_t)(1u << bit);
            read_all(e.out.data, e.out.len, &items);
            assert_true(items <= 8);
            e.out.data[i] ^= (uint8_t)(1u << bit);
        }
        read_all(e.out.data, i, &items);
    }
    assert_int_equal(read_all(e.out.data, e.out.len, &items), BX_NOT_FOUND);
    assert_int_equal(items, 5);
    bx_envelope_close(&e);
}

TEST(a_warm_writer_allocates_nothing)
{
    struct bx_envelope e = begin(false, 0);
    struct bx_envelope_head h = {id, 0};
    struct bx_report r = {.time_ns = TIME, .message = bx_str("cannot write")};
    struct bx_alloc_stats before, after;

    for (int i = 0; i < 1000; i++) {
        if (i == 10)
            bx_alloc_stats(&before);
        bx_envelope_begin(&e, &h);
        bx_envelope_report(&e, &r);
    }
    bx_alloc_stats(&after);
    assert_true(before.allocations == after.allocations);
    bx_envelope_close(&e);
}

static void use(void *ctx)
{
    struct bx_envelope e = sample();
    struct bx_envread_item item;
    struct bx_envread r;

    (void)ctx;
    if (!e.out.failed && !e.item.failed) {
        int rc = bx_envread_open(&r, e.out.data, e.out.len, NULL);

        while (rc == BX_OK)
            rc = bx_envread_next(&r, &item, NULL);
        bx_envread_close(&r);
    }
    bx_envelope_close(&e);
    bx_buf_thread_close();
}

TEST(exhausted_memory_is_told)
{
    bx_buf_thread_close();
    assert_true(test_fail_each_allocation(use, NULL) > 3);
}

/* ---- limits ---- */

static void assert_wait(const struct bx_limits *l, enum bx_category c, uint64_t now, uint64_t want)
{
    assert_int_equal(bx_limits_wait(l, c, now), want);
}

TEST(limits_are_read_by_category)
{
    struct bx_limits l = {0};

    bx_limits_read(&l, bx_str("60:error;transaction:key, 2700:session;unknown:organization:x:y"),
                   1000);
    assert_wait(&l, BX_CATEGORY_ERROR, 1000, 60);
    assert_wait(&l, BX_CATEGORY_ERROR, 1059, 1);
    assert_wait(&l, BX_CATEGORY_ERROR, 1060, 0);
    assert_wait(&l, BX_CATEGORY_TRANSACTION, 1010, 50);
    assert_wait(&l, BX_CATEGORY_SESSION, 1000, 2700);
    assert_wait(&l, BX_CATEGORY_ATTACHMENT, 1000, 0);
    bx_limits_read(&l, bx_str("10:error:key"), 1000); /* the longer one counts */
    assert_wait(&l, BX_CATEGORY_ERROR, 1000, 60);
}

TEST(a_limit_without_categories_is_for_all_but_reports_about_drops)
{
    struct bx_limits l = {0};

    bx_limits_read(&l, bx_str("30::organization"), 100);
    for (int c = 0; c < BX__CATEGORIES; c++)
        assert_wait(&l, (enum bx_category)c, 100, c == BX_CATEGORY_INTERNAL ? 0 : 30);
}

TEST(limits_that_make_no_sense_are_skipped_or_bounded)
{
    struct bx_limits l = {0};

    bx_limits_read(&l, bx_str("x:error,, :error,12x:error,:::,;,5:session"), 0);
    assert_wait(&l, BX_CATEGORY_ERROR, 0, 0);
    assert_wait(&l, BX_CATEGORY_SESSION, 0, 5);
    bx_limits_read(&l, bx_str("99999999999999999999999:error:key,1.5:monitor"), 0);
    assert_wait(&l, BX_CATEGORY_ERROR, 0, BX_LIMITS_MAX_S);
    assert_wait(&l, BX_CATEGORY_MONITOR, 0, 2);
}

TEST(retry_after_is_seconds_or_a_date)
{
    const uint64_t now = 784111777; /* Sun, 06 Nov 1994 08:49:37 GMT */
    static const struct {
        const char *text;
        uint64_t wait;
    } rows[] = {{"120", 120},
                {"0", 0},
                {" 7 ", 7},
                {"Sun, 06 Nov 1994 08:50:37 GMT", 60},
                {"Sun, 06 Nov 1994 08:49:00 GMT", 0},
                {"Sun, 06 Nov 2094 08:49:37 GMT", BX_LIMITS_MAX_S},
                {"soon", BX_LIMITS_DEFAULT_S},
                {"", BX_LIMITS_DEFAULT_S}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct bx_limits l = {0};

        bx_limits_retry_after(&l, bx_str(rows[i].text), now);
        assert_wait(&l, BX_CATEGORY_DEFAULT, now, rows[i].wait);
        assert_wait(&l, BX_CATEGORY_INTERNAL, now, 0);
    }
}

int main(void)
{
    return test_run(NULL, NULL);
}
