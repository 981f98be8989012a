/* heard against node.h: an older copy of a data directory is recognized by what the others have
 * heard, and nothing else is taken for one. */
#include "lib/testlib.h"

#include "lib/memfs.h"
#include "lib/testcluster.h"
#include "node/internal.h"

#include <string.h>
#include <unistd.h>

static struct test_cluster w;
static uint64_t made; /* VMs so far */

static void write_some(struct test_member *m, uint32_t n)
{
    struct test_answer a = {0};
    char name[24];

    for (uint32_t i = 0; i < n; i++) {
        snprintf(name, sizeof name, "v%u", (unsigned)++made);
        assert_int_equal(test_submit_vm(m, name, 0, w.clock.now + 10000, &a), BX_OK);
        test_cluster_settle(&w);
    }
    assert_int_equal(a.times, n);
    assert_int_equal(a.code, BX_OK);
    test_cluster_run(&w, 2500); /* each has told the others */
}

/* What `from` says when it is connected with m again. */
static int hello(struct test_member *from, struct test_member *m, struct bx_err *err)
{
    struct bx_stored heard = bx_node_heard(from->node, m->id);

    return bx_node_check_heard(m->node, from->id, &heard, err);
}

static void assert_all_trusted(void)
{
    for (uint64_t a = 1; a <= w.n; a++) {
        for (uint64_t b = 1; b <= w.n; b++)
            assert_int_equal(hello(test_member(&w, a), test_member(&w, b), NULL), BX_OK);
    }
}

static void remove_state(const struct test_member *m)
{
    static const char *const ends[] = {"", "-wal", "-shm"};
    char path[512];

    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s%s", m->path, ends[i]);
        unlink(path);
    }
}

/* Stop the member and start it with another disk; the one before is given back. */
static struct memfs *start_with(struct test_member *m, struct memfs *fs)
{
    struct memfs *before = m->fs;

    if (m->node != NULL)
        test_member_stop(m);
    remove_state(m);
    m->fs = fs;
    m->disk.fs = memfs_fs(fs);
    test_member_start(m);
    return before;
}

TEST(members_hear_what_the_others_hold)
{
    struct bx_node_status s;
    struct bx_stored heard;

    test_cluster_open(&w, 3);
    write_some(test_member(&w, 1), 5);
    for (uint64_t id = 1; id <= 3; id++) {
        s = test_member_status(test_member(&w, id));
        heard = bx_node_heard(test_member(&w, id % 3 + 1)->node, id);
        assert_int_equal(heard.term, s.term);
        assert_int_equal(heard.index, s.commit_index);
        assert_true(heard.index >= 5);
    }
    assert_int_equal(bx_node_heard(test_member(&w, 1)->node, 77).index, 0);
    assert_all_trusted();
    test_cluster_close(&w);
}

TEST(an_older_copy_of_a_followers_disk_is_refused)
{
    struct test_member *m;
    struct memfs *copy, *right;
    struct bx_err err = {0};

    test_cluster_open(&w, 3);
    m = test_member(&w, 3);
    copy = memfs_clone(m->fs);
    write_some(test_member(&w, 1), 3);
    right = start_with(m, copy);
    assert_int_equal(hello(test_member(&w, 1), m, &err), BX_CORRUPT);
    assert_non_null(strstr(err.msg, "is an older copy"));
    assert_non_null(strstr(err.hint, "put the newer directory back if there is one"));
    assert_non_null(strstr(err.hint, "--data memfs --forget-cluster"));
    assert_int_equal(hello(test_member(&w, 2), m, NULL), BX_CORRUPT);
    memfs_destroy(start_with(m, right));
    assert_int_equal(hello(test_member(&w, 1), m, NULL), BX_OK);
    test_cluster_run(&w, 3000);
    assert_all_trusted();
    test_cluster_close(&w);
}

