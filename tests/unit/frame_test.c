/* The payloads of frames: what a peer sends is checked in every field before anybody uses it. */
#include "lib/testlib.h"

#include "wire/frame.h"

#include <string.h>

union record {
    struct bx_hello hello;
    struct bx_read read;
    struct bx_heartbeat heartbeat;
    struct bx_grant grant;
    struct bx_join join;
    struct bx_joined joined;
};

/* A frame's payload that was written by an honest peer and then changed. */
struct payload {
    _Alignas(8) uint8_t p[2048];
    size_t n;
};

static struct payload payload_of(const struct bx_schema *s, const void *obj)
{
    struct payload out = {.n = bx_flat_size(s, obj)};

    assert_true(out.n <= sizeof out.p);
    bx_flat_write(s, obj, out.p);
    return out;
}

static int read_payload(enum bx_frame kind, const struct payload *p, char *why, size_t size)
{
    struct bx_arena arena = {0};
    struct bx_err err = {0};
    union record r;
    int rc = bx_frame_read(kind, p->p, p->n, &r, &arena, &err);

    bx_arena_close(&arena);
    snprintf(why, size, "%.*s", (int)size - 1, err.msg);
    return rc;
}

static void accepted(enum bx_frame kind, const struct payload *p)
{
    char why[256];

    if (read_payload(kind, p, why, sizeof why) != BX_OK)
        fail_msg("%s", why);
}

static void refused(enum bx_frame kind, const struct payload *p, const char *field)
{
    char why[256];

    assert_int_equal(read_payload(kind, p, why, sizeof why), BX_MALFORMED);
    if (strstr(why, field) == NULL)
        fail_msg("\"%s\" does not name %s", why, field);
}

static struct bx_join join_of(const char *address)
{
    return (struct bx_join){.incarnation = {1},
                            .name = bx_str("new"),
                            .address = bx_str(address),
                            .driver = bx_str("sim"),
                            .vcpus = 4,
                            .memory_mib = 1024,
                            .role = BX_ROLE_AGENT};
}

/* ---- JOIN ---- */

TEST(a_join_has_a_role_that_exists)
{
    struct bx_join j = join_of("127.0.0.1:7411");
    struct payload p = payload_of(&bx_join_schema, &j);

    accepted(BX_FRAME_JOIN, &p);
    j.role = BX_ROLE_AGENT + 1;
    p = payload_of(&bx_join_schema, &j);
    refused(BX_FRAME_JOIN, &p, "join.role");
    j.role = 255;
    p = payload_of(&bx_join_schema, &j);
    refused(BX_FRAME_JOIN, &p, "join.role");
}

/* The list of members that a joining host gets separates its parts by spaces. */
TEST(a_join_has_an_address_of_host_and_port)
{
    static const char *const bad[] = {
        "h",         ":1",     "h:",     "h:0",  "h:65536", "h:1x",          "a b:1",
        "h:1 9 x:1", "\x7f:1", "a\nb:1", "h:+1", "\t:1",    "h:999999999999"};
    static const char *const good[] = {"", "127.0.0.1:7411", "[::1]:1", "node-1.example:65535"};

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct bx_join j = join_of(bad[i]);
        struct payload p = payload_of(&bx_join_schema, &j);

        refused(BX_FRAME_JOIN, &p, "join.address");
    }
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct bx_join j = join_of(good[i]);
        struct payload p = payload_of(&bx_join_schema, &j);

        accepted(BX_FRAME_JOIN, &p);
    }
}

TEST(texts_have_no_control_characters)
{
    struct bx_join j = join_of("h:1");
    struct bx_hello h = {.node = 3, .level_min = 1, .level_max = 1, .version = bx_str("1\x1b[2J")};
    struct bx_joined a = {.code = BX_BUSY, .message = bx_str("no\r\nerror: forged")};
    struct payload p;

    j.rack = bx_str("r\n8");
    p = payload_of(&bx_join_schema, &j);
    refused(BX_FRAME_JOIN, &p, "join.rack");
    p = payload_of(&bx_hello_schema, &h);
    refused(BX_FRAME_HELLO, &p, "hello.version");
    p = payload_of(&bx_joined_schema, &a);
    refused(BX_FRAME_JOINED, &p, "joined.message");
}

TEST(a_join_has_an_incarnation)
{
    struct bx_join j = join_of("h:1");
    struct payload p;

    j.incarnation[0] = 0;
    p = payload_of(&bx_join_schema, &j);
    refused(BX_FRAME_JOIN, &p, "join.incarnation");
}

TEST(a_join_becomes_the_description_of_its_node)
{
    struct bx_join j = join_of("10.0.0.4:7420");
    struct bx_node_info n;

    j.zone = bx_str("z3");
    j.disk_gib = 900;
    bx_join_node(&j, &n);
    assert_int_equal(bx_node_info_check(&n, NULL), BX_OK);
    assert_true(bx_str_eq(n.name, j.name) && bx_str_eq(n.address, j.address));
    assert_true(bx_str_eq(n.zone, j.zone) && bx_str_eq(n.driver, j.driver));
    assert_int_equal(n.role, BX_ROLE_AGENT);
    assert_int_equal(n.vcpus, 4);
    assert_int_equal(n.memory_mib, 1024);
    assert_int_equal(n.disk_gib, 900);
    assert_int_equal(n.id, 0);
}

