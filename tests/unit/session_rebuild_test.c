/* The table of sessions is the same, to the last order and floor, whether it was kept all the time,
 * loaded from rows or restored from a dump: whatever sequences clients chose, and whatever was
 * dropped by floors, by time, by their end or to make room. */
#include "lib/testlib.h"

#include "lib/rng.h"
#include "lib/testfsm.h"
#include "state/fsm_priv.h"
#include "state/session_priv.h"

#include <string.h>

#define WALL 2000000u
#define TTL_MS 10000u
#define CLIENTS 24u

/* `live` is never loaded; `other` again and again. Both apply the same entries. */
static struct test_fsm live, other;

static void open_one(struct test_fsm *t, uint32_t level)
{
    t->options.sessions_max = 32;
    t->options.session_ttl_ms = TTL_MS;
    test_fsm_open(t);
    test_fsm_cluster(t, level);
    test_fsm_node(t, 1, "n1");
}

static int setup(void **state)
{
    (void)state;
    open_one(&live, 2);
    open_one(&other, 2);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    test_fsm_close(&live);
    test_fsm_close(&other);
    return 0;
}

/* ---- comparing ---- */

static void same_outcomes(const struct bx_session *a, const struct bx_session *b)
{
    const struct bx_kept *x = TAILQ_FIRST(&a->outcomes), *y = TAILQ_FIRST(&b->outcomes);

    for (; x != NULL; x = TAILQ_NEXT(x, link), y = TAILQ_NEXT(y, link)) {
        assert_non_null(y);
        assert_int_equal(x->len, y->len);
        assert_memory_equal(x->record, y->record, x->len);
    }
    assert_null(y);
    assert_int_equal(a->newest->sequence, b->newest->sequence);
}

static void same_spare(const struct bx_owner *a, const struct bx_owner *b)
{
    const struct bx_session *x = TAILQ_FIRST(&a->spare), *y = TAILQ_FIRST(&b->spare);

    for (; x != NULL; x = TAILQ_NEXT(x, owned), y = TAILQ_NEXT(y, owned)) {
        assert_non_null(y);
        assert_memory_equal(x->id, y->id, 16);
    }
    assert_null(y);
}

static void same_session(const struct bx_session *a, const struct bx_session *b)
{
    assert_memory_equal(a->id, b->id, 16);
    assert_int_equal(a->floor, b->floor);
    assert_int_equal(a->last_ms, b->last_ms);
    assert_int_equal(a->principal_hash, b->principal_hash);
    assert_int_equal(a->n, b->n);
    assert_int_equal(a->bytes, b->bytes);
    same_outcomes(a, b);
    if (a->kind == BX_SESSION_SPARE)
        same_spare(a->owner, b->owner);
}

static void same_tables(void)
{
    const struct bx_sessions *a = &live.fsm->sessions, *b = &other.fsm->sessions;

    for (int i = 0; i < BX__SESSION_KINDS; i++) {
        const struct bx_session *x = TAILQ_FIRST(&a->classes[i].by_use),
                                *y = TAILQ_FIRST(&b->classes[i].by_use);

        assert_int_equal(a->classes[i].n, b->classes[i].n);
        assert_int_equal(a->classes[i].bytes, b->classes[i].bytes);
        for (; x != NULL; x = TAILQ_NEXT(x, link), y = TAILQ_NEXT(y, link)) {
            assert_non_null(y);
            same_session(x, y);
        }
        assert_null(y);
    }
    assert_int_equal(a->owners.n, b->owners.n);
    assert_true(live.fsm->sessions_digest == other.fsm->sessions_digest);
}

static void reload(void)
{
    test_fsm_reopen(&other);
    assert_int_equal(bx_fsm_applied(other.fsm), other.index); /* it was not built anew */
}

static void restore(void)
{
    struct bx_buf dump = {0};

    test_fsm_dump(&live, &dump);
    assert_int_equal(
        test_fsm_restore(other.fsm, dump.data, dump.len, live.index, test_fsm_digest(&live)),
        BX_OK);
    bx_buf_release(&dump);
}

/* ---- requests ---- */

struct client {
    uint64_t id, newest; /* the highest sequence it has used */
    const char *principal;
};

static struct bx_cmd_header head_of(const struct client *c, uint64_t sequence, uint64_t floor)
{
    struct bx_cmd_header h = {
        .sequence = sequence, .floor = floor, .principal = bx_str(c->principal)};

    bx_put64(h.session, c->id);
    return h;
}

