#include "api/priv.h"

#include "mem/alloc.h"
#include "mem/track.h"

#include <string.h>

static const struct bx_view *view(struct api_call *c)
{
    return bx_node_view(c->api->node);
}

/* ---- writes ---- */

void api_vm_written(struct api_call *c, const struct bx_outcome *o)
{
    const struct bx_vm *vm = bx_view_vm(view(c), o->object);
    struct bx_buf b = {0};

    api_begin_result(c, &b);
    bx_pw_map(&b, 3);
    bx_pw_str(&b, "vm");
    if (vm == NULL)
        bx_pw_nil(&b);
    else
        api_put_vm(&b, view(c), vm);
    bx_pw_str(&b, "existed");
    bx_pw_bool(&b, o->existed);
    bx_pw_str(&b, "revision");
    bx_pw_u64(&b, o->revision);
    api_reply(c, &b);
}

static void dry_run(struct api_call *c)
{
    struct bx_candidates cs;
    struct bx_decision d;
    struct bx_buf b = {0};
    struct bx_err err;

    bx_candidates_init(&cs);
    if (bx_fsm_dry_run(bx_node_fsm(c->api->node), c->config, &cs, &d, &err) != BX_OK) {
        api_fail(c, &err);
    } else {
        api_begin_result(c, &b);
        api_put_decision(&b, view(c), &d, &cs, false);
        api_reply(c, &b);
    }
    bx_candidates_close(&cs);
}

void api_vm_create(struct api_call *c)
{
    struct bx_cmd_vm_create body = {*c->config, c->p.if_not_exists};
    struct bx_err err;

    if (bx_vm_config_check(c->config, &err) != BX_OK ||
        bx_vm_config_supported(c->config, &err) != BX_OK)
        api_fail(c, &err);
    else if (c->p.dry_run)
        api_read(c, dry_run);
    else
        api_write(c, BX_CMD_VM_CREATE, &body);
}

static bool names_vm(struct api_call *c)
{
    struct bx_err err;

    if (c->p.vm.n > 0)
        return true;
    bx_err_set(&err, BX_INVALID, "vm: is missing");
    bx_err_hint(&err, "give a name, a uuid or the beginning of one");
    api_fail(c, &err);
    return false;
}

void api_vm_desire(struct api_call *c)
{
    struct bx_cmd_vm_desire body = {.vm = c->p.vm,
                                    .desired = c->method == BX_M_VM_STOP ? BX_DESIRED_STOPPED
                                                                         : BX_DESIRED_RUNNING,
                                    .restart = c->method == BX_M_VM_RESTART,
                                    .force = c->p.force,
                                    .timeout_s = c->p.timeout_s};

    if (names_vm(c))
        api_write(c, BX_CMD_VM_DESIRE, &body);
}

void api_vm_delete(struct api_call *c)
{
    struct bx_cmd_vm_delete body = {c->p.vm};

    if (names_vm(c))
        api_write(c, BX_CMD_VM_DELETE, &body);
}

/* ---- reads ---- */

static void list(struct api_call *c)
{
    uint64_t n = bx_view_vms(view(c));
    const struct bx_vm **vms = bx_must_calloc(n + 1, sizeof(*vms));
    struct bx_buf b = {0};
    struct bx_err err = {0};

    BX_TRACK_SCOPE("list");
    bx_view_sorted_vms(view(c), vms);
    api_begin_result(c, &b);
    if (api_put_vms(c, &b, vms, (uint32_t)n) == BX_OK) {
        api_reply(c, &b);
    } else {
        bx_err_set(&err, BX_NO_MEMORY, "no memory for a list of %llu VMs", (unsigned long long)n);
        bx_buf_release(&b);
        api_fail(c, &err);
    }
    bx_free(vms);
}

void api_vm_list(struct api_call *c)
{
    api_read(c, list);
}

static void show(struct api_call *c)
{
    const struct bx_vm *vm;
    struct bx_buf b = {0};
    struct bx_err err;

    if (bx_view_find_vm(view(c), c->p.vm, &vm, &err) != BX_OK) {
        api_fail(c, &err);
        return;
    }
    api_begin_result(c, &b);
    api_put_vm(&b, view(c), vm);
    api_reply(c, &b);
}

void api_vm_show(struct api_call *c)
{
    if (names_vm(c))
        api_read(c, show);
}

static void explain(struct api_call *c)
{
    struct bx_candidates cs;
    struct bx_decision d;
    struct bx_buf b = {0};
    const struct bx_vm *vm;
    struct bx_err err;
    bool recorded = false;
    int rc = bx_view_find_vm(view(c), c->p.vm, &vm, &err);

    bx_candidates_init(&cs);
    if (rc == BX_OK) {
        rc = bx_fsm_explain(bx_node_fsm(c->api->node), vm, &cs, &d, &recorded);
        if (rc != BX_OK)
            bx_err_set(&err, rc, "out of memory");
    }
    if (rc != BX_OK) {
        api_fail(c, &err);
    } else {
        api_begin_result(c, &b);
        api_put_decision(&b, view(c), &d, &cs, recorded);
        api_reply(c, &b);
    }
    bx_candidates_close(&cs);
}

