/* outgoing: an envelope leaves the spool as it came, but for the time at which it is sent. */
#include "lib/testlib.h"

#include "codec/header.h"
#include "diagnose/outgoing.h"

#include <string.h>

#define EVENT "9ec79c33ec9942ab8353589fcb2e04dc"
#define ITEMS                                                                                      \
    "{ \"type\" : \"of tomorrow\", \"length\":5, \"x\":[1 , 2]}\nab\ncd\n"                         \
    "{\"length\":3,\"type\":\"event\",\"content_type\":\"application/json\"}\n{ }\n"
#define FILES "{\"type\":\"attachment\",\"length\":2,\"filename\":\"a\"}\n\0\xff\n"
#define LAST "{\"type\":\"without a length\"}\nto the end"

static char *dir;
static struct spool spool;

static int set_up(void **state)
{
    struct bx_err err;

    (void)state;
    dir = test_make_dir();
    return spool_open(&spool, dir, 0, 0, &err);
}

static int tear_down(void **state)
{
    (void)state;
    spool_close(&spool);
    test_remove_dir(dir);
    return 0;
}

/* What is sent of it, in pieces of odd sizes. */
static struct bx_buf sent_of(const void *p, size_t n, bool attachments)
{
    static uint8_t id[16];
    struct bx_err err = {0};
    struct bx_buf sent = {0};
    struct spool_entry e;
    struct outgoing o;
    uint8_t piece[7];
    char name[3];
    ssize_t got;

    id[0]++;
    snprintf(name, sizeof name, "%02x", id[0]);
    assert_int_equal(spool_put(&spool, 1764421200000000000u, id, BX_ITEM_EVENT, p, n, NULL, &err),
                     BX_OK);
    assert_int_equal(spool_find(&spool, bx_str(name), &e, &err), BX_OK);
    if (outgoing_open(&o, &spool, &e, attachments, &err) != BX_OK)
        fail_msg("%s", err.msg);
    while ((got = outgoing_read(&o, sent.len, piece, sizeof piece)) > 0)
        assert_int_equal(bx_buf_append(&sent, piece, (size_t)got), BX_OK);
    assert_int_equal(got, 0);
    assert_int_equal(sent.len, o.bytes);
    outgoing_close(&o);
    return sent;
}

/* The first line but for the time, which stands at its end; what follows is `rest`. */
static void check(struct bx_buf *sent, const char *head, const void *rest, size_t n)
{
    static const char time[] = "\"sent_at\":\"20", end[] = "Z\"}\n";
    const char *text = (const char *)sent->data;
    size_t line = strlen(head) + sizeof "\"sent_at\":\"2025-11-29T13:00:00.123456Z\"}\n" - 1;

    assert_int_equal(sent->len, line + n);
    assert_memory_equal(text, head, strlen(head));
    assert_memory_equal(text + strlen(head), time, sizeof time - 1);
    assert_memory_equal(text + line - (sizeof end - 1), end, sizeof end - 1);
    assert_memory_equal(text + line, rest, n);
    bx_buf_release(sent);
}

#define SENT(head, rest, attachments)                                                              \
    sent_of("" head "\n" rest, sizeof(head "\n" rest) - 1, attachments)

TEST(the_first_line_of_our_own_gets_the_time)
{
    struct bx_buf sent = SENT("{\"event_id\":\"" EVENT "\"}", ITEMS, true);

    check(&sent, "{\"event_id\":\"" EVENT "\",", ITEMS, sizeof ITEMS - 1);
    sent = SENT("{}", ITEMS, true);
    check(&sent, "{", ITEMS, sizeof ITEMS - 1);
}

TEST(what_others_have_put_into_the_first_line_stays_there)
{
    struct bx_buf sent = SENT("{\"sdk\":{\"name\":\"x \\\"y\",\"v\":[1,2.5,null]}, "
                              "\"sent_at\":\"2001-01-01T00:00:00Z\","
                              "\"event_id\" : \"9ec79c33-ec99-42ab-8353-589fcb2e04dc\","
                              "\"of \\u0001 tomorrow\":true}",
                              ITEMS, true);

    check(&sent,
          "{\"sdk\":{\"name\":\"x \\\"y\",\"v\":[1,2.5,null]},"
          "\"event_id\":\"9ec79c33-ec99-42ab-8353-589fcb2e04dc\","
          "\"of \\u0001 tomorrow\":true,",
          ITEMS, sizeof ITEMS - 1);
}

TEST(items_are_sent_byte_for_byte_whatever_they_are)
{
    struct bx_buf sent = SENT("{}", ITEMS FILES LAST, true);

    check(&sent, "{", ITEMS FILES LAST, sizeof(ITEMS FILES LAST) - 1);
    sent = SENT("{}", ITEMS FILES LAST, false);
    check(&sent, "{", ITEMS LAST, sizeof(ITEMS LAST) - 1);
}

int main(void)
{
    return test_run(set_up, tear_down);
}
