/* The link under TLS: a node is who its certificate says, and its key is the one that its row pins.
 */
#include "link_help.h"
#include "pki_help.h"

#include "transport/tls.h"

#include <unistd.h>

static struct pki_test_ca ca, other_ca;

static int setup(void **state)
{
    (void)state;
    pki_test_ca_open(&ca, 1);
    pki_test_ca_open(&other_ca, 2);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    pki_test_ca_close(&ca);
    pki_test_ca_close(&other_ca);
    return 0;
}

static struct tls_context *context(enum tls_side side, const struct pki_test_ca *by,
                                   struct pki_issue *i)
{
    struct bx_buf certificate = {0};
    struct pki_key *key = NULL;
    struct pki_der trusted = {by->der.data, by->der.len};
    struct tls_config c = {.side = side, .protocol = TLS_PROTOCOL, .ca = trusted, .cas = &trusted};
    struct tls_context *made;
    struct bx_err err;

    c.n_cas = 1;
    if (i != NULL) {
        pki_test_issue(by, i, &key, &certificate);
        c.key = key;
        c.certificate = (struct pki_der){certificate.data, certificate.len};
    }
    if (tls_context_create(&made, &c, &err) != BX_OK)
        fail_msg("%s", err.msg);
    pki_key_destroy(key);
    bx_buf_release(&certificate);
    return made;
}

/* With certificates of these nodes, for accepting and for dialling. */
static void secure(struct host *h, const struct pki_test_ca *by, struct pki_issue dials,
                   uint64_t accepts)
{
    struct pki_issue node = pki_test_node(by, accepts);
    struct tls_context *server = context(TLS_SERVER, by, &node);
    struct tls_context *client = context(TLS_CLIENT, by, &dials);

    link_secure(h->link, server, client);
    tls_context_release(server);
    tls_context_release(client);
}

static uint64_t now_ms(void)
{
    return test_loop_clock.ops->wall_ms(&test_loop_clock);
}

static void secure_node(struct host *h)
{
    secure(h, &ca, pki_test_node(&ca, h->id), h->id);
}

TEST(nodes_with_their_certificates_connect)
{
    start_hosts(3, 3);
    for (int i = 0; i < 3; i++)
        secure_node(&hosts[i]);
    SPIN_UNTIL(is_connected(&hosts[0], 2) && is_connected(&hosts[0], 3) &&
               is_connected(&hosts[1], 3) && is_connected(&hosts[2], 2));
    assert_true(send_frame(&hosts[0], 3, 3 << 20));
    assert_true(send_frame(&hosts[0], 3, 100));
    SPIN_UNTIL(hosts[2].frames == 2);
    assert_int_equal(hosts[2].bad_frames, 0);
    assert_int_equal(hosts[2].last_from, 1);
    stop_hosts();
}

/* Host 2 dials host 1, which refuses it with this reason, and never has it for a peer. */
static void is_refused(const char *why)
{
    char words[128];

    snprintf(words, sizeof words, "refused a connection from node 2: %s", why);
    SPIN_UNTIL(test_rec_said(words));
    assert_true(stats_of(&hosts[0]).refused > 0);
    assert_int_equal(hosts[0].ups, 0);
    assert_int_equal(hosts[1].ups, 0);
    stop_hosts();
}

TEST(the_certificate_of_another_node_is_refused)
{
    start_hosts(2, 2);
    secure_node(&hosts[0]);
    secure(&hosts[1], &ca, pki_test_node(&ca, 3), 2);
    is_refused("its certificate is of another node");
}

TEST(another_key_than_that_of_the_nodes_row_is_refused)
{
    start_hosts(2, 2);
    hosts[0].wrong_key = 2;
    secure_node(&hosts[0]);
    secure_node(&hosts[1]);
    is_refused("its key is not the one of this node");
}

TEST(a_user_is_no_node)
{
    struct pki_issue alice = pki_test_user(&ca, "alice");

    start_hosts(2, 2);
    alice.not_before_ms = now_ms();
    alice.not_after_ms = now_ms() + PKI_TEST_DAY;
    secure_node(&hosts[0]);
    secure(&hosts[1], &ca, alice, 2);
    is_refused("no node's certificate");
}

/* It was let in before its row was known. */
TEST(a_connection_ends_when_the_row_that_comes_has_another_key)
{
    start_hosts(2, 2);
    secure_node(&hosts[0]);
    secure_node(&hosts[1]);
    SPIN_UNTIL(is_connected(&hosts[0], 2) && is_connected(&hosts[1], 1));
    hosts[0].wrong_key = 2;
    know_everybody(&hosts[0], 2);
    assert_false(is_connected(&hosts[0], 2));
    stop_hosts();
}

