/* repairs against node.h: what a node mends at its start is a warning of its log, and one event of
 * the cluster. */
#include "lib/testlib.h"

#include "lib/memfs.h"
#include "lib/testcluster.h"
#include "node/internal.h"

#include <string.h>

static struct test_cluster w;

struct found {
    uint32_t n;
    char what[64]; /* of the last one */
    char node[64];
};

static void look(void *ctx, const struct bx_event *e)
{
    struct found *f = ctx;

    if (e->type != BX_EVENT_NODE_REPAIRED)
        return;
    f->n++;
    snprintf(f->what, sizeof f->what, BX_STR_FMT, BX_STR_ARG(e->detail));
    snprintf(f->node, sizeof f->node, BX_STR_FMT, BX_STR_ARG(e->object));
}

/* The events of repairs as every member has them. */
static struct found repairs(void)
{
    struct found f = {0};

    for (uint64_t id = 1; id <= w.n; id++) {
        uint32_t n;

        f = (struct found){0};
        assert_int_equal(
            bx_fsm_events(bx_node_fsm(test_member(&w, id)->node), 0, 1000, look, &f, &n, NULL),
            BX_OK);
    }
    return f;
}

static void restart_with(struct test_member *m, const char *file, size_t offset)
{
    test_member_stop(m);
    if (file != NULL)
        memfs_flip(m->fs, file, offset, 0x40);
    test_rec.warnings = 0;
    test_member_start(m);
}

TEST(a_damaged_copy_of_a_small_value_is_told_once)
{
    static const char *const files[] = {"vote", "trust", "mark"};
    struct test_member *m;
    struct found f;

    test_cluster_open(&w, 3);
    m = test_member(&w, 2);
    for (uint32_t i = 0; i < 3; i++) {
        restart_with(m, files[i], 20 + 4096 * (i % 2));
        assert_int_equal(test_rec.warnings, 1);
        assert_true(test_rec_said("damaged"));
        test_cluster_run(&w, 5000);
        f = repairs();
        assert_int_equal(f.n, i + 1);
        assert_string_equal(f.what, files[i]);
        assert_string_equal(f.node, "n2");
        restart_with(m, NULL, 0);
        assert_int_equal(test_rec.warnings, 0);
        test_cluster_run(&w, 5000);
        assert_int_equal(repairs().n, i + 1);
    }
    test_cluster_close(&w);
}

TEST(a_damaged_state_is_told_and_rebuilt)
{
    struct test_answer a = {0};
    struct test_member *m;
    FILE *file;

    test_cluster_open(&w, 3);
    m = test_member(&w, 3);
    assert_int_equal(test_submit_vm(test_member(&w, 1), "web", 0, w.clock.now + 10000, &a), BX_OK);
    test_cluster_run(&w, 1000);
    test_member_stop(m);
    file = fopen(m->path, "r+e");
    assert_non_null(file);
    for (int i = 0; i < 4096; i++)
        fputc('x', file);
    assert_int_equal(fclose(file), 0);
    test_rec.warnings = 0;
    test_member_start(m);
    assert_int_equal(test_rec.warnings, 1);
    test_cluster_run(&w, 5000);
    assert_true(test_has_vm(m, "web"));
    assert_int_equal(repairs().n, 1);
    assert_string_equal(repairs().what, "state.db");
    test_cluster_close(&w);
}

/* An older build does not read the event: it waits until the level is raised. */
TEST(before_its_level_a_repair_is_told_in_the_log_alone)
{
    struct test_member *m;

    test_cluster_open_at(&w, 3, 1);
    m = test_member(&w, 2);
    restart_with(m, "vote", 20);
    assert_int_equal(test_rec.warnings, 1);
    test_cluster_run(&w, 5000);
    assert_int_equal(repairs().n, 0);
    test_cluster_close(&w);
}

/* A disk that is full and damaged at once is no less of a reason. */
TEST(a_repair_is_told_while_space_is_low)
{
    struct test_member *m;

    w = (struct test_cluster){.ballast_bytes = 1u << 20, .segment_bytes = 128u << 10};
    test_cluster_open(&w, 3);
    for (uint64_t id = 1; id <= 3; id++) {
        struct memfs *fs = test_member(&w, id)->fs;

        memfs_limit(fs, UINT64_MAX / 2, NULL, NULL);
        memfs_limit(fs, UINT64_MAX / 2 - memfs_free(fs) + (512u << 10), NULL, NULL);
    }
    test_cluster_run(&w, 8000);
    assert_int_equal(bx_node_space(test_member(&w, 1)->node, 3), BX_SPACE_LOW);
    m = test_member(&w, 2);
    restart_with(m, "vote", 20);
    test_cluster_run(&w, 5000);
    assert_int_equal(repairs().n, 1);
    test_cluster_close(&w);
    w = (struct test_cluster){0};
}

static bool lose_relayed(struct test_cluster *c, uint64_t from, uint64_t to, enum bx_frame kind,
                         const uint8_t *p, size_t len)
{
    (void)c, (void)from, (void)to, (void)p, (void)len;
    return kind == BX_FRAME_RELAY;
}

/* The leader does not get it in time. */
TEST(a_repair_that_nobody_answered_is_told_again)
{
    struct test_member *m;

    test_cluster_open(&w, 3);
    m = test_member(&w, 2);
    w.drop = lose_relayed;
    restart_with(m, "vote", 20);
    test_cluster_run(&w, 40000); /* longer than it waits for an answer */
    assert_int_equal(repairs().n, 0);
    w.drop = NULL;
    test_cluster_run(&w, 5000);
    assert_int_equal(repairs().n, 1);
    assert_int_equal(m->node->repairs.told[BX_REPAIR_VOTE], BX_REPAIR_NONE);
    test_cluster_close(&w);
}

int main(void)
{
    return test_run(NULL, NULL);
}
