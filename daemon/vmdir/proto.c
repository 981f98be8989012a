#include "vmdir/proto.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRACE_DIGITS 16u

/* ---- parts ---- */

/* json_pack refuses a text that is not UTF-8. */
static const char *text_of(const char *s)
{
    return bx_utf8_valid(s, strlen(s)) ? s : "";
}

/* 0: there is none, or it is no trace id. */
static uint64_t read_trace(const json_t *o)
{
    const char *text = json_string_value(json_object_get(o, "trace"));

    if (text == NULL || strlen(text) != TRACE_DIGITS ||
        strspn(text, "0123456789abcdef") != TRACE_DIGITS)
        return 0;
    return strtoull(text, NULL, 16);
}

static int read_state(const char *name, enum bx_observed *out)
{
    for (size_t i = 0; name != NULL && i < BX__OBSERVEDS; i++)
        if (strcmp(bx_observed_names[i], name) == 0) {
            *out = (enum bx_observed)i;
            return BX_OK;
        }
    return BX_MALFORMED;
}

/* ---- events ---- */

static json_t *write_event(const struct vm_event *e)
{
    const char *kind = vm_event_names[e->kind], *why = text_of(e->why);
    char trace[TRACE_DIGITS + 1];

    snprintf(trace, sizeof trace, "%016" PRIx64, e->trace);
    switch (e->kind) {
    case VM_EVENT_STARTED:
        return json_pack("{ss ss sI}", "kind", kind, "trace", trace, "pid", (json_int_t)e->pid);
    case VM_EVENT_STATE:
        return json_pack("{ss ss ss ss}", "kind", kind, "trace", trace, "state",
                         bx_observed_names[e->state], "why", why);
    case VM_EVENT_ENDED:
        return json_pack("{ss ss sb ss}", "kind", kind, "trace", trace, "failed", (int)e->failed,
                         "why", why);
    case VM_EVENT_NONE:
    case VM__EVENTS:
        break;
    }
    return NULL;
}

static enum vm_event_kind read_kind(const json_t *o)
{
    const char *kind = json_string_value(json_object_get(o, "kind"));

    for (size_t i = VM_EVENT_NONE + 1; kind != NULL && i < VM__EVENTS; i++)
        if (strcmp(vm_event_names[i], kind) == 0)
            return (enum vm_event_kind)i;
    return VM_EVENT_NONE;
}

/* One that is damaged, or of a kind that only a later build has, is none. */
static void read_event(const json_t *o, struct vm_event *e)
{
    const char *why = json_string_value(json_object_get(o, "why"));
    json_int_t pid = json_integer_value(json_object_get(o, "pid"));

    e->kind = read_kind(o);
    e->trace = read_trace(o);
    e->failed = json_is_true(json_object_get(o, "failed"));
    e->pid = pid < 0 || pid > INT32_MAX ? 0 : (uint32_t)pid;
    snprintf(e->why, sizeof e->why, "%s", why == NULL ? "" : why);
    if (e->kind == VM_EVENT_STATE &&
        read_state(json_string_value(json_object_get(o, "state")), &e->state) != BX_OK)
        e->kind = VM_EVENT_NONE;
}

/* ---- the state ---- */

/* Parts that a line can do without; the state matters more. */
static void leave_out(json_t *o, unsigned part)
{
    if (part == 0)
        json_object_del(o, "said");
    else
        json_object_del(json_object_get(o, "event"), "why");
}

size_t vm_status_write(const struct vm_status *s, char line[VM_LINE_MAX])
{
    char uuid[BX_UUID_TEXT];
    size_t n;
    json_t *o;

    bx_uuid_format(s->vm, uuid);
    o = json_pack("{ss sI sI ss sb ss sI}", "vm", uuid, "epoch", (json_int_t)s->epoch, "pid",
                  (json_int_t)s->pid, "state", bx_observed_names[s->state], "failed",
                  (int)s->failed, "message", text_of(s->message), "reboots",
                  (json_int_t)s->reboots);
    if (o == NULL)
        return 0;
    if (s->said[0] != '\0')
        json_object_set_new(o, "said", json_string(s->said));
    if (s->event.kind != VM_EVENT_NONE)
        json_object_set_new(o, "event", write_event(&s->event));
    n = json_dumpb(o, line, VM_LINE_MAX - 1, JSON_COMPACT);
    for (unsigned part = 0; n > VM_LINE_MAX - 1 && part < 2; part++) {
        leave_out(o, part);
        n = json_dumpb(o, line, VM_LINE_MAX - 1, JSON_COMPACT);
    }
    json_decref(o);
    if (n == 0 || n > VM_LINE_MAX - 1)
        return 0;
    line[n] = '\n';
    return n + 1;
}

int vm_status_read(struct json_t *o, struct vm_status *s)
{
    const char *uuid, *state, *message, *said = "";
    json_int_t epoch, pid, reboots = 0;
    json_t *event = NULL;
    int failed;

    memset(s, 0, sizeof *s);
    if (json_unpack(o, "{ss sI sI ss sb ss s?I s?s s?o}", "vm", &uuid, "epoch", &epoch, "pid", &pid,
                    "state", &state, "failed", &failed, "message", &message, "reboots", &reboots,
                    "said", &said, "event", &event) != 0)
        return BX_MALFORMED;
    if (!bx_uuid_parse(uuid, strlen(uuid), s->vm) || epoch < 0 || pid < 0 || pid > INT32_MAX ||
        reboots < 0 || reboots > UINT32_MAX)
        return BX_MALFORMED;
    s->reboots = (uint32_t)reboots;
    s->epoch = (uint64_t)epoch;
    s->pid = (uint32_t)pid;
    s->failed = failed != 0;
    snprintf(s->message, sizeof s->message, "%s", message);
    snprintf(s->said, sizeof s->said, "%s", said);
    read_event(event, &s->event);
    return read_state(state, &s->state);
}

/* ---- orders ---- */

size_t vm_order_write(const struct vm_order *order, char line[VM_LINE_MAX])
{
    char trace[32] = "";

    if (order->trace != 0)
        snprintf(trace, sizeof trace, ",\"trace\":\"%016" PRIx64 "\"", order->trace);
    if (order->kill)
        return (size_t)snprintf(line, VM_LINE_MAX, "{\"kill\":true%s}\n", trace);
    return (size_t)snprintf(line, VM_LINE_MAX, "{\"stop\":%u%s}\n", order->timeout_ms, trace);
}

int vm_order_read(struct json_t *o, struct vm_order *order)
{
    json_t *stop = json_object_get(o, "stop");

    memset(order, 0, sizeof *order);
    order->trace = read_trace(o);
    if (json_is_true(json_object_get(o, "kill"))) {
        order->kill = true;
        return BX_OK;
    }
    if (!json_is_integer(stop) || json_integer_value(stop) < 0 ||
        json_integer_value(stop) > UINT32_MAX)
        return BX_MALFORMED;
    order->timeout_ms = (uint32_t)json_integer_value(stop);
    return BX_OK;
}
