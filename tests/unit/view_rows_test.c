/* The rows of a view against rows.h: what is stored is read back, texts are interned, and damage
 * changes nothing. */
#include "view_help.h"

#include "mem/alloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- records ---- */

/* What a row's record says is read back as it was written, pairs and all. */
TEST(a_record_is_read_back_as_it_was_written)
{
    const struct bx_pair labels[] = {{bx_str("app"), bx_str("web")}, {bx_str("b"), bx_str("")}};
    struct bx_vm d = {.uuid = {1, 2},
                      .desired = BX_DESIRED_STOPPED,
                      .phase = BX_PHASE_STOPPING,
                      .stop_force = true,
                      .stop_timeout_s = 33,
                      .restart_pending = true,
                      .node = 4,
                      .epoch = 5,
                      .created_index = 6,
                      .modified_index = 7,
                      .created_ms = 8,
                      .modified_ms = 9,
                      .score = 10,
                      .margin = 11,
                      .message = bx_str("why")};
    struct bx_vm_config c;
    const struct bx_vm *x;
    struct bx_row *a, *b;

    bx_vm_config_init(&c);
    c.name = bx_str("web");
    c.labels = (struct bx_pairs){labels, 2};
    d.config = &c;
    a = bx_row_make(&v.home, BX_TABLE_VM, &d);
    b = bx_row_load(&v.home, BX_TABLE_VM, a->data, a->len);
    assert_non_null(b);
    assert_true(a->hash == b->hash && a->len == b->len);
    x = bx_row_as_vm(b);
    assert_ptr_equal(x->name, bx_row_as_vm(a)->name); /* interned: one string */
    assert_memory_equal(x->uuid, d.uuid, 16);
    assert_int_equal(x->desired, d.desired);
    assert_int_equal(x->phase, d.phase);
    assert_true(x->stop_force && x->restart_pending);
    assert_int_equal(x->stop_timeout_s, 33);
    assert_int_equal(x->node, 4);
    assert_int_equal(x->epoch, 5);
    assert_int_equal(x->created_index, 6);
    assert_int_equal(x->modified_index, 7);
    assert_int_equal(x->created_ms, 8);
    assert_int_equal(x->modified_ms, 9);
    assert_int_equal(x->score, 10);
    assert_int_equal(x->margin, 11);
    assert_true(bx_str_eq(x->message, bx_str("why")));
    assert_int_equal(x->config->labels.n, 2);
    assert_true(bx_str_eq(x->config->labels.v[0].value, bx_str("web")));
    assert_true(bx_str_eq(x->config->labels.v[1].key, bx_str("b")));
    bx_row_free(&v.home, a);
    bx_row_free(&v.home, b);
}

/* ---- labels ---- */

static struct bx_row *labelled(struct bx_row_home *home, uint32_t i, uint32_t vcpus,
                               const char *value)
{
    struct bx_pair labels[] = {{bx_str("app"), bx_str(value)}, {bx_str("b"), bx_str("app")}};
    struct bx_vm_config c;
    struct bx_vm d = {.config = &c, .uuid = {(uint8_t)i, (uint8_t)(i >> 8)}};

    bx_vm_config_init(&c);
    c.name = bx_str("web");
    c.vcpus = vcpus;
    c.labels = (struct bx_pairs){labels, 2};
    return bx_row_make(home, BX_TABLE_VM, &d);
}

static const struct bx_pair *labels_of(const struct bx_row *row)
{
    assert_int_equal(bx_row_as_vm(row)->config->labels.n, 2);
    return bx_row_as_vm(row)->config->labels.v;
}

static struct bx_intern_stats names_in(struct bx_intern *table)
{
    struct bx_intern_stats s;

    bx_intern_stats(table, &s);
    return s;
}

/* One text, whoever has it: keys, values and names, in configurations that differ. */
TEST(labels_are_interned)
{
    struct bx_row *a = labelled(&v.home, 1, 1, "shop"), *b = labelled(&v.home, 2, 2, "shop");
    struct bx_row *same = labelled(&v.home, 3, 1, "shop"), *other = labelled(&v.home, 4, 1, "web");
    struct bx_row *loaded = bx_row_load(&v.home, BX_TABLE_VM, b->data, b->len);
    const struct bx_istr *web = bx_row_as_vm(a)->name;

    assert_ptr_equal(bx_row_as_vm(a)->config, bx_row_as_vm(same)->config);
    assert_ptr_equal(bx_row_as_vm(b)->config, bx_row_as_vm(loaded)->config);
    assert_ptr_not_equal(bx_row_as_vm(a)->config, bx_row_as_vm(b)->config);
    assert_ptr_not_equal(bx_row_as_vm(a)->config, bx_row_as_vm(other)->config);
    assert_true(bx_str_eq(labels_of(a)[0].value, bx_str("shop")));
    assert_ptr_equal(labels_of(a)[0].value.p, labels_of(b)[0].value.p);
    assert_ptr_equal(labels_of(a)[0].key.p, labels_of(a)[1].value.p);
    assert_ptr_equal(labels_of(other)[0].value.p, web->s);
    assert_int_equal(names_in(in).live, 5); /* web, default, app, b, shop */
    bx_row_free(&v.home, a);
    bx_row_free(&v.home, b);
    bx_row_free(&v.home, same);
    bx_row_free(&v.home, loaded);
    assert_true(bx_str_eq(labels_of(other)[1].key, bx_str("b")));
    bx_row_free(&v.home, other);
}

