/* logquery - log.query of the rings and of the log files. */
#ifndef API_LOGQUERY_H
#define API_LOGQUERY_H

#include "api/dispatch.h"

#include <stdbool.h>
#include <stdint.h>

/* The place behind these events of n threads, whose rings were copied. */
struct bx_str logquery_place(struct api_call *c, const uint32_t *after, const bool *began,
                             uint32_t n);
/* Answer from log files and rings. False: the place that is asked for is behind all files. */
bool logfiles_begin(struct api_call *c);

#endif
