/* raftmsg - encoding and validation of Raft messages.
 *
 * Besides node/raft the only user of raft.h. The asserts of the packaged libraft are compiled out,
 * so all requirements on a message are checked here, and an invalid message is dropped as a whole.
 *
 *   payload  type u8, flags u8, 6 zero, then u64 fields by type; for AppendEntries also per entry:
 *            term u64, type u8, 3 zero, length u32, data padded to 8; for InstallSnapshot the
 *            configuration's length u64 and bytes. The snapshot data passed to the core is its
 * index.
 */
#ifndef BX_RAFTMSG_H
#define BX_RAFTMSG_H

#include "err.h"
#include "mem/buf.h"

#include <raft.h>

#define BX_RAFTMSG_ENTRIES_MAX 256u
#define BX_RAFTMSG_ENTRY_MAX (4u << 20) /* bytes of data in one; what the log takes */

/* Append the payload of a message that carries no entries and no snapshot. */
int bx_raftmsg_write(struct bx_buf *b, const struct raft_message *m);
/* Append the payload of an AppendEntries in pieces: the header, then n_entries times an entry. */
int bx_raftmsg_write_append(struct bx_buf *b, const struct raft_append_entries *m);
/* Set the number of entries in the header at p. */
void bx_raftmsg_count_entries(uint8_t *p, uint32_t n);
int bx_raftmsg_write_entry(struct bx_buf *b, uint64_t term, uint8_t type, const void *data,
                           uint32_t len);
/* conf is the encoded configuration of the snapshot. */
int bx_raftmsg_write_install(struct bx_buf *b, const struct raft_install_snapshot *m,
                             const void *conf, size_t conf_len);

/* Decode a configuration, and check that the core accepts it: up to BX_MEMBERS_MAX servers, each
 * once, with known roles. The caller must close *out. BX_OK, BX_MALFORMED or BX_NO_MEMORY. */
int bx_raftmsg_conf(const void *p, size_t len, struct raft_configuration *out);

/* Read and check a payload from the member `from`. Entries and configuration come from raft_malloc
 * and belong to the caller until the core takes them over; address must outlive the message.
 * BX_OK, BX_MALFORMED or BX_NO_MEMORY; the caller must close *out only after BX_OK. */
int bx_raftmsg_read(const uint8_t *p, size_t len, uint64_t from, const char *address,
                    struct raft_message *out, struct bx_err *err);
/* Free the entries or the configuration of a message that the core has not taken over. */
void bx_raftmsg_close(struct raft_message *m);

#endif
