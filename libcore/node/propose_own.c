/* propose_own - what a node proposes by itself: reports of its VMs, states of nodes. Nobody waits
 * for the outcome, so a refusal is logged; a line a second for each kind, whatever their number. */
#include "node/internal.h"

#define OWN_MS 30000u
#define LOG_AGAIN_MS 1000u
#define REFUSED "a command of this node was refused"

/* A report crosses with a change of its VM now and then; the rest should not happen. */
static bool is_usual(uint16_t kind, int code)
{
    return kind == BX_CMD_VM_REPORT && code == BX_CONFLICT;
}

static void record_refusal(struct bx_own_kind *own, int code, struct bx_str words)
{
    uint64_t now = bx_node_now(own->node);

    if (own->logged_ms != 0 && now < own->logged_ms + LOG_AGAIN_MS) {
        own->unlogged++;
        return;
    }
    if (is_usual(own->kind, code))
        BX_INFO("propose", REFUSED, "command", bx_cmd_name(own->kind), "code", bx_code_name(code),
                "err", words, "more", own->unlogged);
    else
        BX_WARNING("propose", REFUSED, "command", bx_cmd_name(own->kind), "code",
                   bx_code_name(code), "err", words, "more", own->unlogged);
    own->logged_ms = now;
    own->unlogged = 0;
}

static void on_outcome(void *ctx, const struct bx_outcome *o, const struct bx_err *err)
{
    if (o != NULL && o->code != BX_OK)
        record_refusal(ctx, o->code, o->message);
    else if (o == NULL && err->code != BX_SHUTDOWN)
        record_refusal(ctx, err->code, bx_str(err->msg));
}

void bx_own_init(struct bx_node *n)
{
    for (uint16_t kind = 1; kind < BX__CMDS; kind++)
        n->propose.own_kinds[kind] = (struct bx_own_kind){.node = n, .kind = kind};
}

void bx_propose_internal(struct bx_node *n, uint16_t kind, const void *body)
{
    struct bx_submit s = {.kind = kind,
                          .body = body,
                          .principal = bx_str(BX_PRINCIPAL_NODE),
                          .deadline = bx_node_now(n) + OWN_MS,
                          .done = on_outcome,
                          .ctx = &n->propose.own_kinds[kind]};
    struct bx_err err = {0};
    int rc;

    bx_trace_id(bx_rec_traced(), s.trace);
    rc = bx_node_submit(n, &s, &err);

    if (rc != BX_OK && rc != BX_SHUTDOWN)
        record_refusal(&n->propose.own_kinds[kind], rc, bx_str(err.msg));
}

void bx_propose_internal_first(struct bx_node *n, uint16_t kind, const void *body)
{
    struct bx_propose *pr = &n->propose;
    struct bx_proposal *last = TAILQ_LAST(&pr->queued, bx_proposals), *p;

    bx_propose_internal(n, kind, body);
    p = TAILQ_LAST(&pr->queued, bx_proposals);
    if (p == NULL || p == last)
        return; /* there was no room for it */
    TAILQ_REMOVE(&pr->queued, p, link);
    TAILQ_INSERT_HEAD(&pr->queued, p, link);
}
