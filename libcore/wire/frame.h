/* frame - the messages between nodes on the link.
 *
 * A frame is a header (kind BX_KIND_FRAME + enum bx_frame, codec flat) and a payload: one flat
 * record of the kind's schema, except for RAFT (wire/raftmsg.h), RELAY (count u64, then encoded
 * commands), SNAP_DATA (offset u64, then bytes of the file) and QUERY / ANSWER (id u64, then a
 * MessagePack-RPC request / response). */
#ifndef BX_FRAME_H
#define BX_FRAME_H

#include "codec/flat.h"
#include "codec/header.h"
#include "mem/buf.h"
#include "model/node.h"
#include "model/vm.h"
#include "wire/jointoken.h"

#define BX_FRAME_MAX (6u << 20)        /* payload bytes; checked before anything is allocated */
#define BX_FRAME_HELLO_MAX (64u << 10) /* before the hello is accepted */

#define BX_VERSION_MAX 31u

enum bx_frame {
    BX_FRAME_HELLO = 1, /* the first frame on every connection, in both directions */
    BX_FRAME_PING,      /* keepalive, answered by PONG; empty payload */
    BX_FRAME_PONG,
    BX_FRAME_RAFT,
    BX_FRAME_RELAY, /* commands for the leader */
    BX_FRAME_READ,  /* ask the leader for a read index */
    BX_FRAME_READ_OK,
    BX_FRAME_HEARTBEAT, /* lease heartbeat: the node is alive, and the VMs it wants to run */
    BX_FRAME_GRANT,
    BX_FRAME_SNAP_DATA, /* a piece of a snapshot file */
    BX_FRAME_JOIN,      /* from a host that is not a member yet */
    BX_FRAME_JOINED,
    BX_FRAME_QUERY, /* an API read that only this node can answer */
    BX_FRAME_ANSWER,
    BX_FRAME_STORED, /* what the sender holds for good; from feature level 2 */
    BX__FRAMES
};

const char *bx_frame_name(enum bx_frame kind); /* "RAFT"; "unknown" for any other number */

/* No term of Raft is beyond it. */
#define BX_TERM_MAX (1ull << 62)

struct bx_hello {
    uint8_t cluster[16], history[16]; /* zero in the hello of a host that wants to join */
    uint64_t node;                    /* 0: wants to join */
    uint8_t incarnation[16]; /* changes when the data directory is wiped, so a second node with the
                                same id is refused */
    uint32_t level_min, level_max; /* feature levels that it reads (wire/level.h) */
    uint32_t codecs;               /* bit 1 << enum bx_codec */
    struct bx_str refuse;          /* not empty: the reason why the connection is being closed */
    struct bx_str version;         /* of its build, for people */
    bool removed; /* with refuse: the node that it answers was removed from the cluster */
    uint64_t heard_term,
        heard_index; /* what the receiver has told the sender to hold; 0: nothing */
};
extern const struct bx_schema bx_hello_schema;

struct bx_read { /* READ and READ_OK */
    uint64_t id;
    uint64_t index; /* READ_OK: apply at least this far before answering; 0: not the leader */
};
extern const struct bx_schema bx_read_schema;

struct bx_grant_request { /* 16 bytes uuid, 8 bytes epoch, little endian; packed into HEARTBEAT and
                             GRANT */
    uint8_t vm[16];
    uint64_t epoch;
};
#define BX_WANT_SIZE 24
#define BX_WANTS_MAX 4096u

struct bx_heartbeat {
    uint64_t seq;            /* +1 with every heartbeat since the daemon started */
    uint8_t incarnation[16]; /* identifies the start of the daemon */
    struct bx_str wants;     /* array of bx_grant_request */
    bool ask;                /* request an answer even without wants, to learn how far to apply */
    uint8_t low;             /* enum bx_disk_space of the disk of its data directory */
};
extern const struct bx_schema bx_heartbeat_schema;

