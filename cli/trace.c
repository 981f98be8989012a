#include "trace.h"

#include "run.h"

#include <stdlib.h>
#include <string.h>

#define HEX "0123456789abcdef"

/* n hex digits that are not all the same character as `not`. */
static bool is_id(const char *p, size_t n, char not )
{
    bool differs = false;

    for (size_t i = 0; i < n; i++) {
        if (p[i] == '\0' || strchr(HEX, p[i]) == NULL)
            return false;
        differs |= p[i] != not ;
    }
    return differs;
}

/* A later version may have more behind the flags. */
bool trace_read(const char *p, char out[TRACE_SIZE])
{
    if (!is_id(p, 2, 'f') || p[2] != '-' || !is_id(p + 3, 32, '0') || p[35] != '-' ||
        !is_id(p + 36, 16, '0') || p[52] != '-' || !is_id(p + 53, 2, 'x') ||
        (p[55] != '\0' && (strncmp(p, "00", 2) == 0 || p[55] != '-')))
        return false;
    memcpy(out, p + 3, 32);
    out[32] = '\0';
    return true;
}

void trace_make(char out[TRACE_SIZE])
{
    const char *parent = getenv("TRACEPARENT");

    if (parent == NULL || !trace_read(parent, out))
        run_random_id(out);
}