/* Its term was the same when the copy was made, and it acknowledges its entries to nobody. */
TEST(an_older_copy_of_a_leaders_disk_is_refused)
{
    struct test_member *m;
    struct memfs *copy, *right;

    test_cluster_open(&w, 3);
    m = test_member(&w, 1);
    copy = memfs_clone(m->fs);
    write_some(m, 3);
    test_member_stop(m);
    (void)test_cluster_elect(&w, 1);
    right = start_with(m, copy);
    assert_int_equal(hello(test_member(&w, 2), m, NULL), BX_CORRUPT);
    assert_int_equal(hello(test_member(&w, 3), m, NULL), BX_CORRUPT);
    memfs_destroy(start_with(m, right));
    assert_int_equal(hello(test_member(&w, 2), m, NULL), BX_OK);
    test_cluster_close(&w);
}

TEST(an_older_copy_that_lacks_only_a_term_is_refused)
{
    struct test_member *m;
    struct memfs *copy, *right;

    test_cluster_open(&w, 3);
    m = test_member(&w, 3);
    write_some(test_member(&w, 1), 1);
    copy = memfs_clone(m->fs);
    test_member_isolate(test_member(&w, 1), true);
    (void)test_cluster_elect(&w, 1);
    test_cluster_run(&w, 2500);
    test_member_isolate(test_member(&w, 1), false);
    test_cluster_run(&w, 2500);
    right = start_with(m, copy);
    assert_int_equal(hello(test_member(&w, 2), m, NULL), BX_CORRUPT);
    memfs_destroy(start_with(m, right));
    test_cluster_close(&w);
}

TEST(power_that_is_lost_makes_no_older_copy)
{
    struct test_member *m;

    test_cluster_open(&w, 3);
    m = test_member(&w, 3);
    write_some(test_member(&w, 1), 3);
    for (uint64_t seed = 1; seed < 20; seed++) {
        write_some(test_member(&w, 1), 1);
        test_member_stop(m);
        memfs_crash(m->fs, seed);
        remove_state(m);
        test_member_start(m);
        assert_int_equal(hello(test_member(&w, 1), m, NULL), BX_OK);
        assert_int_equal(hello(test_member(&w, 2), m, NULL), BX_OK);
        test_cluster_run(&w, 1500);
    }
    test_cluster_close(&w);
}

/* They were durable and acknowledged, and are truncated by the leader of a later term. */
TEST(entries_that_were_not_committed_may_be_truncated)
{
    struct test_member *old, *leader;
    struct test_answer a = {0};
    uint64_t last;

    test_cluster_open(&w, 3);
    old = test_member(&w, 1);
    write_some(old, 2);
    test_member_isolate(old, true);
    for (uint32_t i = 0; i < 5; i++) {
        char name[24];

        snprintf(name, sizeof name, "lost%u", i);
        assert_int_equal(test_submit_vm(old, name, 0, w.clock.now + 60000, &a), BX_OK);
        test_cluster_run(&w, 100);
    }
    last = test_member_status(old).last_index;
    assert_true(last > test_member_status(old).commit_index);
    leader = test_cluster_elect(&w, 1);
    test_cluster_run(&w, 2500);
    test_member_isolate(old, false);
    assert_int_equal(hello(leader, old, NULL), BX_OK);
    test_cluster_run(&w, 2500);
    test_member_stop(old);
    test_member_start(old);
    assert_all_trusted();
    test_cluster_close(&w);
}

/* ---- what members say that mean harm ---- */

static void store(struct test_member *m, uint64_t from, uint64_t term, uint64_t index)
{
    bx_heard_on_stored(m->node, from, &(struct bx_stored){term, index});
}

TEST(what_is_heard_is_bounded_and_only_grows)
{
    struct test_member *m;

    test_cluster_open(&w, 2);
    m = test_member(&w, 1);
    write_some(m, 3);
    store(m, 2, 1, 1);
    assert_true(bx_node_heard(m->node, 2).index > 1);
    store(m, 2, UINT64_MAX, 0);
    assert_int_equal(bx_node_heard(m->node, 2).term, test_member_status(m).term);
    for (uint64_t id = 100; id < 200; id++)
        store(m, id, 1, id);
    assert_int_equal(bx_node_heard(m->node, 199).index, 199);
    assert_int_equal(m->node->heard.n, BX_HEARD_MAX);
    assert_true(bx_node_heard(m->node, 2).index > 1);
    test_cluster_close(&w);
}

int main(void)
{
    return test_run(NULL, NULL);
}
