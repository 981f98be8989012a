/* The state machine against fsm.h: what a refused command leaves behind (nothing), what an accepted
 * one does (one revision, one event), and which entries are refused. */
#include "lib/testlib.h"

#include "lib/testfsm.h"
#include "lib/testfsm_random.h"

#include "codec/header.h"

#include <string.h>
#include <unistd.h>

#define COMMANDS 4000
#define NODES_MAX 16
#define VMS_MAX 64

/* ---- every command ---- */

struct picture { /* of what placement sees */
    uint32_t n;
    struct {
        uint64_t id;
        int64_t free[3], total[3];
        uint8_t state;
    } nodes[NODES_MAX];
};

static void take_picture(const struct test_fsm *t, struct picture *p)
{
    struct bx_node_columns c;

    bx_view_columns(bx_fsm_view(t->fsm), &c);
    assert_true(c.n <= NODES_MAX);
    memset(p, 0, sizeof *p);
    p->n = c.n;
    for (uint32_t i = 0; i < c.n; i++) {
        const int64_t free[] = {c.free_vcpus[i], c.free_memory_mib[i], c.free_disk_gib[i]};
        const int64_t total[] = {c.total_vcpus[i], c.total_memory_mib[i], c.total_disk_gib[i]};

        p->nodes[i].id = c.id[i];
        p->nodes[i].state = c.state[i];
        memcpy(p->nodes[i].free, free, sizeof free);
        memcpy(p->nodes[i].total, total, sizeof total);
    }
}

static bool takes_room(const struct bx_view *v, const struct bx_vm *vm)
{
    struct bx_cluster_info c;

    bx_view_cluster(v, &c);
    return c.level < 2 || vm->config->reserve ||
           (vm->phase != BX_PHASE_PENDING && vm->phase != BX_PHASE_STOPPED &&
            vm->phase != BX_PHASE_FAILED);
}

/* What the columns must say, from the nodes' and VMs' rows alone. */
static void picture_from_rows(const struct test_fsm *t, struct picture *p)
{
    const struct bx_view *v = bx_fsm_view(t->fsm);
    const struct bx_vm *vms[VMS_MAX];
    struct bx_index_place at = bx_view_after(v, BX_TABLE_VM, NULL);

    assert_true(bx_view_vms(v) <= VMS_MAX);
    for (uint64_t k = 0; k < bx_view_vms(v); k++)
        vms[k] = bx_view_step(v, BX_TABLE_VM, &at);
    memset(p, 0, sizeof *p);
    p->n = bx_view_nodes(v);
    for (uint32_t i = 0; i < p->n; i++) {
        const struct bx_node_info *f = &bx_view_node_at(v, i)->info;
        const int64_t total[] = {
            (int64_t)(f->vcpus - f->reserve_vcpus) * f->overcommit_vcpus_pct / 100,
            (int64_t)(f->memory_mib - f->reserve_memory_mib) * f->overcommit_memory_pct / 100,
            (int64_t)(f->disk_gib - f->reserve_disk_gib)};

        p->nodes[i].id = f->id;
        p->nodes[i].state = f->state;
        memcpy(p->nodes[i].total, total, sizeof total);
        memcpy(p->nodes[i].free, total, sizeof total);
        for (uint64_t k = 0; k < bx_view_vms(v); k++) {
            if (vms[k]->node != f->id)
                continue;
            if (takes_room(v, vms[k])) {
                p->nodes[i].free[0] -= vms[k]->config->vcpus;
                p->nodes[i].free[1] -= (int64_t)vms[k]->config->memory_mib;
            }
            p->nodes[i].free[2] -= (int64_t)vms[k]->config->disk_gib;
        }
    }
}

static void same_picture(const struct picture *a, const struct picture *b)
{
    assert_int_equal(a->n, b->n);
    assert_memory_equal(a->nodes, b->nodes, sizeof a->nodes);
}

/* Only a node that shrank may lack something, and nothing may make it worse. */
static void capacity_holds(const struct picture *before, const struct picture *after)
{
    for (uint32_t i = 0; i < after->n; i++) {
        for (int r = 0; r < 3; r++) {
            int64_t free = after->nodes[i].free[r];

            if (free < 0) {
                assert_int_equal(before->nodes[i].id, after->nodes[i].id);
                assert_true(free >= before->nodes[i].free[r]);
            }
        }
    }
}

