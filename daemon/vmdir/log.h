/* vm_log - a text file of bounded size: when it is full, the older half is removed.
 *
 * It consists of two files, NAME and NAME.1, each at most half the bound. Output that can not be
 * written because the disk is full is dropped; a line reports how much when writing works again. */
#ifndef VMDIR_LOG_H
#define VMDIR_LOG_H

#include "err.h"
#include "mem/buf.h"
#include "node/ports.h"

#include <stdint.h>

struct vm_log {
    int dir, fd;
    const char *name; /* static string */
    uint64_t size, half, lost;
};

/* Open for appending. BX_OK or BX_IO. */
int vm_log_open(struct vm_log *l, int dir, const char *name, uint64_t bound, struct bx_err *err);
void vm_log_write(struct vm_log *l, const char *p, size_t n);
void vm_log_close(struct vm_log *l);
/* Append the last `max` bytes to out; `at`, which may be NULL, becomes the place after them. BX_OK,
 * BX_NOT_FOUND, BX_IO, BX_NO_MEMORY. */
int vm_log_tail(int dir, const char *name, size_t max, struct bx_console_place *at,
                struct bx_buf *out, struct bx_err *err);
/* Append at most `max` of the bytes after the place `at` to out, and move `at` behind them. names
 * are n logs, at most BX_CONSOLES, the newest first: each continues the one after it. BX_OK,
 * BX_NOT_FOUND (the place is no longer kept), BX_IO, BX_NO_MEMORY. */
int vm_log_next(int dir, const char *const *names, size_t n, size_t max,
                struct bx_console_place *at, struct bx_buf *out, struct bx_err *err);

/* Free the first name for a new log: each log gets the next name, and the last one is removed.
 * Nothing when the first has no text. */
void vm_log_shift(int dir, const char *const *names, size_t n);
void vm_log_remove(int dir, const char *name);

#endif
