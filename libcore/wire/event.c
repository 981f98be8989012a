#include "wire/event.h"

#include "codec/header.h"
#include "wire/command.h"

#define BX_EVENT_TEXT(name, text) text,
const char *const bx_event_names[] = {BX_EVENTS(BX_EVENT_TEXT) NULL};

static const struct bx_field event_fields[] = {
    BX_FIELD(bx_event, index, BX_T_U64),
    BX_FIELD(bx_event, time, BX_T_U64),
    BX_FIELD(bx_event, type, BX_T_ENUM, .names = bx_event_names),
    BX_FIELD(bx_event, object, BX_T_STR, .max = 255),
    BX_FIELD(bx_event, node, BX_T_STR, .max = 255),
    BX_FIELD(bx_event, detail, BX_T_STR, .max = 1024),
    BX_FIELD(bx_event, tenant, BX_T_STR, .max = 255, .omit = true, .since = 3),
    BX_FIELD(bx_event, principal, BX_T_STR, .max = BX_EVENT_PRINCIPAL_MAX, .omit = true,
             .since = 3),
    BX_FIELD(bx_event, source, BX_T_STR, .max = BX_SOURCE_MAX, .omit = true, .since = 3),
    BX_FIELD(bx_event, trace, BX_T_UUID, .omit = true, .since = 3),
    BX_FIELD(bx_event, previous, BX_T_BYTES, .max = BX_SHA256, .omit = true, .since = 3),
};
const struct bx_schema bx_event_schema = BX_SCHEMA("event", BX_KIND_EVENTS, bx_event, event_fields);

static const struct bx_field outcome_fields[] = {
    BX_FIELD(bx_outcome, session, BX_T_UUID),
    BX_FIELD(bx_outcome, sequence, BX_T_U64),
    BX_FIELD(bx_outcome, body_hash, BX_T_U64),
    BX_FIELD(bx_outcome, revision, BX_T_U64),
    BX_FIELD(bx_outcome, code, BX_T_U16),
    BX_FIELD(bx_outcome, object, BX_T_UUID),
    BX_FIELD(bx_outcome, node, BX_T_U64),
    BX_FIELD(bx_outcome, existed, BX_T_BOOL),
    BX_FIELD(bx_outcome, message, BX_T_STR, .max = BX_ERR_MSG),
    BX_FIELD(bx_outcome, hint, BX_T_STR, .max = BX_ERR_HINT),
    BX_FIELD(bx_outcome, floor, BX_T_U64),
    BX_FIELD(bx_outcome, principal_hash, BX_T_U64),
    BX_FIELD(bx_outcome, spare, BX_T_BOOL, .omit = true, .since = 2),
    BX_FIELD(bx_outcome, born, BX_T_U64, .omit = true, .since = 2),
};
const struct bx_schema bx_outcome_schema =
    BX_SCHEMA("outcome", BX_KIND_OUTCOMES, bx_outcome, outcome_fields);
