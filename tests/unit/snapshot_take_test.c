/* snapshot: taking one, when the state can not be read just now. */
#include "lib/testlib.h"

#include "lib/memfs.h"
#include "lib/testcluster.h"
#include "log/snapitem.h"
#include "node/internal.h"

#include <stdio.h>

#define BALLAST (1u << 20)

static struct test_cluster w;

static int setup(void **state)
{
    (void)state;
    w = (struct test_cluster){
        .snapshot_bytes = 20000, .ballast_bytes = BALLAST, .segment_bytes = 128u << 10};
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
    assert_int_equal(test_rec.warnings, 1);
    test_cluster_run(&w, 5000);
    assert_int_equal(test_rec.warnings, 2);
    assert_int_equal(rename(away, m->path), 0);
    write_some(1); /* no earlier for that */
    assert_int_equal(snapshot(), 0);
    test_cluster_run(&w, 5000);
    assert_true(snapshot() > 0);
    assert_int_equal(test_rec.warnings, 2);
}

static void enlarge_snapshot(struct bx_fs *fs)
{
    static const uint8_t more[BALLAST / 2];
    uint64_t size = bx_snap_bytes(fs, snapshot());
    char name[BX_SNAP_NAME];
    int fd;

    bx_snap_name(name, snapshot());
    assert_true(size > 0);
    assert_int_equal(fs->ops->open(fs, name, 0, &fd), 0);
    assert_int_equal(fs->ops->write(fs, fd, more, sizeof more, size), 0);
    fs->ops->close(fs, fd);
    assert_int_equal(bx_snap_bytes(fs, snapshot()), size + sizeof more);
}

/* They are carried out on a disk that is low on space, too. */
static void delete_nothing(unsigned n)
{
    struct bx_cmd_vm_delete gone = {.vm = bx_str("nothing")};
    struct bx_submit s = {.kind = BX_CMD_VM_DELETE,
                          .body = &gone,
                          .principal = bx_str("operator"),
                          .deadline = UINT64_MAX};

    for (unsigned i = 0; i < n; i++) {
        assert_int_equal(bx_node_submit(test_member(&w, 1)->node, &s, NULL), BX_OK);
        test_cluster_settle(&w);
    }
}

TEST(while_space_is_low_there_has_to_be_room_for_two)
{
    struct memfs *m = test_member(&w, 1)->fs;
    uint64_t before;

    write_some(100);
    test_cluster_run(&w, 10000);
    before = snapshot();
    assert_true(before > 0);
    enlarge_snapshot(memfs_fs(m));
    memfs_limit(m, UINT64_MAX / 2, NULL, NULL);
    memfs_limit(m, UINT64_MAX / 2 - memfs_free(m) + BALLAST * 3 / 4, NULL, NULL);
    test_cluster_run(&w, 4000);
    assert_int_equal(bx_node_space(test_member(&w, 1)->node, 1), BX_SPACE_LOW);
    delete_nothing(400);
    test_cluster_run(&w, 10000);
    assert_int_equal(bx_node_space(test_member(&w, 1)->node, 1), BX_SPACE_LOW);
    assert_true(snapshot() == before);
    memfs_limit(m, 0, NULL, NULL);
    test_cluster_run(&w, 10000);
    assert_true(snapshot() > before);
}

int main(void)
{
    return test_run(setup, teardown);
}
