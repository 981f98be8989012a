/* rc against its header; and the configurations that VMs share by way of it. */
#include "lib/testfsm.h"
#include "lib/testlib.h"

#include "mem/alloc.h"
#include "mem/rc.h"

#include <string.h>

static int made;

static bool same(const void *value, const void *key)
{
    return *(const int *)value == *(const int *)key;
}

static void make(void *value, const void *key)
{
    *(int *)value = *(const int *)key;
    made++;
}

/* A bad hash on purpose: equality decides. */
static const int *get(struct bx_rc_cache *c, int key)
{
    return bx_rc_get_or_create(c, (uint64_t)key % 3, &key, sizeof key, make);
}

TEST(equal_values_are_one)
{
    struct bx_rc_cache c;
    const int *a, *b, *other;

    made = 0;
    bx_rc_init(&c, 10, 4, same);
    a = get(&c, 7);
    b = get(&c, 7);
    other = get(&c, 10);
    assert_ptr_equal(a, b);
    assert_ptr_not_equal(a, other);
    assert_int_equal(*other, 10);
    assert_int_equal((uintptr_t)a % 16, 0);
    assert_int_equal(made, 2);
    assert_ptr_equal(bx_rc_ref(&c, a), a);
    assert_int_equal(c.stats.refs, 4);
    assert_int_equal(c.stats.hits, 1);
    bx_rc_release(&c, a);
    bx_rc_release(&c, a);
    bx_rc_release(&c, NULL);
    assert_int_equal(*b, 7); /* still held once */
    bx_rc_release(&c, b);
    bx_rc_release(&c, other);
    assert_ptr_equal(get(&c, 7), a); /* nobody held it, and it was there */
    assert_int_equal(made, 2);
    bx_rc_release(&c, a);
    bx_rc_close(&c);
}

TEST(the_longest_unwanted_go_first)
{
    struct bx_rc_cache c;

    made = 0;
    bx_rc_init(&c, 10, 2, same);
    for (int i = 0; i < 3; i++)
        bx_rc_release(&c, get(&c, i));
    assert_int_equal(c.stats.values, 2);
    bx_rc_release(&c, get(&c, 1)); /* now 2 has been unwanted for longest */
    bx_rc_release(&c, get(&c, 3));
    assert_int_equal(made, 4);
    bx_rc_release(&c, get(&c, 1));
    assert_int_equal(made, 4);
    bx_rc_release(&c, get(&c, 2));
    assert_int_equal(made, 5);
    bx_rc_close(&c);
}

TEST(beyond_the_bound_values_stand_apart)
{
    struct bx_rc_cache c;
    const int *held[4], *apart, *again;

    bx_rc_init(&c, 3, 3, same);
    for (int i = 0; i < 3; i++)
        held[i] = get(&c, i);
    apart = get(&c, 3);
    again = get(&c, 3);
    assert_ptr_not_equal(apart, again);
    assert_int_equal(*apart, 3);
    assert_int_equal(c.stats.apart, 2);
    bx_rc_release(&c, apart);
    bx_rc_release(&c, again);
    assert_int_equal(c.stats.values, 3);
    bx_rc_release(&c, held[1]);
    held[3] = get(&c, 3); /* takes the place of the one nobody wants */
    assert_ptr_equal(get(&c, 3), held[3]);
    bx_rc_release(&c, held[3]);
    assert_int_equal(c.stats.values, 3);
    bx_rc_release(&c, held[0]);
    bx_rc_release(&c, held[2]);
    bx_rc_release(&c, held[3]);
    bx_rc_close(&c);
}

static void count_end(void *ctx, void *value)
{
    int *ends = ctx;

    ends[*(const int *)value]++;
}

/* Each value ends once: when it is forgotten, when it stood apart and is let go, and at the
 * close. */
TEST(values_give_back_what_they_hold)
{
    enum { KEYS = 8 };
    int ends[KEYS] = {0};
    struct bx_rc_cache c;
    const int *held[KEYS];

    bx_rc_init(&c, KEYS - 1, 2, same);
    c.fini = count_end;
    c.ctx = ends;
    for (int i = 0; i < KEYS; i++)
        held[i] = get(&c, i);
    bx_rc_release(&c, held[KEYS - 1]); /* beyond the bound */
    assert_int_equal(ends[KEYS - 1], 1);
    for (int i = 0; i < KEYS - 1; i++)
        bx_rc_release(&c, held[i]);
    for (int i = 0; i < KEYS; i++)
        assert_int_equal(ends[i], i != KEYS - 2 && i != KEYS - 3);
    bx_rc_close(&c);
    for (int i = 0; i < KEYS; i++)
        assert_int_equal(ends[i], 1);
}

