/* sink_node - where the sink of the kind "node" meets the loop, which sends.
 *
 * The sink makes parts of a log (rec/recfile.h), one after the other. Each is sent by a call of
 * log.append, and the next one follows when the other node has it. All functions are for the loop's
 * thread, while the router runs. */
#ifndef SINK_NODE_H
#define SINK_NODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sink_part {
    const char *node;       /* name or id of the one that is to keep it */
    uint64_t begun, offset; /* the log's name, and where the part belongs in it */
    const uint8_t *p;       /* valid until it is answered */
    size_t n;               /* up to BX_RECFILE_BUF */
};

/* How many sinks of the kind there are. */
uint32_t sink_nodes(void);
/* The part that waits to be sent; it is the caller's until it is answered. False: there is none. */
bool sink_node_take(uint32_t sink, struct sink_part *out);
/* The other node keeps so many bytes of the log. */
void sink_node_kept(uint32_t sink, uint64_t bytes);
/* The part was not sent, or was refused, with this code. */
void sink_node_failed(uint32_t sink, int code);

#endif
