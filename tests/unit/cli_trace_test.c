/* The trace id of an invocation against trace.h. */
#include "lib/testlib.h"

#include "trace.h"

#include <stdlib.h>
#include <string.h>

#define ID "4bf92f3577b34da6a3ce929d0e0e4736"

TEST(the_trace_id_of_traceparent_is_taken)
{
    char id[TRACE_SIZE];

    assert_true(trace_read("00-" ID "-00f067aa0ba902b7-01", id));
    assert_string_equal(id, ID);
    assert_true(trace_read("01-" ID "-00f067aa0ba902b7-01-more", id)); /* a later version */
    assert_int_equal(setenv("TRACEPARENT", "00-" ID "-00f067aa0ba902b7-00", 1), 0);
    memset(id, 0, sizeof id);
    trace_make(id);
    assert_string_equal(id, ID);
}

TEST(a_malformed_one_is_not_taken)
{
    static const char *const bad[] = {
        "",
        "0",
        "00",
        "00-",
        "00-" ID,
        "00-" ID "-00f067aa0ba902b7",
        "00-" ID "-00f067aa0ba902b7-1",
        "00-" ID "-00f067aa0ba902b7-01-more",
        "00-" ID "-00f067aa0ba902b7-011",
        "ff-" ID "-00f067aa0ba902b7-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-" ID "-0000000000000000-01",
    };
    char id[TRACE_SIZE];

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(trace_read(bad[i], id));
}

TEST(without_one_each_is_random)
{
    char one[TRACE_SIZE] = "", other[TRACE_SIZE] = "";

    assert_int_equal(setenv("TRACEPARENT", "nonsense", 1), 0);
    trace_make(one);
    trace_make(other);
    assert_int_equal(strspn(one, "0123456789abcdef"), 32);
    assert_string_not_equal(one, other);
}

int main(void)
{
    return test_run(NULL, NULL);
}