/* The same strings as another, of the same lengths, are not the same labels. */
TEST(labels_tell_configurations_apart)
{
    const struct bx_pair one[] = {{bx_str("a"), bx_str("b")}, {bx_str("b"), bx_str("a")}};
    const struct bx_pair two[] = {{bx_str("a"), bx_str("a")}, {bx_str("b"), bx_str("b")}};
    const struct bx_pairs sets[] = {{one, 2}, {two, 2}, {one, 1}, {NULL, 0}, {one + 1, 1}};
    enum { SETS = sizeof sets / sizeof sets[0] };
    const struct bx_vm_config *configs[SETS];
    struct bx_vm_config c;

    bx_vm_config_init(&c);
    for (size_t i = 0; i < SETS; i++) {
        c.labels = sets[i];
        configs[i] = bx_row_config(&v.home, &c);
        for (size_t k = 0; k < i; k++)
            assert_ptr_not_equal(configs[i], configs[k]);
        assert_ptr_equal(bx_row_config(&v.home, &c), configs[i]);
    }
    for (size_t i = 0; i < 2 * SETS; i++)
        bx_rc_release(&v.home.configs, configs[i / 2]);
    bx_arena_reset(&v.home.arena);
}

/* Configurations without a VM are kept, 256 of them; what the others held is nobody's any more. */
TEST(labels_go_with_their_vms)
{
    enum { VMS = 1000, IDLE = 256 };
    static struct bx_row *rows[VMS];
    struct bx_row_home home;
    char value[16];

    bx_row_home_init(&home, in);
    for (uint32_t i = 0; i < VMS; i++) {
        snprintf(value, sizeof value, "v%u", i);
        rows[i] = labelled(&home, i, 1, value);
    }
    assert_int_equal(names_in(in).live, VMS + 4); /* and web, default, app, b */
    for (uint32_t i = 0; i < VMS; i++)
        bx_row_free(&home, rows[i]);
    assert_int_equal(names_in(in).live, IDLE + 2);
    bx_row_home_close(&home);
    assert_int_equal(names_in(in).live, 0);
    assert_int_equal(names_in(in).copies, 0);
}

/* Private copies look the same, also to who searches for a configuration like that. */
TEST(labels_in_a_full_interner_are_private_copies)
{
    struct bx_intern *full = bx_intern_create(2, 0);
    struct bx_row *a, *b, *plain = labelled(&v.home, 1, 1, "shop");
    struct bx_row_home home;

    bx_row_home_init(&home, full);
    a = labelled(&home, 1, 1, "shop");
    b = labelled(&home, 2, 1, "shop");
    assert_ptr_equal(bx_row_as_vm(a)->config, bx_row_as_vm(b)->config);
    assert_true(bx_str_eq(labels_of(a)[0].value, bx_str("shop")));
    assert_true(bx_str_eq(labels_of(a)[1].key, bx_str("b")));
    assert_true(a->hash == plain->hash);      /* the record is the same */
    assert_int_equal(names_in(full).live, 2); /* the name and the tenant */
    assert_int_equal(names_in(full).copies, 4);
    bx_row_free(&home, a);
    bx_row_free(&home, b);
    bx_row_free(&v.home, plain);
    bx_row_home_close(&home);
    assert_int_equal(names_in(full).live, 0);
    assert_int_equal(names_in(full).copies, 0);
    bx_intern_destroy(full);
}

static uint64_t live_bytes(void)
{
    return v.home.slab.stats.live_bytes;
}

/* A loaded row takes no more than the one that was written. */
TEST(a_loaded_row_takes_no_more_than_the_one_written)
{
    struct bx_row *a = vm_row("web", U1, 0), *b;
    uint64_t before = live_bytes(), made;

    bx_row_free(&v.home, vm_row("web", U2, 0));
    assert_int_equal(live_bytes(), before);
    b = vm_row("web", U2, 0);
    made = live_bytes() - before;
    bx_row_free(&v.home, b);
    b = bx_row_load(&v.home, BX_TABLE_VM, a->data, a->len);
    assert_true(live_bytes() - before <= made);
    bx_row_free(&v.home, a);
    bx_row_free(&v.home, b);
}

/* A damaged record that still reads reaches the columns before the digest tells: no number in it
 * may make the arithmetic undefined. */
static void load_flipped(enum bx_table table, struct bx_row *row)
{
    uint8_t *p = malloc(row->len);

    for (size_t bit = 0; bit < 8 * (size_t)row->len; bit++) {
        struct bx_row *r;

        memcpy(p, row->data, row->len);
        p[bit / 8] ^= (uint8_t)(1u << bit % 8);
        r = bx_row_load(&v.home, table, p, row->len);
        if (r == NULL)
            continue;
        bx_view_swap(&v, NULL, r);
        bx_view_swap(&v, r, NULL);
        bx_row_free(&v.home, r);
    }
    for (size_t n = 0; n < row->len; n++)
        assert_null(bx_row_load(&v.home, table, p, n));
    free(p);
    bx_row_free(&v.home, row);
}

TEST(a_flipped_record_changes_nothing)
{
    uint64_t digest;

    add_node(9, "n9");
    digest = v.digest;
    load_flipped(BX_TABLE_NODE, node_row(9, "x"));
    load_flipped(BX_TABLE_VM, vm_row("web", U1, 9));
    assert_true(v.digest == digest);
    assert_int_equal(bx_view_node(&v, 9)->allocated_memory_mib, 0);
    assert_null(bx_row_load(&v.home, BX__TABLES, (const uint8_t *)"\x08\0\0\0\0\0\0\0", 8));
}

int main(void)
{
    return test_run(view_setup, view_teardown);
}
