/* stack - the call stack of a thread, as events of the recorder.
 *
 * Each frame has the object that its address is in and the offset there, and each such object its
 * build id, so that what wrote them is not needed to find the lines:
 *
 *     addr2line -f -e blixardd 0x1a2b3
 *
 * Of a caller, the offset is inside of the call, one byte before the address it returns to. */
#ifndef STACK_H
#define STACK_H

#include <stddef.h>
#include <stdint.h>

#define STACK_FRAMES 48u
#define STACK_OBJECTS 64u /* the program and its libraries; others have no name in a frame */

struct stack {
    void *frames[STACK_FRAMES];
    uint32_t n;
    uint64_t pc; /* of the signal; 0: of none */
};

/* Look at what is loaded. To be called before the rest, once; loads what the rest needs. */
void stack_open(void);
/* The build id of the program, *n bytes; empty if it has none. */
const uint8_t *stack_build_id(size_t *n);

/* The rest is safe in a signal handler. */

/* The calling thread's stack. In a handler, `context` is its third argument, and the stack begins
 * where the signal came; otherwise NULL. */
void stack_take(struct stack *s, const void *context);
/* Record it: an event for each frame, then one for each object. */
void stack_record(const struct stack *s);
/* Record the registers. */
void stack_record_registers(const void *context);
/* "0x1f" */
#define STACK_HEX 19u
const char *stack_hex(char out[STACK_HEX], uint64_t v);

#endif