/* Who catches up follows a leader whose row it has not got yet. */
TEST(a_connection_stays_while_its_row_has_not_come)
{
    start_hosts(2, 2);
    secure_node(&hosts[0]);
    secure_node(&hosts[1]);
    SPIN_UNTIL(is_connected(&hosts[0], 2) && is_connected(&hosts[1], 1));
    hosts[0].unknown = 2;
    know_everybody(&hosts[0], 2);
    assert_true(is_connected(&hosts[0], 2));
    stop_hosts();
}

TEST(a_node_that_is_not_known_is_refused)
{
    start_hosts(2, 2);
    hosts[0].unknown = 2;
    secure_node(&hosts[0]);
    secure_node(&hosts[1]);
    is_refused("it is not known here yet");
}

/* The node that was dialled is proven in the same way. */
TEST(another_node_at_the_address_is_refused)
{
    start_hosts(2, 2);
    secure(&hosts[0], &ca, pki_test_node(&ca, 1), 3);
    secure_node(&hosts[1]);
    SPIN_UNTIL(test_rec_said("its certificate is of another node"));
    assert_int_equal(hosts[1].ups, 0);
    stop_hosts();
}

/* Host 1 has the certificate of this node, and tells host 2 that it was removed. */
static void tell_removed_as(uint64_t node)
{
    start_hosts(2, 2);
    hosts[0].has_removed = 2;
    know_everybody(&hosts[0], 1);
    secure(&hosts[0], &ca, pki_test_node(&ca, 1), node);
    secure_node(&hosts[1]);
    SPIN_UNTIL(test_rec_said("refused by node 1: this node was removed"));
}

TEST(a_node_that_was_removed_is_told_so_by_a_member)
{
    tell_removed_as(1);
    assert_true(hosts[1].removed > 0);
    stop_hosts();
}

/* Such as one that was removed itself, at the address of a member. */
TEST(another_node_cannot_say_that_this_one_was_removed)
{
    tell_removed_as(3);
    assert_int_equal(hosts[1].removed, 0);
    stop_hosts();
}

TEST(certificates_of_another_cluster_are_refused)
{
    start_hosts(2, 2);
    secure_node(&hosts[0]);
    secure(&hosts[1], &other_ca, pki_test_node(&other_ca, 2), 2);
    SPIN_UNTIL(test_rec_said("another cluster"));
    assert_true(stats_of(&hosts[0]).refused + stats_of(&hosts[1]).refused > 0);
    assert_int_equal(hosts[0].ups, 0);
    assert_int_equal(hosts[1].ups, 0);
    stop_hosts();
}

/* ---- while the CA is replaced ---- */

/* Both CAs of the cluster are trusted; certificates of `by`. */
static struct tls_context *context_of_two(enum tls_side side, const struct pki_test_ca *by,
                                          const struct pki_test_ca *other, uint64_t node)
{
    struct pki_issue i = pki_test_node(by, node);
    struct bx_buf certificate = {0};
    struct pki_key *key;
    struct pki_der cas[] = {
        {by->der.data, by->der.len},
        {other == NULL ? NULL : other->der.data, other == NULL ? 0 : other->der.len}};
    struct tls_config c = {.side = side,
                           .protocol = TLS_PROTOCOL,
                           .ca = cas[0],
                           .cas = cas,
                           .n_cas = other == NULL ? 1 : 2};
    struct tls_context *made;

    pki_test_issue(by, &i, &key, &certificate);
    c.key = key;
    c.certificate = (struct pki_der){certificate.data, certificate.len};
    assert_int_equal(tls_context_create(&made, &c, NULL), BX_OK);
    pki_key_destroy(key);
    bx_buf_release(&certificate);
    return made;
}

static void secure_of_two(struct host *h, const struct pki_test_ca *by,
                          const struct pki_test_ca *other)
{
    struct tls_context *server = context_of_two(TLS_SERVER, by, other, h->id);
    struct tls_context *client = context_of_two(TLS_CLIENT, by, other, h->id);

    link_secure(h->link, server, client);
    tls_context_release(server);
    tls_context_release(client);
}

/* A connection goes on with what was shown on it, until that is not trusted any more; then it is
 * made anew. */
TEST(connections_of_a_ca_that_was_dropped_are_made_anew)
{
    struct pki_test_ca new_ca;

    pki_test_ca_open(&new_ca, ca.cluster[0]);
    start_hosts(2, 2);
    secure_of_two(&hosts[0], &ca, &new_ca);
    secure_of_two(&hosts[1], &ca, &new_ca);
    SPIN_UNTIL(is_connected(&hosts[0], 2) && is_connected(&hosts[1], 1));
    secure_of_two(&hosts[0], &new_ca, &ca);
    secure_of_two(&hosts[1], &new_ca, &ca);
    assert_true(is_connected(&hosts[0], 2) && is_connected(&hosts[1], 1));
    secure_of_two(&hosts[0], &new_ca, NULL);
    assert_false(is_connected(&hosts[0], 2));
    SPIN_UNTIL(is_connected(&hosts[0], 2) && is_connected(&hosts[1], 1));
    secure_of_two(&hosts[1], &new_ca, NULL);
    assert_true(is_connected(&hosts[0], 2) && is_connected(&hosts[1], 1));
    stop_hosts();
    pki_test_ca_close(&new_ca);
}