static void add(struct test_batch *b, const struct client *c, uint64_t sequence, uint64_t floor,
                bool succeeds)
{
    struct bx_cmd_header h = head_of(c, sequence, floor);
    struct bx_cmd_node_state up = {.id = 1, .state = BX_NODE_UP};
    struct bx_cmd_vm_delete gone = {.vm = bx_str("nothing")};

    h.kind = succeeds ? BX_CMD_NODE_STATE : BX_CMD_VM_DELETE;
    test_batch_add(b, &h, succeeds ? (const void *)&up : (const void *)&gone);
}

static void feed(struct test_batch *b, uint32_t elapsed_ms)
{
    b->elapsed_ms = elapsed_ms;
    test_batch_seal(b, live.index, WALL);
    test_fsm_feed(&live, b);
    test_fsm_commit(&live);
    test_fsm_feed(&other, b);
    test_fsm_commit(&other);
    assert_true(live.outcome_hash == other.outcome_hash); /* of all answers so far */
    test_batch_clear(b);
}

/* ---- one case ---- */

static void use_beyond_a_gap(struct test_batch *b, const struct client *c)
{
    add(b, c, 1000, 1, true);
    feed(b, 0);
    for (uint64_t i = 1; i <= 5; i++) {
        add(b, c, i, i, true);
        feed(b, TTL_MS / 2);
    }
}

/* A client that asks for a high sequence first. Its use in between is dropped by the floor, and no
 * row tells of it any more. */
TEST(what_a_client_keeps_beyond_a_gap_in_time_is_loaded)
{
    const struct client c = {.id = 7, .principal = "alice"};
    struct test_batch b = {0};

    use_beyond_a_gap(&b, &c);
    assert_int_equal(live.fsm->sessions.blobs, 2);
    reload();
    same_tables();
    restore();
    same_tables();
    add(&b, &c, 1000, 1, true); /* the first answer */
    feed(&b, 0);
    bx_buf_release(&b.buf);
}

/* What is left of a session that expired, in a row that another one keeps, is not the beginning of
 * the next session of this id. */
TEST(what_is_left_of_an_expired_session_stays_away)
{
    const struct client a = {.id = 1, .principal = "alice"}, b = {.id = 2, .principal = "bob"};
    const struct client again = {.id = 1, .principal = "carol"};
    struct test_batch batch = {0};

    add(&batch, &a, 5, 1, true);
    add(&batch, &b, 50, 1, true);
    feed(&batch, 0);
    for (uint64_t i = 1; i <= 4; i++) {
        add(&batch, &b, i, 1, true);
        feed(&batch, TTL_MS / 2);
    }
    add(&batch, &again, 3, 1, true);
    feed(&batch, 0);
    reload();
    same_tables();
    restore();
    same_tables();
    bx_buf_release(&batch.buf);
}

static void begin_at_level_1(void)
{
    teardown(NULL);
    memset(&live, 0, sizeof live);
    memset(&other, 0, sizeof other);
    open_one(&live, 1);
    open_one(&other, 1);
}

static void raise_level(struct test_batch *b)
{
    struct bx_cmd_cluster_upgrade up = {.level = 2};
    struct bx_cmd_header head = {.kind = BX_CMD_CLUSTER_UPGRADE, .level = 2};

    test_batch_add(b, &head, &up);
    feed(b, 0);
    assert_int_equal(bx_fsm_level(live.fsm), 2);
}

/* No outcome tells when such a session began. */
TEST(a_session_from_before_level_2_is_loaded)
{
    const struct client c = {.id = 7, .principal = "alice"};
    struct test_batch b = {0};

    begin_at_level_1();
    use_beyond_a_gap(&b, &c);
    raise_level(&b);
    reload();
    same_tables();
    restore();
    same_tables();
    add(&b, &c, 1000, 1, true);
    feed(&b, 0);
    for (uint64_t i = 6; i <= 10; i++) {
        add(&b, &c, i, i, true);
        feed(&b, TTL_MS / 2);
    }
    reload();
    same_tables();
    restore();
    same_tables();
    add(&b, &c, 1000, 1, true);
    feed(&b, 0);
    bx_buf_release(&b.buf);
}

/* At level 1 it is guessed, so a restore may drop an outcome; its row goes too, or no snapshot
 * could be taken of the rest. */
