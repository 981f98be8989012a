#include "err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    int exit;
    bool retryable;
} codes[BX__CODES] = {
    [BX_OK] = {"ok", 0, false},
    [BX_FAILED] = {"failed", 1, false},
    [BX_INVALID] = {"invalid", 2, false},
    [BX_UNREACHABLE] = {"unreachable", 3, true},
    [BX_DENIED] = {"denied", 4, false},
    [BX_NOT_FOUND] = {"not_found", 5, false},
    [BX_EXISTS] = {"exists", 6, false},
    [BX_CONFLICT] = {"conflict", 6, false},
    [BX_NO_LEADER] = {"no_leader", 7, true},
    [BX_BUSY] = {"busy", 7, true},
    [BX_TIMEOUT] = {"timeout", 8, true},
    [BX_UNPLACEABLE] = {"unplaceable", 9, false},
    [BX_INTERRUPTED] = {"interrupted", 130, false},
    [BX_NO_MEMORY] = {"no_memory", 1, true},
    [BX_NO_SPACE] = {"no_space", 1, true},
    [BX_IO] = {"io", 1, false},
    [BX_CORRUPT] = {"corrupt", 1, false},
    [BX_MALFORMED] = {"malformed", 1, false},
    [BX_TOO_LARGE] = {"too_large", 2, false},
    [BX_UNSUPPORTED] = {"unsupported", 1, false},
    [BX_SHUTDOWN] = {"shutdown", 7, true},
};

int bx_err_set(struct bx_err *e, int code, const char *fmt, ...)
{
    va_list args;

    if (e != NULL) {
        e->code = code;
        e->hint[0] = '\0';
        va_start(args, fmt);
        vsnprintf(e->msg, sizeof e->msg, fmt, args);
        va_end(args);
    }
    return code;
}

int bx_err_wrap(struct bx_err *e, const char *fmt, ...)
{
    char msg[BX_ERR_MSG];
    va_list args;
    int n;

    if (e == NULL)
        return BX_FAILED;
    va_start(args, fmt);
    n = vsnprintf(msg, sizeof msg, fmt, args);
    va_end(args);
    if (n >= 0 && (size_t)n < sizeof msg - 2) {
        snprintf(msg + n, sizeof msg - (size_t)n, ": %.*s", (int)(sizeof msg) - n - 3, e->msg);
        memcpy(e->msg, msg, sizeof msg);
    }
    return e->code;
}

void bx_err_hint(struct bx_err *e, const char *fmt, ...)
{
    va_list args;

    if (e == NULL)
        return;
    va_start(args, fmt);
    vsnprintf(e->hint, sizeof e->hint, fmt, args);
    va_end(args);
}

static void (*_Atomic on_fatal)(const struct bx_err *e);

void bx_err_on_fatal(void (*fn)(const struct bx_err *e))
{
    on_fatal = fn;
}

void bx_err_tell_fatal(const struct bx_err *e)
{
    void (*fn)(const struct bx_err *) = on_fatal;

    if (fn != NULL)
        fn(e);
}

static bool known(int code)
{
    return code >= 0 && code < BX__CODES;
}

const char *bx_code_name(int code)
{
    return known(code) ? codes[code].name : "unknown";
}

int bx_code_from_name(const char *name)
{
    for (int code = 0; code < BX__CODES; code++) {
        if (strcmp(codes[code].name, name) == 0)
            return code;
    }
    return BX_FAILED;
}

int bx_code_exit(int code)
{
    return known(code) ? codes[code].exit : 1;
}

bool bx_code_retryable(int code)
{
    return known(code) && codes[code].retryable;
}
