/* err - error codes, and the error message that goes with them.
 *
 * A function that can fail returns `int`: BX_OK (0) or one of enum bx_code. If the cause needs an
 * explanation, the function also takes a `struct bx_err *`, which may be NULL. The lowest layer
 * sets the message, and each layer above may add a prefix. A hint names the next command to type.
 */
#ifndef BX_ERR_H
#define BX_ERR_H

#include <stdbool.h>
#include <stddef.h>

enum bx_code {
    BX_OK = 0,
    BX_FAILED,      /* any other error; the message has the details */
    BX_INVALID,     /* a value out of range, a bad name, an unknown flag */
    BX_UNREACHABLE, /* connection refused, or the configuration is unusable */
    BX_DENIED,      /* the caller may not do this */
    BX_NOT_FOUND,   /* no such object */
    BX_EXISTS,      /* the name is taken */
    BX_CONFLICT,    /* the object is not in a state that allows this */
    BX_NO_LEADER,   /* no leader or no quorum right now */
    BX_BUSY,        /* a bound is reached; nothing was done */
    BX_TIMEOUT,     /* the deadline passed before the work was done */
    BX_UNPLACEABLE, /* fits on no node */
    BX_INTERRUPTED, /* the user pressed Ctrl-C */
    BX_NO_MEMORY,   /* allocation failed; nothing was changed */
    BX_NO_SPACE,    /* the disk is full */
    BX_IO,          /* a system call on a file or socket failed */
    BX_CORRUPT,     /* stored data fails its checksum or digest */
    BX_MALFORMED,   /* received data does not follow the format */
    BX_TOO_LARGE,   /* beyond a bound that is checked before allocating */
    BX_UNSUPPORTED, /* a version, codec or method this build does not know */
    BX_SHUTDOWN,    /* the daemon is stopping */
    BX__CODES
};

#define BX_ERR_MSG 1024
#define BX_ERR_HINT 256

struct bx_err {
    int code;
    char msg[BX_ERR_MSG];   /* NUL-terminated, cut when too long */
    char hint[BX_ERR_HINT]; /* empty when there is none */
};

/* All of these accept e == NULL. set and wrap return the code, so that `return bx_err_set(...)`
 * works. wrap inserts "prefix: " before the current message. */
int bx_err_set(struct bx_err *e, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
int bx_err_wrap(struct bx_err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void bx_err_hint(struct bx_err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Set what is told of an error that ends the process, such as exhausted memory, before it is
 * printed; NULL: nobody. It runs on the thread that can not go on, must not allocate, and returns.
 */
void bx_err_on_fatal(void (*fn)(const struct bx_err *e));
/* Tell it. Who calls this prints the error and ends the process. */
void bx_err_tell_fatal(const struct bx_err *e);

/* The name used in the API's error object ("not_found"); "unknown" for any other number. */
const char *bx_code_name(int code);
/* The code of a name; BX_FAILED for an unknown name. */
int bx_code_from_name(const char *name);
/* Exit status of blixardctl for this code; documented in its manual page. */
int bx_code_exit(int code);
/* True when the same request may succeed later, unchanged. */
bool bx_code_retryable(int code);

#endif
