/* shrink - keeps the files of the state database small.
 *
 * A job in the thread pool writes SQLite's log back into the database when it has half of its
 * bound; what has come since then is little, and is written back here. The next commit then begins
 * the log anew, unless a reader needs it: so this is tried again while the log is that large, and
 * new queries of users wait for it when it has reached its bound.
 *
 * Free pages of the database are given back a few at a time. A snapshot follows, because the last
 * one is as large as the state was. */
#include "node/internal.h"

#define AGAIN_MS 100u         /* pause while readers are in the way */
#define GIVE_BACK_MS 100u     /* pause between two parts of what is given back, */
#define LOOK_MS 5000u         /* and when there was nothing */
#define HERE_BYTES (2u << 20) /* that are written back on the loop, a few milliseconds */

static int run(struct bx_job *j)
{
    struct bx_shrink *s = (struct bx_shrink *)(void *)((char *)j - offsetof(struct bx_shrink, job));

    return bx_fsm_checkpoint_apart(s->path, &s->left);
}

static void done(struct bx_job *j, int rc)
{
    struct bx_shrink *s = (struct bx_shrink *)(void *)((char *)j - offsetof(struct bx_shrink, job));
    struct bx_node *n = (struct bx_node *)(void *)((char *)s - offsetof(struct bx_node, shrink));
    uint64_t bytes = bx_fsm_log_bytes(n->fsm);
    bool whole = rc == BX_OK && s->left == 0;

    s->busy = false;
    if (!whole) /* readers are in the way */
        s->next_ms = bx_node_now(n) + AGAIN_MS;
    else if (bytes >= s->log_bytes && bytes - s->log_bytes <= HERE_BYTES)
        bx_fsm_checkpoint(n->fsm);
    bx_node_wake(n); /* more than that has come meanwhile: the next job */
}

/* Not while the log is full: it gets what is moved. A full disk has no room for that either; what
 * is left of it is for what is under way. */
static void give_back(struct bx_node *n)
{
    struct bx_shrink *s = &n->shrink;
    uint64_t now = bx_node_now(n);

    if (now < s->give_back_ms || bx_node_state_log_full(n) || n->ballast.state == BX_SPACE_FULL ||
        !bx_ballast_may_write(n))
        return;
    if (bx_fsm_give_back(n->fsm)) {
        s->give_back_ms = now + GIVE_BACK_MS;
        s->giving_back = true;
        return;
    }
    s->give_back_ms = now + LOOK_MS;
    s->shrunk |= s->giving_back;
    s->gave_back |= s->giving_back;
    s->giving_back = false;
}

void bx_shrink_turn(struct bx_node *n)
{
    struct bx_shrink *s = &n->shrink;
    uint64_t bytes = bx_fsm_log_bytes(n->fsm);

    give_back(n);
    if (s->busy || bx_node_now(n) < s->next_ms || bytes == 0 ||
        (bytes < n->o.state_log_bytes / 2 && !s->gave_back))
        return;
    s->gave_back = false;
    s->busy = true;
    s->path = n->o.state_path;
    s->log_bytes = bytes;
    s->job.run = run;
    s->job.done = done;
    n->o.disk->ops->offload(n->o.disk, &s->job);
}

bool bx_node_state_log_full(const struct bx_node *n)
{
    return bx_fsm_log_bytes(n->fsm) >= n->o.state_log_bytes;
}
