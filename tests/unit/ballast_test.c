/* A disk that fills up: writes are refused before it is full, what is under way is finished with
 * the ballast, and all goes on when there is room again. */
#include "lib/testlib.h"

#include "lib/memfs.h"
#include "lib/testcluster.h"
#include "node/internal.h"
#include "node/stats.h"
#include "state/store_file.h"

#include <string.h>

#define BALLAST (1u << 20)
#define SEGMENT (128u << 10)
#define LOOK 4000u /* ms within which the space is noticed, and every member knows it */
#define NEVER UINT64_MAX

static struct test_cluster w;
static uint32_t names;

static void open_cluster(uint32_t n)
{
    w.ballast_bytes = BALLAST;
    w.segment_bytes = SEGMENT;
    test_cluster_open(&w, n);
    names = 0;
}

static struct memfs *disk_of(uint64_t id)
{
    return test_member(&w, id)->fs;
}

/* So many bytes are free on its disk, the ballast not counted. */
static void leave(uint64_t id, uint64_t room)
{
    struct memfs *m = disk_of(id);

    memfs_limit(m, UINT64_MAX / 2, NULL, NULL);
    memfs_limit(m, UINT64_MAX / 2 - memfs_free(m) + room, NULL, NULL);
    assert_int_equal(memfs_free(m), room);
}

static void free_all(uint64_t id)
{
    memfs_limit(disk_of(id), 0, NULL, NULL);
}

static enum bx_disk_space space_of(uint64_t id)
{
    return bx_node_space(test_member(&w, id)->node, id);
}

static bool has_ballast(uint64_t id)
{
    return memfs_exists(disk_of(id), BX_BALLAST_NAME);
}

static int create(uint64_t id, struct test_answer *a)
{
    char name[32];

    snprintf(name, sizeof name, "vm-%u", names++);
    return test_submit_vm(test_member(&w, id), name, 0, NEVER, a);
}

static void is_created(uint64_t id)
{
    struct test_answer a = {0};

    assert_int_equal(create(id, &a), BX_OK);
    test_cluster_run(&w, 5000);
    assert_int_equal(a.times, 1);
    assert_int_equal(a.code, BX_OK);
}

static int submit(uint64_t id, uint16_t kind, const void *body, struct bx_err *err)
{
    struct bx_submit s = {
        .kind = kind, .body = body, .principal = bx_str("operator"), .deadline = NEVER};

    return bx_node_submit(test_member(&w, id)->node, &s, err);
}

/* ---- the states ---- */

