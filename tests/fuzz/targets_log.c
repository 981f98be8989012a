#include "fuzz/targets.h"

#include "lib/memfs.h"
#include "log/record.h"
#include "log/dualcopy.h"
#include "log/snapfile.h"
#include "log/wal.h"
#include "mem/alloc.h"
#include "state/fsm.h"

#include <assert.h>
#include <string.h>

#define SEGMENT_NAME "wal-0000000000000001"
#define SEGMENT_SIZE 4096
#define FILE_MAX 65536

/* A file of size bytes that begins with the input. */
static void put_file(struct memfs *m, const char *name, const uint8_t *p, size_t n, size_t size)
{
    struct bx_fs *fs = memfs_fs(m);
    uint8_t *bytes = bx_must_calloc(1, size + 1);
    int fd;

    if (n > 0)
        memcpy(bytes, p, n > size ? size : n);
    assert(fs->ops->open(fs, name, BX_FS_CREATE, &fd) == 0);
    assert(fs->ops->write(fs, fd, bytes, size, 0) == 0);
    assert(fs->ops->sync(fs, fd) == 0);
    fs->ops->close(fs, fd);
    assert(fs->ops->sync_dir(fs) == 0);
    bx_free(bytes);
}

/* ---- the log ---- */

static int read_log(struct bx_wal *w, uint64_t *last)
{
    uint64_t first = bx_wal_first(w);
    struct bx_buf scratch = {0};
    volatile uint8_t sum = 0;
    int rc = BX_OK;

    *last = bx_wal_last(w);
    assert(first <= *last + 1);
    for (uint64_t i = first; rc == BX_OK && i <= *last; i++) {
        struct bx_wal_entry e;

        rc = bx_wal_get(w, i, &e, &scratch, NULL);
        for (uint32_t k = 0; rc == BX_OK && k < e.len; k++)
            sum = (uint8_t)(sum + ((const uint8_t *)e.data)[k]);
    }
    bx_buf_release(&scratch);
    return rc;
}

/* What open accepted can be read, written to, and opened again with all that was in it. */
static int use_log(struct memfs *m)
{
    struct bx_wal_options o = {.fs = memfs_fs(m), .segment_size = SEGMENT_SIZE};
    struct bx_wal_entry e = {UINT64_MAX, 1, 3, "new"};
    uint64_t last, again;
    struct bx_wal *w;
    int rc = bx_wal_open(&w, &o, NULL);

    if (rc != BX_OK)
        return rc;
    assert(read_log(w, &last) == BX_OK);
    if (last < UINT64_MAX - 1) {
        last++;
        assert(bx_wal_append(w, last, &e, 1) == BX_OK);
        while (bx_wal_begin(w))
            assert(bx_wal_finish(w, bx_wal_run(w, NULL)) == BX_OK);
    }
    bx_wal_close(w);
    assert(bx_wal_open(&w, &o, NULL) == BX_OK);
    assert(read_log(w, &again) == BX_OK && again == last);
    bx_wal_close(w);
    return BX_OK;
}

int fuzz_wal(const uint8_t *p, size_t n)
{
    struct memfs *m = memfs_create();
    uint8_t value[BX_DUALCOPY_MAX];
    struct bx_dualcopy mark = {.seq = 0};
    size_t len;
    int rc;

    /* A log without its mark is refused at once. */
    assert(bx_dualcopy_open(&mark, memfs_fs(m), "mark", BX_KIND_MARK, value, &len, NULL) == BX_OK);
    bx_dualcopy_close(&mark);
    put_file(m, SEGMENT_NAME, p, n, SEGMENT_SIZE);
    rc = use_log(m);
    assert(memfs_open_files(m) == 0);
    memfs_destroy(m);
    return rc;
}

int fuzz_segment(const uint8_t *p, size_t n)
{
    uint8_t bytes[BX_SEGMENT_HEADER] = {0};
    struct bx_segment s;

    memcpy(bytes, p, n > sizeof bytes ? sizeof bytes : n);
    return bx_segment_read(bytes, sizeof bytes, &s);
}

int fuzz_log_record(const uint8_t *p, size_t n)
{
    uint8_t *src = fuzz_copy(p, n);
    struct bx_record r;
    int rc = bx_record_read(src, n, &r);

    assert(rc != BX_OK || (r.data >= src && r.data + r.len <= src + n));
    bx_free(src);
    return rc;
}

