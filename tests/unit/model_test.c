/* The model against vm.h and node.h: each bound from both sides with what the user is told, the
 * table of phases, and the names. */
#include "lib/testlib.h"

#include "model/node.h"
#include "model/vm.h"

#include <string.h>

/* ---- names ---- */

static int name(const char *s)
{
    struct bx_err err = {0};
    int rc = bx_name_check(bx_str(s), "name", &err);

    if (rc != BX_OK) {
        assert_int_equal(rc, BX_INVALID);
        assert_int_equal(err.code, BX_INVALID);
        assert_int_equal(strncmp(err.msg, "name: \"", 7), 0);
        assert_non_null(strstr(err.msg, "is not a valid name"));
        assert_non_null(strstr(err.hint, "1 to 63"));
    }
    return rc;
}

TEST(names_are_lower_case_digits_and_hyphens)
{
    static const char *const good[] = {"a", "0", "web", "web-1", "a--b", "9-z"};
    static const char *const bad[] = {"",    "-",        "-a",  "a-",    "A",  "a.b", "a_b", "a b",
                                      "a/b", "\303\244", "a\n", "web:1", "a`", "a{",  "a/",  "a:"};
    char text[BX_NAME_MAX + 2];

    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_int_equal(name(good[i]), BX_OK);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(name(bad[i]), BX_INVALID);
    memset(text, 'x', sizeof text);
    text[BX_NAME_MAX] = '\0';
    assert_int_equal(name(text), BX_OK);
    text[BX_NAME_MAX] = 'x';
    text[BX_NAME_MAX + 1] = '\0';
    assert_int_equal(name(text), BX_INVALID);
}

/* What a user sent is quoted, but not without end. */
TEST(a_long_name_is_cut)
{
    static char text[60000];
    struct bx_err err;

    memset(text, 'x', sizeof text - 1);
    assert_int_equal(bx_name_check(bx_str(text), "name", &err), BX_INVALID);
    assert_true(strlen(err.msg) < 150);
    assert_int_equal(bx_name_check((struct bx_str){NULL, 0}, "name", NULL), BX_INVALID);
}

/* ---- the configuration of a VM ---- */

static struct bx_vm_config config(void)
{
    struct bx_vm_config c;

    bx_vm_config_init(&c);
    c.name = bx_str("web");
    return c;
}

static void good(struct bx_vm_config c)
{
    struct bx_err err = {0};

    if (bx_vm_config_check(&c, &err) != BX_OK)
        fail_msg("refused: %s", err.msg);
}

/* Refused, naming the flag first, with the rest of the message and the hint as they must be. */
static void bad(struct bx_vm_config c, const char *message, const char *hint)
{
    struct bx_err err = {0};

    assert_int_equal(bx_vm_config_check(&c, &err), BX_INVALID);
    assert_int_equal(err.code, BX_INVALID);
    if (strncmp(err.msg, message, strlen(message)) != 0)
        fail_msg("\"%s\" is not \"%s\"", err.msg, message);
    if (strstr(err.hint, hint) == NULL)
        fail_msg("hint \"%s\" lacks \"%s\"", err.hint, hint);
    assert_int_equal(bx_vm_config_check(&c, NULL), BX_INVALID);
}

TEST(what_is_not_said_has_its_default)
{
    struct bx_vm_config c = config();

    good(c);
    assert_true(bx_str_eq(c.tenant, bx_str("default")));
    assert_int_equal(c.vcpus, 1);
    assert_int_equal(c.memory_mib, 512);
    assert_int_equal(c.disk_gib, 10);
    assert_int_equal(c.priority, 500);
    assert_int_equal(c.strategy, BX_STRATEGY_MOST_AVAILABLE);
    assert_int_equal(c.on_lost, BX_ON_LOST_STAY);
}

/* Both ends of a range, and one beyond each. */
#define RANGE(member, low, high, message)                                                          \
    do {                                                                                           \
        struct bx_vm_config x = config();                                                          \
        x.member = (low);                                                                          \
        good(x);                                                                                   \
        x.member = (high);                                                                         \
        good(x);                                                                                   \
        x.member = (high) + 1;                                                                     \
        bad(x, message, "in that range");                                                          \
        if ((low) > 0) {                                                                           \
            x.member = 0;                                                                          \
            bad(x, message, "in that range");                                                      \
        }                                                                                          \
    } while (0)

