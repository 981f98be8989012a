#include "vmdir/proto.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

size_t vm_status_write(const struct vm_status *s, char line[VM_LINE_MAX])
{
    char uuid[BX_UUID_TEXT];
    size_t n;
    json_t *o;

    bx_uuid_format(s->vm, uuid);
    /* json_pack refuses a message that is not UTF-8. */
    o = json_pack("{ss sI sI ss sb ss sI}", "vm", uuid, "epoch", (json_int_t)s->epoch, "pid",
                  (json_int_t)s->pid, "state", bx_observed_names[s->state], "failed",
                  (int)s->failed, "message",
                  bx_utf8_valid(s->message, strlen(s->message)) ? s->message : "", "reboots",
                  (json_int_t)s->reboots);
    if (o != NULL && s->said[0] != '\0')
        json_object_set_new(o, "said", json_string(s->said));
    if (o == NULL)
        return 0;
    n = json_dumpb(o, line, VM_LINE_MAX - 1, JSON_COMPACT);
    if (n > VM_LINE_MAX - 1 && json_object_del(o, "said") == 0) /* the state matters more */
        n = json_dumpb(o, line, VM_LINE_MAX - 1, JSON_COMPACT);
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
    int failed;
    size_t i;

    memset(s, 0, sizeof *s);
    if (json_unpack(o, "{ss sI sI ss sb ss s?I s?s}", "vm", &uuid, "epoch", &epoch, "pid", &pid,
                    "state", &state, "failed", &failed, "message", &message, "reboots", &reboots,
                    "said", &said) != 0)
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
    for (i = 0; i < BX__OBSERVEDS; i++)
        if (strcmp(bx_observed_names[i], state) == 0) {
            s->state = (enum bx_observed)i;
            return BX_OK;
        }
    return BX_MALFORMED;
}

size_t vm_order_write(const struct vm_order *order, char line[VM_LINE_MAX])
{
    if (order->kill)
        return (size_t)snprintf(line, VM_LINE_MAX, "{\"kill\":true}\n");
    return (size_t)snprintf(line, VM_LINE_MAX, "{\"stop\":%u}\n", order->timeout_ms);
}

int vm_order_read(struct json_t *o, struct vm_order *order)
{
    json_t *stop = json_object_get(o, "stop");

    memset(order, 0, sizeof *order);
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
