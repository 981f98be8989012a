/* recarchive - a file of events written anew, compressed as well as possible.
 *
 * Two passes: the first one checks that nothing is missing and collects what comes before events in
 * an archive, the second one copies events. The blocks of a log are as small as the haste that it
 * was written in; those of an archive are as large as an item may be. */
#include "mem/alloc.h"
#include "rec/recfile_priv.h"

#define BLOCK (BX_RECFILE_ROOM / sizeof(uint64_t)) /* words */

struct archive {
    struct bx_recfile from, events; /* of the two passes */
    struct bx_recfile_writer *to;
    size_t n;
    uint64_t block[BLOCK];
};

/* All of the file. BX_OK, BX_CORRUPT, BX_NO_MEMORY. */
static int read_all(struct bx_recfile *f, struct bx_err *err)
{
    struct bx_recevent e;
    int rc;

    do {
        rc = bx_recfile_next(f, &e, err);
    } while (rc == BX_OK);
    if (rc == BX_NOT_FOUND)
        rc = f->complete ? BX_OK : bx_err_set(err, BX_CORRUPT, "it has no end");
    return rc;
}

static int put_block(struct archive *a)
{
    int rc = bx_recfile_put_events(a->to, 0, a->block, a->n);

    a->n = 0;
    return rc;
}

static int copy_events(struct archive *a, struct bx_err *err)
{
    struct bx_recevent e;
    int rc;

    while ((rc = bx_recfile_next(&a->events, &e, err)) == BX_OK) {
        size_t size = bx_recevent_words(a->events.event[0]);

        if (a->n + size > BLOCK && put_block(a) != BX_OK)
            break;
        memcpy(a->block + a->n, a->events.event, size * sizeof *a->block);
        a->n += size;
    }
    if (rc != BX_NOT_FOUND && rc != BX_OK)
        return rc;
    return put_block(a);
}

static int copy(struct archive *a, struct bx_err *err)
{
    int rc = read_all(&a->from, err);

    if (rc != BX_OK)
        return rc;
    a->to->sites = a->from.sites;
    bx_recfile_begin(a->to, &a->from.meta);
    for (uint32_t i = 0; i < a->from.n_threads; i++)
        bx_recfile_put_thread(a->to, &a->from.threads[i]);
    rc = copy_events(a, err);
    if (rc == BX_OK)
        rc = bx_recfile_end(a->to);
    if (a->to->rc != BX_OK)
        return bx_err_set(err, a->to->rc, "the archive cannot be written");
    return rc;
}

int bx_recfile_archive(const uint8_t *p, size_t n, struct bx_recfile_writer *w, struct bx_err *err)
{
    struct archive *a = bx_calloc(1, sizeof *a);
    int rc;

    if (a == NULL)
        return bx_err_set(err, BX_NO_MEMORY, "out of memory");
    a->to = w;
    w->form = BX_RECFILE_ARCHIVE;
    rc = bx_recfile_open(&a->from, p, n, err);
    if (rc == BX_OK)
        rc = bx_recfile_open(&a->events, p, n, err);
    if (rc == BX_OK)
        rc = copy(a, err);
    w->sites = (struct bx_sites){0};
    bx_recfile_close(&a->from);
    bx_recfile_close(&a->events);
    bx_free(a);
    return rc;
}
