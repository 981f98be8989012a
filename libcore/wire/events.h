/* events - parameters and replies of the methods for events (wire/event.h). */
#ifndef BX_WIRE_EVENTS_H
#define BX_WIRE_EVENTS_H

#include "wire/event.h"
#include "wire/params.h"

struct bx_events_params {
    struct bx_common common;
    uint64_t since;
};

extern const struct bx_schema bx_event_reply_schema; /* of struct bx_event */
extern const struct bx_schema bx_watch_reply_schema; /* no fields */

#endif