void api_vm_explain(struct api_call *c)
{
    if (names_vm(c))
        api_read(c, explain);
}

/* ---- waiting ---- */

static void reply_vm(struct api_call *c, const struct bx_vm *vm)
{
    struct bx_buf b = {0};

    api_begin_result(c, &b);
    if (vm == NULL)
        bx_pw_nil(&b);
    else
        api_put_vm(&b, view(c), vm);
    api_reply(c, &b);
}

static void fail_wait(struct api_call *c, const struct bx_vm *vm)
{
    struct bx_err err;

    bx_err_set(&err, BX_FAILED, "VM \"%s\" is %s%s" BX_STR_FMT, vm->name->s,
               vm->phase == BX_PHASE_CREATING ? "started again" : bx_phase_name(vm->phase)->s,
               vm->message.n > 0 ? ": " : "", BX_STR_ARG(vm->message));
    bx_err_hint(&err, "blixardctl vm logs %s shows its console, if it came so far", vm->name->s);
    api_fail(c, &err);
}

/* The run that was waited for has ended, and the restart policy ordered another one. That one may
 * fare better, but who waits wants to hear now of a kernel that is not there. */
static bool ended_before(const struct api_call *c, const struct bx_vm *vm)
{
    return vm->epoch > c->p.epoch && c->p.epoch > 0 && vm->phase == BX_PHASE_CREATING &&
           vm->message.n > 0;
}

/* Is this the end of the wait, one way or the other? True when the call was answered. */
static bool settle(struct api_call *c, const struct bx_vm *vm)
{
    bool resting = vm->phase == BX_PHASE_STOPPED || vm->phase == BX_PHASE_FAILED;

    if (vm->epoch < c->p.epoch && vm->desired == BX_DESIRED_RUNNING)
        return false; /* the run before still stops */
    if (bx_str_eq(c->p.until, bx_str("running"))) {
        if (vm->phase == BX_PHASE_RUNNING)
            reply_vm(c, vm);
        else if (resting || vm->desired != BX_DESIRED_RUNNING || ended_before(c, vm))
            fail_wait(c, vm);
        else
            return false;
    } else if (bx_str_eq(c->p.until, bx_str("stopped")) && resting) {
        reply_vm(c, vm);
    } else {
        return false;
    }
    return true;
}

static void is_gone(struct api_call *c)
{
    struct bx_err err;

    if (bx_str_eq(c->p.until, bx_str("deleted"))) {
        reply_vm(c, NULL);
        return;
    }
    bx_err_set(&err, BX_NOT_FOUND, "the VM was deleted");
    api_fail(c, &err);
}

static void begin_wait(struct api_call *c)
{
    const struct bx_vm *vm = bx_view_vm(view(c), c->vm);

    if (vm == NULL) {
        is_gone(c);
    } else if (!settle(c, vm)) {
        c->waiting = true;
        TAILQ_INSERT_TAIL(&c->api->waits, c, link);
    }
}

void api_vm_wait(struct api_call *c)
{
    struct bx_err err;

    if (!bx_uuid_parse(c->p.vm.p, c->p.vm.n, c->vm) ||
        (!bx_str_eq(c->p.until, bx_str("running")) && !bx_str_eq(c->p.until, bx_str("stopped")) &&
         !bx_str_eq(c->p.until, bx_str("deleted")))) {
        bx_err_set(&err, BX_INVALID,
                   "vm.wait: vm must be a uuid, until running, stopped or "
                   "deleted");
        api_fail(c, &err);
        return;
    }
    api_read(c, begin_wait);
}

void api_waits_look(struct api *a, const struct bx_vm *vm, bool gone)
{
    struct api_call *c, *next;

    for (c = TAILQ_FIRST(&a->waits); c != NULL; c = next) {
        next = TAILQ_NEXT(c, link);
        if (c->method != BX_M_VM_WAIT || memcmp(c->vm, vm->uuid, 16) != 0)
            continue;
        if (gone)
            is_gone(c);
        else
            settle(c, vm);
    }
}

void api_waits_expire(struct api *a, uint64_t now)
{
    struct api_call *c, *next;
    struct bx_err err;

    for (c = TAILQ_FIRST(&a->waits); c != NULL; c = next) {
        next = TAILQ_NEXT(c, link);
        if (c->deadline > now)
            continue;
        if (c->method == BX_M_VM_WAIT) {
            bx_err_set(&err, BX_TIMEOUT, "the VM was not %s in time",
                       c->p.until.p == NULL                       ? ""
                       : bx_str_eq(c->p.until, bx_str("running")) ? "running"
                       : bx_str_eq(c->p.until, bx_str("stopped")) ? "stopped"
                                                                  : "gone");
            bx_err_hint(&err, "it goes on; blixardctl vm show tells how far it is");
        } else {
            bx_err_set(&err, BX_UNREACHABLE, "the node that runs the VM does not answer");
            bx_err_hint(&err, "blixardctl node list tells how it is");
        }
        api_fail(c, &err);
    }
}

