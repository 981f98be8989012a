/* journal: an event as the bytes that the journal reads, whatever its strings contain. */
#include "lib/testlib.h"

#include "rec/journal.h"

#include <string.h>

static struct bx_site site = {
    .target = "node",
    .message = "connected",
    .file = "libcore/node/peers.c",
    .line = 77,
    .level = BX_LEVEL_INFO,
    .n = 2,
    .fields = {{"peer.id", BX_ARG_U64}, {"name", BX_ARG_STR}},
};
static struct bx_site line_site = {
    .target = "daemon",
    .file = "libcore/rec/rec.c",
    .line = 9,
    .level = BX_LEVEL_TRACE,
    .n = 1,
    .fields = {{"msg", BX_ARG_STR}},
};

static void expect(const struct bx_recevent *e, const char *bytes, size_t n)
{
    struct bx_buf out = {0};

    bx_journal_event(&out, "blixardd", e);
    assert_false(out.failed);
    assert_int_equal(out.len, n);
    assert_memory_equal(out.data, bytes, n);
    bx_buf_release(&out);
}
#define EXPECT(e, bytes) expect(e, bytes, sizeof(bytes) - 1)

static struct bx_recevent event(const struct bx_site *s)
{
    return (struct bx_recevent){
        .site = s, .level = s->level, .n = s->n, .time_ns = UINT64_C(1732885200123456789)};
}

TEST(each_field_is_a_field_of_the_entry)
{
    struct bx_recevent e = event(&site);

    e.trace = 0xabc;
    e.args[0] = bx_arg_u64(2);
    e.args[1] = bx_arg_text("n2");
    EXPECT(&e, "MESSAGE=node: connected peer.id=2 name=n2\nPRIORITY=6\n"
               "SYSLOG_IDENTIFIER=blixardd\nCODE_FILE=libcore/node/peers.c\nCODE_LINE=77\n"
               "BLIXARD_TARGET=node\nBLIXARD_TIME=2024-11-29T13:00:00.123456789Z\n"
               "BLIXARD_TRACE=0000000000000abc\nBLIXARD_PEER_ID=2\nBLIXARD_NAME=n2\n");
}

TEST(a_value_with_a_newline_cannot_make_a_field)
{
    struct bx_recevent e = event(&site);

    e.args[0] = bx_arg_u64(2);
    e.args[1] = bx_arg_text("a\nPRIORITY=0");
    EXPECT(&e, "MESSAGE=node: connected peer.id=2 name=\"a\\nPRIORITY=0\"\nPRIORITY=6\n"
               "SYSLOG_IDENTIFIER=blixardd\nCODE_FILE=libcore/node/peers.c\nCODE_LINE=77\n"
               "BLIXARD_TARGET=node\nBLIXARD_TIME=2024-11-29T13:00:00.123456789Z\n"
               "BLIXARD_PEER_ID=2\nBLIXARD_NAME\n\x0c\0\0\0\0\0\0\0a\nPRIORITY=0\n");
}

TEST(a_line_is_the_message_alone)
{
    struct bx_recevent e = event(&line_site);

    e.args[0] = bx_arg_text("a line");
    EXPECT(&e, "MESSAGE=daemon: a line\nPRIORITY=7\nSYSLOG_IDENTIFIER=blixardd\n"
               "CODE_FILE=libcore/rec/rec.c\nCODE_LINE=9\nBLIXARD_TARGET=daemon\n"
               "BLIXARD_TIME=2024-11-29T13:00:00.123456789Z\n");
}

int main(void)
{
    return test_run(NULL, NULL);
}
