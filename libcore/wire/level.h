/* level - feature levels: what builds of different age may say to each other.
 *
 * A level is a number for all that one release added to commands: kinds, fields, values of
 * enumerations, bounds, and texts that are hashed. A build reads every level up to its own,
 * BX_LEVEL. The cluster has a level too, a replicated number; it is raised by one command, and only
 * once every member that holds the log reads it. What needs more than the cluster's level is
 * refused where it is submitted, never when it is applied, so builds of both levels work side by
 * side, and until the level is raised each step of an upgrade can be taken back.
 *
 *   1  the first release
 *   2  tenants with quotas, metadata of virtual machines and how often their guests rebooted,
 *      vm.rename, cluster.upgrade; sessions with bounds for each principal, where each began,
 *      session.end (state/session.h); the id of what a command is about (state/reference.h); since
 *      when a node is in its state, and the space on its disk; tokens that admit
 *      one host, token.revoke; whether a start keeps the disk; the bound of members in apply;
 *      how many runs of a VM in a row ended unasked, and how its last run ended;
 *      VMs that rest take no vcpus and memory unless these are reserved, so a start can be refused,
 *      or place the VM elsewhere; STORED and what is heard of it (node/heard.c); node.repaired;
 *      the address of a node's HTTP server
 *   3  users, their tokens and certificates; the CA of the cluster, the hash of a node's key, what
 *      a token admits its host as, and the secret and the signing request of a JOIN; names of VMs
 *      are unique within their tenant, which events tell; the source of a command; who made a
 *      change, from where, in which request, and the chain of events (state/fsm_chain.c);
 *      ca.rotate, and what a node tells of the CAs; whether the guest of a failed run has run */
#ifndef BX_LEVEL_H
#define BX_LEVEL_H

#include "codec/schema.h"

#define BX_LEVEL 3u /* of this build */

/* The lowest level that knows every field which obj uses. Fields are added at the end, in ascending
 * order of levels, so the last one in use tells. Fields of nested records are not looked at: the
 * field that holds one has its own. */
uint32_t bx_record_level(const struct bx_schema *s, const void *obj);
/* Make obj one of this level: fields that are `droppable` become empty. Returns the first of the
 * others that needs more, or NULL. */
const struct bx_field *bx_record_lower(const struct bx_schema *s, void *obj, uint32_t level);
/* Empty every field that is droppable; false: all were. */
bool bx_record_drop(const struct bx_schema *s, void *obj);

#endif