/* It has the key of the old CA, and makes itself a certificate. */
TEST(a_certificate_of_the_old_ca_is_refused_afterwards)
{
    struct pki_test_ca new_ca;

    pki_test_ca_open(&new_ca, ca.cluster[0]);
    start_hosts(2, 2);
    secure_of_two(&hosts[0], &new_ca, NULL);
    secure_of_two(&hosts[1], &ca, &new_ca);
    SPIN_UNTIL(test_rec_said("certificate not signed by the cluster's CA"));
    assert_int_equal(hosts[0].ups, 0);
    assert_int_equal(hosts[1].ups, 0);
    stop_hosts();
    pki_test_ca_close(&new_ca);
}

TEST(bytes_that_are_not_tls_close_the_connection)
{
    struct bx_hello h = hello_of(2, 9);
    uint8_t answer[256];
    size_t n;
    int fd;

    start_hosts(2, 1);
    secure_node(&hosts[0]);
    fd = dial_host(&hosts[0]);
    put_hello(fd, &h);
    n = read_all(fd, answer, sizeof answer);
    assert_true(n < BX_HEADER_SIZE); /* an alert at most, no frame */
    assert_int_equal(hosts[0].ups, 0);
    close(fd);
    stop_hosts();
}

static int ask_from(uint32_t n)
{
    int fd = dial_host_from(&hosts[0], n);

    put_bytes(fd, "GET / HTTP/1.0\r\n", 16);
    return fd;
}

/* Many handshakes at once are spread over time, and who is alone at his address goes first. */
TEST(few_handshakes_are_begun_at_once)
{
    uint8_t rest[8];
    int fds[32], alone;

    start_hosts(1, 1);
    secure_node(&hosts[0]);
    for (uint32_t i = 0; i < 32; i++)
        fds[i] = ask_from(2 + i / LINK_STRANGERS_OF_ONE);
    alone = ask_from(9);
    read_all(alone, rest, sizeof rest);
    assert_in_range(stats_of(&hosts[0]).refused, 1, 32);
    SPIN_UNTIL(stats_of(&hosts[0]).refused == 33);
    for (int i = 0; i < 32; i++)
        close(fds[i]);
    close(alone);
    stop_hosts();
}

/* ---- joining ---- */

struct joined {
    bool called;
    int code;
    uint64_t node;
};

static void on_joined(void *ctx, const struct bx_joined *a, const struct bx_err *err)
{
    struct joined *j = ctx;

    j->called = true;
    j->code = a != NULL ? a->code : err->code;
    j->node = a != NULL ? a->node : 0;
}

static void join(struct joined *j, const struct pki_test_ca *knows)
{
    struct bx_join join = {.incarnation = {9}, .name = bx_str("newcomer")};
    struct tls_config c = {.side = TLS_CLIENT_JOINS, .protocol = TLS_PROTOCOL};
    struct tls_context *tls;

    start_hosts(1, 1);
    secure_node(&hosts[0]);
    hosts[0].answer = (struct bx_joined){.node = 5};
    test_free_address(hosts[3].address);
    open_link(&hosts[3]);
    bx_sha256(knows->der.data, knows->der.len, c.ca_fingerprint);
    assert_int_equal(tls_context_create(&tls, &c, NULL), BX_OK);
    link_join(hosts[3].link, tls, hosts[0].address, &join, on_joined, j);
    tls_context_release(tls);
    SPIN_UNTIL(j->called);
}

TEST(a_host_joins_that_knows_the_ca_by_its_fingerprint)
{
    struct joined j = {0};

    join(&j, &ca);
    assert_int_equal(j.code, BX_OK);
    assert_int_equal(j.node, 5);
    stop_hosts();
}

/* The secret of its token is not for just anybody. */
TEST(a_host_tells_nothing_to_a_server_of_another_ca)
{
    struct joined j = {0};

    join(&j, &other_ca);
    assert_int_equal(j.code, BX_UNREACHABLE);
    SPIN_UNTIL(stats_of(&hosts[0]).connections == 0);
    assert_int_equal(hosts[0].joins, 0);
    stop_hosts();
}

int main(void)
{
    return test_run(setup, teardown);
}
