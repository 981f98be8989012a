/* recfile - a file of recorded events: a snapshot of the rings, or a log.
 *
 * A file is a sequence of items, each with the header of codec/header.h (kind BX_KIND_RECORDER,
 * version 1, or 2 in an archive) and a payload of
 *
 *   offset 0  type    u8, enum bx_recfile_item
 *          1  0       u8
 *          2  thread  u16, of events; else 0
 *          4  count   u32: words of events, entries of sites, items before an end; else 0
 *          8  a flat record (codec/flat.h), or events (recevent.h), plain or compressed
 * (codec/lz.h, or codec/zst.h in an archive; the header's codec tells), in little-endian words
 *
 * It begins with a meta item, then the sites that its events refer to, then threads and events in
 * any order. An end item tells that it is complete: a log that is still being written, or a file
 * that was cut, has none. A reader needs nothing but the file. Each item has a checksum of its own,
 * so that the others can be read when one is damaged. */
#ifndef BX_RECFILE_H
#define BX_RECFILE_H

#include "mem/arena.h"
#include "mem/buf.h"
#include "rec/rec.h"
#include "rec/recevent.h"

#define BX_RECFILE_VERSION 2u /* the newest one that is read */
#define BX_RECFILE_BUF 65536u /* bytes of the largest item, with its header */
#define BX_RECFILE_SITES 8192u
#define BX_RECFILE_THREADS 256u

enum bx_recfile_item {
    BX_RECFILE_META = 1,
    BX_RECFILE_SITE_LIST,
    BX_RECFILE_THREAD,
    BX_RECFILE_EVENTS,
    BX_RECFILE_END
};

/* What wrote the file, and why. */
struct bx_recfile_meta {
    struct bx_str program, version, reason, host;
    struct bx_str build; /* its build id, bytes; may be empty */
    uint64_t node, time_ns;
    uint32_t pid;
};
extern const struct bx_schema bx_recfile_meta_schema;

/* One thread, and what it lost. */
struct bx_recfile_thread {
    uint16_t index;
    struct bx_str name;
    uint64_t events, overwritten, dropped, cut;
};
extern const struct bx_schema bx_recfile_thread_schema;

/* ---- writing: no heap if plain, and nothing that is not async-signal-safe ---- */

enum bx_recfile_form {
    BX_RECFILE_PLAIN,
    BX_RECFILE_PACKED, /* quickly */
    BX_RECFILE_ARCHIVE /* well, and slower */
};

struct bx_recfile_writer {
    int (*write)(void *ctx, const void *p, size_t n); /* BX_OK, or a code, which ends it */
    void *ctx;
    enum bx_recfile_form form; /* of events */
    struct bx_sites sites;     /* those of the events; empty: of this program */
    uint32_t items;            /* written so far */
    int rc;                    /* of the first write that failed */
    uint8_t buf[BX_RECFILE_BUF] __attribute__((aligned(8)));
};
/* Meta and the sites. Returns w->rc, as do the others. */
int bx_recfile_begin(struct bx_recfile_writer *w, const struct bx_recfile_meta *m);
/* What is to be said of a thread that records. */
struct bx_recfile_thread bx_recfile_thread_of(const struct bx_rec_thread *t);
int bx_recfile_put_thread(struct bx_recfile_writer *w, const struct bx_recfile_thread *t);
/* Whole records of one thread; what follows one without a sound length is left out. */
int bx_recfile_put_events(struct bx_recfile_writer *w, uint16_t thread, const uint64_t *words,
                          size_t n);
int bx_recfile_end(struct bx_recfile_writer *w);

/* Write the file that p holds, 8-aligned, as an archive; `write` and `ctx` of w are set. BX_OK;
 * BX_CORRUPT: it is damaged or has no end, and what was written is of no use; a code of `write`;
 * those of bx_recfile_open. */
int bx_recfile_archive(const uint8_t *p, size_t n, struct bx_recfile_writer *w, struct bx_err *err);

/* ---- reading ---- */

/* What a reader of large files may set after it has opened one; each may be NULL. */
struct bx_recfile_hooks {
    /* Whether an event of this site, with these first BX_RECEVENT_HEADER words, is wanted. One that
     * is not is passed over: its fields are not looked at. */
    bool (*want)(void *ctx, const struct bx_site *site, const uint64_t *head);
    /* Called before each item, with its place; false ends reading. */
    bool (*step)(void *ctx, size_t at);
    void *ctx;
};

struct bx_recfile {
    const uint8_t *p; /* the file */
    size_t n, at;
    struct bx_recfile_meta meta;
    bool complete;                   /* the end was read, and nothing was missing before it */
    uint64_t items, events, damaged; /* read; places where items could not be */
    uint64_t nameless;               /* events left out, because their site was in such a place */
    struct bx_recfile_thread threads[BX_RECFILE_THREADS];
    uint32_t n_threads;
    struct bx_recfile_hooks hooks;
    const uint64_t *event; /* the words of the event that was read last, until the next call */

    struct bx_arena arena; /* what follows is of the module's own */
    struct bx_sites sites;
    struct bx_buf block;
    const uint64_t *words;
    size_t n_words, word;
};

/* p holds the whole file, 8-aligned, and outlives it. BX_OK; BX_MALFORMED: it is no such file;
 * BX_UNSUPPORTED: of a newer version; BX_NO_MEMORY. */
int bx_recfile_open(struct bx_recfile *f, const uint8_t *p, size_t n, struct bx_err *err);
void bx_recfile_close(struct bx_recfile *f);
/* Whether p holds a part of a file: whole items, the first ones if it begins the file. BX_OK,
 * BX_CORRUPT, BX_UNSUPPORTED: one is of a newer version. */
int bx_recfile_part(const uint8_t *p, size_t n, bool begins);
/* The next event, in the order of the file. BX_OK; BX_NOT_FOUND: there are no more; BX_CORRUPT: a
 * place is damaged, err names it, and the next call goes on after it; BX_INTERRUPTED: the hook
 * ended it; BX_NO_MEMORY. */
int bx_recfile_next(struct bx_recfile *f, struct bx_recevent *out, struct bx_err *err);

#endif
