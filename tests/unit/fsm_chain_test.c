/* The chain of events: who made each change, and the hash of the event before, whatever happens
 * between two of them. */
#include "lib/testlib.h"

#include "codec/flat.h"
#include "lib/testfsm.h"
#include "mem/alloc.h"
#include "state/fsm_priv.h"

#include <string.h>

static struct test_fsm t, other;
static const uint8_t zeros[BX_SHA256];

/* ---- what a reader of all events finds ---- */

struct walk {
    uint64_t from; /* the first event of the chain; 0: there was none */
    uint64_t last;
    uint8_t head[BX_SHA256];
};

static void hash(const struct bx_event *e, uint8_t out[BX_SHA256])
{
    struct bx_buf b = {0};
    size_t n = bx_flat_size(&bx_event_schema, e);

    bx_flat_write(&bx_event_schema, e, bx_must(bx_buf_extend(&b, n), n));
    bx_sha256(b.data, n, out);
    bx_buf_release(&b);
}

static void step(void *ctx, const struct bx_event *e)
{
    struct walk *w = ctx;

    if (e->previous.n == 0) {
        assert_int_equal(w->from, 0);
        assert_int_equal(e->principal.n + e->source.n, 0);
    } else {
        assert_int_equal(e->previous.n, BX_SHA256);
        if (w->last == 0 && e->index > 1) /* those before it were dropped */
            memcpy(w->head, e->previous.p, BX_SHA256);
        assert_memory_equal(e->previous.p, w->head, BX_SHA256);
        w->from = w->from == 0 ? e->index : w->from;
        hash(e, w->head);
    }
    w->last = e->index;
}

/* Every event in the chain has the hash of the one before; the state has that of the last one. */
static struct walk walk(struct test_fsm *of)
{
    struct walk w = {0};
    uint32_t n;

    assert_int_equal(bx_fsm_events(of->fsm, 0, UINT32_MAX, step, &w, &n, NULL), BX_OK);
    assert_int_equal(w.last, test_fsm_revision(of));
    assert_memory_equal(bx_fsm_chain(of->fsm), w.head, BX_SHA256);
    return w;
}

static struct bx_event newest;
static char principal[300];

static void keep(void *ctx, const struct bx_event *e)
{
    (void)ctx;
    newest = *e;
    snprintf(principal, sizeof principal, BX_STR_FMT, BX_STR_ARG(e->principal));
}

static void read_newest(void)
{
    uint32_t n;

    assert_int_equal(bx_fsm_events(t.fsm, test_fsm_revision(&t) - 1, 1, keep, NULL, &n, NULL),
                     BX_OK);
    assert_int_equal(n, 1);
}

static char newest_vm[32];

static void make_vms(struct test_fsm *of, unsigned n)
{
    static unsigned number;
    struct test_batch b = {0};
    char *name = newest_vm;

    for (unsigned i = 0; i < n; i++) {
        struct bx_cmd_header head = {.kind = BX_CMD_VM_CREATE, .principal = bx_str("user:eve")};
        struct bx_cmd_vm_create body = {.admit = true};

        snprintf(name, sizeof newest_vm, "vm-%u", ++number);
        bx_vm_config_init(&body.config);
        body.config.name = bx_str(name);
        body.config.stopped = true;
        test_batch_add(&b, &head, &body);
    }
    test_batch_seal(&b, of->index + 1, 1000 + of->index);
    test_fsm_feed(of, &b);
    test_fsm_commit(of);
    assert_int_equal(of->last.code, BX_OK);
    bx_buf_release(&b.buf);
}

/* One VM comes and goes, so there is always room. */
static void churn(unsigned n)
{
    while (n-- > 0) {
        make_vms(&t, 1);
        assert_int_equal(test_fsm_delete(&t, newest_vm), BX_OK);
    }
}

static int setup(void **state)
{
    (void)state;
    test_fsm_open(&t);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    test_fsm_close(&t);
    return 0;
}

static void begin(uint32_t level)
{
    test_fsm_cluster(&t, level);
    test_fsm_node(&t, 1, "n1");
}

/* ---- tests ---- */

TEST(below_its_level_there_is_no_chain)
{
    begin(2);
    make_vms(&t, 3);
    assert_int_equal(walk(&t).from, 0);
    assert_memory_equal(bx_fsm_chain(t.fsm), zeros, BX_SHA256);
}

TEST(each_event_has_the_hash_of_the_one_before)
{
    begin(3);
    make_vms(&t, 5);
    make_vms(&t, 1);
    make_vms(&t, 40);
    assert_int_equal(walk(&t).from, 1);
}

