/* snapshot: taking one, when the state can not be read just now. */
#include "lib/testlib.h"

#include "lib/testcluster.h"

#include <stdio.h>

static struct test_cluster w;

static int setup(void **state)
{
    (void)state;
    w = (struct test_cluster){.snapshot_bytes = 20000};
    test_cluster_open(&w, 1);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    test_cluster_close(&w);
    return 0;
}

static uint64_t snapshot(void)
{
    return test_member_status(test_member(&w, 1)).snapshot_index;
}

static void write_some(unsigned n)
{
    static unsigned name;
    char text[32];

    for (unsigned i = 0; i < n; i++) {
        struct test_answer a = {0};

        snprintf(text, sizeof text, "vm-%u", name++);
        assert_int_equal(test_submit_vm(test_member(&w, 1), text, 0, UINT64_MAX, &a), BX_OK);
        test_cluster_settle(&w);
        assert_int_equal(a.code, BX_OK);
    }
}

TEST(a_state_that_can_not_be_read_is_tried_again_after_a_pause)
{
    struct test_member *m = test_member(&w, 1);
    char away[300];

    snprintf(away, sizeof away, "%s.away", m->path);
    assert_int_equal(rename(m->path, away), 0);
    write_some(100); /* a turn for each, and more log than it takes */
    test_cluster_run(&w, 1000);
    assert_int_equal(snapshot(), 0);
    assert_int_equal(m->warnings, 1);
    test_cluster_run(&w, 5000);
    assert_int_equal(m->warnings, 2);
    assert_int_equal(rename(away, m->path), 0);
    write_some(1); /* no earlier for that */
    assert_int_equal(snapshot(), 0);
    test_cluster_run(&w, 5000);
    assert_true(snapshot() > 0);
    assert_int_equal(m->warnings, 2);
}

int main(void)
{
    return test_run(setup, teardown);
}
