/* filter - which events somebody wants, from a short text:
 *
 *     info                   every target from this level on
 *     info,raft=debug        other levels for some targets
 *     info,api=off           none of that target
 *     debug,vm=web1          only events with a field `vm` whose value reads web1; more than one
 *                            for a key: any of them; for several keys: each of them
 *
 * A word after `=` that is a level, or off, makes the rule one of a target. Without a level the
 * default is info. */
#ifndef BX_FILTER_H
#define BX_FILTER_H

#include "err.h"
#include "rec/recevent.h"

#define BX_FILTER_RULES 16u /* targets, and fields */
#define BX_FILTER_WORD 63u  /* bytes of a target, a key or a value */

struct bx_filter_rule {
    char key[BX_FILTER_WORD + 1], value[BX_FILTER_WORD + 1];
    uint8_t level; /* of a target; 0: off */
};
struct bx_filter {
    uint8_t level; /* of all other targets; 0: off */
    uint32_t n_targets, n_fields;
    struct bx_filter_rule targets[BX_FILTER_RULES], fields[BX_FILTER_RULES];
};

/* BX_OK or BX_INVALID. "" selects info. */
int bx_filter_parse(struct bx_filter *f, const char *spec, struct bx_err *err);
/* The spec of a filter, as parse reads it, with a NUL. */
#define BX_FILTER_SPEC (8u + 2u * BX_FILTER_RULES * (2u * BX_FILTER_WORD + 2u))
void bx_filter_format(const struct bx_filter *f, char out[BX_FILTER_SPEC]);
/* By level and target alone: whether events of such a site can be wanted. */
bool bx_filter_site(const struct bx_filter *f, const struct bx_site *s);
/* Whether this event is wanted. */
bool bx_filter_event(const struct bx_filter *f, const struct bx_recevent *e);

#endif
