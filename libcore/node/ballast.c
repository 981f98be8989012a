#include "node/internal.h"

#include "mutant.h"

#include <errno.h>
#include <stdio.h>

enum bx_disk_space bx_ballast_judge(enum bx_disk_space now, uint64_t room, uint64_t ballast)
{
    if (room < ballast / (now == BX_SPACE_FULL ? 4 : 8))
        return BX_SPACE_FULL;
    if (room < (now == BX_SPACE_OK ? ballast : ballast + ballast / 2))
        return BX_SPACE_LOW;
    return BX_SPACE_OK;
}

static uint64_t room_of(const struct bx_ballast *s)
{
    if (s->held)
        return s->free;
    return s->free > s->bytes ? s->free - s->bytes : 0;
}

uint64_t bx_ballast_room(const struct bx_node *n)
{
    uint64_t room = room_of(&n->ballast), bytes = n->ballast.bytes;

    if (bytes == 0)
        return UINT64_MAX; /* nobody looks */
    return room > bytes ? room - bytes : 0;
}

static void set_state(struct bx_node *n, enum bx_disk_space state)
{
    struct bx_ballast *s = &n->ballast;

    if (state == s->state)
        return;
    if (state == BX_SPACE_OK)
        BX_INFO("disk", "there is space again", "dir", s->fs->dir, "free", s->free);
    else
        BX_WARNING("disk", "free some space", "state", bx_disk_space_names[state], "dir",
                   s->fs->dir, "free", s->free);
    s->state = state;
    if (state == BX_SPACE_FULL)
        bx_snapshots_drop(n); /* no more of it is taken now */
    bx_lease_tell_space(n->lease, (uint8_t)state);
    bx_node_wake(n);
}

/* ---- looking ---- */

static struct bx_ballast *watch_of(struct bx_job *j)
{
    return (struct bx_ballast *)(void *)((char *)j - offsetof(struct bx_ballast, job));
}

static int make_ballast(struct bx_fs *fs, uint64_t size)
{
    int fd, rc = fs->ops->open(fs, BX_BALLAST_NAME, BX_FS_CREATE | BX_FS_TRUNC, &fd);

    if (rc != 0)
        return rc;
    rc = fs->ops->reserve(fs, fd, size);
    fs->ops->close(fs, fd);
    if (rc != 0)
        fs->ops->unlink(fs, BX_BALLAST_NAME);
    return rc;
}

static int look_run(struct bx_job *j)
{
    struct bx_ballast *s = watch_of(j);

    s->made = s->make && make_ballast(s->fs, s->bytes) == 0;
    s->rc = s->fs->ops->space(s->fs, &s->seen);
    return BX_OK;
}

static void look_done(struct bx_job *j, int rc)
{
    struct bx_ballast *s = watch_of(j);
    struct bx_node *n = (struct bx_node *)(void *)((char *)s - offsetof(struct bx_node, ballast));

    (void)rc;
    s->looking = s->make = false;
    s->due =
        bx_node_now(n) + (s->state == BX_SPACE_OK ? BX_BALLAST_LOOK_MS : BX_BALLAST_LOOK_AGAIN_MS);
    if (s->discard) { /* a write found no room meanwhile: what was seen is not true any more */
        s->discard = false;
        s->fs->ops->unlink(s->fs, BX_BALLAST_NAME);
        s->due = 0;
        return;
    }
    if (s->rc != 0) {
        BX_WARNING("disk", "the space can not be determined", "dir", s->fs->dir, "errno", -s->rc);
        return;
    }
    s->held = s->held || s->made;
    s->free = s->seen;
    s->make = !s->held && s->free >= s->bytes + s->bytes / 2;
    if (s->held || s->state != BX_SPACE_FULL)
        set_state(n, bx_ballast_judge(s->state, room_of(s), s->bytes));
    bx_node_wake(n); /* what waits for room goes on */
}

void bx_ballast_tick(struct bx_node *n)
{
    struct bx_ballast *s = &n->ballast;

    if (s->bytes == 0 || s->looking || bx_node_now(n) < s->due)
        return;
    s->looking = true;
    s->job.run = look_run;
    s->job.done = look_done;
    n->o.disk->ops->offload(n->o.disk, &s->job);
}

/* ---- opening ---- */

/* Is it there, and of this size? Another one is removed. */
static int find_ballast(struct bx_ballast *s)
{
    uint64_t size = 0;
    int fd, rc = s->fs->ops->open(s->fs, BX_BALLAST_NAME, 0, &fd);

    if (rc == 0) {
        rc = s->fs->ops->size(s->fs, fd, &size);
        s->fs->ops->close(s->fs, fd);
    } else if (rc == -ENOENT) {
        return 0;
    }
    s->held = rc == 0 && s->bytes > 0 && size == s->bytes;
    return rc == 0 && !s->held ? s->fs->ops->unlink(s->fs, BX_BALLAST_NAME) : rc;
}

int bx_ballast_open(struct bx_node *n, struct bx_err *err)
{
    struct bx_ballast *s = &n->ballast;
    int rc;

    *s = (struct bx_ballast){.fs = n->o.disk->fs, .bytes = n->o.ballast_bytes};
    rc = find_ballast(s);
    if (rc == 0 && s->bytes > 0)
        rc = s->fs->ops->space(s->fs, &s->free);
    if (rc != 0)
        return bx_fs_fail(s->fs, rc, "open", BX_BALLAST_NAME, err);
    if (s->bytes == 0)
        return BX_OK;
    s->state = bx_ballast_judge(BX_SPACE_OK, room_of(s), s->bytes);
    s->make = !s->held && s->free >= s->bytes + s->bytes / 2;
    /* A start needs some room, too. */
    if (s->state == BX_SPACE_FULL && s->held) {
        s->fs->ops->unlink(s->fs, BX_BALLAST_NAME);
        s->held = false;
        s->free += s->bytes;
    }
    if (s->state != BX_SPACE_OK)
        BX_WARNING("disk", "free some space", "state", bx_disk_space_names[s->state], "dir",
                   s->fs->dir, "free", s->free);
    return BX_OK;
}

