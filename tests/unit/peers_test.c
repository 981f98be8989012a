/* The list of the link's peers: what each source adds to it, and what becomes of a peer when one
 * source after the other names it or no longer does. */
#include "lib/testlib.h"

#include "mem/alloc.h"
#include "node/peers.h"

#include <stdlib.h>
#include <string.h>

#define SELF 1u

static struct bx_peers peers;

static int setup(void **state)
{
    (void)state;
    memset(&peers, 0, sizeof peers);
    bx_peers_init(&peers, SELF);
    return 0;
}

static int teardown(void **state)
{
    struct bx_alloc_stats s;

    (void)state;
    bx_peers_close(&peers);
    bx_alloc_stats(&s);
    assert_int_equal(s.live, 0);
    return 0;
}

/* "ID ADDRESS ID ADDRESS" */
static void feed(enum bx_peer_source source, const char *text)
{
    struct bx_peer v[16];
    char copy[512], *save = NULL, *id;
    uint32_t n = 0;

    snprintf(copy, sizeof copy, "%s", text);
    for (id = strtok_r(copy, " ", &save); id != NULL; id = strtok_r(NULL, " ", &save))
        v[n++] = (struct bx_peer){strtoull(id, NULL, 10), strtok_r(NULL, " ", &save)};
    bx_peers_set(&peers, source, v, n);
}

/* After an update the list is this one, in the form of feed; "-" is no address. */
static void assert_list(const char *expected)
{
    char text[512] = "";
    size_t n = 0;

    bx_peers_update(&peers);
    for (uint32_t i = 0; i < peers.list.n; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%llu %s", i == 0 ? "" : " ",
                              (unsigned long long)peers.list.v[i].id,
                              peers.list.v[i].address[0] == '\0' ? "-" : peers.list.v[i].address);
    assert_string_equal(text, expected);
}

static void connect_peer(uint64_t id)
{
    assert_true(bx_peers_admits(&peers, id));
    bx_peers_on_connection(&peers, id, true);
}

TEST(all_rows_but_the_own_one_are_peers)
{
    feed(BX_PEER_ROW, "1 a:1 2 b:1 3 c:1");
    bx_peers_set_next_id(&peers, 4);
    assert_list("2 b:1 3 c:1");
    assert_true(bx_peers_admits(&peers, 2));
    assert_false(bx_peers_admits(&peers, SELF));
}

TEST(a_removed_node_is_no_peer_and_is_not_admitted)
{
    feed(BX_PEER_ROW, "1 a:1 2 b:1 3 c:1");
    bx_peers_set_next_id(&peers, 4);
    assert_list("2 b:1 3 c:1");
    connect_peer(3);
    feed(BX_PEER_ROW, "1 a:1 2 b:1");
    assert_list("2 b:1");
    assert_false(bx_peers_admits(&peers, 3));
    bx_peers_on_connection(&peers, 3, false); /* the link closed it */
    assert_list("2 b:1");
    assert_false(bx_peers_admits(&peers, 3));
}

/* Its server leaves the configuration after its row: until then it must hear of it. */
TEST(a_removed_node_is_a_peer_while_it_is_a_server)
{
    feed(BX_PEER_ROW, "1 a:1 2 b:1");
    feed(BX_PEER_SERVER, "1 a:1 2 b:1");
    bx_peers_set_next_id(&peers, 3);
    assert_list("2 b:1");
    feed(BX_PEER_ROW, "1 a:1");
    assert_list("2 b:1");
    feed(BX_PEER_SERVER, "1 a:1");
    assert_list("");
}

TEST(servers_are_peers_before_their_rows_are_here)
{
    feed(BX_PEER_SERVER, "1 a:1 2 b:1 3 c:1");
    assert_list("2 b:1 3 c:1");
    feed(BX_PEER_ROW, "1 a:1 2 b:1");
    bx_peers_set_next_id(&peers, 3);
    assert_list("2 b:1 3 c:1");
}

TEST(the_address_of_the_row_is_the_one_that_counts)
{
    bx_peers_set_join(&peers, "2 old:1");
    assert_list("2 old:1");
    feed(BX_PEER_SERVER, "1 a:1 2 b:1");
    assert_list("2 b:1");
    feed(BX_PEER_ROW, "1 a:1 2 b:2");
    bx_peers_set_next_id(&peers, 3);
    assert_list("2 b:2");
    feed(BX_PEER_ROW, "1 a:1 2 b:3");
    assert_true(bx_peers_update(&peers));
    assert_list("2 b:3");
}