TEST(it_agrees_with_a_model)
{
    enum { KEYS = 40, HELD = 100 };
    struct bx_rc_cache c;
    const int *held[HELD] = {0};
    uint64_t seed = 5;

    bx_rc_init(&c, 30, 5, same);
    for (int step = 0; step < 50000; step++) {
        size_t i = test_random(&seed) % HELD;
        int key = (int)(test_random(&seed) % KEYS);

        bx_rc_release(&c, held[i]);
        held[i] = get(&c, key);
        assert_int_equal(*held[i], key);
        assert_true(c.n_idle <= 5 && c.map.n <= 30);
    }
    for (size_t i = 0; i < HELD; i++)
        bx_rc_release(&c, held[i]);
    assert_int_equal(c.stats.refs, 0);
    assert_true(c.stats.values <= 5);
    bx_rc_close(&c);
}

static void use_rc(void *ctx)
{
    struct bx_rc_cache c;
    const int *held[20];

    (void)ctx;
    bx_rc_init(&c, 10, 2, same);
    for (int i = 0; i < 20; i++)
        held[i] = get(&c, i);
    for (int i = 0; i < 20; i++)
        bx_rc_release(&c, held[i]);
    bx_rc_close(&c);
}

TEST(nothing_leaks_when_memory_is_out)
{
    assert_true(test_fail_each_allocation(use_rc, NULL) >= 3);
}

/* ---- configurations ---- */

static const struct bx_vm *create(struct test_fsm *t, const char *name, uint32_t vcpus,
                                  const char *label)
{
    struct bx_pair labels[] = {{bx_str("app"), bx_str(label)}, {bx_str("tier"), bx_str("")}};
    struct bx_cmd_vm_create c = {.if_not_exists = false};

    bx_vm_config_init(&c.config);
    c.config.name = bx_str(name);
    c.config.vcpus = vcpus;
    c.config.disk_gib = 0;
    c.config.labels = (struct bx_pairs){labels, 2};
    c.config.kernel = bx_str("/k");
    c.config.cmdline = bx_str("quiet");
    assert_int_equal(test_fsm_apply(t, BX_CMD_VM_CREATE, &c), BX_OK);
    return bx_view_vm(bx_fsm_view(t->fsm), t->last.object);
}

static const struct bx_vm *named(struct test_fsm *t, const char *name)
{
    const struct bx_vm *vm;

    assert_int_equal(bx_view_find_vm(bx_fsm_view(t->fsm), bx_str(name), &vm, NULL), BX_OK);
    return vm;
}

static void check_shared(struct test_fsm *t)
{
    const struct bx_vm *a = named(t, "a"), *b = named(t, "b");
    struct bx_vm_config whole = bx_vm_whole_config(b);
    struct bx_view_memory m;

    assert_ptr_equal(a->config, b->config);
    assert_ptr_not_equal(a->config, named(t, "c")->config);
    assert_ptr_not_equal(a->config, named(t, "d")->config);
    assert_int_equal(named(t, "c")->config->vcpus, 2);
    assert_int_equal(a->config->labels.n, 2);
    assert_true(bx_str_eq(a->config->labels.v[0].value, bx_str("web")));
    assert_true(bx_str_eq(named(t, "d")->config->labels.v[0].value, bx_str("db")));
    assert_true(bx_str_eq(a->config->cmdline, bx_str("quiet")));
    assert_int_equal(a->config->name.n, 0);
    assert_true(bx_str_eq(whole.name, bx_str("b")));
    assert_true(bx_str_eq(whole.tenant, bx_str("default")));
    bx_view_memory(bx_fsm_view(t->fsm), &m);
    assert_int_equal(m.configs.refs, 4);
    assert_int_equal(m.configs.values, 3);
}

TEST(vms_that_are_alike_share_a_configuration)
{
    struct test_fsm t = {0};
    struct bx_view_memory one, many;
    uint64_t digest;
    char name[16];

    test_fsm_open(&t);
    test_fsm_node(&t, 1, "n1");
    create(&t, "a", 1, "web");
    create(&t, "b", 1, "web");
    create(&t, "c", 2, "web");
    create(&t, "d", 1, "db");
    check_shared(&t);
    digest = test_fsm_digest(&t);
    test_fsm_reopen(&t);
    check_shared(&t);
    assert_int_equal(test_fsm_digest(&t), digest);

    /* A change of a VM keeps the configuration, and stored records do not stay. */
    assert_int_equal(test_fsm_desire(&t, "a", BX_DESIRED_STOPPED, false, true), BX_OK);
    check_shared(&t);
    bx_view_memory(bx_fsm_view(t.fsm), &one);
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof name, "x-%d", i);
        create(&t, name, 1, "web");
    }
    bx_view_memory(bx_fsm_view(t.fsm), &many);
    assert_int_equal(many.configs.values, one.configs.values);
    assert_int_equal(many.rows.live, one.rows.live + 100);
    assert_in_range((many.rows.live_bytes - one.rows.live_bytes) / 100, 1, 240);
    test_fsm_close(&t);
}

int main(void)
{
    return test_run(NULL, NULL);
}