/* ---- when there is none ---- */

bool bx_ballast_met(struct bx_node *n)
{
    struct bx_ballast *s = &n->ballast;
    bool held = s->held;

    if (s->bytes == 0 || BX_MUTATED(SPACE_ENDS))
        return false;
    if (held)
        s->fs->ops->unlink(s->fs, BX_BALLAST_NAME);
    if (held)
        BX_WARNING("disk", "a write found no space: the ballast was removed", "dir", s->fs->dir);
    s->held = false;
    s->discard = s->looking;
    if (!s->looking) /* else the job reads it */
        s->make = false;
    s->free = 0; /* until it is looked at */
    s->due = 0;
    set_state(n, BX_SPACE_FULL);
    return held;
}

bool bx_ballast_may_write(const struct bx_node *n)
{
    const struct bx_ballast *s = &n->ballast;

    return s->bytes == 0 || s->held || s->free >= s->bytes / 4;
}

/* ---- what is refused ---- */

/* These give back room, or concern the cluster itself; most are small. */
static const bool goes_on[BX__CMDS] = {
    [BX_CMD_CLUSTER_CREATE] = true, [BX_CMD_NODE_PUT] = true,     [BX_CMD_NODE_STATE] = true,
    [BX_CMD_VM_DELETE] = true,      [BX_CMD_VM_REPORT] = true,    [BX_CMD_TOKEN_CREATE] = true,
    [BX_CMD_MEMBER_JOIN] = true,    [BX_CMD_NODE_REMOVE] = true,  [BX_CMD_TENANT_DELETE] = true,
    [BX_CMD_SESSION_END] = true,    [BX_CMD_TOKEN_REVOKE] = true, [BX_CMD_NODE_REPAIRED] = true,
    [BX_CMD_USER_SET] = true,       [BX_CMD_USER_DELETE] = true,  [BX_CMD_USER_TOKEN_DELETE] = true,
    [BX_CMD_CA_ROTATE] = true,
};

enum bx_disk_space bx_node_space(const struct bx_node *n, uint64_t id)
{
    const struct bx_node_row *row = bx_view_node(bx_fsm_view(n->fsm), id);
    enum bx_disk_space known = row == NULL ? BX_SPACE_OK : (enum bx_disk_space)row->low;

    /* That of this node is better known here, but placement goes by the row. */
    return id == n->id && n->ballast.state > known ? n->ballast.state : known;
}

/* A voter that is not ok, this node before others; 0: most are ok. */
static uint64_t find_low(const struct bx_node *n)
{
    const struct raft_configuration *c = bx_raft_configuration(&n->raft);
    unsigned voters = 0, ok = 0;
    uint64_t low = 0;

    for (unsigned i = 0; i < c->n; i++) {
        if (c->servers[i].role != RAFT_VOTER)
            continue;
        voters++;
        if (bx_node_space(n, c->servers[i].id) == BX_SPACE_OK)
            ok++;
        else if (low == 0 || c->servers[i].id == n->id)
            low = c->servers[i].id;
    }
    return 2 * ok > voters ? 0 : low;
}

/* A stop is a request, too, but what it stops does not grow any more. */
static bool may_go_on(const struct bx_node *n, const struct bx_submit *s)
{
    struct bx_outcome o;

    if (goes_on[s->kind])
        return true;
    if (s->kind == BX_CMD_VM_DESIRE)
        return ((const struct bx_cmd_vm_desire *)s->body)->desired == BX_DESIRED_STOPPED;
    return bx_fsm_kept(n->fsm, s->session, s->sequence, &o); /* the answer is there already */
}

int bx_ballast_admit(const struct bx_node *n, const struct bx_submit *s, struct bx_err *err)
{
    uint64_t low = n->ballast.state == BX_SPACE_OK && bx_node_level(n) < 2 ? 0 : find_low(n);
    const struct bx_node_row *row = bx_view_node(bx_fsm_view(n->fsm), low);
    char name[BX_ADDRESS_MAX + 8];

    if (low == 0 || may_go_on(n, s))
        return BX_OK;
    if (row == NULL)
        snprintf(name, sizeof name, "node %llu", (unsigned long long)low);
    else
        snprintf(name, sizeof name, "node %s", row->name->s);
    bx_err_set(err, BX_NO_SPACE, "the disk of %s is %s; nothing was done", name,
               bx_node_space(n, low) == BX_SPACE_FULL ? "full" : "low on space");
    if (low == n->id)
        bx_err_hint(err, "free some space on %s in %s; reads, stops and deletes still work", name,
                    n->o.disk->fs->dir);
    else
        bx_err_hint(err,
                    "free some space on %s in its data directory; reads, stops and deletes "
                    "still work",
                    name);
    return BX_NO_SPACE;
}

/* ---- the lead ---- */

static bool is_ok(void *ctx, uint64_t id)
{
    return bx_node_space(ctx, id) == BX_SPACE_OK;
}

void bx_ballast_relieve(struct bx_node *n)
{
    uint64_t to;

    if (n->ballast.state == BX_SPACE_OK || bx_node_level(n) < 2)
        return;
    to = bx_raft_hand_over(&n->raft, is_ok);
    if (to != 0)
        BX_WARNING("raft", "handing leadership over: low on disk space", "state",
                   bx_disk_space_names[n->ballast.state], "to", to);
}
