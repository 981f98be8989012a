#include "state/fsm_priv.h"

#include "mem/alloc.h"
#include "mem/track.h"
#include "mutant.h"
#include "rec/rec.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

/* ---- changes: journal, undo, write set ---- */

void bx_fsm_change(struct bx_fsm *f, struct bx_row *before, struct bx_row *after)
{
    bx_view_swap(&f->view, before, after);
    bx_must_ok(bx_changes_push(&f->changes, (struct bx_change){before, after}));
}

static void undo(struct bx_fsm *f)
{
    while (f->changes.len > 0) {
        struct bx_change c = f->changes.items[--f->changes.len];

        bx_view_swap(&f->view, c.after, c.before);
        bx_row_free(&f->view.home, c.after);
    }
}

/* An object already changed in this turn keeps its place in the write set. */
static void keep_change(struct bx_fsm *f, const struct bx_change *c)
{
    struct bx_written w = {c->after != NULL ? c->after : c->before, c->after == NULL,
                           bx_rec_traced()};

    if (c->before != NULL && c->before->slot != 0) {
        w.row->slot = c->before->slot;
        f->writes.items[w.row->slot - 1] = w;
    } else {
        bx_must_ok(bx_write_set_push(&f->writes, w));
        w.row->slot = (uint32_t)f->writes.len;
    }
    if (c->before != NULL)
        bx_must_ok(bx_graveyard_push(&f->dead, c->before));
}

uint64_t bx_call_revision(const struct bx_fsm *f)
{
    return f->view.revision + f->told.len + 1;
}

struct bx_str bx_call_text(struct bx_fsm *f, const char *fmt, ...)
{
    char text[256];
    va_list args;
    char *kept;

    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    kept = bx_arena_strndup(&f->scratch, text, strlen(text));
    return bx_str(bx_must(kept, sizeof text));
}

void bx_call_event_of(struct bx_fsm *f, struct bx_str tenant, enum bx_event_type type,
                      struct bx_str object, struct bx_str node, struct bx_str detail)
{
    struct bx_event e = {.index = bx_call_revision(f),
                         .time = f->view.time_ms,
                         .type = (uint8_t)type,
                         .object = object,
                         .node = node,
                         .detail = detail};

    if (bx_fsm_level(f) >= 3)
        e.tenant = tenant;
    bx_must_ok(bx_call_events_push(&f->told, e));
}

void bx_call_event(struct bx_fsm *f, enum bx_event_type type, struct bx_str object,
                   struct bx_str node, struct bx_str detail)
{
    bx_call_event_of(f, (struct bx_str){NULL, 0}, type, object, node, detail);
}

static struct bx_str keep_text(struct bx_fsm *f, struct bx_str s)
{
    char *p = bx_arena_strndup(&f->turn, s.p == NULL ? "" : s.p, s.n);

    if (p == NULL)
        bx_oom(s.n);
    return (struct bx_str){p, s.n};
}

static void append_event(struct bx_fsm *f, const struct bx_event *e)
{
    size_t n = bx_flat_size(&bx_event_schema, e);
    uint8_t *p = bx_must(bx_buf_extend(&f->events_blob, n), n);

    bx_row_write(&bx_event_schema, e, p);
    if (e->previous.n > 0)
        bx_fsm_chain_add(f, p, n);
}

/* A command with one event is never refused: BX_EVENTS_BYTES_MAX bounds commands with several. */
static int check_events(const struct bx_fsm *f, struct bx_err *err)
{
    size_t size = f->events_blob.len;
    size_t max = bx_fsm_chains(f) ? BX_EVENTS_BYTES_CHAINED : BX_EVENTS_BYTES_MAX;

    for (size_t i = 0; f->told.len > 1 && i < f->told.len; i++)
        size += bx_flat_size(&bx_event_schema, &f->told.items[i]);
    if (f->told.len <= 1 || size <= max)
        return BX_OK;
    bx_err_set(err, BX_TOO_LARGE, "%zu changes exceed the bound of one command", f->told.len);
    bx_err_hint(err, "split the request");
    return BX_TOO_LARGE;
}

