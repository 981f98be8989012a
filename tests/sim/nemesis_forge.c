/* nemesis_forge - frames of a member that means harm: to one host, in the name of a node that it
 * knows. The product refuses each, so none of them may change anything. */
#include "sim/nemesis.h"

#include "node/internal.h"
#include "wire/raftmsg.h"

#include <string.h>

struct forged {
    uint64_t from;
    enum bx_frame kind;
    struct bx_buf b; /* the payload */
};

static void receive(struct sim_host *h, void *arg)
{
    const struct forged *f = arg;

    bx_node_receive(h->node, f->from, f->kind, f->b.data, f->b.len);
}

static void send(struct sim *s, struct sim_host *h, uint64_t from, enum bx_frame kind,
                 struct bx_buf *b)
{
    struct forged f = {from, kind, *b};

    sim_trace(s, h, "a forged frame of node %llu: %s", (unsigned long long)from,
              bx_frame_name(kind));
    if (sim_enter(h, receive, &f))
        sim_host_wake(h);
    bx_buf_release(b);
}

/* A node that is neither the host's nor the leader that it follows. */
static uint64_t some_other(struct sim *s, const struct sim_host *h, uint64_t leader)
{
    uint64_t at = nemesis_draw(s, s->n_hosts);

    for (unsigned i = 0; i < s->n_hosts; i++) {
        const struct sim_host *o = &s->hosts[(at + i) % s->n_hosts];

        if (o != h && o->node != NULL && o->identity.node != leader &&
            bx_view_node(bx_node_view(h->node), o->identity.node) != NULL)
            return o->identity.node;
    }
    return 0;
}

/* A term beyond which there is none. */
static bool forge_vote(struct sim *s, struct sim_host *h, uint64_t from)
{
    struct raft_message m = {.type = RAFT_REQUEST_VOTE,
                             .request_vote = {.version = 2,
                                              .term = UINT64_MAX - nemesis_draw(s, 3),
                                              .candidate_id = from,
                                              .last_log_index = UINT32_MAX,
                                              .last_log_term = 1,
                                              .disrupt_leader = true}};
    struct bx_buf b = {0};

    if (bx_raftmsg_write(&b, &m) != BX_OK)
        return false;
    send(s, h, from, BX_FRAME_RAFT, &b);
    return true;
}

/* Another leader in the same term. */
static bool forge_append(struct sim *s, struct sim_host *h, uint64_t from, uint64_t term)
{
    struct raft_append_entries m = {.term = term, .prev_log_index = 1, .prev_log_term = 1};
    struct bx_buf b = {0};

    if (bx_raftmsg_write_append(&b, &m) != BX_OK)
        return false;
    send(s, h, from, BX_FRAME_RAFT, &b);
    return true;
}

static bool forge_piece(struct sim *s, struct sim_host *h, uint64_t from)
{
    struct bx_buf b = {0};

    if (bx_buf_extend(&b, 64) == NULL)
        return false;
    memset(b.data, 0, b.len);
    send(s, h, from, BX_FRAME_SNAP_DATA, &b);
    return true;
}

static bool relay(struct sim *s, struct sim_host *h, uint64_t from, uint16_t kind, const void *body)
{
    struct bx_cmd_header head = {.kind = kind, .principal = bx_str("node"), .sequence = 1};
    struct bx_buf b = {0};

    bx_put64(head.session, 1 + nemesis_draw(s, UINT64_MAX - 1));
    if (bx_buf_extend(&b, BX_RELAY_HEAD) == NULL)
        return false;
    bx_put64(b.data, 1);
    if (bx_cmd_encode(&b, &head, body) != BX_OK)
        return false;
    send(s, h, from, BX_FRAME_RELAY, &b);
    return true;
}

/* That a VM of another node has failed; it runs. */
static bool forge_report(struct sim *s, struct sim_host *h, uint64_t from)
{
    const struct bx_vm *vm;
    size_t pos = 0;

    while ((vm = bx_view_next(bx_node_view(h->node), BX_TABLE_VM, &pos)) != NULL) {
        struct bx_cmd_vm_report r = {
            .node = vm->node, .epoch = vm->epoch, .phase = BX_PHASE_FAILED};

        memcpy(r.vm, vm->uuid, 16);
        if (vm->phase == BX_PHASE_RUNNING && vm->node != from)
            return relay(s, h, from, BX_CMD_VM_REPORT, &r);
    }
    return false;
}

bool nemesis_forge(struct sim *s)
{
    struct sim_host *h = nemesis_host(s);
    uint64_t kind = nemesis_draw(s, 4), from, term;
    struct bx_node_status st;

    if (kind == 3)
        h = nemesis_leader(s, &term);
    if (h == NULL || h->node == NULL || h->paused_until > s->now)
        return false;
    bx_node_status(h->node, &st);
    from = some_other(s, h, st.leader);
    if (from == 0 || st.leader == 0)
        return false;
    if (kind == 0)
        return forge_vote(s, h, from);
    if (kind == 1)
        return forge_append(s, h, from, st.term);
    return kind == 2 ? forge_piece(s, h, from) : forge_report(s, h, from);
}
