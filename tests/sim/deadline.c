/* deadline - no batch of the log has a command whose deadline was over by leader time. Who waited
 * for it has given up, and asked again elsewhere: carried out so late, it could be carried out
 * twice.
 *
 * The first host to apply an entry shows it; the time is added up here as the state machine does.
 */
#include "sim/sim.h"

#include "mem/alloc.h"
#include "node/internal.h"

static void check_commands(struct sim_host *h, uint64_t index, const struct bx_batch *b)
{
    const uint8_t *p = b->p;
    size_t left = b->len, used;
    struct bx_err err;

    for (uint32_t i = 0; i < b->commands; i++, p += used, left -= used) {
        uint64_t deadline;

        if (bx_cmd_check(p, left, &used, &err) != BX_OK)
            sim_violation(h->sim, "%s: entry %llu: %s", h->name, (unsigned long long)index,
                          err.msg);
        deadline = bx_cmd_deadline(p);
        if (deadline != 0 && deadline < h->sim->time)
            sim_violation(h->sim, "%s: entry %llu has a %s that is %llu ms late", h->name,
                          (unsigned long long)index, bx_cmd_name(bx_cmd_kind(p)),
                          (unsigned long long)(h->sim->time - deadline));
    }
}

static void check_batch(struct sim_host *h, uint64_t index, const struct bx_wal_entry *e)
{
    struct bx_buf aligned = {0};
    struct bx_batch b;
    struct bx_err err;

    if (bx_buf_append(&aligned, e->data, e->len) != BX_OK)
        bx_oom(e->len);
    if (bx_batch_open(aligned.data, aligned.len, &b, &err) != BX_OK)
        sim_violation(h->sim, "%s: entry %llu: %s", h->name, (unsigned long long)index, err.msg);
    h->sim->time = h->sim->time > 0 ? h->sim->time + b.stamp.elapsed_ms : b.stamp.wall_ms;
    check_commands(h, index, &b);
    bx_buf_release(&aligned);
}

/* What a snapshot brought here was applied elsewhere before, unless the log was cut meanwhile. */
void sim_deadline_turn(struct sim_host *h)
{
    uint64_t applied = bx_fsm_applied(h->node->fsm);
    struct bx_buf scratch = {0};
    struct sim *s = h->sim;
    struct bx_wal_entry e;

    if (applied <= s->timed)
        return;
    while (s->timed < applied &&
           bx_wal_get(h->node->wal, s->timed + 1, &e, &scratch, NULL) == BX_OK) {
        s->timed++;
        if (e.type == RAFT_COMMAND)
            check_batch(h, s->timed, &e);
    }
    s->timed = applied;
    s->time = bx_fsm_time(h->node->fsm);
    bx_buf_release(&scratch);
}