static void tell(struct bx_fsm *f, struct bx_event e)
{
    assert(e.index == f->view.revision + 1); /* revisions have no gap */
    f->view.revision = e.index;
    e.object = keep_text(f, e.object);
    e.node = keep_text(f, e.node);
    e.detail = keep_text(f, e.detail);
    e.tenant = keep_text(f, e.tenant);
    if (e.previous.n > 0) {
        e.principal = keep_text(f, e.principal);
        e.source = keep_text(f, e.source);
        e.previous = keep_text(f, (struct bx_str){(const char *)f->chain, sizeof f->chain});
    }
    append_event(f, &e);
    bx_must_ok(bx_event_list_push(&f->events, e));
}

/* Accept the command's changes and assign a revision to each of its events. */
static void accept(struct bx_fsm *f)
{
    for (size_t i = 0; i < f->changes.len; i++)
        keep_change(f, &f->changes.items[i]);
    bx_changes_clear(&f->changes);
    for (size_t i = 0; i < f->told.len; i++)
        tell(f, f->told.items[i]);
}

/* ---- one command ---- */

/* Execute the command completely or not at all. */
static int execute(struct bx_fsm *f, struct bx_call *c)
{
    int rc = f->commands[c->head->kind](f, c);

    if (rc == BX_OK && bx_fsm_chains(f))
        bx_fsm_chain_sign(f, c->head);
    if (rc == BX_OK)
        rc = check_events(f, c->err);
    if (rc == BX_OK)
        accept(f);
    else
        undo(f);
    bx_call_events_clear(&f->told);
    return rc;
}

/* Messages quote user input and may be truncated inside a UTF-8 character. */
static struct bx_str plain(struct bx_fsm *f, const char *words)
{
    struct bx_str s = keep_text(f, bx_str(words));

    if (bx_utf8_valid(s.p, s.n))
        return s;
    for (uint32_t i = 0; i < s.n; i++) {
        if ((unsigned char)s.p[i] >= 0x80)
            ((char *)(uintptr_t)s.p)[i] = '?';
    }
    return s;
}

static void fill_outcome(struct bx_fsm *f, const struct bx_cmd_header *head, uint64_t principal,
                         int rc, const struct bx_err *err, struct bx_outcome *o)
{
    memcpy(o->session, head->session, 16);
    o->sequence = head->sequence;
    o->body_hash = head->body_hash;
    o->floor = head->floor;
    o->principal_hash = principal;
    o->revision = f->view.revision;
    o->code = (uint16_t)rc;
    o->message = rc == BX_OK ? bx_str("") : plain(f, err->msg);
    o->hint = rc == BX_OK ? bx_str("") : plain(f, err->hint);
}

static void carry_out(struct bx_fsm *f, uint64_t index, const struct bx_batch *batch,
                      uint32_t place, const struct bx_cmd_header *head,
                      const union bx_cmd_body *body)
{
    uint64_t principal = bx_hash(head->principal.p, head->principal.n);
    static const uint8_t none[16];
    bool counted = memcmp(head->session, none, 16) != 0, repeated = false, fresh;
    struct bx_err err = {0};
    struct bx_outcome o;
    struct bx_call c = {head, body, batch, place, &o, &err};
    int rc = BX_OK;

    memset(&o, 0, sizeof o);
    f->sessions.shared = bx_fsm_level(f) > 1;
    if (counted)
        rc = bx_sessions_check(&f->sessions, head, principal, &o, &repeated, &err);
    fresh = rc == BX_OK && !repeated;
    if (fresh)
        rc = execute(f, &c);
    if (!repeated)
        fill_outcome(f, head, principal, rc, &err, &o);
    if (fresh && counted && (rc == BX_OK || !BX_MUTATED(FORGET_REFUSALS)))
        bx_sessions_keep(&f->sessions, index, f->session_ms, &o);
    o.message = keep_text(f, o.message);
    o.hint = keep_text(f, o.hint);
    bx_must_ok(bx_results_push(&f->results, (struct bx_result){index, bx_rec_traced(), place, o}));
}

