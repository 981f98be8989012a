#include "sim/queue.h"

#include "mem/alloc.h"

#include <stdbool.h>

static bool before(const struct sim_event *a, const struct sim_event *b)
{
    return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static void swap(struct sim_event *a, struct sim_event *b)
{
    struct sim_event t = *a;

    *a = *b;
    *b = t;
}

void sim_queue_push(struct sim_queue *q, const struct sim_event *e)
{
    size_t i = q->n++;

    if (q->n > q->cap) {
        q->cap = q->cap == 0 ? 256 : q->cap * 2;
        q->heap = bx_must_realloc(q->heap, q->cap * sizeof *q->heap);
    }
    q->heap[i] = *e;
    q->heap[i].order = q->order++;
    while (i > 0 && before(&q->heap[i], &q->heap[(i - 1) / 2])) {
        swap(&q->heap[i], &q->heap[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
}

struct sim_event sim_queue_pop(struct sim_queue *q)
{
    struct sim_event first = q->heap[0];
    size_t i = 0;

    q->heap[0] = q->heap[--q->n];
    for (;;) {
        size_t least = i, left = 2 * i + 1;

        for (size_t c = left; c < q->n && c < left + 2; c++) {
            if (before(&q->heap[c], &q->heap[least]))
                least = c;
        }
        if (least == i)
            return first;
        swap(&q->heap[i], &q->heap[least]);
        i = least;
    }
}

uint64_t sim_queue_next(const struct sim_queue *q)
{
    return q->n == 0 ? UINT64_MAX : q->heap[0].at;
}
