/* Configurations, and the messages that offer a snapshot with one. */
#include "raftmsg_help.h"

#include "codec/header.h"
#include "model/node.h"

#include <string.h>

TEST(an_install_comes_back_as_it_was)
{
    struct bx_buf conf = conf_of(1, 3, three, 3), b = {0};
    struct raft_install_snapshot *s;
    struct raft_message m;

    write_install(&b, &conf);
    assert_int_equal(bx_raftmsg_read(b.data, b.len, FROM, "3", &m, NULL), BX_OK);
    s = &m.install_snapshot;
    assert_int_equal(s->term, 9);
    assert_int_equal(s->last_index, 50);
    assert_int_equal(s->last_term, 8);
    assert_int_equal(s->conf_index, 40);
    assert_int_equal(s->conf.n, 3);
    assert_string_equal(s->conf.servers[0].address, "10.0.0.1:7000");
    assert_int_equal(s->conf.servers[1].role, RAFT_STANDBY);
    bx_raftmsg_close(&m);
    every_damage(&b);
    bx_buf_release(&conf);
}

/* The same bytes in a snapshot and in an entry of the log: both are refused. */
static void refused_configuration(struct bx_buf conf)
{
    struct bx_buf b = {0};

    write_install(&b, &conf);
    assert_int_equal(read_exact(b.data, b.len), BX_MALFORMED);
    b.len = 0;
    write_append(&b, 1);
    assert_int_equal(bx_raftmsg_write_entry(&b, 9, RAFT_CHANGE, conf.data, (uint32_t)conf.len),
                     BX_OK);
    assert_int_equal(read_exact(b.data, b.len), BX_MALFORMED);
    bx_buf_release(&b);
    bx_buf_release(&conf);
}

static void accepted_configuration(struct bx_buf conf)
{
    struct bx_buf b = {0};

    write_install(&b, &conf);
    assert_int_equal(read_exact(b.data, b.len), BX_OK);
    bx_buf_release(&b);
    bx_buf_release(&conf);
}

TEST(configurations_that_cannot_be_are_refused)
{
    static const struct server twice[] = {{1, "a", RAFT_VOTER}, {1, "b", RAFT_VOTER}};
    static const struct server nobody[] = {{0, "a", RAFT_VOTER}};
    static const struct server role[] = {{1, "a", 3}};
    char address[BX_MEMBERS_MAX + 1][2] = {""};
    struct server many[BX_MEMBERS_MAX + 1];
    struct bx_buf b;

    for (uint64_t i = 0; i <= BX_MEMBERS_MAX; i++) {
        address[i][0] = (char)('a' + i); /* no two may have the same */
        many[i] = (struct server){i + 1, address[i], RAFT_VOTER};
    }
    accepted_configuration(conf_of(1, BX_MEMBERS_MAX, many, BX_MEMBERS_MAX));
    refused_configuration(conf_of(1, 0, three, 0));
    refused_configuration(conf_of(1, 4, three, 3));
    refused_configuration(conf_of(1, UINT64_MAX, three, 3));
    refused_configuration(conf_of(1, 1ull << 32 | 3, three, 3));
    refused_configuration(conf_of(1, BX_MEMBERS_MAX + 1, many, BX_MEMBERS_MAX + 1));
    refused_configuration(conf_of(0, 3, three, 3));
    refused_configuration(conf_of(2, 3, three, 3));
    refused_configuration(conf_of(1, 2, twice, 2));
    refused_configuration(conf_of(1, 1, nobody, 1));
    refused_configuration(conf_of(1, 1, role, 1));
    b = conf_of(1, 1, three, 1);
    memset(b.data + 17, 'x', b.len - 17); /* an address without an end */
    refused_configuration(b);
    b = conf_of(1, 1, three, 1);
    b.len = 9;
    refused_configuration(b);
    b = conf_of(1, 1, three, 1);
    memset(bx_buf_extend(&b, 70000), 0, 70000);
    refused_configuration(b);
    refused_configuration((struct bx_buf){0});
}

/* Numbers of a snapshot that can not be. */
TEST(installs_that_cannot_be_are_refused)
{
    static const struct raft_install_snapshot lies[] = {
        {.term = 0, .last_index = 50, .last_term = 8, .conf_index = 40},
        {.term = 9, .last_index = 0, .last_term = 8, .conf_index = 40},
        {.term = 9, .last_index = 50, .last_term = 0, .conf_index = 40},
        {.term = 9, .last_index = 50, .last_term = 10, .conf_index = 40},
        {.term = 9, .last_index = 50, .last_term = 8, .conf_index = 0},
        {.term = 9, .last_index = 50, .last_term = 8, .conf_index = 51},
    };
    struct bx_buf conf = conf_of(1, 3, three, 3);

    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        struct bx_buf b = {0};

        assert_int_equal(bx_raftmsg_write_install(&b, &lies[i], conf.data, conf.len), BX_OK);
        assert_int_equal(read_exact(b.data, b.len), BX_MALFORMED);
        bx_buf_release(&b);
    }
    bx_buf_release(&conf);
}

int main(void)
{
    return test_run(raftmsg_setup, raftmsg_teardown);
}
