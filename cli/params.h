/* params - the parameters of a request under construction: one map, key by key.
 *
 * A zeroed struct is empty. Memory that runs out ends the process. */
#ifndef CLI_PARAMS_H
#define CLI_PARAMS_H

#include "mem/buf.h"

#include <stdbool.h>
#include <stdint.h>

struct params {
    struct bx_buf b;        /* keys and values, without the map's header */
    uint32_t n;             /* pairs */
    const char *request_id; /* the one that is among them; NULL: none */
};

void params_str(struct params *p, const char *key, const char *value);
void params_u64(struct params *p, const char *key, uint64_t value);
void params_bool(struct params *p, const char *key, bool value);
/* The id of a write, which outlives p. */
void params_request_id(struct params *p, const char *id);
/* The key of a value that the caller appends to p->b next. */
void params_key(struct params *p, const char *key);
/* Give the memory back; p is empty again. */
void params_close(struct params *p);

#endif
