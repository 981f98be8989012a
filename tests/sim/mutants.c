#include "sim/mutants.h"

#include "mutant.h"

#include <assert.h>
#include <string.h>

/* What each of them does, and where. */
static const char *const names[] = {
    [BX_MUTANT_NONE] = "none",
    /* node.c: entries that state.db has already are applied again after a restart. */
    [BX_MUTANT_APPLY_TWICE] = "apply-twice",
    /* load.c: after a restart state.db is believed to be one entry further than it is. */
    [BX_MUTANT_SKIP_APPLIED] = "skip-applied",
    /* raft.c: what was appended is applied and answered, committed or not. */
    [BX_MUTANT_ACK_EARLY] = "ack-early",
    /* raft.c: entries are told durable before they are written. */
    [BX_MUTANT_ACK_UNSYNCED] = "ack-unsynced",
    /* wal_write.c: the log's records are written and never synced. */
    [BX_MUTANT_NO_FSYNC] = "no-fsync",
    /* wal_recover.c: a damaged tail is trimmed, whatever the mark says was durable. */
    [BX_MUTANT_MARK_IGNORED] = "mark-ignored",
    /* vote.c: after a restart the term is known, and the vote given in it is not. */
    [BX_MUTANT_FORGET_VOTE] = "forget-vote",
    /* heard.c: a node goes on with an older copy of its disk, whatever it has told the others. */
    [BX_MUTANT_OLD_COPY_TAKEN] = "old-copy-taken",
    /* load.c: after a restart no request is remembered as answered. */
    [BX_MUTANT_LOSE_OUTCOMES] = "lose-outcomes",
    /* session.c: where sessions began is guessed when they are loaded. */
    [BX_MUTANT_SESSIONS_BY_ROW_TIME] = "sessions-by-row-time",
    /* store_dump.c: a snapshot lacks the first VM. */
    [BX_MUTANT_SNAPSHOT_MISSES_ROW] = "snapshot-misses-row",
    /* fsm_vm.c: among equal nodes this process's own count of decisions chooses. */
    [BX_MUTANT_HASH_ORDER] = "hash-order",
    /* fsm.c: apply takes the time from the clock of its host. */
    [BX_MUTANT_CLOCK_IN_FSM] = "clock-in-fsm",
    /* reads.c: a leader answers reads without a barrier. */
    [BX_MUTANT_STALE_READ] = "stale-read",
    /* reconcile.c: a VM is started because the row says so. */
    [BX_MUTANT_START_WITHOUT_GRANT] = "start-without-grant",
    /* lease.c: who believes to be leader grants, without a barrier. */
    [BX_MUTANT_GRANT_FROM_DEPOSED] = "grant-from-deposed",
    /* fsm_vm_report.c: reboots that were reported before are counted again. */
    [BX_MUTANT_ADD_REBOOTS] = "add-reboots",
    /* propose.c: what is sent again goes under another request id. */
    [BX_MUTANT_RESEND_NEW_ID] = "resend-new-id",
    /* fsm.c: sessions expire by the leader's wall clock. */
    [BX_MUTANT_EXPIRE_BY_WALL] = "expire-by-wall",
    /* node.c: old state is said to be as young as the leader's last word. */
    [BX_MUTANT_AGE_BY_HEARTBEAT] = "age-by-heartbeat",
    /* reconcile.c: what runs is judged by a state that may be older than the run. */
    [BX_MUTANT_DECLARE_EARLY] = "declare-early",
    /* kind_tenant.c: a VM is created beyond the quota of its tenant. */
    [BX_MUTANT_QUOTA_IGNORED] = "quota-ignored",
    /* fsm_vm.c: a VM starts again although others have taken its room. */
    [BX_MUTANT_ROOM_IGNORED] = "room-ignored",
    /* raft_conf.c: a new leader changes the configuration before it knows what is committed. */
    [BX_MUTANT_CONF_CHANGE_EARLY] = "conf-change-early",
    /* raft.c, propose.c: what waits for the disk has no bound. */
    [BX_MUTANT_LOG_OVERRUN] = "log-overrun",
    /* ballast.c: the ballast is kept when a write finds no room. */
    [BX_MUTANT_SPACE_ENDS] = "space-ends",
    /* wal_write.c: what found no room is told to be durable. */
    [BX_MUTANT_SPACE_ACKED] = "space-acked",
    /* receive.c, raft_receive.c: whatever a member sends is taken. */
    [BX_MUTANT_FRAMES_UNCHECKED] = "frames-unchecked",
    /* removed.c: a removed node does not hear it. */
    [BX_MUTANT_REMOVED_UNHEARD] = "removed-unheard",
    /* propose_send.c: what was relayed is carried out, however late. */
    [BX_MUTANT_DEADLINE_IGNORED] = "deadline-ignored",
    /* propose_send.c: whoever relays too late is not told what time it is. */
    [BX_MUTANT_TIME_UNTOLD] = "time-untold",
    /* level.c: what is above the cluster's feature level is submitted all the same. */
    [BX_MUTANT_LEVEL_UNGATED] = "level-ungated",
    /* level.c: the level is raised whatever the members read. */
    [BX_MUTANT_FINALIZE_EARLY] = "finalize-early",
    /* reference.c: a command concerns whoever has the name when it is applied. */
    [BX_MUTANT_NAME_ALONE] = "name-alone",
    /* fsm.c: what was refused is decided anew when a copy of it arrives. */
    [BX_MUTANT_FORGET_REFUSALS] = "forget-refusals",
    /* session_class.c: too many refusals of one principal displace those of all others. */
    [BX_MUTANT_REFUSALS_DISPLACE_OTHERS] = "refusals-displace-others",
    /* session_class.c: the sessions of nodes have no places of their own. */
    [BX_MUTANT_REPORTS_SHARE_SESSIONS] = "reports-share-sessions",
    /* reconcile_entry.c: a daemon that was restarted does not know that a VM fails. */
    [BX_MUTANT_FORGET_FAILURES] = "forget-failures",
    /* snapshot.c: the log is compacted whoever needs it. */
    [BX_MUTANT_LOG_NOT_HELD] = "log-not-held",
    /* raft_send.c: entries that wait on a link are sent again. */
    [BX_MUTANT_SEND_COPIES] = "send-copies",
    /* fsm_vm.c: a name that a tenant has is taken for all others. */
    [BX_MUTANT_NAMES_CROSS_TENANTS] = "names-cross-tenants",
    /* fsm_chain.c: an event has the hash of the one before the last. */
    [BX_MUTANT_CHAIN_SKIPS] = "chain-skips",
};
#define NAMES (sizeof names / sizeof names[0])

enum bx_mutant bx_mutant;
static struct sim *world;

bool mutant_choose(const char *name)
{
    for (size_t i = 0; i < NAMES; i++) {
        if (strcmp(names[i], name) == 0) {
            bx_mutant = (enum bx_mutant)i;
            return true;
        }
    }
    return false;
}

void mutant_list(void)
{
    for (size_t i = BX_MUTANT_NONE + 1; i < NAMES; i++)
        puts(names[i]);
}

void mutant_begin(struct sim *s)
{
    world = s;
}

uint64_t bx_mutant_wall_ms(void)
{
    struct sim_clock *c = &world->inside->clock;

    assert(world->inside != NULL);
    return c->base.ops->wall_ms(&c->base);
}