TEST(both_ends_of_a_range_are_good_and_what_is_beyond_bad)
{
    struct bx_vm_config c = config();

    RANGE(vcpus, 1, 512, "--vcpus: must be 1 to 512, not ");
    RANGE(memory_mib, 1, 67108864, "--memory: must be 1 to 67108864 MiB, not ");
    RANGE(disk_gib, 0, 1048576, "--disk: must be 0 to 1048576 GiB, not 1048577");
    RANGE(priority, 0, 1000, "--priority: must be 0 to 1000, not 1001");
    c.memory_mib = UINT64_MAX;
    bad(c, "--memory: must be 1 to 67108864 MiB, not 18446744073709551615", "range");
}

TEST(names_within_a_configuration_are_checked)
{
    struct bx_vm_config c = config();

    c.name = bx_str("Web");
    bad(c, "name: \"Web\" is not a valid name", "1 to 63");
    c = config();
    c.tenant = bx_str("");
    bad(c, "--tenant: \"\" is not a valid name", "1 to 63");
    c = config();
    c.node = bx_str("n_1");
    bad(c, "--node: \"n_1\" is not a valid name", "1 to 63");
    c.node = bx_str("n1");
    good(c);
    c.node = bx_str("");
    good(c);
}

TEST(paths_are_absolute_and_bounded)
{
    static char path[BX_PATH_LEN_MAX + 1], text[BX_CMDLINE_MAX + 1];
    struct bx_vm_config c = config();

    memset(path, '/', sizeof path);
    memset(text, 'x', sizeof text);
    c.kernel = (struct bx_str){path, BX_PATH_LEN_MAX};
    good(c);
    c.initrd = c.kernel;
    good(c);
    c.initrd.n++;
    bad(c, "--initrd: must be an absolute path of at most 4096 bytes", "node that runs the VM");
    c.initrd = bx_str("boot/initrd");
    bad(c, "--initrd: must be an absolute path", "node that runs the VM");
    c.kernel.n++;
    bad(c, "--kernel: must be an absolute path of at most 4096 bytes", "node that runs the VM");
    c.kernel = bx_str("vmlinuz");
    bad(c, "--kernel: must be an absolute path", "node that runs the VM");
    c = config();
    c.initrd = bx_str("/i");
    bad(c, "--initrd: requires --kernel", "--kernel PATH");
    c.kernel = bx_str("/k");
    c.cmdline = (struct bx_str){text, BX_CMDLINE_MAX};
    good(c);
    c.cmdline.n++;
    bad(c, "--cmdline: must be 0 to 2048 bytes, not 2049", "range");
}

TEST(metadata_has_bounds)
{
    static char value[BX_METADATA_VALUE_MAX + 1];
    static char keys[BX_METADATA_MAX + 1][4];
    struct bx_pair pairs[BX_METADATA_MAX + 1];
    struct bx_vm_config c = config();

    memset(value, 'v', sizeof value);
    for (unsigned i = 0; i <= BX_METADATA_MAX; i++) {
        snprintf(keys[i], sizeof keys[i], "%03u", i);
        pairs[i] = (struct bx_pair){bx_str(keys[i]), bx_str("v")};
    }
    c.metadata = (struct bx_pairs){pairs, BX_METADATA_MAX};
    good(c);
    c.metadata.n++;
    bad(c, "--metadata: at most 64 pairs, not 65", "remove some of them");
    c.metadata.n = 1;
    pairs[0].value = (struct bx_str){value, BX_METADATA_VALUE_MAX};
    good(c);
    pairs[0].value.n++;
    bad(c, "--metadata: the value of \"000\" has 1025 bytes, at most 1024", "elsewhere");
    pairs[0].key = bx_str("a b");
    bad(c, "--metadata: \"a b\" is not a valid key", "letters, digits");
    for (unsigned i = 0; i < 16; i++)
        pairs[i] = (struct bx_pair){bx_str(keys[i]), {value, BX_METADATA_VALUE_MAX - 3}};
    c.metadata.n = 16;
    good(c); /* 16 KiB in all */
    pairs[15].value.n++;
    bad(c, "--metadata: keys and values have 16385 bytes, at most 16384", "elsewhere");
}