static void carry_out_traced(struct bx_fsm *f, uint64_t index, const struct bx_batch *batch,
                             uint32_t place, const struct bx_cmd_header *head,
                             const union bx_cmd_body *body)
{
    uint64_t before = bx_rec_trace(bx_trace_of(head->trace));
    const struct bx_outcome *o;

    carry_out(f, index, batch, place, head, body);
    o = &f->results.items[f->results.len - 1].outcome;
    BX_DEBUG("state", "applied", "command", bx_cmd_name(head->kind), "index", index, "revision",
             o->revision, "code", bx_code_name(o->code));
    bx_rec_trace(before);
}

/* ---- one entry ---- */

uint32_t bx_fsm_level(const struct bx_fsm *f)
{
    return bx_row_as_cluster(bx_view_cluster_row(&f->view))->level;
}

/* The cluster's time is the highest wall time of any leader, so a clock that is hours ahead moves
 * it by hours. Sessions must not expire because of that: their clock starts at the wall time of the
 * first batch and advances by the time that leaders measure. Batches of version 1 have only wall
 * time. */
static void advance(struct bx_fsm *f, const struct bx_batch *b)
{
    uint64_t wall = b->stamp.wall_ms;

    if (wall > f->view.time_ms)
        f->view.time_ms = wall;
    if (BX_MUTATED(CLOCK_IN_FSM))
        f->view.time_ms = bx_mutant_wall_ms();
    if (b->measured && f->session_ms > 0)
        f->session_ms += b->stamp.elapsed_ms;
    else if (wall > f->session_ms)
        f->session_ms = wall;
    if (BX_MUTATED(EXPIRE_BY_WALL))
        f->session_ms = f->view.time_ms;
}

/* Decode the command at `at` of the batch. */
static int decode(struct bx_fsm *f, const struct bx_batch *b, size_t at, struct bx_cmd_header *head,
                  union bx_cmd_body *body, size_t *used, struct bx_err *err)
{
    int rc = bx_cmd_decode(b->p + at, b->len - at, head, body, &f->scratch, used, err);

    if (rc == BX_NO_MEMORY)
        bx_oom(0); /* not an error of the entry */
    if (rc == BX_OK && head->level > f->o.level)
        return bx_err_set(err, BX_UNSUPPORTED,
                          "command %s needs feature level %u, and this node reads up to %u",
                          bx_cmd_name(head->kind), (unsigned)head->level, f->o.level);
    return rc == BX_OK || rc == BX_UNSUPPORTED ? rc : BX_CORRUPT;
}

static int apply_batch(struct bx_fsm *f, uint64_t index, const struct bx_batch *b,
                       struct bx_err *err)
{
    size_t at = 0;

    advance(f, b);
    bx_sessions_expire(&f->sessions, f->session_ms);
    for (uint32_t i = 0; i < b->commands; i++) {
        struct bx_cmd_header head;
        union bx_cmd_body body;
        size_t used;
        int rc;

        bx_arena_reset(&f->scratch);
        rc = decode(f, b, at, &head, &body, &used, err);
        if (rc != BX_OK)
            return rc;
        head.body_hash = bx_cmd_identity(&head, &body);
        carry_out_traced(f, index, b, i, &head, &body);
        at += used;
    }
    return BX_OK;
}

static void put_outcomes(void *ctx, uint64_t entry, uint64_t time_ms, const struct bx_buf *row)
{
    bx_store_put_outcomes(((struct bx_fsm *)ctx)->store, entry, time_ms, row->data, row->len);
}

