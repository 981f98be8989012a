/* metric: histograms, what a registry takes, its order and its bounds, and the tables of diag/. */
#include "lib/testlib.h"

#include "codec/count.h"
#include "diag/memory.h"
#include "err.h"
#include "mem/alloc.h"
#include "mem/buf.h"
#include "mem/pool.h"

#include <string.h>

struct door {
    uint64_t opened;
    uint32_t open;
};

static const struct bx_field door_fields[] = {
    BX_FIELD(door, opened, BX_T_U64),
    BX_FIELD(door, open, BX_T_U32),
};
static const struct bx_schema door_schema = BX_SCHEMA("door", 0, door, door_fields);
static const struct bx_metric door_rows[] = {
    {"blixard_door_opened_total", NULL, BX_COUNTER, "times that it was opened"},
    {"blixard_door_open", NULL, BX_GAUGE, "doors that are open"},
};
BX_METRIC_EACH(door_fields, door_rows);
static const struct bx_metric_set door_set = {&door_schema, door_rows, NULL};
static const struct bx_metric_set side_set = {&door_schema, door_rows, "side"};

static const struct bx_schema gate_schema = BX_SCHEMA("gate", 0, door, door_fields);
static const struct bx_metric gate_rows[] = {
    {"blixard_gate_opened_total", NULL, BX_COUNTER, "times"},
    {"blixard_door_open", NULL, BX_GAUGE, "the door's"},
};
static const struct bx_metric_set gate = {&gate_schema, gate_rows, NULL};

static const uint64_t powers[] = {1, 10, 100};
static const struct bx_histogram_info size_info = {
    {"blixard_box_bytes", "bytes", BX_HISTOGRAM, "sizes of boxes"}, powers, 3};

static struct bx_metric_source side(const char *value, const struct door *d)
{
    return (struct bx_metric_source){.set = &side_set, .value = value, .ctx = d};
}

static int add(struct bx_metrics *m, struct bx_metric_source s)
{
    return bx_metrics_add(m, &s);
}

/* ---- histograms ---- */

struct lift {
    uint64_t rides, moving_ns, waits_ms, up_ms;
    uint64_t carried_bytes, cargo_bytes;
    uint32_t full_pct, rides_per_s, floor;
};
#define LIFT(X, at)                                                                                \
    X(at, COUNT, rides, "rides")                                                                   \
    X(at, NS_TOTAL, moving, "time that it moved")                                                  \
    X(at, MS_TOTAL, waits, "time that people waited")                                              \
    X(at, MS, up, "time since it was started")                                                     \
    X(at, BYTES_TOTAL, carried_bytes, "disks carried")                                             \
    X(at, BYTES, cargo_bytes, "disks on board")                                                    \
    X(at, PCT, full, "part of it that is taken")                                                   \
    X(at, PER_S, rides, "rides, of late")                                                          \
    X(at, LEVEL, floor, "where it is")
extern const struct bx_metric_set lift_set;
BX_METRIC_SET(lift_set, "lift", lift, LIFT, "house");

static void see_lift(void *ctx, const struct bx_metric_sample *s)
{
    static const struct {
        const char *name, *help;
        uint32_t scale;
        enum bx_metric_type type;
    } expected[] = {
        {"blixard_lift_rides_total", "rides", 1, BX_COUNTER},
        {"blixard_lift_moving_seconds_total", "time that it moved", 1000000000, BX_COUNTER},
        {"blixard_lift_waits_seconds_total", "time that people waited", 1000, BX_COUNTER},
        {"blixard_lift_up_seconds", "time since it was started", 1000, BX_GAUGE},
        {"blixard_lift_carried_bytes_total", "disks carried", 1, BX_COUNTER},
        {"blixard_lift_cargo_bytes", "disks on board", 1, BX_GAUGE},
        {"blixard_lift_full_ratio", "part of it that is taken", 100, BX_GAUGE},
        {"blixard_lift_rides_per_second", "rides, of late", 1, BX_GAUGE},
        {"blixard_lift_floor", "where it is", 1, BX_GAUGE},
    };
    uint32_t *n = ctx;

    assert_true(*n < sizeof expected / sizeof expected[0]);
    assert_string_equal(s->metric->name, expected[*n].name);
    assert_string_equal(s->metric->help, expected[*n].help);
    assert_int_equal(bx_metric_scale(s->metric), expected[*n].scale);
    assert_int_equal(s->metric->type, expected[*n].type);
    assert_int_equal(s->number, ++*n);
    assert_string_equal(s->label, "house");
}

