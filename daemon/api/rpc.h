/* rpc - MessagePack-RPC: messages of a connection as calls, and answers as messages
 * (libcore/wire/proto.h). */
#ifndef API_RPC_H
#define API_RPC_H

#include "api/client.h"
#include "mem/buf.h"

struct api_conn;

extern const struct api_client_ops api_rpc_ops; /* of the client in a struct api_conn */

/* One message of n bytes. False: it is no request, and the connection is to be closed. */
bool api_rpc_message(struct api_conn *conn, const uint8_t *p, size_t n);
/* [0, id, method, [params]] that is an answerable request; else false. */
bool api_rpc_is_request(bx_val root, uint64_t *id);
/* Append a whole answer: an error, or the items; items NULL: nil. Lists are written in the best
 * form of the codecs. After an error b is not to be sent. */
int api_rpc_put_error(struct bx_buf *b, struct api *a, uint64_t id, const struct bx_err *err);
int api_rpc_put_result(struct bx_buf *b, uint64_t id, uint32_t codecs, const struct bx_schema *s,
                       const struct bx_items *items);
/* Append the notification [2, "error", [error]]. */
void api_rpc_put_notice(struct bx_buf *b, struct api *a, const struct bx_err *err);

#endif