TEST(labels_are_bounded_in_number_length_and_letters)
{
    static char key[BX_LABEL_KEY_MAX + 1], value[BX_LABEL_VALUE_MAX + 1];
    static char keys[BX_LABELS_MAX + 1][4];
    struct bx_pair pairs[BX_LABELS_MAX + 1];
    struct bx_vm_config c = config();

    for (unsigned i = 0; i <= BX_LABELS_MAX; i++) {
        snprintf(keys[i], sizeof keys[i], "%03u", i);
        pairs[i] = (struct bx_pair){bx_str(keys[i]), bx_str("v")};
    }
    c.labels = (struct bx_pairs){pairs, BX_LABELS_MAX};
    good(c);
    c.labels.n++;
    bad(c, "--label: at most 64 labels, not 65", "remove some of them");
    c.labels.n = 1;
    memset(key, 'k', sizeof key);
    memset(value, 'v', sizeof value);
    pairs[0].key = (struct bx_str){key, BX_LABEL_KEY_MAX};
    pairs[0].value = (struct bx_str){value, BX_LABEL_VALUE_MAX};
    good(c);
    pairs[0].value.n++;
    bad(c, "--label: the value of \"kkk", "use --metadata for longer text");
    pairs[0].value = bx_str("");
    good(c);
    pairs[0].key.n++;
    bad(c, "--label: \"kkk", "1 to 63 of letters");
    pairs[0].key = bx_str("");
    bad(c, "--label: \"\" is not a valid key", "1 to 63 of letters");
    pairs[0].key = bx_str("Az09-_./");
    good(c);
    for (int i = 1; i < 256; i++) {
        char one[] = {(char)i, 0};
        bool fine =
            strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./", i) != NULL;

        pairs[0].key = bx_str(one);
        assert_int_equal(bx_vm_config_check(&c, NULL) == BX_OK, fine);
    }
}

/* What does not go together. */
TEST(policies_that_do_not_go_together_are_refused)
{
    struct bx_vm_config c = config();

    c.strategy = BX_STRATEGY_MANUAL;
    bad(c, "--strategy manual: requires --node", "--node NAME");
    c.node = bx_str("n1");
    good(c);
    c = config();
    c.on_lost = BX_ON_LOST_RESTART;
    bad(c, "--on-lost restart: the VM's disk exists only on its node", "--disk-ephemeral");
    c.disk_ephemeral = true;
    good(c);
    c.disk_ephemeral = false;
    c.disk_gib = 0;
    good(c);
    c = config();
    c.cmdline = bx_str("quiet");
    bad(c, "--cmdline: requires --kernel", "--kernel PATH");
    c.kernel = bx_str("/k");
    good(c);
}

/* ---- phases ---- */

/* Row: from; column: to. Written out by hand, so that a slip in the table shows. */
static const char *const moves[BX__PHASES] = {
    /*              p c s r S s f m l */
    /* pending   */ "-+---++--",
    /* creating  */ "--+++++-+",
    /* starting  */ "---++++-+",
    /* running   */ "----+++++",
    /* stopping  */ "-----++-+",
    /* stopped   */ "-+-------",
    /* failed    */ "-+---+---",
    /* migrating */ "---++++-+",
    /* lost      */ "-+-+-++--",
};

TEST(phases_move_as_the_table_says)
{
    for (unsigned from = 0; from < BX__PHASES; from++) {
        assert_int_equal(strlen(moves[from]), BX__PHASES);
        for (unsigned to = 0; to < BX__PHASES; to++) {
            if (bx_phase_may((enum bx_phase)from, (enum bx_phase)to) != (moves[from][to] == '+'))
                fail_msg("%s to %s", bx_phase_names[from], bx_phase_names[to]);
        }
        assert_false(bx_phase_may((enum bx_phase)from, BX__PHASES));
        assert_false(bx_phase_may(BX__PHASES, (enum bx_phase)from));
    }
}

/* From every phase a VM can be brought to rest, and from rest to run again. */
TEST(no_phase_is_a_dead_end)
{
    for (unsigned from = 0; from < BX__PHASES; from++) {
        if (from == BX_PHASE_STOPPED)
            continue;
        assert_true(bx_phase_may((enum bx_phase)from, BX_PHASE_STOPPED));
        if (!bx_phase_active((enum bx_phase)from))
            assert_true(bx_phase_may((enum bx_phase)from, BX_PHASE_CREATING));
    }
}

TEST(only_a_phase_at_rest_is_not_active)
{
    for (unsigned p = 0; p < BX__PHASES; p++)
        assert_int_equal(bx_phase_active((enum bx_phase)p),
                         p != BX_PHASE_PENDING && p != BX_PHASE_STOPPED && p != BX_PHASE_FAILED);
}

