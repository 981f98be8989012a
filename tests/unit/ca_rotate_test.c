/* Replacing the CA in the state machine: when the new one signs, when the old one is dropped, and
 * that no member is cut off meanwhile, whatever the order in which nodes follow. */
#include "lib/testlib.h"

#include "lib/testfsm_one.h"
#include "state/ca.h"
#include "state/token.h"

#include <string.h>

static const char pin[BX_PIN + 1] = "aaaaaaaabbbbbbbbccccccccdddddddd";
static const char key[BX_PUBLIC_KEY + 1] =
    "a public key, a public key, a public key, a public key, a public key, a public key, a publi";

static const struct bx_view *view(void)
{
    return bx_fsm_view(t.fsm);
}

static uint32_t cas(void)
{
    return (uint32_t)bx_view_count(view(), BX_TABLE_CA);
}

static void create_cluster(void)
{
    struct bx_cmd_cluster_create c = {.cluster = {1},
                                      .history = {2},
                                      .name = bx_str("lab"),
                                      .level = 3,
                                      .ca_certificate = bx_str("certificate 1"),
                                      .ca_key = bx_str("sealed 1")};

    assert_int_equal(test_fsm_apply(&t, BX_CMD_CLUSTER_CREATE, &c), BX_OK);
}

/* The node tells this; a new one is created. */
static int put_node(uint64_t id, uint64_t taken, uint64_t shown)
{
    char name[16], address[24];
    struct bx_node_info n = {.id = id,
                             .driver = bx_str("sim"),
                             .overcommit_vcpus_pct = 100,
                             .overcommit_memory_pct = 100,
                             .pin = {pin, BX_PIN},
                             .public_key = {key, BX_PUBLIC_KEY},
                             .ca_taken = taken,
                             .ca_shown = shown};

    snprintf(name, sizeof name, "n%llu", (unsigned long long)id);
    snprintf(address, sizeof address, "n%llu:1", (unsigned long long)id);
    n.name = bx_str(name);
    n.address = bx_str(address);
    return test_fsm_apply(&t, BX_CMD_NODE_PUT, &n);
}

static void open_cluster(uint64_t nodes)
{
    create_cluster();
    for (uint64_t id = 1; id <= nodes; id++)
        assert_int_equal(put_node(id, 1, 1), BX_OK);
}

/* With shares for nodes 1 to n. */
static int rotate(uint64_t generation, uint64_t n)
{
    static uint8_t sealed[BX_CA_SHARE], shares[9 * BX_CA_SHARE_ITEM];
    char certificate[32];
    struct bx_cmd_ca_rotate c = {.generation = generation,
                                 .key = bx_str("sealed anew"),
                                 .shares = {(const char *)shares, (uint32_t)n * BX_CA_SHARE_ITEM}};

    snprintf(certificate, sizeof certificate, "certificate %llu", (unsigned long long)generation);
    c.certificate = bx_str(certificate);
    for (uint64_t id = 1; id <= n; id++) {
        sealed[0] = (uint8_t)id;
        bx_ca_share_put(shares + (id - 1) * BX_CA_SHARE_ITEM, id, sealed);
    }
    return test_fsm_apply(&t, BX_CMD_CA_ROTATE, &c);
}

static int remove_node(uint64_t id)
{
    struct bx_cmd_node_state down = {.id = id, .state = BX_NODE_DOWN};
    struct bx_cmd_node_remove c = {.id = id};
    char name[16];

    snprintf(name, sizeof name, "n%llu", (unsigned long long)id);
    c.node = bx_str(name);
    test_fsm_apply(&t, BX_CMD_NODE_STATE, &down);
    return test_fsm_apply(&t, BX_CMD_NODE_REMOVE, &c);
}

/* ---- the steps ---- */

