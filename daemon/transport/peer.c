/* The process at the other end of a unix socket. */
#include "transport/stream.h"

#include "mem/alloc.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/socket.h>

#define GROUPS_USUAL 64u

void stream_peer_process(struct stream *s)
{
    struct ucred who;
    socklen_t n = sizeof who;
    int fd;

    if (uv_fileno(&s->h.handle, &fd) != 0 || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n) != 0)
        return;
    s->peer.kind = STREAM_PEER_PROCESS;
    s->peer.uid = who.uid;
    s->peer.gid = who.gid;
    s->peer.pid = who.pid;
    snprintf(s->peer.name, sizeof s->peer.name, "uid:%u", (unsigned)who.uid);
}

static bool contains(const gid_t *groups, socklen_t bytes, gid_t group)
{
    for (size_t i = 0; i < bytes / sizeof *groups; i++)
        if (groups[i] == group)
            return true;
    return false;
}

/* The supplementary groups. The kernel tells how many bytes they need when there are more than fit;
 * there are NGROUPS_MAX at most. */
static bool in_supplementary_group(int fd, gid_t group)
{
    gid_t usual[GROUPS_USUAL], *many;
    socklen_t n = sizeof usual;
    bool found;

    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, usual, &n) == 0)
        return contains(usual, n, group);
    if (errno != ERANGE || n > NGROUPS_MAX * sizeof *many)
        return false;
    many = bx_alloc(n);
    found = many != NULL && getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, many, &n) == 0 &&
            contains(many, n, group);
    bx_free(many);
    return found;
}

bool stream_peer_in_group(const struct stream *s, gid_t group)
{
    int fd;

    if (s->peer.kind != STREAM_PEER_PROCESS || uv_fileno(&s->h.handle, &fd) != 0)
        return false;
    return s->peer.gid == group || in_supplementary_group(fd, group);
}
