#include "wire/events.h"

static const struct bx_field list_fields[] = {BX_FIELD(bx_events_params, since, BX_T_U64),
                                              BX_PARAMS_MATCHES, BX_PARAMS_READS, BX_PARAMS_TENANT};
static const struct bx_field watch_fields[] = {BX_FIELD(bx_events_params, since, BX_T_U64),
                                               BX_PARAMS_TENANT};

static const struct bx_field event_fields[] = {
    BX_FIELD(bx_event, index, BX_T_U64),
    BX_FIELD(bx_event, type, BX_T_ENUM, .names = bx_event_names),
    BX_FIELD(bx_event, object, BX_T_STR, .max = 255),
    BX_FIELD(bx_event, node, BX_T_STR, .max = 255),
    BX_FIELD(bx_event, time, BX_T_U64),
    BX_FIELD(bx_event, detail, BX_T_STR, .max = 1024),
    BX_FIELD(bx_event, tenant, BX_T_STR, .max = 255, .omit = true, .since = 3),
};
const struct bx_schema bx_event_reply_schema =
    BX_REPLY_SCHEMA("event", EVENT, bx_event, event_fields);

const struct bx_schema bx_watch_reply_schema = {.name = "watch",
                                                .kind = BX_KIND_REPLY + BX_REPLY_WATCH};

BX_METHOD(EVENTS_LIST, events_list, bx_events_params, list_fields, event, .name = "events.list",
          .verb = "GET", .path = "/v1/events", .role = BX_RPC_VIEWER, .scope = BX_SCOPE_TENANT,
          .key = "index", .about = "Events after the revision `since`, oldest first.");
BX_METHOD(EVENTS_WATCH, events_watch, bx_events_params, watch_fields, watch, .name = "events.watch",
          .verb = "GET", .path = "/v1/events/watch", .role = BX_RPC_VIEWER,
          .scope = BX_SCOPE_TENANT, .other = &bx_event_reply_schema,
          .about = "An empty reply, then a notification `event` for each event after `since`, in "
                   "order, until a notification `error`.");