static uint16_t kind_of(const struct test_batch *b)
{
    struct bx_batch batch;
    struct bx_cmd_header head;
    union bx_cmd_body body;
    struct bx_arena arena = {0};
    struct bx_err err;
    size_t used;

    assert_int_equal(bx_batch_open(b->buf.data, b->buf.len, &batch, &err), BX_OK);
    assert_int_equal(bx_cmd_decode(batch.p, batch.len, &head, &body, &arena, &used, &err), BX_OK);
    bx_arena_close(&arena);
    return head.kind;
}

static void one_command(struct test_fsm *t, struct test_commands *g, struct test_batch *b,
                        bool *changed)
{
    uint64_t digest = test_fsm_digest(t), revision = test_fsm_revision(t), events = t->events;
    struct picture before, after, rows;

    take_picture(t, &before);
    test_batch_clear(b);
    test_commands_add(g, bx_fsm_view(t->fsm), b);
    test_commands_seal(g, b, t->index);
    test_fsm_feed(t, b);
    test_fsm_commit(t);
    take_picture(t, &after);
    picture_from_rows(t, &rows);
    same_picture(&after, &rows);
    *changed = test_fsm_revision(t) != revision;
    if (*changed) {
        assert_int_equal(t->last.code, BX_OK);
        assert_false(t->last.existed);
        /* Tokens that go with a user, or because it is moved, have an event each. */
        if (kind_of(b) != BX_CMD_USER_DELETE && kind_of(b) != BX_CMD_USER_SET)
            assert_int_equal(test_fsm_revision(t), revision + 1);
        assert_int_equal(t->last.revision, test_fsm_revision(t));
        assert_int_equal(t->events - events, test_fsm_revision(t) - revision);
        assert_true(test_fsm_digest(t) != digest || kind_of(b) == BX_CMD_NODE_REPAIRED);
        if (kind_of(b) != BX_CMD_NODE_PUT)
            capacity_holds(&before, &after);
    } else {
        assert_true(test_fsm_digest(t) == digest);
        assert_int_equal(t->events, events);
        same_picture(&before, &after);
        if (t->last.code != BX_OK)
            assert_true(t->last.message.n > 0);
    }
}

/* A state that was loaded is the state that was left: the digest is recomputed from the rows, and
 * the columns, which are not stored, are made anew. */
static void reopens_equal(struct test_fsm *t)
{
    uint64_t digest = test_fsm_digest(t), revision = test_fsm_revision(t);
    struct picture before, after;

    take_picture(t, &before);
    test_fsm_reopen(t);
    assert_int_equal(bx_fsm_applied(t->fsm), t->index);
    assert_true(test_fsm_digest(t) == digest);
    assert_int_equal(test_fsm_revision(t), revision);
    take_picture(t, &after);
    same_picture(&before, &after);
}

TEST(random_commands_meet_every_refusal_and_survive_restarts)
{
    struct test_fsm t = {.options = {.sessions_max = 4, .session_ttl_ms = 5000}};
    struct test_commands g = {.seed = 1};
    struct test_batch b = {0};
    uint32_t codes[BX__CODES] = {0}, changes = 0;

    test_fsm_open(&t);
    for (uint32_t i = 0; i < COMMANDS; i++) {
        bool changed;

        one_command(&t, &g, &b, &changed);
        codes[t.last.code]++;
        changes += changed;
        if (i % 199 == 198)
            reopens_equal(&t);
    }
    /* The commands reach what they are meant to reach. */
    assert_true(changes > COMMANDS / 6);
    assert_true(g.repeats > 20);
    assert_true(codes[BX_OK] > 0 && codes[BX_INVALID] > 0 && codes[BX_NOT_FOUND] > 0);
    assert_true(codes[BX_EXISTS] > 0 && codes[BX_CONFLICT] > 0 && codes[BX_BUSY] > 0);
    assert_true(codes[BX_UNPLACEABLE] > 0 && codes[BX_DENIED] > 0);
    test_commands_close(&g);
    bx_buf_release(&b.buf);
    test_fsm_close(&t);
}

/* ---- odd commands ---- */

#define BODY_HASH 56 /* where a head has it */

