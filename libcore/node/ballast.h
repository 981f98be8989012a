/* ballast - how much room there is on the disk of the data directory, and the ballast that is kept
 * there: a file that only takes room, so that there is some left when the disk is full.
 *
 *             room < ballast                 room < ballast / 8, or a write found none
 *     ok ------------------------> low ------------------------------------------------> full
 *        <------------------------     <------------------------------------------------
 *             room >= 3/2 ballast            room >= ballast / 4, and the ballast is there
 *
 * Room is what is free beside the ballast. It is looked at once a second in the thread pool, and
 * five times a second unless it is ok. On a node that is not ok nothing new is to grow. A write
 * that finds no room has the ballast removed, so that the log and SQLite can finish what is under
 * way. While less than a quarter of it is left, nothing is applied: the log has it. When there is
 * half as much again as the ballast takes, it is made anew.
 *
 * A node tells the leader its state with its lease heartbeats; the leader writes it into the node's
 * row, so all members know it. The state machine places no VM on a node that is not ok. A leader
 * that is not ok gives the lead to a voter that is. Commands of clients, but those that give back
 * room or concern the cluster itself, are refused before they are proposed while no more than half
 * of the voters are ok; while more are, those commit what the others have no room for. */
#ifndef BX_BALLAST_H
#define BX_BALLAST_H

#include "model/node.h"
#include "node/ports.h"

#define BX_BALLAST_NAME "ballast"
#define BX_BALLAST_LOOK_MS 1000u
#define BX_BALLAST_LOOK_AGAIN_MS 200u /* while it is not ok */

struct bx_ballast {
    struct bx_job job;
    struct bx_fs *fs;
    uint64_t bytes; /* that it takes; 0: there is none, and nothing is looked at */
    enum bx_disk_space state;
    bool held;          /* the ballast is there */
    bool looking;       /* the job is under way */
    bool discard;       /* what it makes is to be removed again */
    uint64_t free, due; /* bytes, when last looked at; boot time of the next look */
    bool make;          /* the next job makes it; not changed while one is under way */
    /* ---- what the job writes ---- */
    bool made;
    uint64_t seen;
    int rc;
};

/* The state that follows, with so much room. */
enum bx_disk_space bx_ballast_judge(enum bx_disk_space now, uint64_t room, uint64_t ballast);

#endif
