#include "lib/testlib.h"

#include "wire/suggest.h"

#include <string.h>

static const char *const words[] = {"vm.create", "vm.list", "node.list", "vcpus", "x"};

static const char *near(const char *s)
{
    return bx_suggest(s, strlen(s), words, sizeof words / sizeof words[0]);
}

TEST(a_slip_is_understood)
{
    assert_string_equal(near("vm.list"), "vm.list");
    assert_string_equal(near("vm.lsit"), "vm.list");
    assert_string_equal(near("vm-create"), "vm.create");
    assert_string_equal(near("cpus"), "vcpus");
    assert_string_equal(near("nodes.list"), "node.list");
    assert_string_equal(near("vcpsu"), "vcpus"); /* two letters swapped are one slip */
    assert_string_equal(near("ndoelist"), "node.list");
}

TEST(what_is_far_is_not_guessed)
{
    assert_null(near("completely"));
    assert_null(near("pus")); /* two of three letters and more are missing */
    assert_null(near("vices"));
    assert_null(near("cluster.token_create_and_give_it_away_to_all"));
    assert_null(bx_suggest("vm.list", 7, words, 0));
}

TEST(only_n_bytes_are_read)
{
    static const char end[7] = {'v', 'm', '.', 'l', 'i', 's', 't'};

    assert_string_equal(bx_suggest(end, sizeof end, words, 5), "vm.list");
    assert_string_equal(bx_suggest("", 0, words, 5), "x"); /* one letter away */
}

int main(void)
{
    return test_run(NULL, NULL);
}
