#include "sim/planted.h"

#include "plant.h"

#include <assert.h>
#include <string.h>

/* What each of them does, and where. */
static const char *const names[] = {
    [BX_PLANT_NONE] = "none",
    /* node.c: entries that state.db has already are applied again after a restart. */
    [BX_PLANT_APPLY_TWICE] = "apply-twice",
    /* load.c: after a restart state.db is believed to be one entry further than it is. */
    [BX_PLANT_SKIP_APPLIED] = "skip-applied",
    /* raft.c: what was appended is applied and answered, committed or not. */
    [BX_PLANT_ACK_EARLY] = "ack-early",
    /* raft.c: entries are told durable before they are written. */
    [BX_PLANT_ACK_UNSYNCED] = "ack-unsynced",
    /* wal_write.c: the log's records are written and never synced. */
    [BX_PLANT_NO_FSYNC] = "no-fsync",
    /* wal_recover.c: a damaged tail is trimmed, whatever the mark says was durable. */
    [BX_PLANT_MARK_IGNORED] = "mark-ignored",
    /* vote.c: after a restart the term is known, and the vote given in it is not. */
    [BX_PLANT_FORGET_VOTE] = "forget-vote",
    /* load.c: after a restart no request is remembered as answered. */
    [BX_PLANT_LOSE_OUTCOMES] = "lose-outcomes",
    /* store_dump.c: a snapshot lacks the first VM. */
    [BX_PLANT_SNAPSHOT_MISSES_ROW] = "snapshot-misses-row",
    /* fsm_vm.c: among equal nodes this process's own count of decisions chooses. */
    [BX_PLANT_HASH_ORDER] = "hash-order",
    /* fsm.c: apply takes the time from the clock of its host. */
    [BX_PLANT_CLOCK_IN_FSM] = "clock-in-fsm",
    /* reads.c: a leader answers reads without a barrier. */
    [BX_PLANT_STALE_READ] = "stale-read",
    /* reconcile.c: a VM is started because the row says so. */
    [BX_PLANT_START_WITHOUT_GRANT] = "start-without-grant",
    /* lease.c: who believes to be leader grants, without a barrier. */
    [BX_PLANT_GRANT_FROM_DEPOSED] = "grant-from-deposed",
    /* propose.c: what is sent again goes under another request id. */
    [BX_PLANT_RESEND_NEW_ID] = "resend-new-id",
    /* fsm.c: sessions expire by the leader's wall clock. */
    [BX_PLANT_EXPIRE_BY_WALL] = "expire-by-wall",
    /* node.c: old state is said to be as young as the leader's last word. */
    [BX_PLANT_AGE_BY_HEARTBEAT] = "age-by-heartbeat",
    /* reconcile.c: what runs is judged by a state that may be older than the run. */
    [BX_PLANT_JUDGE_EARLY] = "judge-early",
};
#define NAMES (sizeof names / sizeof names[0])

enum bx_plant bx_plant;
static struct sim *world;

bool planted_choose(const char *name)
{
    for (size_t i = 0; i < NAMES; i++) {
        if (strcmp(names[i], name) == 0) {
            bx_plant = (enum bx_plant)i;
            return true;
        }
    }
    return false;
}

void planted_list(void)
{
    for (size_t i = BX_PLANT_NONE + 1; i < NAMES; i++)
        puts(names[i]);
}

void planted_begin(struct sim *s)
{
    world = s;
}

uint64_t bx_plant_wall_ms(void)
{
    struct sim_clock *c = &world->inside->clock;

    assert(world->inside != NULL);
    return c->base.ops->wall_ms(&c->base);
}
