/* fsm_open - opening and closing a state machine. */
#include "state/fsm_priv.h"

#include "mem/alloc.h"

#define EVENTS_MAX 100000u
#define EVENTS_BYTES (32u << 20)
#define SESSIONS_MAX 65536u
#define SESSION_TTL_MS 3600000u

#define BX_FSM_COMMAND_ROW(number, level, upper, lower, type) [BX_CMD_##upper] = bx_fsm_##lower,
static const bx_command_fn commands[BX__CMDS] = {BX_COMMANDS(BX_FSM_COMMAND_ROW)};

void bx_fsm_outcomes_unused(void *ctx, uint64_t entry)
{
    struct bx_fsm *f = ctx;

    bx_store_delete_outcomes(f->store, entry);
}

static void defaults(struct bx_fsm_options *o)
{
    if (o->events_max == 0)
        o->events_max = EVENTS_MAX;
    if (o->events_bytes == 0)
        o->events_bytes = EVENTS_BYTES;
    if (o->sessions_max == 0)
        o->sessions_max = SESSIONS_MAX;
    if (o->session_ttl_ms == 0)
        o->session_ttl_ms = SESSION_TTL_MS;
    if (o->level == 0)
        o->level = BX_LEVEL;
}

/* Start with an empty view and no sessions. */
static void begin_empty(struct bx_fsm *f)
{
    bx_view_init(&f->view, f->o.intern);
    bx_row_configs_bound(&f->view.home, f->o.configs_max);
    f->session_ms = 0;
    f->sessions_digest = 0;
    bx_sessions_init(&f->sessions, f->o.sessions_max, f->o.session_ttl_ms, &f->sessions_digest);
    f->applied = 0;
    f->events_bytes = 0;
    f->events_oldest = f->events_newest = 0;
    memset(f->chain, 0, sizeof f->chain);
}

void bx_fsm_reset(struct bx_fsm *f)
{
    bx_sessions_close(&f->sessions);
    bx_view_close(&f->view);
    begin_empty(f);
}

/* Open and load. If SQLite or the digest check reports damage, remove the file and retry once. */
static int open_store(struct bx_fsm *f, struct bx_err *err)
{
    int rc = bx_store_open(&f->store, f->path, err);

    if (rc == BX_OK) {
        bx_store_convert(f->store, f->o.room);
        rc = bx_fsm_load(f, err);
    }
    f->was_damaged = rc == BX_CORRUPT;
    if (f->was_damaged) {
        bx_store_close(f->store);
        bx_store_remove(f->path);
        bx_fsm_reset(f);
        rc = bx_store_open(&f->store, f->path, err);
    }
    if (rc == BX_OK) {
        bx_store_on_fatal(f->store, f->o.sink.fatal, f->o.sink.ctx);
        bx_store_on_no_space(f->store, f->o.sink.no_space, f->o.sink.ctx);
    }
    return rc;
}

_Noreturn void bx_fsm_damaged(struct bx_fsm *f)
{
    bx_store_damaged(f->store);
}

int bx_fsm_open(struct bx_fsm **out, const struct bx_fsm_options *o, struct bx_err *err)
{
    struct bx_fsm *f = bx_must_calloc(1, sizeof *f);
    int rc;

    f->o = *o;
    defaults(&f->o);
    f->path = bx_must_strdup(o->path);
    bx_write_set_init(&f->writes);
    bx_graveyard_init(&f->dead);
    bx_results_init(&f->results);
    bx_event_list_init(&f->events);
    bx_changes_init(&f->changes);
    bx_call_events_init(&f->told);
    f->commands = commands;
    bx_candidates_init(&f->candidates);
    begin_empty(f);
    if (!o->trusted)
        bx_store_remove(f->path);
    rc = open_store(f, err);
    if (rc != BX_OK) {
        bx_fsm_close(f);
        f = NULL;
    } else {
        f->sessions.unused = bx_fsm_outcomes_unused;
        f->sessions.ctx = f;
    }
    *out = f;
    return rc;
}

void bx_fsm_close(struct bx_fsm *f)
{
    if (f == NULL)
        return;
    bx_sessions_close(&f->sessions);
    for (size_t i = 0; i < f->dead.len; i++)
        bx_row_free(&f->view.home, f->dead.items[i]);
    bx_view_close(&f->view);
    bx_store_close(f->store);
    for (size_t i = 0; i < BX_DECISIONS_KEPT; i++)
        bx_free(f->decisions[i].candidates);
    bx_write_set_close(&f->writes);
    bx_graveyard_close(&f->dead);
    bx_results_close(&f->results);
    bx_event_list_close(&f->events);
    bx_changes_close(&f->changes);
    bx_call_events_close(&f->told);
    bx_candidates_close(&f->candidates);
    bx_arena_close(&f->turn);
    bx_arena_close(&f->scratch);
    bx_buf_release(&f->events_blob);
    bx_buf_release(&f->outcomes_row);
    bx_free(f->path);
    bx_free(f);
}

bool bx_fsm_kept(const struct bx_fsm *f, const uint8_t session[16], uint64_t sequence,
                 struct bx_outcome *o)
{
    return bx_sessions_kept(&f->sessions, session, sequence, o);
}

const struct bx_view *bx_fsm_view(const struct bx_fsm *f)
{
    return &f->view;
}

uint64_t bx_fsm_time(const struct bx_fsm *f)
{
    return f->session_ms;
}

bool bx_fsm_was_damaged(const struct bx_fsm *f)
{
    return f->was_damaged;
}

uint64_t bx_fsm_applied(const struct bx_fsm *f)
{
    return f->applied;
}

uint64_t bx_fsm_log_bytes(const struct bx_fsm *f)
{
    return bx_store_log_bytes(f->store);
}

int bx_fsm_checkpoint_apart(const char *path, uint64_t *left)
{
    return bx_store_checkpoint_apart(path, left);
}

void bx_fsm_checkpoint(struct bx_fsm *f)
{
    bx_store_checkpoint(f->store);
}

bool bx_fsm_give_back(struct bx_fsm *f)
{
    return bx_store_give_back(f->store);
}
