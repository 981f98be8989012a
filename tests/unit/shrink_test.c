/* The files of a node when its state has become small again. */
#include "lib/testlib.h"

#include "lib/memfs.h"
#include "lib/testcluster.h"
#include "node/internal.h"
#include "state/store.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define ROW (64u << 10)
#define ROWS 400u

static uint64_t size_of(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

/* ---- the database ---- */

static const struct bx_meta some = {.applied = 1};

static void fill(struct bx_store *s)
{
    static uint8_t row[ROW];

    for (uint64_t i = 1; i <= ROWS; i++)
        bx_store_put_outcomes(s, i, 1, row, sizeof row);
    bx_store_commit(s, &some);
}

static void empty(struct bx_store *s)
{
    for (uint64_t i = 1; i <= ROWS; i++)
        bx_store_delete_outcomes(s, i);
    bx_store_commit(s, &some);
}

static uint64_t give_all_back(struct bx_store *s, const char *path)
{
    uint32_t steps = 0;

    while (bx_store_give_back(s))
        steps++;
    bx_store_checkpoint(s);
    assert_int_equal(bx_store_log_bytes(s), 0);
    assert_true(steps == 0 || steps > 20); /* in small parts */
    return size_of(path);
}

static void count(void *ctx, uint64_t bytes)
{
    *(uint64_t *)ctx += bytes;
}

static int one_outcome(void *ctx, const struct bx_blob *b)
{
    count(ctx, b->n);
    return BX_OK;
}

static uint64_t outcome_bytes(struct bx_store *s)
{
    uint64_t bytes = 0;

    assert_int_equal(bx_store_outcomes(s, one_outcome, &bytes, NULL), BX_OK);
    return bytes;
}

TEST(a_database_gives_free_pages_back)
{
    char *dir = test_make_dir(), path[300];
    struct bx_store *s;

    snprintf(path, sizeof path, "%s/state.db", dir);
    assert_int_equal(bx_store_open(&s, path, NULL), BX_OK);
    fill(s);
    bx_store_put_outcomes(s, ROWS + 1, 1, "here", 4); /* at the end of the file */
    bx_store_commit(s, &some);
    bx_store_checkpoint(s);
    assert_true(size_of(path) > ROWS * ROW);
    assert_false(bx_store_give_back(s));
    empty(s);
    assert_true(give_all_back(s, path) < 8u << 20);
    assert_int_equal(outcome_bytes(s), 4);
    bx_store_close(s);
    test_remove_dir(dir);
}

/* As builds made it that did not give back. */
TEST(an_old_database_is_copied_once)
{
    char *dir = test_make_dir(), path[300];
    struct bx_store *s;
    uint64_t before;
    sqlite3 *db;

    snprintf(path, sizeof path, "%s/state.db", dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db,
                                  "PRAGMA journal_mode=WAL; CREATE TABLE outcomes(entry INTEGER "
                                  "PRIMARY KEY, time_ms INTEGER, data BLOB);",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    sqlite3_close(db);
    assert_int_equal(bx_store_open(&s, path, NULL), BX_OK);
    fill(s);
    empty(s);
    bx_store_checkpoint(s);
    before = size_of(path);
    bx_store_convert(s, 2 * (uint64_t)ROWS * ROW); /* too little for two copies */
    bx_store_checkpoint(s);
    assert_true(size_of(path) == before);
    bx_store_convert(s, 4 * (uint64_t)ROWS * ROW);
    assert_true(give_all_back(s, path) < 8u << 20);
    bx_store_close(s);
    test_remove_dir(dir);
}

/* ---- a node ---- */

static struct test_cluster w;

static void find_snapshot(void *ctx, const char *name)
{
    if (strncmp(name, "snapshot-", 9) == 0)
        snprintf(ctx, 64, "%s", name);
}

static uint64_t snapshot_size(void)
{
    struct bx_fs *fs = memfs_fs(test_member(&w, 1)->fs);
    char name[64] = "";
    uint64_t size = 0;
    int fd;

    assert_int_equal(fs->ops->list(fs, find_snapshot, name), 0);
    if (name[0] == '\0')
        return 0;
    assert_int_equal(fs->ops->open(fs, name, 0, &fd), 0);
    assert_int_equal(fs->ops->size(fs, fd, &size), 0);
    fs->ops->close(fs, fd);
    return size;
}

static void change(uint16_t kind, const void *body)
{
    struct test_answer a = {0};
    struct bx_submit s = {.kind = kind,
                          .body = body,
                          .principal = bx_str("operator"),
                          .tenant = bx_str("default"),
                          .deadline = UINT64_MAX,
                          .done = test_on_answer,
                          .ctx = &a};

    assert_int_equal(bx_node_submit(test_member(&w, 1)->node, &s, NULL), BX_OK);
    test_cluster_settle(&w);
    assert_int_equal(a.code, BX_OK);
}

#define VMS 600u
#define PAIRS 16u

/* With metadata that can not be compressed. */
static void create(uint32_t number)
{
    static uint64_t seed = 1;
    static char texts[PAIRS][1000], keys[PAIRS][8];
    struct bx_cmd_vm_create body = {.admit = true};
    struct bx_pair pairs[PAIRS];
    char name[32];

    for (size_t i = 0; i < PAIRS; i++) {
        snprintf(keys[i], sizeof keys[i], "k%02zu", i);
        for (size_t at = 0; at < sizeof texts[i]; at++)
            texts[i][at] = (char)(' ' + test_random(&seed) % 95);
        pairs[i] = (struct bx_pair){bx_str(keys[i]), {texts[i], sizeof texts[i]}};
    }
    snprintf(name, sizeof name, "vm-%u", number);
    bx_vm_config_init(&body.config);
    body.config.name = bx_str(name);
    body.config.stopped = true;
    body.config.metadata = (struct bx_pairs){pairs, PAIRS};
    change(BX_CMD_VM_CREATE, &body);
}

static void create_all(void)
{
    for (uint32_t i = 0; i < VMS; i++)
        create(i);
    test_cluster_run(&w, 10000);
    assert_true(size_of(test_member(&w, 1)->path) > VMS * PAIRS * 1000);
}

static void delete_all(void)
{
    char name[32];

    for (uint32_t i = 0; i < VMS; i++) {
        snprintf(name, sizeof name, "vm-%u", i);
        change(BX_CMD_VM_DELETE, &(struct bx_cmd_vm_delete){.vm = bx_str(name)});
    }
    test_cluster_run(&w, 60000);
}

TEST(a_node_whose_state_shrinks_has_small_files_again)
{
    w = (struct test_cluster){.snapshot_bytes = 1u << 20, .state_log_bytes = 1u << 20};
    test_cluster_open(&w, 1);
    create_all();
    assert_true(snapshot_size() > 6u << 20);
    delete_all();
    assert_true(size_of(test_member(&w, 1)->path) < 6u << 20);
    assert_true(snapshot_size() < 1u << 20);
    test_cluster_close(&w);
}

/* What is given back is moved first, which takes room. */
TEST(nothing_is_given_back_on_a_full_disk)
{
    struct memfs *fs;

    w = (struct test_cluster){
        .snapshot_bytes = 1u << 20, .state_log_bytes = 1u << 20, .ballast_bytes = 16u << 20};
    test_cluster_open(&w, 1);
    create_all();
    fs = test_member(&w, 1)->fs;
    memfs_limit(fs, UINT64_MAX / 2, NULL, NULL);
    memfs_limit(fs, UINT64_MAX / 2 - memfs_free(fs) + (1u << 20), NULL, NULL);
    test_cluster_run(&w, 4000);
    assert_int_equal(bx_node_space(test_member(&w, 1)->node, 1), BX_SPACE_FULL);
    delete_all();
    assert_true(size_of(test_member(&w, 1)->path) > VMS * PAIRS * 1000);
    memfs_limit(fs, 0, NULL, NULL);
    test_cluster_run(&w, 60000);
    assert_true(size_of(test_member(&w, 1)->path) < 6u << 20);
    test_cluster_close(&w);
}

int main(void)
{
    return test_run(NULL, NULL);
}