TEST(the_old_ca_is_dropped_when_all_have_followed)
{
    struct bx_str sealed;

    open_cluster(2);
    assert_null(bx_view_ca_new(view()));
    assert_int_equal(rotate(2, 2), BX_OK);
    test_fsm_reopen(&t);
    assert_int_equal(cas(), 2);
    assert_int_equal(bx_view_ca(view())->generation, 1); /* still signs */
    assert_true(bx_ca_share_of(bx_view_ca_new(view())->shares, 2, &sealed));
    assert_int_equal(sealed.p[0], 2);
    assert_false(bx_ca_share_of(bx_view_ca_new(view())->shares, 3, &sealed));
    put_node(1, 2, 1);
    assert_false(bx_view_ca_new(view())->active);
    assert_int_equal(bx_view_ca_waits(view())->info.id, 2);
    put_node(2, 2, 1);
    assert_int_equal(cas(), 2);
    assert_int_equal(bx_view_ca(view())->generation, 2);
    assert_int_equal(bx_view_ca(view())->shares.n, 0); /* all have them */
    assert_int_equal(bx_view_ca_waits(view())->info.id, 1);
    put_node(2, 2, 2);
    assert_int_equal(cas(), 2);
    put_node(1, 2, 2);
    assert_int_equal(cas(), 1);
    assert_int_equal(bx_view_ca(view())->generation, 2);
    test_fsm_reopen(&t);
    assert_int_equal(bx_view_ca(view())->generation, 2);
    assert_true(bx_str_eq(bx_view_ca(view())->certificate, bx_str("certificate 2")));
    assert_int_equal(rotate(3, 2), BX_OK); /* and so on */
}

TEST(a_node_that_is_removed_is_not_waited_for)
{
    open_cluster(3);
    assert_int_equal(rotate(2, 3), BX_OK);
    put_node(1, 2, 1);
    put_node(2, 2, 1);
    assert_false(bx_view_ca_new(view())->active);
    assert_int_equal(remove_node(3), BX_OK);
    assert_true(bx_view_ca_new(view())->active);
    put_node(1, 2, 2);
    assert_int_equal(remove_node(2), BX_OK);
    assert_int_equal(cas(), 1);
}

TEST(a_node_that_joins_meanwhile_is_waited_for)
{
    open_cluster(1);
    assert_int_equal(rotate(2, 1), BX_OK);
    assert_int_equal(put_node(2, 0, 0), BX_OK);
    put_node(1, 2, 1);
    assert_false(bx_view_ca_new(view())->active);
    put_node(2, 2, 1);
    assert_true(bx_view_ca_new(view())->active);
    assert_int_equal(put_node(3, 0, 0), BX_OK);
    put_node(1, 2, 2);
    put_node(2, 2, 2);
    assert_int_equal(cas(), 2);
    put_node(3, 2, 2);
    assert_int_equal(cas(), 1);
}

TEST(tokens_that_name_the_old_ca_end_with_it)
{
    struct bx_cmd_token_create c = {.secret_hash = {1}, .ttl_ms = 3600000, .once = true};
    uint8_t later[16] = {2};

    open_cluster(1);
    assert_int_equal(test_fsm_apply(&t, BX_CMD_TOKEN_CREATE, &c), BX_OK);
    assert_int_equal(rotate(2, 1), BX_OK);
    c.secret_hash[0] = 2;
    assert_int_equal(test_fsm_apply(&t, BX_CMD_TOKEN_CREATE, &c), BX_OK);
    put_node(1, 2, 1);
    assert_int_equal(bx_view_count(view(), BX_TABLE_TOKEN), 2);
    put_node(1, 2, 2);
    assert_int_equal(bx_view_count(view(), BX_TABLE_TOKEN), 1);
    assert_non_null(bx_view_get(view(), BX_TABLE_TOKEN, later));
}

/* ---- refusals ---- */

