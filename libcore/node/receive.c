/* receive - frames of other nodes: who may send which, and to whom they go.
 *
 *   kind                     from
 *   RAFT, STORED             anybody but an agent: who votes or leads may not be known here yet
 *   RELAY, READ, HEARTBEAT   a node that has a row here or is a server; the leader decides by them
 *   QUERY                    the same
 *   SNAP_DATA                the leader that is followed
 *   READ_OK, GRANT, ANSWER   whom this node has asked, which the receiver checks
 *
 * What messages of the core may say is checked in raft_receive.c, what may be relayed here.
 * Whatever is refused is dropped and logged; a flood of it is one line a second. */
#include "node/internal.h"

#include "mutant.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define REFUSALS_MS 1000u /* between two lines about them */

/* ---- refusing ---- */

static void refuse(struct bx_node *n, uint64_t from, enum bx_frame kind, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

static void refuse(struct bx_node *n, uint64_t from, enum bx_frame kind, const char *fmt, ...)
{
    struct bx_refusals *r = &n->refusals;
    uint64_t now = bx_node_now(n);
    char why[256];
    va_list args;

    r->left_out++;
    if (r->logged_ms != 0 && now - r->logged_ms < REFUSALS_MS)
        return;
    va_start(args, fmt);
    vsnprintf(why, sizeof why, fmt, args);
    va_end(args);
    BX_WARNING("node", "a frame was refused", "frame", bx_frame_name(kind), "node", from, "err",
               why, "more", r->left_out - 1);
    *r = (struct bx_refusals){.logged_ms = now};
}

/* ---- who may send which ---- */

static bool is_known(const struct bx_node *n, uint64_t id)
{
    return bx_view_node(bx_fsm_view(n->fsm), id) != NULL || bx_raft_server(&n->raft, id) != NULL;
}

bool bx_node_is_no_agent(const struct bx_node *n, uint64_t id)
{
    const struct bx_node_row *row = bx_view_node(bx_fsm_view(n->fsm), id);

    return row == NULL || row->info.role != BX_ROLE_AGENT;
}

static bool is_followed(const struct bx_node *n, uint64_t id)
{
    return id != 0 && bx_raft_leader(&n->raft) == id;
}

static bool is_anybody(const struct bx_node *n, uint64_t id)
{
    (void)n, (void)id;
    return true;
}

static const struct {
    bool (*may)(const struct bx_node *n, uint64_t from);
    const char *else_why;
} senders[BX__FRAMES] = {
    [BX_FRAME_RAFT] = {bx_node_is_no_agent, "agents are not members of Raft"},
    [BX_FRAME_RELAY] = {is_known, "unknown node"},
    [BX_FRAME_READ] = {is_known, "unknown node"},
    [BX_FRAME_READ_OK] = {is_anybody, NULL},
    [BX_FRAME_HEARTBEAT] = {is_known, "unknown node"},
    [BX_FRAME_GRANT] = {is_anybody, NULL},
    [BX_FRAME_SNAP_DATA] = {is_followed, "not the leader"},
    [BX_FRAME_QUERY] = {is_known, "unknown node"},
    [BX_FRAME_ANSWER] = {is_anybody, NULL},
    [BX_FRAME_STORED] = {bx_node_is_no_agent, "an agent holds no log"},
};

/* ---- what may be relayed ---- */

/* Most commands are relayed for a client. A node reports its own VMs, and writes its own row; what
 * only leaders find out is relayed by nobody. */
enum relayed_by { BY_ANY, BY_ITSELF, BY_NONE };
static const struct {
    enum relayed_by by;
    size_t node; /* where the body has the node's id */
} relayed[BX__CMDS] = {
    [BX_CMD_VM_REPORT] = {BY_ITSELF, offsetof(union bx_cmd_body, vm_report.node)},
    [BX_CMD_NODE_PUT] = {BY_ITSELF, offsetof(union bx_cmd_body, node_put.id)},
    [BX_CMD_NODE_REPAIRED] = {BY_ITSELF, offsetof(union bx_cmd_body, node_repaired.id)},
    [BX_CMD_NODE_STATE] = {BY_NONE, 0},
    [BX_CMD_CLUSTER_CREATE] = {BY_NONE, 0},
};

bool bx_may_be_relayed(uint16_t kind)
{
    return relayed[kind].by != BY_NONE;
}

/* The node that the body is about. */
static uint64_t subject_of(uint16_t kind, const uint8_t *command, size_t len)
{
    struct bx_cmd_header head;
    union bx_cmd_body body;
    struct bx_arena arena = {0};
    uint64_t id = 0;
    size_t used;

    if (bx_cmd_decode(command, len, &head, &body, &arena, &used, NULL) == BX_OK)
        memcpy(&id, (const char *)&body + relayed[kind].node, sizeof id);
    bx_arena_close(&arena);
    return id;
}

static bool may_relay(uint64_t from, const uint8_t *command, size_t len)
{
    uint16_t kind = bx_cmd_kind(command);

    return relayed[kind].by == BY_ANY || BX_MUTATED(FRAMES_UNCHECKED) ||
           (relayed[kind].by == BY_ITSELF && subject_of(kind, command, len) == from);
}

/* Commands of a follower, of which this leader takes those that fit. */
static void receive_relay(struct bx_node *n, uint64_t from, const uint8_t *p, size_t len)
{
    struct bx_numbered m;
    struct bx_err err;
    size_t used;

    if (!bx_raft_is_leader(&n->raft))
        return; /* the follower sends them again to the leader that it learns of */
    if (!bx_frame_numbered(p, len, &m) || m.number > BX_BATCH_COMMANDS_MAX) {
        refuse(n, from, BX_FRAME_RELAY, "invalid number of commands");
        return;
    }
    for (; m.number > 0; m.number--, m.p += used, m.n -= used) {
        if (bx_cmd_check(m.p, m.n, &used, &err) != BX_OK) {
            refuse(n, from, BX_FRAME_RELAY, "%s", err.msg);
            break;
        }
        if (!may_relay(from, m.p, used))
            refuse(n, from, BX_FRAME_RELAY, "it may not relay %s", bx_cmd_name(bx_cmd_kind(m.p)));
        else if (bx_level_check_relayed(n, m.p, used, &err) != BX_OK)
            refuse(n, from, BX_FRAME_RELAY, "%s", err.msg);
        else if (!bx_propose_relayed(n, m.p, used))
            break;
    }
}

/* ---- receiving ---- */

static void receive_record(struct bx_node *n, uint64_t from, enum bx_frame kind, const uint8_t *p,
                           size_t len)
{
    struct bx_arena arena = {0};
    struct bx_err err;
    union {
        struct bx_read read;
        struct bx_heartbeat heartbeat;
        struct bx_grant grant;
        struct bx_stored stored;
    } u;

    memset(&u, 0, sizeof u);
    if (bx_frame_read(kind, p, len, &u, &arena, &err) != BX_OK) {
        refuse(n, from, kind, "%s", err.msg);
    } else if (kind == BX_FRAME_HEARTBEAT) {
        bx_lease_on_heartbeat(n->lease, from, &u.heartbeat);
    } else if (kind == BX_FRAME_GRANT) {
        bx_lease_on_grant(n->lease, from, &u.grant);
    } else if (kind == BX_FRAME_STORED) {
        bx_heard_on_stored(n, from, &u.stored);
    } else if (kind == BX_FRAME_READ) {
        bx_reads_on_read(n, from, &u.read);
    } else {
        bx_reads_on_ok(n, from, &u.read);
    }
    bx_arena_close(&arena);
}

static void receive_raft(struct bx_node *n, uint64_t from, const uint8_t *p, size_t len)
{
    struct bx_err err;

    if (bx_raft_receive(&n->raft, from, p, len, &err) != BX_OK)
        refuse(n, from, BX_FRAME_RAFT, "%s", err.msg);
}

static void receive(struct bx_node *n, uint64_t from, enum bx_frame kind, const uint8_t *p,
                    size_t len)
{
    switch (kind) {
    case BX_FRAME_RAFT:
        receive_raft(n, from, p, len);
        break;
    case BX_FRAME_RELAY:
        receive_relay(n, from, p, len);
        break;
    case BX_FRAME_SNAP_DATA:
        bx_snapshots_on_data(n, p, len);
        break;
    case BX_FRAME_QUERY:
    case BX_FRAME_ANSWER:
        n->o.frame(n->o.ctx, from, kind, p, len);
        break;
    default:
        receive_record(n, from, kind, p, len);
        break;
    }
}

void bx_node_receive(struct bx_node *n, uint64_t from, enum bx_frame kind, const uint8_t *p,
                     size_t len)
{
    if (n->removed)
        return;
    if ((unsigned)kind >= BX__FRAMES || senders[kind].may == NULL)
        refuse(n, from, kind, "not a frame of a member");
    else if (from != n->id && !senders[kind].may(n, from) && !BX_MUTATED(FRAMES_UNCHECKED))
        refuse(n, from, kind, "%s", senders[kind].else_why);
    else
        receive(n, from, kind, p, len);
    bx_node_wake(n);
}
