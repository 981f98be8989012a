/* tls - TLS 1.3 as a transport of streams.
 *
 * A context says who one is and whom one believes. It is made once and shared by many streams, each
 * of which keeps it until it is gone; after a renewal the next streams are opened with a new one. A
 * peer is identified by its certificate alone (pki/pki.h), never by a name that was dialled: on
 * `ready` its user finds what was proven in s->peer.certificate, and decides about node, role and
 * pin before it sends anything. Dates of users' certificates are checked, those of nodes are not.
 *
 *   tls_stream_open --stream_dial or stream_accept--> handshake --> ready --> as any stream
 *
 * A client that joins names the CA that it knows, as the name of the server that it asks for (SNI):
 * while the CA is replaced, a server has certificates of two.
 *
 * A client is ready before the server has seen its certificate: if the server refuses it, the
 * stream is closed later, with "TLS: refused by the peer: ...".
 *
 * A handshake that fails closes the stream with "TLS handshake failed: " and the reason in plain
 * words. At most TLS_EARLY_MAX bytes are read before `ready`. How long that may take is up to the
 * stream's user: stream_expire with limits.stall_ms, and the link's own deadline for a connection
 * that is not ready.
 *
 * An end is orderly when close_notify came before it: the reason is stream_peer_closed. Without it
 * the bytes may be incomplete, and the reason says so. stream_finish and stream_close send
 * close_notify when all that was queued has been sent.
 *
 * What costs memory and time is done when the first bytes of a client arrive. So whoever accepts
 * can close the stream before that, or let it wait (uv_read_stop, then stream_read).
 *
 * An idle stream holds no buffers and takes about 23 KiB, nearly all of it in OpenSSL, when both
 * sides have certificates (tests/bench/tls.c). A write takes a buffer of at most STREAM_WRITE_BYTES
 * and 1 KiB more, reading one of limits.read_bytes while the callback runs, and up to 17 KiB more
 * while a record is incomplete. A handshake takes about a millisecond of the loop on either side.
 *
 * All on the loop's thread. */
#ifndef TLS_H
#define TLS_H

#include "pki/pki.h"
#include "transport/stream.h"

#define TLS_EARLY_MAX (64u << 10)
#define TLS_PROTOCOL "blixard/1" /* of link and API, as ALPN */

extern const struct stream_ops stream_tls;

enum tls_side {
    TLS_SERVER,      /* asks for a certificate; the client need not have one */
    TLS_CLIENT,      /* believes the server of a node that a trusted CA has signed */
    TLS_CLIENT_JOINS /* the same, but knows its CA only by the fingerprint */
};

struct tls_config {
    enum tls_side side;
    const char *protocol; /* ALPN, which both sides must name; NULL: none is asked for */
    /* One's own certificate, its key, and the CA's, which a server sends after it for who knows
     * only the fingerprint. A client may have none: key NULL. */
    const struct pki_key *key;
    struct pki_der certificate, ca;
    /* Of a server, while the CA is replaced: what it shows to a client that joins and knows the
     * other CA; empty: nothing. */
    struct pki_der other_certificate, other_ca;
    /* Trusted CAs, 1 to PKI_CAS_MAX; not for TLS_CLIENT_JOINS. */
    const struct pki_der *cas;
    uint32_t n_cas;
    uint8_t ca_fingerprint[PKI_SHA256]; /* for TLS_CLIENT_JOINS */
};

struct tls_context;
/* All of *c is copied. The caller gets the first reference. BX_OK, BX_INVALID (a certificate, or a
 * key that is not its), BX_TOO_LARGE, BX_NO_MEMORY or BX_FAILED. */
int tls_context_create(struct tls_context **out, const struct tls_config *c, struct bx_err *err);
struct tls_context *tls_context_ref(struct tls_context *c);
/* NULL is allowed. */
void tls_context_release(struct tls_context *c);
/* Whether the CA with this fingerprint is trusted; not for TLS_CLIENT_JOINS. */
bool tls_context_trusts(const struct tls_context *c, const uint8_t ca[PKI_SHA256]);

/* As stream_open, with a reference to the context for the stream. */
void tls_stream_open(struct stream *s, struct stream_group *g, struct tls_context *c);
/* What ended a handshake; valid until the stream is gone. */
enum tls_fault {
    TLS_FAULT_OTHER,       /* also: none */
    TLS_FAULT_NOT_TLS,     /* the first bytes were something else */
    TLS_FAULT_VERSION,     /* an older TLS */
    TLS_FAULT_CERTIFICATE, /* the peer's was refused */
    TLS_FAULT_PROTOCOL,    /* no protocol in common */
    TLS_FAULT_REFUSED,     /* by the peer */
    TLS_FAULT_CLOSED       /* by the peer, amid it */
};
enum tls_fault tls_fault(const struct stream *s);

#endif