/* ---- JOINED ---- */

TEST(an_answer_to_a_join_names_members_and_an_id_that_can_exist)
{
    static const char *const bad[] = {"", "1", "1 ", "x h:1", "0 h:1", "1  h:1", "1 h:1 2 h:2"};
    struct bx_str peer = bx_str("1 10.0.0.1:7420");
    struct bx_joined a = {.code = BX_OK, .node = 4, .cluster = {1}, .peers = {&peer, 1}};
    struct payload p = payload_of(&bx_joined_schema, &a);

    accepted(BX_FRAME_JOINED, &p);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        peer = bx_str(bad[i]);
        p = payload_of(&bx_joined_schema, &a);
        refused(BX_FRAME_JOINED, &p, "joined.peers");
    }
    a.peers.n = 0;
    a.node = 0;
    p = payload_of(&bx_joined_schema, &a);
    refused(BX_FRAME_JOINED, &p, "joined.node");
    a.node = BX_NODE_ID_MAX + 1;
    p = payload_of(&bx_joined_schema, &a);
    refused(BX_FRAME_JOINED, &p, "joined.node");
    a.code = BX_DENIED; /* a refusal has no id */
    a.node = 0;
    p = payload_of(&bx_joined_schema, &a);
    accepted(BX_FRAME_JOINED, &p);
}

/* ---- HELLO ---- */

TEST(a_hello_has_an_id_and_levels_that_can_exist)
{
    struct bx_hello h = {.node = BX_NODE_ID_MAX, .level_min = 1, .level_max = 2};
    struct payload p = payload_of(&bx_hello_schema, &h);

    accepted(BX_FRAME_HELLO, &p);
    h.node++;
    p = payload_of(&bx_hello_schema, &h);
    refused(BX_FRAME_HELLO, &p, "hello.node");
    h.node = 3;
    h.level_min = 3;
    p = payload_of(&bx_hello_schema, &h);
    refused(BX_FRAME_HELLO, &p, "hello.level_min");
    h.level_min = 1;
    h.heard_term = BX_TERM_MAX;
    p = payload_of(&bx_hello_schema, &h);
    accepted(BX_FRAME_HELLO, &p);
    h.heard_term++;
    p = payload_of(&bx_hello_schema, &h);
    refused(BX_FRAME_HELLO, &p, "hello.heard_term");
}

/* ---- HEARTBEAT and GRANT ---- */

TEST(lists_of_runs_are_whole)
{
    char runs[2 * BX_WANT_SIZE] = {1};
    struct bx_heartbeat b = {.seq = 1, .wants = {runs, sizeof runs}};
    struct bx_grant g = {.seq = 1, .granted = {runs, BX_WANT_SIZE}};
    struct payload p = payload_of(&bx_heartbeat_schema, &b);

    accepted(BX_FRAME_HEARTBEAT, &p);
    b.wants.n--;
    p = payload_of(&bx_heartbeat_schema, &b);
    refused(BX_FRAME_HEARTBEAT, &p, "heartbeat.wants");
    b.wants.n = 0;
    b.seq = 0;
    p = payload_of(&bx_heartbeat_schema, &b);
    refused(BX_FRAME_HEARTBEAT, &p, "heartbeat.seq");
    p = payload_of(&bx_grant_schema, &g);
    accepted(BX_FRAME_GRANT, &p);
    g.granted.n = 8;
    p = payload_of(&bx_grant_schema, &g);
    refused(BX_FRAME_GRANT, &p, "grant.granted");
    g.granted.n = 0;
    g.seq = 0;
    p = payload_of(&bx_grant_schema, &g);
    refused(BX_FRAME_GRANT, &p, "grant.seq");
}

/* ---- all ---- */

TEST(nothing_follows_a_record)
{
    struct bx_read r = {.id = 1};
    struct payload p = payload_of(&bx_read_schema, &r);

    accepted(BX_FRAME_READ, &p);
    accepted(BX_FRAME_READ_OK, &p);
    p.n += 8;
    refused(BX_FRAME_READ, &p, "read");
}

TEST(a_number_stands_before_a_raw_payload)
{
    uint8_t p[12] = {7, 1};
    struct bx_numbered r;

    assert_true(bx_frame_numbered(p, sizeof p, &r));
    assert_int_equal(r.number, 263);
    assert_int_equal(r.n, 4);
    assert_ptr_equal(r.p, p + 8);
    assert_true(bx_frame_numbered(p, 8, &r));
    assert_int_equal(r.n, 0);
    assert_false(bx_frame_numbered(p, 7, &r));
    assert_false(bx_frame_numbered(p, 0, &r));
}

int main(void)
{
    return test_run(NULL, NULL);
}