TEST(a_state_is_left_later_than_it_is_entered)
{
    static const struct {
        enum bx_disk_space now;
        uint64_t room;
        enum bx_disk_space then;
    } rows[] = {
        {BX_SPACE_OK, 800, BX_SPACE_OK},    {BX_SPACE_OK, 799, BX_SPACE_LOW},
        {BX_SPACE_OK, 99, BX_SPACE_FULL},   {BX_SPACE_LOW, 1199, BX_SPACE_LOW},
        {BX_SPACE_LOW, 1200, BX_SPACE_OK},  {BX_SPACE_LOW, 100, BX_SPACE_LOW},
        {BX_SPACE_LOW, 99, BX_SPACE_FULL},  {BX_SPACE_FULL, 199, BX_SPACE_FULL},
        {BX_SPACE_FULL, 200, BX_SPACE_LOW}, {BX_SPACE_FULL, 1199, BX_SPACE_LOW},
        {BX_SPACE_FULL, 1200, BX_SPACE_OK},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(bx_ballast_judge(rows[i].now, rows[i].room, 800), rows[i].then);
}

/* ---- one node ---- */

TEST(writes_are_refused_while_space_is_low_and_go_on_by_themselves)
{
    struct bx_cmd_vm_delete gone = {.vm = bx_str("vm-0")};
    struct bx_cmd_vm_desire stop = {.vm = bx_str("vm-0"), .desired = BX_DESIRED_STOPPED},
                            start = {.vm = bx_str("vm-0"), .desired = BX_DESIRED_RUNNING};
    struct test_answer a = {0};
    struct bx_err err = {0};

    open_cluster(1);
    assert_true(has_ballast(1));
    is_created(1);
    leave(1, BALLAST / 2);
    test_cluster_run(&w, LOOK);
    assert_int_equal(space_of(1), BX_SPACE_LOW);
    assert_true(has_ballast(1));
    assert_int_equal(create(1, &a), BX_NO_SPACE);
    assert_int_equal(submit(1, BX_CMD_VM_DESIRE, &start, &err), BX_NO_SPACE);
    assert_string_equal(err.msg, "the disk of node n1 is low on space; nothing was done");
    assert_non_null(strstr(err.hint, "free some space on node n1 in memfs"));
    assert_int_equal(submit(1, BX_CMD_VM_DESIRE, &stop, &err), BX_OK);
    assert_int_equal(submit(1, BX_CMD_VM_DELETE, &gone, &err), BX_OK);
    test_cluster_run(&w, 100);
    assert_false(test_has_vm(test_member(&w, 1), "vm-0"));
    leave(1, BALLAST + BALLAST / 4);
    test_cluster_run(&w, LOOK);
    assert_int_equal(space_of(1), BX_SPACE_LOW);
    leave(1, 2 * BALLAST);
    test_cluster_run(&w, LOOK);
    assert_int_equal(space_of(1), BX_SPACE_OK);
    is_created(1);
    test_cluster_close(&w);
}

/* No time passes, so nobody has looked yet when the last byte is gone. How many were created. */
static uint32_t fill_up(struct test_answer *a)
{
    uint32_t n = 0;

    leave(1, 0);
    for (; has_ballast(1) || n % 20 != 0; n++) {
        assert_true(n < 2000);
        assert_int_equal(create(1, a), BX_OK);
        if (n % 20 == 19)
            test_cluster_settle(&w);
    }
    return n;
}

TEST(what_is_under_way_is_finished_with_the_ballast)
{
    struct test_answer a = {0};
    uint32_t n;

    open_cluster(1);
    n = fill_up(&a);
    assert_int_equal(space_of(1), BX_SPACE_FULL);
    test_cluster_run(&w, LOOK);
    assert_int_equal(a.times, n);
    assert_int_equal(a.code, BX_OK);
    assert_int_equal(create(1, &a), BX_NO_SPACE);
    leave(1, 3 * BALLAST);
    test_cluster_run(&w, LOOK);
    assert_true(has_ballast(1));
    assert_int_equal(space_of(1), BX_SPACE_OK);
    is_created(1);
    test_cluster_close(&w);
}

TEST(what_was_received_of_a_snapshot_is_removed_from_a_full_disk)
{
    open_cluster(1);
    assert_int_equal(bx_snap_receive(memfs_fs(disk_of(1)), 0, "begun", 5, NULL), BX_OK);
    leave(1, BALLAST / 2);
    test_cluster_run(&w, LOOK);
    assert_true(memfs_exists(disk_of(1), BX_SNAP_INCOMING));
    leave(1, BALLAST / 16);
    test_cluster_run(&w, LOOK);
    assert_int_equal(space_of(1), BX_SPACE_FULL);
    assert_false(memfs_exists(disk_of(1), BX_SNAP_INCOMING));
    test_cluster_close(&w);
}

/* Somebody else takes the room that the ballast gave. */
TEST(a_log_without_any_room_waits_for_it)
{
    struct bx_cmd_vm_delete gone = {.vm = bx_str("nothing")};
    struct test_answer a = {0};
    uint32_t n;

    open_cluster(1);
    n = fill_up(&a);
    leave(1, 0);
    for (uint32_t i = 0; i < 20; i++) {
        for (uint32_t j = 0; j < 40; j++)
            (void)submit(1, BX_CMD_VM_DELETE, &gone, NULL);
        test_cluster_run(&w, LOOK);
    }
    assert_true(bx_wal_durable(test_member(&w, 1)->node->wal) <
                bx_wal_last(test_member(&w, 1)->node->wal));
    leave(1, 4 * BALLAST);
    test_cluster_run(&w, 3 * LOOK);
    assert_int_equal(a.times, n);
    assert_int_equal(space_of(1), BX_SPACE_OK);
    assert_true(bx_wal_durable(test_member(&w, 1)->node->wal) ==
                bx_wal_last(test_member(&w, 1)->node->wal));
    is_created(1);
    test_cluster_close(&w);
}

TEST(a_node_starts_on_a_full_disk)
{
    struct test_answer a = {0};

    open_cluster(1);
    is_created(1);
    test_member_stop(test_member(&w, 1));
    leave(1, 0);
    test_member_start(test_member(&w, 1));
    assert_int_equal(space_of(1), BX_SPACE_FULL);
    assert_false(has_ballast(1));
    test_cluster_run(&w, LOOK);
    assert_true(test_has_vm(test_member(&w, 1), "vm-0"));
    assert_int_equal(create(1, &a), BX_NO_SPACE);
    free_all(1);
    test_cluster_run(&w, LOOK);
    assert_true(has_ballast(1));
    is_created(1);
    test_member_stop(test_member(&w, 1));
    w.ballast_bytes = 0; /* from now on without one */
    test_member_start(test_member(&w, 1));
    assert_false(has_ballast(1));
    test_cluster_close(&w);
}

/* ---- three ---- */

static uint64_t leader(void)
{
    for (uint64_t id = 1; id <= w.n; id++) {
        if (test_member_leads(test_member(&w, id)))
            return id;
    }
    return 0;
}

TEST(a_leader_without_space_gives_the_lead_to_one_that_has_some)
{
    open_cluster(3);
    leave(1, BALLAST / 2);
    leave(2, BALLAST / 2);
    free_all(2);
    test_cluster_run(&w, 2 * LOOK);
    assert_int_not_equal(leader(), 0);
    assert_int_not_equal(leader(), 1);
    for (uint64_t id = 1; id <= 3; id++)
        assert_int_equal(bx_node_space(test_member(&w, id)->node, 1), BX_SPACE_LOW);
    for (uint64_t id = 1; id <= 3; id++)
        is_created(id);
    free_all(1);
    test_cluster_run(&w, LOOK);
    for (uint64_t id = 1; id <= 3; id++)
        assert_int_equal(bx_node_space(test_member(&w, id)->node, 1), BX_SPACE_OK);
    test_cluster_close(&w);
}

TEST(the_shortage_of_a_disk_is_a_metric_of_its_node)
{
    struct bx_space_stats low, enough;

    open_cluster(3);
    leave(3, BALLAST / 2);
    test_cluster_run(&w, LOOK);
    bx_node_space_stats(test_member(&w, 3)->node, &low);
    bx_node_space_stats(test_member(&w, 1)->node, &enough);
    assert_true(low.shortage == BX_SPACE_LOW && low.ballast_bytes == BALLAST);
    assert_true(low.free_bytes > 0 && low.free_bytes <= BALLAST / 2);
    assert_true(enough.shortage == BX_SPACE_OK && enough.free_bytes > low.free_bytes);
    test_cluster_close(&w);
}

TEST(nothing_is_proposed_anywhere_while_most_voters_have_no_space)
{
    struct test_answer a = {0};

    open_cluster(3);
    leave(2, BALLAST / 2);
    leave(3, BALLAST / 2);
    test_cluster_run(&w, 2 * LOOK);
    for (uint64_t id = 1; id <= 3; id++)
        assert_int_equal(create(id, &a), BX_NO_SPACE);
    free_all(3);
    test_cluster_run(&w, LOOK);
    for (uint64_t id = 1; id <= 3; id++)
        is_created(id);
    test_cluster_close(&w);
}

/* What became of a VM that is to be on node 2. */
static int create_there(void)
{
    struct test_answer a = {0};
    struct bx_cmd_vm_create c = {.if_not_exists = false};
    struct bx_submit s = {.kind = BX_CMD_VM_CREATE,
                          .body = &c,
                          .principal = bx_str("operator"),
                          .tenant = bx_str("default"),
                          .deadline = NEVER,
                          .done = test_on_answer,
                          .ctx = &a};

    bx_vm_config_init(&c.config);
    c.config.name = bx_str("there");
    c.config.memory_mib = 128;
    c.config.disk_gib = 0;
    c.config.node = bx_str("n2");
    assert_int_equal(bx_node_submit(test_member(&w, 1)->node, &s, NULL), BX_OK);
    test_cluster_run(&w, 1000);
    assert_int_equal(a.times, 1);
    return a.code;
}

TEST(no_vm_is_placed_on_a_node_without_space)
{
    open_cluster(3);
    leave(2, BALLAST / 2);
    test_cluster_run(&w, LOOK);
    assert_int_equal(create_there(), BX_UNPLACEABLE);
    free_all(2);
    test_cluster_run(&w, LOOK);
    assert_int_equal(create_there(), BX_OK);
    test_cluster_close(&w);
}

/* ---- SQLite ---- */

static sqlite3_io_methods full_methods;
static const sqlite3_io_methods *real_methods;
static unsigned refusals, asked;

static int write_or_full(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
    if (refusals > 0)
        return SQLITE_FULL;
    return real_methods->xWrite(f, p, n, at);
}

static bool make_room(void *ctx)
{
    (void)ctx;
    asked++;
    refusals = 0;
    return true;
}

static bool make_none(void *ctx)
{
    (void)ctx;
    asked++;
    return false;
}

static int write_full(bool (*no_space)(void *ctx))
{
    struct bx_store_file files[BX_STORE_FILES];
    sqlite3_file *f = NULL;
    sqlite3 *db = NULL;
    char path[128];
    char *dir = test_make_dir();
    int rv;

    refusals = asked = 0;
    snprintf(path, sizeof path, "%s/db", dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "PRAGMA journal_mode=WAL; CREATE TABLE t(x)", 0, 0, 0), 0);
    sqlite3_file_control(db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &f);
    real_methods = f->pMethods;
    full_methods = *real_methods;
    full_methods.xWrite = write_or_full;
    f->pMethods = &full_methods;
    bx_store_file_watch(files, db, no_space, NULL);
    refusals = 1;
    rv = sqlite3_exec(db, "INSERT INTO t VALUES(1)", 0, 0, 0);
    bx_store_file_close(files);
    refusals = 0;
    sqlite3_close(db);
    test_remove_dir(dir);
    return rv;
}

TEST(sqlite_goes_on_once_there_is_room)
{
    assert_int_equal(write_full(make_room), SQLITE_OK);
    assert_int_equal(asked, 1);
    assert_int_equal(write_full(make_none), SQLITE_FULL);
    assert_int_equal(asked, 1);
}

int main(void)
{
    return test_run(NULL, NULL);
}