TEST(what_can_not_be_replaced_is_refused)
{
    open_cluster(2);
    assert_int_equal(rotate(3, 2), BX_CONFLICT);
    assert_int_equal(rotate(1, 2), BX_CONFLICT);
    assert_int_equal(rotate(2, 1), BX_CONFLICT);
    test_fsm_refused(&t, BX_CONFLICT, "node \"n2\" has joined meanwhile", "try again");
    assert_int_equal(rotate(2, 2), BX_OK);
    assert_int_equal(rotate(3, 2), BX_CONFLICT);
    test_fsm_refused(&t, BX_CONFLICT, "node \"n1\" is waited for", "cluster ca status");
    put_node(1, 2, 1);
    assert_int_equal(rotate(3, 2), BX_CONFLICT);
    test_fsm_refused(&t, BX_CONFLICT, "node \"n2\" is waited for", "remove it");
    assert_int_equal(cas(), 2);
}

TEST(a_cluster_without_a_ca_gets_none)
{
    struct bx_cmd_cluster_create c = {
        .cluster = {1}, .history = {2}, .name = bx_str("lab"), .level = 3};

    assert_int_equal(test_fsm_apply(&t, BX_CMD_CLUSTER_CREATE, &c), BX_OK);
    assert_int_equal(rotate(1, 0), BX_UNSUPPORTED);
    assert_int_equal(cas(), 0);
}

/* The node that was asked makes another CA for each attempt. */
TEST(a_repeat_is_the_same_request)
{
    struct bx_cmd_header head = {
        .kind = BX_CMD_CA_ROTATE, .session = {7}, .sequence = 1, .principal = bx_str("alice")};
    uint8_t shares[BX_CA_SHARE_ITEM], sealed[BX_CA_SHARE] = {1};
    struct bx_cmd_ca_rotate c = {.generation = 2,
                                 .certificate = bx_str("one"),
                                 .key = bx_str("key"),
                                 .shares = {(const char *)shares, sizeof shares}};

    open_cluster(1);
    bx_ca_share_put(shares, 1, sealed);
    assert_int_equal(test_fsm_call(&t, &head, &c), BX_OK);
    c.certificate = bx_str("another");
    c.generation = 3;
    assert_int_equal(test_fsm_call(&t, &head, &c), BX_OK);
    assert_int_equal(cas(), 2);
    assert_true(bx_str_eq(bx_view_ca_new(view())->certificate, bx_str("one")));
}

/* ---- any order ----
 *
 * Nodes apply the log at their own pace, and do what daemon/daemon_ca.c does on what they have
 * applied; what they tell may be late. At each moment each member must believe every other one. */

#define NODES 8
#define HISTORY 8192

struct seen { /* the CAs as of an entry */
    uint32_t n;
    uint64_t generation[2];
    bool active; /* the second one */
};

struct member {
    uint64_t id; /* 0: none */
    uint32_t applied;
    uint64_t trusts[2], shown, taken; /* on its disk */
    bool late;                        /* what it has told is under way: */
    uint64_t told_taken, told_shown;
};

static struct member members[NODES];
static struct seen history[HISTORY];
static uint32_t n_history;
static uint64_t next_id, seed;

static uint64_t below(uint64_t n)
{
    return test_random(&seed) % n;
}

static bool one_in(uint64_t n)
{
    return below(n) == 0;
}

static void record(void)
{
    struct seen s = {.n = cas()};

    for (uint32_t i = 0; i < s.n; i++)
        s.generation[i] = bx_view_ca_at(view(), i)->generation;
    s.active = s.n == 2 && bx_view_ca_at(view(), 1)->active;
    assert_true(n_history < HISTORY);
    history[n_history++] = s;
}

static bool trusts(const struct member *m, uint64_t generation)
{
    return m->trusts[0] == generation || m->trusts[1] == generation;
}

static void check(void)
{
    for (int i = 0; i < NODES; i++) {
        for (int k = 0; k < NODES; k++) {
            if (members[i].id != 0 && members[k].id != 0 && !trusts(&members[i], members[k].shown))
                fail_msg("node %llu does not believe node %llu, of CA %llu",
                         (unsigned long long)members[i].id, (unsigned long long)members[k].id,
                         (unsigned long long)members[k].shown);
        }
    }
}