/* Flip some bits of the body and give it the right hash; false when it no longer decodes. */
static bool make_odd(struct test_batch *b, size_t at, uint64_t *seed)
{
    uint8_t *p = b->buf.data + at, *body = p + bx_get32(p);
    size_t n = bx_get32(body), used;
    struct bx_cmd_header head;
    union bx_cmd_body decoded;
    struct bx_arena arena = {0};
    int rc;

    for (uint64_t flips = 1 + test_random(seed) % 3; flips > 0; flips--) {
        uint64_t bit = test_random(seed) % (8 * n);

        body[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    bx_put64(p + BODY_HASH, bx_hash(body, n));
    rc = bx_cmd_decode(p, b->buf.len - at, &head, &decoded, &arena, &used, NULL);
    bx_arena_close(&arena);
    return rc == BX_OK;
}

/* An entry that ended the process would do so on every replica, at every start: whatever decodes is
 * carried out or refused. */
TEST(whatever_decodes_is_carried_out_or_refused)
{
    struct test_fsm t = {0};
    struct test_commands g = {.seed = 21};
    struct test_batch b = {0};
    uint64_t seed = 22;
    uint32_t odd = 0, changes = 0;

    test_fsm_open(&t);
    while (odd < 6000 && bx_view_vms(bx_fsm_view(t.fsm)) < 40) {
        uint64_t revision = test_fsm_revision(&t), digest = test_fsm_digest(&t);
        size_t at;

        test_batch_clear(&b);
        assert_int_equal(bx_batch_begin(&b.buf), BX_OK);
        at = b.buf.len;
        b.n = 1;
        test_commands_add(&g, bx_fsm_view(t.fsm), &b);
        b.n = 1;
        if (test_random(&seed) % 8 != 0 && !make_odd(&b, at, &seed))
            continue;
        odd++;
        test_commands_seal(&g, &b, t.index);
        test_fsm_feed(&t, &b);
        test_fsm_commit(&t);
        changes += test_fsm_revision(&t) != revision;
        if (kind_of(&b) != BX_CMD_NODE_REPAIRED) /* an event alone */
            assert_int_equal(test_fsm_digest(&t) != digest, test_fsm_revision(&t) != revision);
        if (odd % 499 == 0)
            reopens_equal(&t);
    }
    assert_true(odd > 1000 && changes > 100);
    test_commands_close(&g);
    bx_buf_release(&b.buf);
    test_fsm_close(&t);
}

/* ---- all of an entry, or nothing ---- */

/* Two commands, of which this build does not know the second: its head says so at `at`. */
static void refuses_newer(size_t at, uint8_t value)
{
    struct bx_cmd_header head = {.kind = BX_CMD_TOKEN_CREATE};
    struct bx_cmd_token_create token = {.secret_hash = "x", .ttl_ms = 5};
    struct test_fsm t = {0};
    struct test_batch b = {0};
    struct bx_err err;
    uint64_t digest;
    size_t second;

    test_fsm_open(&t);
    test_fsm_node(&t, 1, "n1");
    digest = test_fsm_digest(&t);
    test_batch_add(&b, &head, &token);
    second = b.buf.len;
    test_batch_add(&b, &head, &token);
    b.buf.data[second + at] = value;
    test_batch_seal(&b, t.index, 5);
    assert_int_equal(bx_fsm_apply(t.fsm, t.index + 1, b.buf.data, b.buf.len, &err), BX_UNSUPPORTED);
    assert_non_null(strstr(err.msg, "newer"));
    test_fsm_reopen(&t); /* what a node does that stopped */
    assert_int_equal(bx_fsm_applied(t.fsm), t.index);
    assert_true(test_fsm_digest(&t) == digest);
    bx_buf_release(&b.buf);
    test_fsm_close(&t);
}

TEST(entries_of_a_newer_version_are_refused)
{
    refuses_newer(8, BX__CMDS);      /* kind */
    refuses_newer(16, BX_LEVEL + 1); /* level */
}

TEST(a_damaged_entry_is_refused)
{
    struct bx_cmd_header head = {.kind = BX_CMD_TOKEN_CREATE};
    struct bx_cmd_token_create token = {.secret_hash = "x", .ttl_ms = 5};
    struct test_fsm t = {0};
    struct test_batch b = {0};
    struct bx_err err;

    test_fsm_open(&t);
    test_batch_add(&b, &head, &token);
    b.n = 2; /* says two and holds one */
    test_batch_seal(&b, t.index, 5);
    assert_int_equal(bx_fsm_apply(t.fsm, 1, b.buf.data, b.buf.len, &err), BX_CORRUPT);
    bx_buf_release(&b.buf);
    test_fsm_close(&t);
}

/* Entries that are none of ours move the applied index, and nothing else. */
TEST(foreign_entries_move_the_applied_index_alone)
{
    struct test_fsm t = {0};
    uint64_t digest;

    test_fsm_open(&t);
    test_fsm_node(&t, 1, "n1");
    digest = test_fsm_digest(&t);
    assert_int_equal(bx_fsm_apply(t.fsm, 2, NULL, 0, NULL), BX_OK);
    assert_int_equal(bx_fsm_apply(t.fsm, 7, NULL, 0, NULL), BX_OK);
    test_fsm_commit(&t);
    t.index = 7;
    assert_true(test_fsm_digest(&t) == digest);
    reopens_equal(&t);
    test_fsm_close(&t);
}

/* A child applies an entry and is gone, with or without a commit. */
struct child {
    struct test_fsm *t;
    const struct test_batch *b;
    bool commits;
};

static void apply_and_go(void *ctx)
{
    const struct child *c = ctx;
    struct test_fsm *t = c->t;

    if (bx_fsm_open(&t->fsm, &t->options, NULL) != BX_OK ||
        bx_fsm_apply(t->fsm, t->index + 1, c->b->buf.data, c->b->buf.len, NULL) != BX_OK)
        _exit(1);
    t->index++;
    if (c->commits && bx_fsm_commit(t->fsm, NULL) != BX_OK)
        _exit(1);
}

static void child_applies(struct test_fsm *t, const struct test_batch *b, bool commits)
{
    struct child c = {t, b, commits};

    bx_fsm_close(t->fsm);
    assert_int_equal(test_in_child(apply_and_go, &c), 0);
    assert_int_equal(bx_fsm_open(&t->fsm, &t->options, NULL), BX_OK);
    t->event_index = test_fsm_revision(t);
}

TEST(what_was_not_committed_is_gone_after_a_restart)
{
    struct test_fsm t = {0};
    struct test_commands g = {.seed = 4};
    struct test_batch b = {0};

    test_fsm_open(&t);
    for (int i = 0; i < 40; i++) {
        uint64_t digest = test_fsm_digest(&t);

        t.options.trusted = true;
        test_commands_fill(&g, &t, &b, 5);
        child_applies(&t, &b, false);
        assert_int_equal(bx_fsm_applied(t.fsm), t.index);
        assert_true(test_fsm_digest(&t) == digest);
        child_applies(&t, &b, true);
        assert_int_equal(bx_fsm_applied(t.fsm), t.index + 1);
        t.index++;
    }
    assert_true(test_fsm_revision(&t) > 20);
    test_commands_close(&g);
    bx_buf_release(&b.buf);
    test_fsm_close(&t);
}

static void gone(void *ctx, uint64_t index, uint32_t place, const struct bx_outcome *o)
{
    (void)ctx;
    (void)index;
    (void)place;
    (void)o;
    _exit(7);
}

static void commit_and_tell(void *ctx)
{
    const struct child *c = ctx;

    c->t->options.sink = (struct bx_fsm_sink){.outcome = gone};
    apply_and_go(ctx);
    _exit(1);
}

/* Whoever hears of an outcome can rely on it: it is stored before it is told. */
TEST(an_outcome_is_told_when_it_is_stored)
{
    struct bx_cmd_header head = {.kind = BX_CMD_NODE_STATE};
    struct bx_cmd_node_state down = {.id = 1, .state = BX_NODE_DOWN};
    struct test_fsm t = {0};
    struct test_batch b = {0};
    struct child c = {&t, &b, true};

    test_fsm_open(&t);
    test_fsm_node(&t, 1, "n1");
    test_batch_add(&b, &head, &down);
    test_batch_seal(&b, t.index, 2000000);
    bx_fsm_close(t.fsm);
    t.options.trusted = true;
    assert_int_equal(test_in_child(commit_and_tell, &c), 7);
    assert_int_equal(bx_fsm_open(&t.fsm, &t.options, NULL), BX_OK);
    assert_int_equal(bx_fsm_applied(t.fsm), t.index + 1);
    assert_int_equal(bx_view_node(bx_fsm_view(t.fsm), 1)->info.state, BX_NODE_DOWN);
    bx_buf_release(&b.buf);
    test_fsm_close(&t);
}

int main(void)
{
    return test_run(NULL, NULL);
}