TEST(what_a_restore_drops_is_not_stored)
{
    const struct client c = {.id = 7, .principal = "alice"};
    struct test_batch b = {0};
    struct bx_buf dump = {0};

    begin_at_level_1();
    use_beyond_a_gap(&b, &c);
    restore();
    assert_int_equal(live.fsm->sessions.blobs, 2);
    assert_int_equal(other.fsm->sessions.blobs, 1);
    test_fsm_dump(&other, &dump);
    reload();
    assert_int_equal(other.fsm->sessions.blobs, 1);
    bx_buf_release(&dump);
    bx_buf_release(&b.buf);
}

/* ---- any ---- */

static uint64_t some_sequence(struct client *c, uint64_t *rng)
{
    uint64_t sequence;

    switch (rng_below(rng, 8)) {
    case 0: /* far ahead */
        sequence = c->newest + 1 + rng_below(rng, 1000);
        break;
    case 1: /* any that was passed */
        sequence = 1 + rng_below(rng, c->newest + 1);
        break;
    case 2: /* one after a gap that is filled later */
        sequence = c->newest + 2;
        break;
    default:
        sequence = c->newest + 1;
        break;
    }
    if (sequence > c->newest && rng_below(rng, 4) > 0)
        c->newest = sequence;
    return sequence;
}

static void add_end(struct test_batch *b, const struct client *c)
{
    struct bx_cmd_header h = {.kind = BX_CMD_SESSION_END};
    struct bx_session_end end = {.principal_hash = bx_hash(c->principal, strlen(c->principal))};
    struct bx_cmd_session_end body = {{&end, 1}};

    bx_put64(end.session, c->id);
    test_batch_add(b, &h, &body);
}

static void add_some(struct test_batch *b, struct client *clients, uint64_t *rng)
{
    struct client *c = &clients[rng_below(rng, CLIENTS)];
    uint64_t sequence = some_sequence(c, rng);
    uint64_t back = rng_below(rng, 3) == 0 ? rng_below(rng, 20) : 0;

    if (rng_below(rng, 20) == 0)
        add_end(b, c);
    else
        add(b, c, sequence, sequence > back ? sequence - back : 0, rng_below(rng, 3) > 0);
}

static uint32_t some_time(uint64_t *rng)
{
    if (rng_below(rng, 40) == 0)
        return TTL_MS + 1;
    return rng_below(rng, 3) == 0 ? (uint32_t)rng_below(rng, TTL_MS * 2 / 3) : 0;
}

static void play(uint64_t seed)
{
    static const char *const principals[] = {"alice", "bob", "carol", "node"};
    struct client clients[CLIENTS] = {{0}};
    struct test_batch b = {0};
    uint64_t rng = seed;

    for (uint64_t i = 0; i < CLIENTS; i++)
        clients[i] = (struct client){.id = 1 + i % 16, .principal = principals[(i + i / 16) % 4]};
    for (uint32_t i = 0; i < 300; i++) {
        for (uint64_t n = 1 + rng_below(&rng, 4); n > 0; n--)
            add_some(&b, clients, &rng);
        feed(&b, some_time(&rng));
        if (rng_below(&rng, 8) > 0)
            continue;
        if (rng_below(&rng, 2) == 0)
            reload();
        else
            restore();
        same_tables();
    }
    bx_buf_release(&b.buf);
}

TEST(the_table_is_rebuilt_as_it_was)
{
    for (uint64_t seed = 1; seed <= 30; seed++) {
        play(seed);
        teardown(NULL);
        memset(&live, 0, sizeof live);
        memset(&other, 0, sizeof other);
        setup(NULL);
    }
}

/* ---- the digest in a dump ---- */

TEST(a_dump_whose_sessions_are_not_what_they_were_is_refused)
{
    const struct client c = {.id = 7, .principal = "alice"};
    struct bx_buf dump = {0};
    struct test_batch b = {0};
    uint8_t digest[8];
    size_t at;

    add(&b, &c, 1, 1, true);
    feed(&b, 0);
    test_fsm_dump(&live, &dump);
    bx_put64(digest, bx_fsm_sessions_digest(live.fsm));
    for (at = 0; memcmp(dump.data + at, digest, sizeof digest) != 0; at++)
        assert_true(at < 128);
    dump.data[at] ^= 1;
    assert_int_equal(
        test_fsm_restore(other.fsm, dump.data, dump.len, live.index, test_fsm_digest(&live)),
        BX_CORRUPT);
    dump.data[at] ^= 1;
    assert_int_equal(
        test_fsm_restore(other.fsm, dump.data, dump.len, live.index, test_fsm_digest(&live)),
        BX_OK);
    bx_buf_release(&dump);
    bx_buf_release(&b.buf);
}

int main(void)
{
    return test_run(setup, teardown);
}