TEST(one_table_gives_members_and_metrics)
{
    struct lift lift = {.rides = 1,
                        .moving_ns = 2,
                        .waits_ms = 3,
                        .up_ms = 4,
                        .carried_bytes = 5,
                        .cargo_bytes = 6,
                        .full_pct = 7,
                        .rides_per_s = 8,
                        .floor = 9};
    struct bx_metric_source s = {.set = &lift_set, .value = "one", .ctx = &lift};
    struct bx_metrics m = {.n = 0};
    uint32_t n = 0;

    assert_int_equal(bx_metrics_add(&m, &s), BX_OK);
    bx_metrics_each(&m, see_lift, &n);
    assert_int_equal(n, 9);
}

TEST(a_value_counts_below_the_first_bound_that_holds_it)
{
    struct bx_histogram h = {0};

    for (uint64_t v = 0; v <= 12; v++)
        bx_histogram_add(&h, &size_info, v);
    assert_int_equal(h.counts[0], 2); /* 0 and 1 */
    assert_int_equal(h.counts[1], 9);
    assert_int_equal(h.counts[2], 2);
    assert_int_equal(h.counts[3], 0);
    assert_int_equal(h.sum, 78);
    assert_int_equal(bx_histogram_count(&h), 13);
}

TEST(a_value_above_all_bounds_is_counted_and_the_sum_stays_at_its_end)
{
    struct bx_histogram h = {0};

    bx_histogram_add(&h, &size_info, 101);
    bx_histogram_add(&h, &size_info, UINT64_MAX);
    assert_int_equal(h.counts[3], 2);
    assert_true(h.sum == UINT64_MAX);
    bx_histogram_add(&h, &size_info, 5);
    assert_true(h.sum == UINT64_MAX);
    assert_int_equal(bx_histogram_count(&h), 3);
}

/* ---- what is taken ---- */

TEST(a_source_is_taken_once)
{
    struct door d = {0};
    struct bx_metrics m = {0};

    assert_int_equal(add(&m, side("left", &d)), BX_OK);
    assert_int_equal(add(&m, side("right", &d)), BX_OK);
    assert_int_equal(add(&m, side("left", &d)), BX_EXISTS);
    assert_int_equal(m.n, 2);
}

TEST(a_name_belongs_to_one_set)
{
    static const struct bx_histogram_info open_info = {
        {"blixard_door_open", NULL, BX_HISTOGRAM, "the door's"}, powers, 3};
    struct bx_histogram h = {0};
    struct door d = {0};
    struct bx_metrics m = {0};

    assert_int_equal(add(&m, side("left", &d)), BX_OK);
    assert_int_equal(add(&m, (struct bx_metric_source){.set = &gate, .ctx = &d}), BX_EXISTS);
    assert_int_equal(add(&m, (struct bx_metric_source){.set = &door_set, .ctx = &d}), BX_EXISTS);
    assert_int_equal(add(&m, (struct bx_metric_source){.histogram = &open_info, .ctx = &h}),
                     BX_EXISTS);
}

TEST(names_that_break_the_rules_are_refused)
{
    static const struct bx_metric rows[][2] = {
        {{"blixard_door_opened", NULL, BX_COUNTER, "no _total"},
         {"blixard_door_open", NULL, 1, ""}},
        {{"blixard_door_opened_total", NULL, BX_GAUGE, "is none"},
         {"blixard_door_open", NULL, 1, ""}},
        {{"door_opened_total", NULL, BX_COUNTER, "prefix"}, {"blixard_door_open", NULL, 1, ""}},
        {{"blixard_door_Opened_total", NULL, BX_COUNTER, "case"},
         {"blixard_door_open", NULL, 1, ""}},
        {{"blixard_door_shut_total", NULL, BX_COUNTER, "member"},
         {"blixard_door_open", NULL, 1, ""}},
        {{"blixard_door_opened_total", "bytes", BX_COUNTER, "unit"},
         {"blixard_door_open", NULL, 1, ""}},
        {{"blixard_door_opened_total", NULL, BX_COUNTER, NULL}, {"blixard_door_open", NULL, 1, ""}},
        {{"blixard_door_opened_total", NULL, BX_HISTOGRAM, "type"},
         {"blixard_door_open", NULL, 1, ""}},
    };
    struct door d = {0};
    struct bx_metrics m = {0};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct bx_metric_set bad = {&door_schema, rows[i], NULL};

        assert_int_equal(add(&m, (struct bx_metric_source){.set = &bad, .ctx = &d}), BX_INVALID);
    }
    assert_int_equal(m.n, 0);
}

