/* repairs - damage that was found at the start and mended from another copy.
 *
 * Nothing is lost then, but a disk that damages one file may damage the next. So each repair is a
 * warning in the log, and an event of the cluster, which this node proposes once it is back: when
 * it has a row, a quorum, and the feature level that has the command. It is proposed again until
 * there is an outcome; one that came too late is then told twice. */
#include "node/internal.h"

#define ANSWER_MS 30000u
#define AGAIN_MS 1000u

static const char *const told[BX__REPAIRS] = {
    [BX_REPAIR_IDENTITY] = "one of the two copies of its identity was damaged",
    [BX_REPAIR_VOTE] = "one of the two copies of its vote was damaged",
    [BX_REPAIR_MARK] = "one of the two copies of its log's mark was damaged",
    [BX_REPAIR_TRUST] = "one of the two copies of its trust file was damaged",
    [BX_REPAIR_STATE] = "its state.db was damaged or missing, and is rebuilt",
    [BX_REPAIR_LOG] = "its log had records behind a torn one, which were cut",
};

void bx_repairs_note(struct bx_node *n, enum bx_repair what)
{
    n->repairs.told[what] = BX_REPAIR_UNTOLD;
    BX_WARNING("node", "damage was mended", "dir", n->o.disk->fs->dir, "what", told[what]);
}

/* ctx: its place in the table. */
static void on_outcome(void *ctx, const struct bx_outcome *o, const struct bx_err *err)
{
    enum bx_repair_told *place = ctx;

    (void)err;
    *place = o == NULL ? BX_REPAIR_UNTOLD : BX_REPAIR_NONE;
}

static void propose(struct bx_node *n, uint8_t what)
{
    struct bx_cmd_node_repaired c = {n->id, what};
    struct bx_submit s = {.kind = BX_CMD_NODE_REPAIRED,
                          .body = &c,
                          .principal = bx_str(BX_PRINCIPAL_NODE),
                          .deadline = bx_node_now(n) + ANSWER_MS,
                          .done = on_outcome,
                          .ctx = &n->repairs.told[what]};

    if (bx_node_submit(n, &s, NULL) == BX_OK)
        n->repairs.told[what] = BX_REPAIR_ASKED;
}

void bx_repairs_tick(struct bx_node *n)
{
    uint64_t now = bx_node_now(n);

    if (now < n->repairs.next_ms || bx_view_node(bx_fsm_view(n->fsm), n->id) == NULL ||
        bx_node_level(n) < 2 || !bx_node_has_quorum(n))
        return;
    n->repairs.next_ms = now + AGAIN_MS;
    for (uint8_t what = 0; what < BX__REPAIRS; what++) {
        if (n->repairs.told[what] == BX_REPAIR_UNTOLD)
            propose(n, what);
    }
}