TEST(the_chain_begins_with_the_event_that_raises_the_level)
{
    struct bx_cmd_header head = {.kind = BX_CMD_CLUSTER_UPGRADE, .level = 3};
    uint64_t before;

    begin(2);
    make_vms(&t, 3);
    before = test_fsm_revision(&t);
    assert_int_equal(test_fsm_call(&t, &head, &(struct bx_cmd_cluster_upgrade){.level = 3}), BX_OK);
    make_vms(&t, 3);
    assert_int_equal(walk(&t).from, before + 1);
}

TEST(an_event_tells_who_from_where_and_in_which_request)
{
    struct bx_cmd_header head = {.kind = BX_CMD_TENANT_CREATE,
                                 .trace = {7, 8, 9},
                                 .principal = bx_str("user:eve"),
                                 .source = bx_str("10.0.0.5")};

    begin(3);
    assert_int_equal(test_fsm_call(&t, &head, &(struct bx_cmd_tenant_create){.name = bx_str("a")}),
                     BX_OK);
    read_newest();
    assert_int_equal(newest.type, BX_EVENT_TENANT_CREATED);
    assert_string_equal(principal, "user:eve");
    assert_memory_equal(newest.trace, head.trace, 16);
    walk(&t);
}

TEST(a_name_that_is_too_long_is_cut_between_characters)
{
    char name[256] = {0};
    struct bx_cmd_header head = {.kind = BX_CMD_TENANT_CREATE};

    memset(name, 'a', sizeof name - 1);
    memcpy(name + BX_EVENT_PRINCIPAL_MAX - 1, "\xc3\xbc", 2);
    head.principal = (struct bx_str){name, 255};
    begin(3);
    assert_int_equal(test_fsm_call(&t, &head, &(struct bx_cmd_tenant_create){.name = bx_str("a")}),
                     BX_OK);
    read_newest();
    assert_int_equal(strlen(principal), BX_EVENT_PRINCIPAL_MAX - 1);
}

TEST(what_is_refused_leaves_the_chain_as_it_was)
{
    uint8_t before[BX_SHA256];

    begin(3);
    memcpy(before, bx_fsm_chain(t.fsm), sizeof before);
    assert_int_equal(test_fsm_delete(&t, "nobody"), BX_NOT_FOUND);
    assert_memory_equal(bx_fsm_chain(t.fsm), before, sizeof before);
}

TEST(the_chain_goes_on_after_a_restart)
{
    uint8_t before[BX_SHA256];

    begin(3);
    make_vms(&t, 7);
    memcpy(before, bx_fsm_chain(t.fsm), sizeof before);
    test_fsm_reopen(&t);
    assert_int_equal(bx_fsm_applied(t.fsm), t.index);
    assert_memory_equal(bx_fsm_chain(t.fsm), before, sizeof before);
    make_vms(&t, 2);
    walk(&t);
}

TEST(the_chain_goes_on_when_old_events_were_dropped)
{
    test_fsm_close(&t);
    t.options = (struct bx_fsm_options){.events_max = 64};
    test_fsm_open(&t);
    begin(3);
    churn(100);
    assert_true(bx_fsm_events_oldest(t.fsm) > 1);
    test_fsm_reopen(&t);
    churn(1);
    assert_int_equal(walk(&t).from, bx_fsm_events_oldest(t.fsm));
}

TEST(a_snapshot_brings_the_chain)
{
    struct bx_buf dump = {0};

    begin(3);
    make_vms(&t, 7);
    test_fsm_dump(&t, &dump);
    test_fsm_open(&other);
    assert_int_equal(test_fsm_restore(other.fsm, dump.data, dump.len, t.index, test_fsm_digest(&t)),
                     BX_OK);
    other.index = t.index;
    other.event_index = test_fsm_revision(&other);
    assert_memory_equal(bx_fsm_chain(other.fsm), bx_fsm_chain(t.fsm), BX_SHA256);
    make_vms(&other, 3);
    walk(&other);
    test_fsm_close(&other);
    bx_buf_release(&dump);
}

TEST(a_snapshot_with_another_head_is_refused)
{
    struct bx_buf dump = {0};
    size_t at = 0;

    begin(3);
    make_vms(&t, 7);
    test_fsm_dump(&t, &dump);
    while (memcmp(dump.data + at, bx_fsm_chain(t.fsm), BX_SHA256) != 0)
        at++;
    dump.data[at] ^= 1;
    test_fsm_open(&other);
    assert_int_equal(test_fsm_restore(other.fsm, dump.data, dump.len, t.index, test_fsm_digest(&t)),
                     BX_CORRUPT);
    test_fsm_close(&other);
    bx_buf_release(&dump);
}

int main(void)
{
    return test_run(setup, teardown);
}
