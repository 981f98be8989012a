/* What happens to a frame after it was decoded: a real node that leads a cluster of its own gets
 * it, and does what it asks. The node goes on from one input to the next and is replaced after
 * some, so that its state stays small; what ends it is found, wherever the reason lies.
 *
 * Raft messages are left out: the core believes the terms and entries of members, so after one of
 * them nothing could be asserted any more. The target `raft` reads them. */
#include "fuzz/targets.h"

#include "lib/testcluster.h"
#include "wire/command.h"

#include <assert.h>

#define FROM 2       /* the member that sends the frames */
#define INPUTS 2000u /* for one node */

static struct test_cluster w;
static uint32_t inputs;

static struct bx_node *node(void)
{
    if (inputs == INPUTS)
        fuzz_node_close();
    if (inputs++ == 0)
        test_cluster_open(&w, 1);
    return test_member(&w, 1)->node;
}

void fuzz_node_close(void)
{
    if (inputs > 0)
        test_cluster_close(&w);
    inputs = 0;
}

static void on_joined(void *ctx, const struct bx_joined *answer)
{
    struct bx_buf b = {0};

    (void)ctx;
    assert(bx_frame_write(&b, BX_FRAME_JOINED, &bx_joined_schema, answer) == BX_OK);
    bx_buf_release(&b);
}

static int join(const uint8_t *p, size_t n)
{
    struct bx_join j;
    int rc = bx_frame_read(BX_FRAME_JOIN, p, n, &j, NULL, NULL);

    if (rc == BX_OK) /* its token is nobody's */
        (void)bx_node_join(node(), &j, bx_str(""), on_joined, NULL, NULL);
    return rc;
}

static int receive(enum bx_frame kind, const uint8_t *p, size_t n)
{
    switch (kind) {
    case BX_FRAME_JOIN:
        return join(p, n);
    case BX_FRAME_RELAY:
    case BX_FRAME_READ:
    case BX_FRAME_READ_OK:
    case BX_FRAME_STORED:
    case BX_FRAME_HEARTBEAT:
    case BX_FRAME_GRANT:
    case BX_FRAME_SNAP_DATA:
    case BX_FRAME_QUERY:
    case BX_FRAME_ANSWER:
        bx_node_receive(node(), FROM, kind, p, n);
        return BX_OK;
    default:
        return BX_OK; /* nothing that reaches the node */
    }
}

int fuzz_node(const uint8_t *p, size_t n)
{
    int rc = fuzz_frames(p, n, receive);

    test_cluster_settle(&w);
    return rc;
}