static void follow(struct member *m)
{
    const struct seen *s = &history[m->applied];
    uint64_t signs = s->n == 2 && s->active ? s->generation[1] : s->generation[0];

    if (s->n == 2 && !trusts(m, s->generation[1]))
        m->trusts[m->trusts[0] == m->shown] = s->generation[1];
    if (s->n == 1 || s->active) {
        assert_true(trusts(m, signs));
        m->shown = signs;
    }
    if (s->n == 1)
        m->trusts[0] = m->trusts[1] = s->generation[0];
    m->taken = s->generation[s->n - 1];
}

static void tell(struct member *m)
{
    put_node(m->id, m->told_taken, m->told_shown);
    m->late = false;
    record();
}

static void join(struct member *m)
{
    const struct member *by = &members[below(NODES)];
    const struct seen *s;

    if (by->id == 0 || next_id > 200)
        return;
    assert_int_equal(put_node(next_id, 0, 0), BX_OK);
    record();
    s = &history[n_history - 1]; /* the member answers once it has the row, and trusts all of it */
    if (s->n == 2 && !trusts(by, s->generation[1])) {
        assert_int_equal(remove_node(next_id++), BX_OK);
        record();
        return;
    }
    *m = (struct member){.id = next_id++,
                         .applied = n_history - 1,
                         .trusts = {s->generation[0], s->generation[s->n - 1]},
                         .shown = s->active ? s->generation[1] : s->generation[0]};
}

static void leave(struct member *m)
{
    uint32_t n = 0;

    for (int i = 0; i < NODES; i++)
        n += members[i].id != 0;
    if (n < 3)
        return;
    assert_int_equal(remove_node(m->id), BX_OK);
    record();
    *m = (struct member){.id = 0};
}

static void begin(void)
{
    uint8_t sealed[BX_CA_SHARE] = {1}, shares[NODES * BX_CA_SHARE_ITEM];
    struct bx_cmd_ca_rotate c = {.generation = bx_view_ca_at(view(), cas() - 1)->generation + 1,
                                 .certificate = bx_str("new"),
                                 .key = bx_str("new")};

    for (int i = 0; i < NODES; i++) {
        if (members[i].id == 0)
            continue;
        bx_ca_share_put(shares + c.shares.n, members[i].id, sealed);
        c.shares.n += BX_CA_SHARE_ITEM;
    }
    c.shares.p = (const char *)shares;
    test_fsm_apply(&t, BX_CMD_CA_ROTATE, &c);
    record();
}

static void one_step(void)
{
    struct member *m = &members[below(NODES)];
    uint64_t what = below(100);

    if (m->id == 0 && what < 10) {
        join(m);
    } else if (m->id == 0) {
        return;
    } else if (what < 30) {
        m->applied =
            what % 2 == 0 ? n_history - 1 : m->applied + (uint32_t)below(n_history - m->applied);
    } else if (what < 60) {
        follow(m);
    } else if (what < 75 && !m->late) {
        m->late = true;
        m->told_taken = m->taken;
        m->told_shown = m->shown;
    } else if (what < 90 && m->late) {
        tell(m);
    } else if (what == 90 && one_in(4)) {
        leave(m);
    } else if (what > 94) {
        begin();
    }
}

TEST(no_member_is_cut_off_whatever_the_order)
{
    uint64_t most = 0;

    for (uint64_t round = 1; round <= 40; round++) {
        seed = round;
        n_history = 0;
        next_id = 5;
        test_fsm_teardown(NULL);
        test_fsm_setup(NULL);
        open_cluster(4);
        record();
        memset(members, 0, sizeof members);
        for (uint64_t id = 1; id <= 4; id++)
            members[id] =
                (struct member){.id = id, .trusts = {1, 1}, .shown = 1, .taken = 1, .applied = 0};
        for (int step = 0; step < 4000; step++) {
            one_step();
            check();
        }
        if (bx_view_ca(view())->generation > most)
            most = bx_view_ca(view())->generation;
    }
    assert_true(most > 5); /* it was replaced again and again */
}

int main(void)
{
    return test_run(test_fsm_setup, test_fsm_teardown);
}