TEST(the_join_answer_counts_until_the_ids_are_given_here)
{
    bx_peers_set_join(&peers, "2 b:1 3 c:1 1 a:1");
    assert_list("2 b:1 3 c:1");
    bx_peers_set_next_id(&peers, 3); /* 2 was given, and has no row: it was removed */
    assert_list("3 c:1");
    feed(BX_PEER_ROW, "1 a:1 3 c:2");
    bx_peers_set_next_id(&peers, 4);
    assert_list("3 c:2");
}

TEST(a_join_answer_that_ends_early_names_what_is_complete)
{
    bx_peers_set_join(&peers, "2 b:1 3");
    assert_list("2 b:1");
    bx_peers_set_join(&peers, "");
    assert_list("");
}

TEST(a_node_that_is_not_known_yet_is_a_peer_while_it_is_connected)
{
    feed(BX_PEER_ROW, "1 a:1 2 b:1");
    bx_peers_set_next_id(&peers, 3);
    assert_list("2 b:1");
    connect_peer(7);
    assert_list("2 b:1 7 -");
    bx_peers_on_connection(&peers, 7, false);
    assert_list("2 b:1");
    assert_true(bx_peers_admits(&peers, 7)); /* it may come again */
}

/* The link closes the old connection of a node that came again before it reports the new one. */
TEST(a_provisional_peer_may_replace_its_connection)
{
    bx_peers_set_next_id(&peers, 2);
    connect_peer(7);
    assert_list("7 -");
    bx_peers_on_connection(&peers, 7, false);
    bx_peers_on_connection(&peers, 7, true);
    assert_false(bx_peers_update(&peers));
    assert_list("7 -");
}

TEST(a_provisional_peer_becomes_known_by_its_row)
{
    feed(BX_PEER_ROW, "1 a:1");
    bx_peers_set_next_id(&peers, 2);
    connect_peer(2);
    assert_list("2 -");
    feed(BX_PEER_ROW, "1 a:1 2 b:1");
    bx_peers_set_next_id(&peers, 3);
    assert_list("2 b:1");
    bx_peers_on_connection(&peers, 2, false);
    assert_list("2 b:1");
}

TEST(a_provisional_peer_that_becomes_known_makes_room_for_another)
{
    bx_peers_set_next_id(&peers, 2);
    for (uint64_t id = 10; id < 10 + BX_PROVISIONAL_MAX; id++)
        connect_peer(id);
    bx_peers_update(&peers);
    assert_false(bx_peers_admits(&peers, 30));
    feed(BX_PEER_SERVER, "1 a:1 10 b:1");
    bx_peers_update(&peers);
    assert_true(bx_peers_admits(&peers, 30));
}

TEST(a_provisional_peer_that_turns_out_to_be_removed_is_dropped)
{
    bx_peers_set_next_id(&peers, 2);
    connect_peer(5);
    assert_list("5 -");
    bx_peers_set_next_id(&peers, 9); /* the state went past it, and brought no row */
    assert_list("");
    assert_false(bx_peers_admits(&peers, 5));
}

TEST(provisional_peers_are_bounded_and_those_that_go_make_room)
{
    bx_peers_set_next_id(&peers, 2);
    for (uint64_t id = 10; id < 10 + BX_PROVISIONAL_MAX; id++)
        connect_peer(id);
    assert_false(bx_peers_admits(&peers, 30));
    bx_peers_on_connection(&peers, 30, true); /* and when it is reported all the same */
    bx_peers_update(&peers);
    assert_int_equal(peers.list.n, BX_PROVISIONAL_MAX);
    bx_peers_on_connection(&peers, 12, false);
    connect_peer(30);
    bx_peers_update(&peers);
    assert_int_equal(peers.list.n, BX_PROVISIONAL_MAX);
    assert_false(bx_peers_admits(&peers, 12));
}

TEST(an_update_reports_only_what_changed)
{
    feed(BX_PEER_ROW, "1 a:1 2 b:1");
    bx_peers_set_next_id(&peers, 3);
    assert_true(bx_peers_update(&peers));
    assert_false(bx_peers_update(&peers));
    feed(BX_PEER_SERVER, "1 a:1 2 b:1"); /* says nothing new */
    assert_false(bx_peers_update(&peers));
    bx_peers_on_connection(&peers, 2, true);
    bx_peers_on_connection(&peers, 2, false);
    assert_false(bx_peers_update(&peers));
    feed(BX_PEER_ROW, "1 a:1 3 b:1");
    assert_true(bx_peers_update(&peers));
}

int main(void)
{
    return test_run(setup, teardown);
}
