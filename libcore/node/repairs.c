/* repairs - damage that was found at the start and mended from another copy.
 *
 * Nothing is lost then, but a disk that damages one file may damage the next. So each repair is a
 * warning in the log, and an event of the cluster, which this node proposes once it is back: when
 * it has a row, a quorum, and the feature level that has the command. */
#include "node/internal.h"

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
    n->repairs |= 1u << what;
    bx_node_log(n, 4, "%s: %s", n->o.disk->fs->dir, told[what]);
}

void bx_repairs_tick(struct bx_node *n)
{
    if (n->repairs == 0 || bx_view_node(bx_fsm_view(n->fsm), n->id) == NULL ||
        bx_node_level(n) < 2 || !bx_node_has_quorum(n))
        return;
    for (uint8_t what = 0; what < BX__REPAIRS; what++) {
        struct bx_cmd_node_repaired c = {n->id, what};

        if (n->repairs & 1u << what)
            bx_propose_internal(n, BX_CMD_NODE_REPAIRED, &c);
    }
    n->repairs = 0;
}
