/* trace - the trace id of an invocation, which nodes record with what it causes.
 *
 * It is that of the environment variable TRACEPARENT, whose form is that of the header of W3C's
 * Trace Context, "00-TRACE-SPAN-FLAGS"; or a random one. */
#ifndef CLI_TRACE_H
#define CLI_TRACE_H

#include <stdbool.h>

#define TRACE_SIZE 33 /* 32 hex digits and the NUL */

/* The trace id of a traceparent; false if it is malformed. */
bool trace_read(const char *parent, char out[TRACE_SIZE]);
void trace_make(char out[TRACE_SIZE]);

#endif
