/* logquery - log.query of the rings and of the log files. */
#ifndef API_LOGQUERY_H
#define API_LOGQUERY_H

#include "api/dispatch.h"

#include <stdbool.h>
#include <stdint.h>

/* The place behind these events of n threads, whose rings were copied. */
struct bx_str logquery_place(struct api_call *c, const uint32_t *after, const bool *began,
                             uint32_t n);
/* Whether the question is one for log files: if not, the place is behind all of them. */
struct bx_log_query_params;
bool logfiles_has(const struct bx_log_query_params *p);
/* Answer from log files, and from rings if they are this node's. */
void logfiles_query(struct api_call *c);

#endif
