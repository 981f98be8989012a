/* fsm_chain - the chain of events, from feature level 3 on: who made each change, and the hash of
 * the event before.
 *
 * The head of the chain is the hash of the newest event's record. That event is never trimmed, so
 * the head is stored with it and nowhere else; the seal of the state covers it, and a snapshot
 * tells it to be compared. The first event of the chain is the one that the level is raised with,
 * or the cluster created. */
#include "state/fsm_priv.h"

#include "codec/flat.h"
#include "mem/alloc.h"
#include "mutant.h"

bool bx_fsm_chains(const struct bx_fsm *f)
{
    return bx_fsm_level(f) >= BX_CHAIN_LEVEL;
}

const uint8_t *bx_fsm_chain(const struct bx_fsm *f)
{
    return f->chain;
}

/* Cut before the UTF-8 sequence that has no room. */
static struct bx_str bounded(struct bx_str s, uint32_t max)
{
    if (s.n > max) {
        s.n = max;
        while (s.n > 0 && ((uint8_t)s.p[s.n] & 0xC0) == 0x80)
            s.n--;
    }
    return s;
}

void bx_fsm_chain_sign(struct bx_fsm *f, const struct bx_cmd_header *head)
{
    static const char none[BX_SHA256]; /* takes the place until it is the event's turn */

    for (size_t i = 0; i < f->told.len; i++) {
        struct bx_event *e = &f->told.items[i];

        e->principal = bounded(head->principal, BX_EVENT_PRINCIPAL_MAX);
        e->source = bounded(head->source, BX_SOURCE_MAX);
        memcpy(e->trace, head->trace, sizeof e->trace);
        e->previous = (struct bx_str){none, sizeof none};
    }
}

void bx_fsm_chain_add(struct bx_fsm *f, const uint8_t *record, size_t n)
{
    if (BX_MUTATED(CHAIN_SKIPS) && f->view.revision % 16 == 0)
        return;
    bx_sha256(record, n, f->chain);
}

/* The last record of the newest row. */
static int find_head(void *ctx, const struct bx_blob *stored)
{
    struct bx_fsm *f = ctx;
    struct bx_buf aligned = {0};
    struct bx_event e = {0};
    struct bx_blob b;
    size_t at = 0, used = 0;
    int rc = bx_blob_open(stored, BX_KIND_EVENTS, &b);

    if (rc == BX_OK)
        bx_must_ok(bx_buf_append(&aligned, b.p, b.n));
    for (; rc == BX_OK && at < b.n; at += used) {
        e = (struct bx_event){0};
        rc = bx_flat_read(&bx_event_schema, aligned.data + at, b.n - at, &e, NULL, &used, NULL);
    }
    if (rc == BX_OK && used > 0 && e.index == f->view.revision && e.previous.n == BX_SHA256)
        bx_sha256(aligned.data + at - used, used, f->chain);
    else
        rc = BX_CORRUPT;
    bx_buf_release(&aligned);
    return rc;
}

int bx_fsm_chain_load(struct bx_fsm *f, struct bx_err *err)
{
    memset(f->chain, 0, sizeof f->chain);
    if (!bx_fsm_chains(f) || f->view.revision == 0)
        return BX_OK;
    return bx_store_events(f->store, f->view.revision - 1, find_head, f, err);
}
