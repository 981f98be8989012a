/* log_help - what the tests of the log share: small segments, and a turn of the writer. */
#ifndef LOG_HELP_H
#define LOG_HELP_H

#include "lib/memfs.h"
#include "lib/testlib.h"

#include "log/wal.h"

#include <string.h>

#define SMALL_SEGMENT 4096

static inline int open_log(struct bx_wal **w, struct memfs *m, size_t segment, struct bx_err *err)
{
    struct bx_wal_options o = {.fs = memfs_fs(m), .segment_size = segment};

    return bx_wal_open(w, &o, err);
}

/* Write all that is queued. */
static inline int pump(struct bx_wal *w, struct bx_err *err)
{
    int rc = BX_OK;

    while (rc == BX_OK && bx_wal_begin(w))
        rc = bx_wal_finish(w, bx_wal_run(w, err));
    return rc;
}

/* What entry `index` of generation `gen` holds: n bytes that no other entry has. */
static inline void fill_entry(uint8_t *p, size_t n, uint64_t index, uint64_t gen)
{
    uint64_t seed = index * 1000003 + gen;

    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)test_random(&seed);
}

static inline int append_one(struct bx_wal *w, uint64_t index, uint64_t term, size_t n)
{
    uint8_t data[8192];
    struct bx_wal_entry e = {.term = term, .type = 1, .len = (uint32_t)n, .data = data};

    fill_entry(data, n, index, term);
    return bx_wal_append(w, index, &e, 1);
}

static inline void entry_is(struct bx_wal *w, uint64_t index, uint64_t term, size_t n)
{
    struct bx_buf scratch = {0};
    struct bx_wal_entry e;
    uint8_t want[8192];

    assert_int_equal(bx_wal_get(w, index, &e, &scratch, NULL), BX_OK);
    assert_int_equal(e.term, term);
    assert_int_equal(e.type, 1);
    assert_int_equal(e.len, n);
    fill_entry(want, n, index, term);
    assert_memory_equal(e.data, want, n);
    bx_buf_release(&scratch);
}

static inline struct bx_wal *open_small(struct memfs *m)
{
    struct bx_err err = {0};
    struct bx_wal *w;

    if (open_log(&w, m, SMALL_SEGMENT, &err) != BX_OK)
        fail_msg("open: %s", err.msg);
    return w;
}

/* Close it, lose power, open it. */
static inline struct bx_wal *reopen(struct bx_wal *w, struct memfs *m)
{
    bx_wal_close(w);
    assert_int_equal(memfs_open_files(m), 0);
    memfs_crash(m, 5);
    return open_small(m);
}

static inline void append_many(struct bx_wal *w, uint64_t from, uint64_t to, uint64_t term,
                               size_t n)
{
    for (uint64_t i = from; i <= to; i++)
        assert_int_equal(append_one(w, i, term, n), BX_OK);
}

#endif