/* ---- logs: only the node that runs the VM has them ---- */

static void reply_logs(struct api_call *c, struct bx_buf *text)
{
    const char *name = api_node_name(view(c), c->api->o.identity->node);
    bool whole = bx_utf8_valid((const char *)text->data, text->len);
    struct bx_buf b = {0};

    /* A console is bytes; those that are no text are shown as such. */
    for (size_t i = 0; i < text->len && !whole; i++) {
        if (text->data[i] >= 0x80 || text->data[i] == 0)
            text->data[i] = '?';
    }
    api_begin_result(c, &b);
    bx_pw_map(&b, 2);
    bx_pw_str(&b, "text");
    bx_pw_strn(&b, (const char *)text->data, text->len);
    bx_pw_str(&b, "node");
    bx_pw_str(&b, name);
    api_reply(c, &b);
}

static void local_logs(struct api_call *c, const struct bx_vm *vm)
{
    size_t max = c->p.bytes == 0 || c->p.bytes > API_LOGS_BYTES ? API_LOGS_BYTES : c->p.bytes;
    struct bx_driver *d = c->api->driver;
    struct bx_buf text = {0};
    struct bx_err err;

    if (d->ops->console(d, vm->uuid, max, &text, &err) == BX_OK)
        reply_logs(c, &text);
    else
        api_fail(c, &err);
    bx_buf_release(&text);
}

static void ask_for_logs(struct api_call *c, const struct bx_vm *vm)
{
    struct bx_buf b = {0};
    struct bx_err err;
    uint8_t id[8];
    bool sent;

    c->query = ++c->api->next_query;
    bx_put64(id, c->query);
    bx_pw_array(&b, 4);
    bx_pw_u64(&b, 0);
    bx_pw_u64(&b, 0);
    bx_pw_str(&b, "vm.logs");
    bx_pw_array(&b, 1);
    bx_pw_map(&b, 3);
    bx_pw_str(&b, "vm");
    bx_pw_uuid(&b, vm->uuid);
    bx_pw_str(&b, "bytes");
    bx_pw_u64(&b, c->p.bytes);
    bx_pw_str(&b, "consistency");
    bx_pw_str(&b, "stale");
    sent = bx_node_send_raw(c->api->node, vm->node, BX_FRAME_QUERY, id, 8, b.data, b.len);
    bx_buf_release(&b);
    if (sent) {
        c->waiting = true;
        TAILQ_INSERT_TAIL(&c->api->waits, c, link);
        return;
    }
    bx_err_set(&err, BX_UNREACHABLE, "node \"%s\", which has them, is not connected",
               api_node_name(view(c), vm->node));
    bx_err_hint(&err, "blixardctl node list tells how it is");
    api_fail(c, &err);
}

static void logs(struct api_call *c)
{
    const struct bx_vm *vm;
    struct bx_err err;

    if (bx_view_find_vm(view(c), c->p.vm, &vm, &err) != BX_OK)
        api_fail(c, &err);
    else if (vm->node == c->api->o.identity->node)
        local_logs(c, vm);
    else if (c->from == 0)
        ask_for_logs(c, vm);
    else {
        bx_err_set(&err, BX_CONFLICT, "the VM is not on the node that was asked");
        api_fail(c, &err);
    }
}

void api_vm_logs(struct api_call *c)
{
    if (names_vm(c))
        api_read(c, logs);
}

/* [1, id, error, result] of the other node: error and result are passed on as they are. */
static void pass_on(struct api_call *c, bx_val answer)
{
    struct bx_buf b = {0};

    bx_pw_array(&b, 4);
    bx_pw_u64(&b, 1);
    bx_pw_u64(&b, c->id);
    bx_pw_val(&b, bx_val_at(answer, 2));
    bx_pw_val(&b, bx_val_at(answer, 3));
    api_reply(c, &b);
}

void api_logs_answer(struct api *a, uint64_t id, const uint8_t *p, size_t n)
{
    struct bx_pack *pack = bx_pack_create();
    struct api_call *c;

    TAILQ_FOREACH(c, &a->waits, link)
    {
        if (c->method == BX_M_VM_LOGS && c->query == id)
            break;
    }
    if (c != NULL && pack != NULL) {
        bx_val answer = bx_pack_parse(pack, p, n, BX_RPC_FRAME_MAX, NULL);

        if (bx_val_len(answer) == 4)
            pass_on(c, answer);
    }
    bx_pack_destroy(pack);
}
