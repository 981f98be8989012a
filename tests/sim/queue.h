/* queue - what is to happen, by time; what is due at one time happens in the order it was put in.
 */
#ifndef QUEUE_H
#define QUEUE_H

#include <stddef.h>
#include <stdint.h>

struct sim;
struct sim_host;

struct sim_event {
    uint64_t at, order;
    struct sim_host *host; /* NULL: the world's */
    uint32_t lives;        /* of the host, when it was put in */
    void (*fire)(struct sim *s, struct sim_host *host, void *arg);
    void *arg;
};

struct sim_queue {
    struct sim_event *heap;
    size_t n, cap;
    uint64_t order;
};

void sim_queue_push(struct sim_queue *q, const struct sim_event *e);
/* The earliest; q is not empty. */
struct sim_event sim_queue_pop(struct sim_queue *q);
/* Time of the earliest, UINT64_MAX when there is none. */
uint64_t sim_queue_next(const struct sim_queue *q);

#endif
