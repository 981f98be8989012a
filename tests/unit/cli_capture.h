/* cli_capture - what a function prints, and values to print: JSON in, text out. */
#ifndef CLI_CAPTURE_H
#define CLI_CAPTURE_H

#include "codec/pack.h"

#include <stdio.h>

/* The value of a JSON text, until the next call. */
bx_val capture_value(const char *json);
/* From here to capture_end, `stream` (stdout or stderr) goes to a file; the text, at most 16 KiB,
 * stays until the next call for the same stream. */
void capture_begin(FILE *stream);
const char *capture_end(FILE *stream);
void capture_close(void);

#endif