TEST(sources_without_sense_are_refused)
{
    static const uint64_t falling[] = {10, 10};
    struct bx_histogram_info bad = {size_info.metric, falling, 2};
    struct bx_histogram h = {0};
    struct door d = {0};
    struct bx_metrics m = {0};

    assert_int_equal(add(&m, side(NULL, &d)), BX_INVALID);
    assert_int_equal(add(&m, side("left", NULL)), BX_INVALID);
    assert_int_equal(
        add(&m, (struct bx_metric_source){.set = &door_set, .value = "left", .ctx = &d}),
        BX_INVALID);
    assert_int_equal(add(&m, (struct bx_metric_source){.ctx = &d}), BX_INVALID);
    assert_int_equal(add(&m, (struct bx_metric_source){.histogram = &bad, .ctx = &h}), BX_INVALID);
    bad.n = 0;
    assert_int_equal(add(&m, (struct bx_metric_source){.histogram = &bad, .ctx = &h}), BX_INVALID);
}

TEST(a_full_registry_says_so)
{
    static const char *const values[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i",
                                         "j", "k", "l", "m", "n", "o", "p", "q"};
    struct door d = {0};
    struct bx_metrics m = {0};

    for (uint32_t i = 0; i < BX_METRICS_GROUP; i++)
        assert_int_equal(add(&m, side(values[i], &d)), BX_OK);
    assert_int_equal(add(&m, side(values[BX_METRICS_GROUP], &d)), BX_BUSY);
    m.n = BX_METRICS_MAX;
    for (uint32_t i = BX_METRICS_GROUP; i < m.n; i++)
        m.v[i] = m.v[0]; /* only to be full */
    assert_int_equal(add(&m, (struct bx_metric_source){.histogram = &size_info,
                                                       .ctx = &(struct bx_histogram){.sum = 0}}),
                     BX_BUSY);
}

/* ---- what is read ---- */

struct seen {
    char text[2048];
    size_t n;
};

static void note(void *ctx, const struct bx_metric_sample *s)
{
    struct seen *seen = ctx;
    uint64_t number = s->histogram == NULL ? s->number : bx_histogram_count(s->histogram);

    seen->n +=
        (size_t)snprintf(seen->text + seen->n, sizeof seen->text - seen->n, "%s{%s=%s} %llu\n",
                         s->metric->name, s->label == NULL ? "" : s->label,
                         s->value == NULL ? "" : s->value, (unsigned long long)number);
}

TEST(the_order_is_that_of_names_whoever_came_first)
{
    const struct door left = {3, 1}, right = {5, 2};
    struct bx_histogram h = {.counts = {4}, .sum = 0};
    const struct bx_metric_source all[] = {
        side("left", &left), side("right", &right), {.histogram = &size_info, .ctx = &h}};
    static const uint8_t orders[][3] = {{0, 1, 2}, {2, 1, 0}, {1, 2, 0}};

    for (size_t o = 0; o < 3; o++) {
        struct bx_metrics m = {0};
        struct seen seen = {.n = 0, .text = ""};

        for (size_t i = 0; i < 3; i++)
            assert_int_equal(bx_metrics_add(&m, &all[orders[o][i]]), BX_OK);
        bx_metrics_each(&m, note, &seen);
        assert_string_equal(seen.text, "blixard_box_bytes{=} 4\n"
                                       "blixard_door_opened_total{side=left} 3\n"
                                       "blixard_door_opened_total{side=right} 5\n"
                                       "blixard_door_open{side=left} 1\n"
                                       "blixard_door_open{side=right} 2\n");
    }
}

/* Each look finds one more of both. */
static void read_growing(const void *ctx, void *out)
{
    struct door *d = (struct door *)(uintptr_t)ctx;

    d->opened++;
    d->open++;
    memcpy(out, d, sizeof *d);
}

