/* raftmsg - Raft messages on the wire; every field is checked before the core sees it.
 *
 * Besides node/raft the only user of raft.h, whose asserts are compiled out in the packages: what a
 * message must satisfy is therefore checked here, and a message that does not is dropped whole.
 *
 *   payload  type u8, flags u8, 6 zero, then u64 fields by type; for AppendEntries also per entry:
 *            term u64, type u8, 3 zero, length u32, data padded to 8; for InstallSnapshot the
 *            configuration's length u64 and bytes. Its data, to the core, is the snapshot's index.
 */
#ifndef BX_RAFTMSG_H
#define BX_RAFTMSG_H

#include "err.h"
#include "mem/buf.h"

#include <raft.h>

#define BX_RAFTMSG_ENTRIES_MAX 256u

/* Append the payload of a message that carries no entries and no snapshot. */
int bx_raftmsg_write(struct bx_buf *b, const struct raft_message *m);
/* Append the payload of an AppendEntries in pieces: the header, then n_entries times an entry. */
int bx_raftmsg_write_append(struct bx_buf *b, const struct raft_append_entries *m);
/* Say in the header at p how many entries follow, when that is known. */
void bx_raftmsg_count_entries(uint8_t *p, uint32_t n);
int bx_raftmsg_write_entry(struct bx_buf *b, uint64_t term, uint8_t type, const void *data,
                           uint32_t len);
/* conf is the encoded configuration of the snapshot. */
int bx_raftmsg_write_install(struct bx_buf *b, const struct raft_install_snapshot *m,
                             const void *conf, size_t conf_len);

/* A configuration as the core encodes it, if the core can live with it: up to BX_MEMBERS_MAX
 * servers, each once, in roles there are. *out is the caller's to close. BX_OK, BX_MALFORMED or
 * BX_NO_MEMORY. */
int bx_raftmsg_conf(const void *p, size_t len, struct raft_configuration *out);

/* Read and check a payload from the member `from`. Entries and configuration come from raft_malloc
 * and belong to the caller until the core takes them over; address must outlive the message.
 * BX_OK, BX_MALFORMED or BX_NO_MEMORY. */
int bx_raftmsg_read(const uint8_t *p, size_t len, uint64_t from, const char *address,
                    struct raft_message *out, struct bx_err *err);

#endif
