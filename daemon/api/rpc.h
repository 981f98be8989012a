/* rpc - MessagePack-RPC: makes calls of the messages of a connection, and messages of the answers
 * (libcore/wire/proto.h). */
#ifndef API_RPC_H
#define API_RPC_H

#include "api/client.h"
#include "mem/buf.h"

struct api_conn;

extern const struct api_client_ops api_rpc_ops; /* of the client in a struct api_conn */

/* Run one message of n bytes. False: not a request; the connection must be closed. */
bool api_rpc_message(struct api_conn *conn, const uint8_t *p, size_t n);
/* Whether root is a request [0, id, method, [params]]; sets *id. */
bool api_rpc_is_request(bx_val root, uint64_t *id);
/* Append an answer: an error, or the items (NULL: nil). Lists are written in the best of the
 * codecs. If this fails, b must not be sent. */
int api_rpc_put_error(struct bx_buf *b, struct api *a, uint64_t id, const struct bx_err *err);
int api_rpc_put_result(struct bx_buf *b, uint64_t id, uint32_t codecs, const struct bx_schema *s,
                       const struct bx_items *items);
/* Append the notification [2, "error", [error]]. */
void api_rpc_put_notice(struct bx_buf *b, struct api *a, const struct bx_err *err);

#endif