struct bx_grant {
    uint64_t seq; /* seq of the heartbeat it answers */
    uint8_t incarnation[16];
    uint64_t revision;     /* apply at least this far before starting anything */
    struct bx_str granted; /* array of bx_grant_request */
};
extern const struct bx_schema bx_grant_schema;

#define BX_CSR_MAX 8192u
#define BX_CERTIFICATE_MAX 4096u
#define BX_CLUSTER_KEY 32u
#define BX_CLUSTER_KEYS_MAX 2u /* while the CA is replaced */

struct bx_join {
    uint8_t secret_hash[16];
    struct bx_str name, address, api, datacenter, zone, rack, driver;
    uint32_t vcpus;
    uint64_t memory_mib, disk_gib;
    uint8_t role; /* enum bx_role */
    uint8_t
        incarnation[16]; /* of the attempt: repeating it with the same one gets the same answer */
    /* ---- from feature level 3 on; a member of level 2 reads secret_hash ---- */
    struct bx_str secret; /* of the token, BX_JOIN_SECRET bytes; only under TLS or on loopback.
                             Its receiver sets secret_hash. */
    struct bx_str csr;    /* certificate signing request, DER; empty: without certificates */
};
extern const struct bx_schema bx_join_schema;

struct bx_joined {
    uint16_t code; /* enum bx_code */
    uint64_t node; /* the assigned id */
    uint8_t cluster[16], history[16];
    struct bx_strs peers; /* "ID HOST:PORT" of every member */
    struct bx_str message, hint;
    /* ---- from feature level 3 on; empty: the cluster has no certificates ---- */
    struct bx_str certificate; /* of the new node, DER */
    struct bx_str ca;          /* those of the CAs that are trusted, one after the other */
    struct bx_str cluster_key; /* open the keys of these CAs (state/ca.h), one after the other: each
                                  BX_CLUSTER_KEY bytes, only for nodes that hold the log */
};
extern const struct bx_schema bx_joined_schema;

struct bx_stored {
    uint64_t term;  /* the node's */
    uint64_t index; /* of the last entry that is durable there and committed */
};
extern const struct bx_schema bx_stored_schema;

/* Append header and record to b. BX_OK or BX_NO_MEMORY. */
int bx_frame_write(struct bx_buf *b, enum bx_frame kind, const struct bx_schema *s,
                   const void *obj);
/* The schema of a kind's record; NULL if its payload is not one. */
const struct bx_schema *bx_frame_schema(enum bx_frame kind);
/* Read the payload of a kind that has a schema, and check every field. Parameters as for
 * bx_flat_read; BX_MALFORMED also for values that no honest peer sends, and for bytes after the
 * record. */
int bx_frame_read(enum bx_frame kind, const uint8_t *p, size_t n, void *obj, struct bx_arena *arena,
                  struct bx_err *err);
/* Append a header and a raw payload that consists of two parts. */
int bx_frame_write_raw(struct bx_buf *b, enum bx_frame kind, const void *p, size_t n, const void *q,
                       size_t m);
/* Build a frame in an empty buffer without copying: the caller appends the payload between begin
 * and end. begin: BX_OK or BX_NO_MEMORY. */
int bx_frame_begin(struct bx_buf *b);
void bx_frame_end(struct bx_buf *b, enum bx_frame kind);
/* The payload of RELAY, SNAP_DATA, QUERY and ANSWER, which begins with a number. */
struct bx_numbered {
    uint64_t number;
    const uint8_t *p; /* what follows */
    size_t n;
};
/* False: it has no number. */
bool bx_frame_numbered(const uint8_t *p, size_t n, struct bx_numbered *out);
/* The node that a JOIN describes, without an id. Views as in the JOIN. */
void bx_join_node(const struct bx_join *j, struct bx_node_info *out);
/* Write or read one want. */
void bx_want_put(uint8_t dst[BX_WANT_SIZE], const struct bx_grant_request *w);
void bx_want_get(const uint8_t src[BX_WANT_SIZE], struct bx_grant_request *w);

#endif