/* ---- the words of status ---- */

TEST(every_phase_has_its_name)
{
    struct bx_intern *in = bx_intern_create(0, 0);
    static const struct bx_istr *const constants[] = {
        &bx_status_pending, &bx_status_creating,  &bx_status_starting,
        &bx_status_running, &bx_status_stopping,  &bx_status_stopped,
        &bx_status_failed,  &bx_status_migrating, &bx_status_lost};

    for (unsigned p = 0; p < BX__PHASES; p++) {
        const struct bx_istr *s = bx_phase_name((enum bx_phase)p);

        assert_ptr_equal(s, constants[p]);
        assert_string_equal(s->s, bx_phase_names[p]);
        assert_ptr_equal(bx_intern_get(in, bx_phase_names[p], strlen(bx_phase_names[p])), s);
    }
    assert_null(bx_phase_names[BX__PHASES]);
    bx_intern_destroy(in);
}

TEST(a_member_has_the_status_of_its_part)
{
    assert_ptr_equal(bx_member_status(true, true, true), &bx_status_leader);
    assert_ptr_equal(bx_member_status(false, true, true), &bx_status_follower);
    assert_ptr_equal(bx_member_status(false, true, false), &bx_status_candidate);
    assert_ptr_equal(bx_member_status(false, false, true), &bx_status_learner);
    assert_ptr_equal(bx_member_status(false, false, false), &bx_status_learner);
    assert_ptr_equal(bx_daemon_status(4, 5), &bx_status_initializing);
    assert_ptr_equal(bx_daemon_status(5, 5), &bx_status_ready);
    assert_ptr_equal(bx_daemon_status(6, 5), &bx_status_ready); /* it knows of less than it has */
}

/* ---- nodes ---- */

static struct bx_node_info node(void)
{
    return (struct bx_node_info){.id = 1,
                                 .name = bx_str("n1"),
                                 .address = bx_str("10.0.0.1:7000"),
                                 .vcpus = 8,
                                 .memory_mib = 4096,
                                 .disk_gib = 100,
                                 .overcommit_vcpus_pct = 100,
                                 .overcommit_memory_pct = 100};
}

static void node_is(struct bx_node_info n, const char *message)
{
    struct bx_err err = {0};
    int rc = bx_node_info_check(&n, &err);

    if (message == NULL) {
        assert_int_equal(rc, BX_OK);
        return;
    }
    assert_int_equal(rc, BX_INVALID);
    if (strncmp(err.msg, message, strlen(message)) != 0)
        fail_msg("\"%s\" is not \"%s\"", err.msg, message);
    assert_true(err.hint[0] != '\0');
}

#define NODE(member, value, message)                                                               \
    do {                                                                                           \
        struct bx_node_info n = node();                                                            \
        n.member = (value);                                                                        \
        node_is(n, message);                                                                       \
    } while (0)

TEST(a_node_is_checked_field_by_field)
{
    node_is(node(), NULL);
    NODE(name, bx_str("N1"), "node name: \"N1\"");
    NODE(address, bx_str(""), "node: address: is missing");
    NODE(vcpus, 65536, NULL);
    NODE(vcpus, 65537, "node: capacity: ");
    NODE(memory_mib, 1ull << 30, NULL);
    NODE(memory_mib, (1ull << 30) + 1, "node: capacity: ");
    NODE(disk_gib, 1ull << 30, NULL);
    NODE(disk_gib, (1ull << 30) + 1, "node: capacity: ");
    NODE(reserve_vcpus, 8, NULL);
    NODE(reserve_vcpus, 9, "node: reserve: ");
    NODE(reserve_memory_mib, 4096, NULL);
    NODE(reserve_memory_mib, 4097, "node: reserve: ");
    NODE(reserve_disk_gib, 100, NULL);
    NODE(reserve_disk_gib, 101, "node: reserve: ");
    NODE(overcommit_vcpus_pct, 10, NULL);
    NODE(overcommit_vcpus_pct, 6400, NULL);
    NODE(overcommit_vcpus_pct, 9, "node: overcommit: ");
    NODE(overcommit_vcpus_pct, 6401, "node: overcommit: ");
    NODE(overcommit_memory_pct, 9, "node: overcommit: ");
    NODE(overcommit_memory_pct, 6401, "node: overcommit: ");
}

int main(void)
{
    return test_run(NULL, NULL);
}