TEST(a_source_is_read_once_for_all_its_numbers)
{
    struct door d = {.opened = 0};
    struct bx_metrics m = {0};
    struct seen seen = {.n = 0, .text = ""};

    assert_int_equal(
        add(&m, (struct bx_metric_source){.set = &door_set, .read = read_growing, .ctx = &d}),
        BX_OK);
    bx_metrics_each(&m, note, &seen);
    assert_string_equal(seen.text, "blixard_door_opened_total{=} 1\nblixard_door_open{=} 1\n");
}

TEST(a_set_is_found_by_its_value_and_gone_with_its_owner)
{
    const struct door left = {3, 1}, right = {5, 2};
    struct bx_metrics m = {0};
    struct door d;

    assert_int_equal(add(&m, side("left", &left)), BX_OK);
    assert_int_equal(add(&m, side("right", &right)), BX_OK);
    assert_true(bx_metrics_get(&m, &side_set, "right", &d));
    assert_int_equal(d.opened, 5);
    bx_metrics_remove(&m, &right);
    assert_false(bx_metrics_get(&m, &side_set, "right", &d));
    assert_int_equal(d.opened, 0);
    assert_true(bx_metrics_get(&m, &side_set, "left", &d));
    assert_int_equal(d.opened, 3);
}

/* ---- the tables of diag/ ---- */

TEST(every_set_of_the_memory_is_sound)
{
    static const struct bx_metric_set *const sets[] = {
        &bx_pool_metrics,   &bx_buf_metrics,      &bx_buf_class_metrics, &bx_alloc_metrics,
        &bx_intern_metrics, &bx_slab_metrics,     &bx_rc_metrics,        &bx_fifo_metrics,
        &bx_codec_metrics,  &bx_codec_use_metrics};
    static const uint64_t nothing[BX_METRICS_BYTES / 8];
    struct bx_metrics m = {0};

    for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++) {
        struct bx_metric_source s = {.set = sets[i], .ctx = nothing};

        s.value = sets[i]->label == NULL ? NULL : "x";
        if (bx_metrics_add(&m, &s) != BX_OK)
            fail_msg("%s was refused", sets[i]->schema->name);
    }
}

TEST(the_process_reports_its_heap_and_its_buffers)
{
    struct bx_buf_class_stats before, after;
    struct bx_alloc_stats heap, now;
    struct bx_metrics m = {0};
    void *p;

    assert_int_equal(bx_memory_metrics(&m), BX_OK);
    assert_true(bx_metrics_get(&m, &bx_buf_class_metrics, "512", &before));
    p = bx_block_take(500);
    assert_true(bx_metrics_get(&m, &bx_buf_class_metrics, "512", &after));
    assert_int_equal(after.in_use, before.in_use + 1);
    assert_int_equal(after.hits + after.misses, before.hits + before.misses + 1);
    bx_block_give(p);
    assert_true(bx_metrics_get(&m, &bx_buf_class_metrics, "512", &after));
    assert_int_equal(after.in_use, before.in_use);
    assert_true(after.available > 0 && after.high_water > before.in_use);
    bx_alloc_stats(&now);
    assert_true(bx_metrics_get(&m, &bx_alloc_metrics, NULL, &heap));
    assert_int_equal(heap.allocations, now.allocations);
}

TEST(a_pool_is_read_where_it_counts)
{
    struct bx_pool pool;
    struct bx_pool_stats s;
    struct bx_metrics m = {0};
    void *p;

    assert_int_equal(bx_pool_init(&pool, "x", 40, (struct bx_pool_size){3, 1}, NULL), BX_OK);
    assert_int_equal(
        add(&m,
            (struct bx_metric_source){.set = &bx_pool_metrics, .value = "x", .ctx = &pool.stats}),
        BX_OK);
    p = bx_pool_acquire(&pool);
    assert_true(bx_metrics_get(&m, &bx_pool_metrics, "x", &s));
    assert_int_equal(s.in_use, 1);
    assert_int_equal(s.hits, 1);
    assert_int_equal(bx_metric_member(&bx_pool_metrics, &s, 6), 3); /* max */
    bx_pool_release(&pool, p);
    bx_pool_close(&pool);
}

int main(void)
{
    return test_run(NULL, NULL);
}