/* ---- small values ---- */

int fuzz_slots(const uint8_t *p, size_t n)
{
    static const struct {
        const char *name;
        uint16_t kind;
    } values[] = {{"mark", BX_KIND_MARK}, {"vote", BX_KIND_VOTE}, {"identity", BX_KIND_IDENTITY}};
    struct memfs *m = memfs_create();
    uint8_t file[8192] = {0}, value[BX_DUALCOPY_MAX];
    struct bx_dualcopy s = {.seq = 0};
    size_t len, which = 0;
    int rc;

    while (which < 2 && n >= BX_HEADER_SIZE && values[which].kind != bx_get16(p + 4))
        which++;
    for (int copy = 0; copy < 2; copy++)
        memcpy(file + copy * 4096, p, n > 4096 ? 4096 : n);
    put_file(m, values[which].name, file, sizeof file, sizeof file);
    rc = bx_dualcopy_open(&s, memfs_fs(m), values[which].name, values[which].kind, value, &len,
                          NULL);
    if (rc == BX_OK) {
        assert(len <= BX_DUALCOPY_MAX);
        bx_dualcopy_close(&s);
    }
    assert(memfs_open_files(m) == 0);
    memfs_destroy(m);
    return rc;
}

/* ---- snapshots ---- */

static int read_snapshot(struct bx_fs *fs)
{
    struct bx_snap_reader *r;
    struct bx_buf chunk = {0};
    bool end = false;
    int rc = bx_snap_open_latest(&r, fs, NULL);

    if (rc != BX_OK)
        return rc;
    assert(bx_snap_meta(r)->conf.n <= BX_SNAP_CONF_MAX);
    while (!end)
        assert(bx_snap_read(r, &chunk, &end, NULL) == BX_OK);
    bx_buf_release(&chunk);
    bx_snap_close(r);
    return BX_OK;
}

/* The index and term that were announced are those the meta record claims. */
int fuzz_snapshot(const uint8_t *p, size_t n)
{
    struct memfs *m = memfs_create();
    struct bx_fs *fs = memfs_fs(m);
    struct bx_snap_reader *r = NULL;
    size_t meta = BX_HEADER_SIZE + 1;
    int rc = n < meta + 16 || n > FILE_MAX ? BX_MALFORMED : bx_snap_receive(fs, 0, p, n, NULL);

    if (rc == BX_OK)
        rc = bx_snap_receive_finish(&r, fs, bx_get64(p + meta), bx_get64(p + meta + 8), NULL);
    bx_snap_close(r);
    if (rc == BX_OK)
        rc = read_snapshot(fs);
    assert(memfs_open_files(m) == 0);
    memfs_destroy(m);
    return rc;
}

/* ---- the state ---- */

static struct bx_fsm *fsm_of_its_own(void)
{
    static struct bx_fsm *f;
    struct bx_fsm_options o = {.path = ":memory:"};

    if (f == NULL) {
        o.intern = bx_intern_create(0, 0);
        assert(bx_fsm_open(&f, &o, NULL) == BX_OK);
    }
    return f;
}

static void read_state(const struct bx_view *v)
{
    struct bx_index_place at = bx_view_after(v, BX_TABLE_VM, NULL);
    const struct bx_vm *vm;
    uint64_t n = 0;

    for (; (vm = bx_view_step(v, BX_TABLE_VM, &at)) != NULL; n++)
        assert(vm->name != NULL && vm->phase < BX__PHASES);
    assert(n == bx_view_vms(v));
    for (uint32_t i = 0; i < bx_view_nodes(v); i++)
        assert(bx_view_node_at(v, i)->name != NULL);
}

int fuzz_dump(const uint8_t *p, size_t n)
{
    struct bx_fsm *f = fsm_of_its_own();
    struct bx_cluster_info info;
    uint8_t *chunk = fuzz_copy(p, n);
    int rc;

    assert(bx_fsm_restore_begin(f, NULL) == BX_OK);
    rc = n > FILE_MAX ? BX_TOO_LARGE : bx_fsm_restore_chunk(f, chunk, n, NULL);
    if (rc == BX_OK) {
        bx_view_cluster(bx_fsm_view(f), &info);
        rc = bx_fsm_restore_finish(f, 5, info.digest, NULL);
        read_state(bx_fsm_view(f));
    }
    bx_free(chunk);
    return rc;
}
