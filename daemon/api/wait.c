/* wait - vm.wait: answered when the VM reaches the phase that is waited for, or no longer can. */
#include "api/priv.h"

/* What the call waits for, for messages. */
static const char *const goals[] = {
    [BX_UNTIL_RUNNING] = "running", [BX_UNTIL_STOPPED] = "stopped", [BX_UNTIL_DELETED] = "deleted"};

static const struct bx_vm_params *params(const struct api_call *c)
{
    return c->params;
}

static void reply_vm(struct api_call *c, const struct bx_vm *vm)
{
    struct bx_vm_reply r;

    api_see_vm(c->api->node, vm, &r);
    api_reply(c, &bx_vm_reply_schema, &r);
}

/* It never ran, or ended unasked. It is started again: when, by the leader's wall time. */
static void fail_backoff(struct api_call *c, const struct bx_vm *vm)
{
    uint64_t now = c->api->o.clock->ops->wall_ms(c->api->o.clock);
    uint64_t ms = vm->next_try_ms > now ? vm->next_try_ms - now : 0;
    struct bx_err err;

    bx_err_set(&err, BX_FAILED, "VM \"%s\" failed%s (" BX_STR_FMT "); retrying in %llu s",
               vm->name->s, vm->unbegun ? " to start" : "", BX_STR_ARG(vm->message),
               (unsigned long long)(ms + 999) / 1000);
    bx_err_hint(&err,
                "blixardctl vm show %s counts its failures; vm logs %s shows its console, if "
                "the guest was started",
                vm->name->s, vm->name->s);
    api_fail(c, &err);
}

static void fail_wait(struct api_call *c, const struct bx_vm *vm)
{
    bool restarted = vm->phase == BX_PHASE_CREATING, failed = vm->phase == BX_PHASE_FAILED;
    struct bx_err err;

    if (restarted && vm->failures > 0) {
        fail_backoff(c, vm);
        return;
    }
    bx_err_set(&err, BX_FAILED, "VM \"%s\" %s%s%s" BX_STR_FMT, vm->name->s,
               restarted || failed ? "" : "is ",
               restarted ? "ended and is being restarted" : bx_phase_name(vm->phase)->s,
               vm->message.n > 0 ? ": " : "", BX_STR_ARG(vm->message));
    bx_err_hint(&err, "blixardctl vm logs %s shows its console, if the guest was started",
                vm->name->s);
    api_fail(c, &err);
}

static bool is_resting(const struct bx_vm *vm)
{
    return vm->phase == BX_PHASE_STOPPED || vm->phase == BX_PHASE_FAILED;
}

/* The run that was waited for has ended, and the restart policy has ordered another one. It may
 * succeed, but the reason, such as a missing kernel, should be reported now. */
static bool ended_before(const struct api_call *c, const struct bx_vm *vm)
{
    return vm->epoch > params(c)->epoch && params(c)->epoch > 0 && vm->phase == BX_PHASE_CREATING &&
           vm->message.n > 0;
}

static bool can_not_run(const struct api_call *c, const struct bx_vm *vm)
{
    return is_resting(vm) || vm->desired != BX_DESIRED_RUNNING || ended_before(c, vm);
}

/* Answer the call if the wait is over, successfully or not. */
static bool settle(struct api_call *c, const struct bx_vm *vm)
{
    enum bx_until until = params(c)->until;

    if (vm->epoch < params(c)->epoch && vm->desired == BX_DESIRED_RUNNING)
        return false; /* the previous run is still being stopped */
    if ((until == BX_UNTIL_RUNNING && vm->phase == BX_PHASE_RUNNING) ||
        (until == BX_UNTIL_STOPPED && is_resting(vm)))
        reply_vm(c, vm);
    else if (until == BX_UNTIL_RUNNING && can_not_run(c, vm))
        fail_wait(c, vm);
    else
        return false;
    return true;
}

static void is_gone(struct api_call *c)
{
    struct bx_err err;

    if (params(c)->until == BX_UNTIL_DELETED) {
        api_reply(c, &bx_vm_reply_schema, NULL);
        return;
    }
    bx_err_set(&err, BX_NOT_FOUND, "the VM was deleted");
    api_fail(c, &err);
}

/* Nothing happens before its node is back. */
static bool is_out_of_reach(struct api_call *c, const struct bx_vm *vm)
{
    const struct bx_node_row *n = bx_view_node(api_view(c), vm->node);
    struct bx_err err;

    if (n == NULL || n->info.state != BX_NODE_DOWN)
        return false;
    bx_err_set(&err, BX_FAILED,
               "VM \"%s\" is on node %s, which is down: it will be %s when %s is back", vm->name->s,
               n->name->s, goals[params(c)->until], n->name->s);
    bx_err_hint(&err, "if its host is lost: blixardctl node remove %s --confirm-dead", n->name->s);
    api_fail(c, &err);
    return true;
}

static void begin(struct api_call *c)
{
    const struct bx_vm *vm = bx_view_vm(api_view(c), c->state);

    if (vm == NULL || !bx_vm_is_of(vm, c->scope))
        is_gone(c);
    else if (!settle(c, vm) && !is_out_of_reach(c, vm))
        api_wait_for_vm(c, c->state);
}

static void vm_wait(struct api_call *c)
{
    struct bx_str vm = params(c)->vm;
    struct bx_err err;

    c->state = api_alloc(c, 16);
    if (bx_uuid_parse(vm.p, vm.n, c->state)) {
        api_read(c, begin);
        return;
    }
    bx_err_set(&err, BX_INVALID, "vm: must be a uuid");
    bx_err_hint(&err, "vm.show returns the uuid of a name");
    api_fail(c, &err);
}

static void vm_changed(struct api_call *c, const struct bx_vm *vm, bool gone)
{
    struct bx_err err;

    if (!api_auth_holds(c, &err))
        api_fail(c, &err);
    else if (gone)
        is_gone(c);
    else
        settle(c, vm);
}

static void expired(struct api_call *c)
{
    struct bx_err err;

    bx_err_set(&err, BX_TIMEOUT, "timed out before the VM was %s", goals[params(c)->until]);
    bx_err_hint(&err, "the operation continues; blixardctl vm show shows its progress");
    api_fail(c, &err);
}

/* ---- the methods ---- */

const struct api_method api_vm_wait = {
    .run = vm_wait, .vm_changed = vm_changed, .expired = expired};
