#include "propose_help.h"

struct test_cluster w;

void open_one(void)
{
    test_cluster_open(&w, 1);
}

void open_three(void)
{
    test_cluster_open(&w, 3);
}

uint64_t last_index(uint64_t id)
{
    return test_member_status(test_member(&w, id)).last_index;
}

int submit(uint64_t id, const char *name, uint64_t sequence, struct test_answer *a)
{
    return test_submit_vm(test_member(&w, id), name, sequence, NEVER, a);
}

void submit_many(uint32_t n, struct test_answer *a)
{
    static uint32_t made;

    for (uint32_t i = 0; i < n; i++) {
        char name[32];

        snprintf(name, sizeof name, "vm-%u", made++);
        assert_int_equal(submit(1, name, 0, a), BX_OK);
    }
}

void turn_without_disk(void)
{
    test_member(&w, 1)->hold_disk = true;
    test_cluster_settle(&w);
}

void release_disk(void)
{
    test_member(&w, 1)->hold_disk = false;
    test_cluster_settle(&w);
}

void answered(const struct test_answer *a, uint32_t times, int code)
{
    assert_int_equal(a->times, times);
    assert_true(a->outcome);
    assert_int_equal(a->code, code);
}

void failed(const struct test_answer *a, int code)
{
    assert_int_equal(a->times, 1);
    assert_false(a->outcome);
    assert_int_equal(a->code, code);
}
