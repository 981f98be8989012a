/* Replicas agree on state and events, however they came there: command by command, in large turns,
 * after restarts, or by a dump. */
#include "lib/testlib.h"

#include "lib/testfsm.h"
#include "lib/testfsm_random.h"

#include <string.h>

#define ENTRIES 1500

static void restore(struct test_fsm *to, const struct bx_buf *dump, uint64_t index, uint64_t digest)
{
    assert_int_equal(test_fsm_restore(to->fsm, dump->data, dump->len, index, digest), BX_OK);
    assert_int_equal(bx_fsm_applied(to->fsm), index);
    to->index = index;
    to->event_index = test_fsm_revision(to);
}

static void same_dump(struct test_fsm *a, struct test_fsm *b)
{
    struct bx_buf x = {0}, y = {0};

    test_fsm_dump(a, &x);
    test_fsm_dump(b, &y);
    assert_int_equal(x.len, y.len);
    assert_memory_equal(x.data, y.data, x.len);
    bx_buf_release(&x);
    bx_buf_release(&y);
}

/* c takes over what a has, as a member does that was away too long; sometimes over what it had. */
static void catch_up(struct test_fsm *c, struct test_fsm *a)
{
    struct bx_buf dump = {0};

    test_fsm_dump(a, &dump);
    restore(c, &dump, a->index, test_fsm_digest(a));
    c->outcome_hash = a->outcome_hash;
    c->event_hash = a->event_hash;
    bx_buf_release(&dump);
}

static void same_state(const struct test_fsm *a, const struct test_fsm *b)
{
    assert_int_equal(bx_fsm_applied(a->fsm), bx_fsm_applied(b->fsm));
    assert_true(test_fsm_digest(a) == test_fsm_digest(b));
    assert_int_equal(test_fsm_revision(a), test_fsm_revision(b));
    assert_true(a->outcome_hash == b->outcome_hash);
    assert_true(a->event_hash == b->event_hash);
}

/* a commits several entries at once; b one by one, and is opened again and again; c starts late,
 * from a's dump. */
TEST(replicas_agree_however_they_came_there)
{
    struct test_fsm a = {.options = {.sessions_max = 5, .session_ttl_ms = 5000, .events_max = 50}};
    struct test_fsm b = {.options = a.options}, c = {.options = a.options};
    struct test_commands g = {.seed = 2};
    struct test_batch batch = {0};
    uint64_t seed = 3;

    test_fsm_open(&a);
    test_fsm_open(&b);
    test_fsm_open(&c);
    while (a.index < ENTRIES) {
        uint64_t turn = 1 + test_random(&seed) % 5;

        while (turn-- > 0) {
            test_commands_fill(&g, &a, &batch, 1 + test_random(&seed) % 6);
            test_fsm_feed(&a, &batch);
            test_fsm_feed(&b, &batch);
            test_fsm_commit(&b);
            if (a.index <= ENTRIES / 3)
                continue;
            test_fsm_feed(&c, &batch);
        }
        test_fsm_commit(&a);
        if (a.index <= ENTRIES / 3 || test_random(&seed) % 100 == 0)
            catch_up(&c, &a);
        else
            test_fsm_commit(&c);
        if (test_random(&seed) % 20 == 0)
            test_fsm_reopen(&b);
        if (test_random(&seed) % 40 == 0)
            test_fsm_reopen(&c);
        same_state(&a, &b);
        same_state(&a, &c);
    }
    assert_true(a.outcomes > 2 * ENTRIES);
    same_dump(&a, &b);
    same_dump(&a, &c);
    test_commands_close(&g);
    bx_buf_release(&batch.buf);
    test_fsm_close(&a);
    test_fsm_close(&b);
    test_fsm_close(&c);
}

struct reading {
    uint64_t next, n;
};

static void next_event(void *ctx, const struct bx_event *e)
{
    struct reading *r = ctx;

    assert_int_equal(e->index, r->next);
    assert_true(e->type < BX__EVENTS);
    assert_true(e->object.n > 0);
    r->next++;
    r->n++;
}

static uint64_t read_events(struct test_fsm *t, uint64_t since, uint32_t max)
{
    uint64_t oldest = bx_fsm_events_oldest(t->fsm);
    struct reading r = {.next = since + 1 > oldest ? since + 1 : oldest};
    uint32_t n;

    assert_int_equal(bx_fsm_events(t->fsm, since, max, next_event, &r, &n, NULL), BX_OK);
    assert_int_equal(n, r.n);
    return n;
}

TEST(old_events_go_and_the_rest_are_the_same_on_every_replica)
{
    struct test_fsm t = {.options = {.events_max = 20}}, late = {.options = t.options};
    struct test_commands g = {.seed = 5};
    struct test_batch b = {0};
    uint64_t revision, oldest;

    test_fsm_open(&t);
    while (t.index < 3000) {
        test_commands_fill(&g, &t, &b, 1 + t.index % 3);
        test_fsm_feed(&t, &b);
        test_fsm_commit(&t);
        if (t.index % 251 == 0) {
            revision = test_fsm_revision(&t);
            oldest = bx_fsm_events_oldest(t.fsm);
            assert_int_equal(read_events(&t, 0, UINT32_MAX), revision - oldest + 1);
            assert_int_equal(read_events(&t, revision - 3, UINT32_MAX), 3);
            assert_int_equal(read_events(&t, revision - 3, 2), 2);
            assert_int_equal(read_events(&t, revision, 9), 0);
        }
    }
    oldest = bx_fsm_events_oldest(t.fsm);
    assert_true(oldest > 1); /* the old ones went */
    assert_in_range(test_fsm_revision(&t) - oldest + 1, 15, 21);
    test_fsm_reopen(&t);
    assert_int_equal(bx_fsm_events_oldest(t.fsm), oldest);
    test_fsm_open(&late);
    catch_up(&late, &t);
    assert_int_equal(bx_fsm_events_oldest(late.fsm), oldest);
    assert_int_equal(read_events(&late, 0, UINT32_MAX), test_fsm_revision(&t) - oldest + 1);
    test_fsm_close(&late);
    test_commands_close(&g);
    bx_buf_release(&b.buf);
    test_fsm_close(&t);
}

int main(void)
{
    return test_run(NULL, NULL);
}
