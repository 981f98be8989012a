/* What libraft says of its own work is recorded when somebody wants it. */
#include "lib/testcluster.h"

static struct test_cluster w;

TEST(lines_of_libraft_are_recorded_when_they_are_wanted)
{
    test_cluster_open(&w, 3);
    test_rec_open("off,libraft=trace");
    test_cluster_run(&w, 1000);
    assert_int_equal(test_rec.warnings, 0);
    assert_true(test_rec.lines > 0);
    assert_true(test_rec_said("trace libraft: "));
    test_cluster_close(&w);
}

int main(void)
{
    return test_run(NULL, NULL);
}