static void write_blobs(struct bx_fsm *f, uint64_t index, uint64_t first)
{
    if (bx_blob_has_records(&f->events_blob)) {
        struct bx_blob b = {index, first, f->view.revision, f->events_blob.data,
                            f->events_blob.len};

        bx_blob_seal(&f->events_blob, BX_KIND_EVENTS, index, first, f->view.revision);
        bx_fsm_keep_events(f, &b);
    }
    bx_sessions_write(&f->sessions, &f->outcomes_row, put_outcomes, f);
}

int bx_fsm_apply(struct bx_fsm *f, uint64_t index, const uint8_t *data, size_t len,
                 struct bx_err *err)
{
    uint64_t first = f->view.revision + 1;
    struct bx_batch b;
    int rc;

    BX_TRACK_SCOPE("apply");
    if (!BX_MUTATED(APPLY_TWICE))
        assert(index > f->applied);
    f->dirty = true;
    if (data != NULL) {
        rc = bx_batch_open(data, len, &b, err);
        if (rc == BX_OK) {
            bx_must_ok(bx_blob_begin(&f->events_blob));
            rc = apply_batch(f, index, &b, err);
        }
        if (rc != BX_OK)
            return rc;
        write_blobs(f, index, first);
    }
    f->applied = index;
    return BX_OK;
}

/* ---- the end of a turn ---- */

static void hand_out(struct bx_fsm *f)
{
    const struct bx_fsm_sink *s = &f->o.sink;
    uint64_t before = bx_rec_traced();

    for (size_t i = 0; s->changed != NULL && i < f->writes.len; i++) {
        const struct bx_written *w = &f->writes.items[i];

        bx_rec_trace(w->trace);
        s->changed(s->ctx, w->row->table, bx_row_object(w->row), w->gone);
    }
    bx_rec_trace(before);
    for (size_t i = 0; s->event != NULL && i < f->events.len; i++)
        s->event(s->ctx, &f->events.items[i]);
    for (size_t i = 0; s->outcome != NULL && i < f->results.len; i++) {
        const struct bx_result *r = &f->results.items[i];

        bx_rec_trace(r->trace);
        s->outcome(s->ctx, r->index, r->place, &r->outcome);
    }
    bx_rec_trace(before);
}

static void end_turn(struct bx_fsm *f)
{
    for (size_t i = 0; i < f->writes.len; i++) {
        f->writes.items[i].row->slot = 0;
        bx_row_settle(&f->view.home, f->writes.items[i].row);
    }
    for (size_t i = 0; i < f->dead.len; i++)
        bx_row_free(&f->view.home, f->dead.items[i]);
    bx_write_set_clear(&f->writes);
    bx_graveyard_clear(&f->dead);
    bx_results_clear(&f->results);
    bx_event_list_clear(&f->events);
    bx_arena_reset(&f->turn);
}

uint64_t bx_fsm_seal(const struct bx_fsm *f)
{
    const uint64_t moving[] = {f->applied, f->view.revision, f->view.time_ms, f->session_ms};
    uint64_t chain = bx_fsm_chains(f) ? bx_hash(f->chain, sizeof f->chain) : 0;

    return f->view.digest + f->sessions_digest + bx_hash(moving, sizeof moving) + chain;
}

int bx_fsm_commit(struct bx_fsm *f, struct bx_err *err)
{
    struct bx_meta meta = {f->applied, f->view.revision, bx_fsm_seal(f), f->view.time_ms,
                           f->session_ms};

    (void)err; /* a SQLite error ends the process; the log has all entries */
    if (!f->dirty)
        return BX_OK;
    f->dirty = false;
    for (size_t i = 0; i < f->writes.len; i++) {
        if (f->writes.items[i].gone)
            bx_store_delete(f->store, f->writes.items[i].row);
    }
    for (size_t i = 0; i < f->writes.len; i++) {
        if (!f->writes.items[i].gone)
            bx_store_put(f->store, f->writes.items[i].row);
    }
    bx_store_commit(f->store, &meta);
    hand_out(f);
    end_turn(f);
    return BX_OK;
}
