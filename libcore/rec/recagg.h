/* recagg - events counted by groups, with the sum and the distribution of a numeric field.
 *
 * Events are grouped by up to BX_RECAGG_BY terms: level, target, site (file and line), msg, thread,
 * origin, or else the key of a field; an event without that field belongs to the group whose text
 * for it is "". Memory is bounded: at most BX_RECAGG_GROUPS groups, each with a histogram
 * (rechist.h); events of further groups are counted together, in `other`. A text longer than
 * BX_RECAGG_TEXT bytes is cut.
 *
 * Not thread-safe. */
#ifndef BX_RECAGG_H
#define BX_RECAGG_H

#include "mem/arena.h"
#include "mem/map.h"
#include "rec/recevent.h"
#include "rec/rechist.h"

#define BX_RECAGG_BY 4u
#define BX_RECAGG_GROUPS 1024u
#define BX_RECAGG_TEXT 63u
#define BX_RECAGG_SITES 8192u /* whose terms are remembered; those with higher ids take longer */

struct bx_recagg_group {
    uint64_t n;             /* events */
    struct bx_rechist dist; /* of the field, in the events that have it as a number */
    char by[BX_RECAGG_BY][BX_RECAGG_TEXT + 1];
    size_t n_key; /* the module's own */
    uint8_t *key;
};

struct bx_recagg_site;
struct bx_recagg {
    uint32_t n_by;
    char by[BX_RECAGG_BY][BX_RECAGG_TEXT + 1];
    char field[BX_RECAGG_TEXT + 1]; /* "": none */
    struct bx_recagg_group *groups[BX_RECAGG_GROUPS];
    uint32_t n;
    struct bx_recagg_group other;

    struct bx_map map; /* what follows is of the module's own */
    struct bx_arena arena;
    struct bx_recagg_site *sites;
};

/* by: terms with commas, "" is one group of all; field: NULL is none. BX_OK, BX_INVALID with a
 * hint, BX_NO_MEMORY. */
int bx_recagg_open(struct bx_recagg *a, const char *by, const char *field, struct bx_err *err);
/* BX_OK or BX_NO_MEMORY, and the event is not counted, or its number is not. */
int bx_recagg_add(struct bx_recagg *a, const struct bx_recevent *e);
/* The sites are others from now on: of another file. */
void bx_recagg_reset(struct bx_recagg *a);
/* Sort the groups: those with the most events first, then by their terms. */
void bx_recagg_sort(struct bx_recagg *a);
void bx_recagg_close(struct bx_recagg *a);

#endif
