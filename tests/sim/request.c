/* request - what clients ask of a host, and what they make of what it says. */
#include "sim/client.h"

#include "mem/alloc.h"
#include "state/reference.h"
#include "state/tenant.h"

#include <string.h>

struct attempt {
    struct lane *lane;
    uint32_t number;
    uint64_t sequence;
    uint8_t vm[16]; /* that the name meant, before the request was proposed; or zero */
};

static struct attempt *new_attempt(struct lane *l)
{
    struct attempt *a = bx_must_alloc(sizeof *a);

    *a = (struct attempt){.lane = l, .number = l->attempt, .sequence = l->sequence};
    return a;
}

/* ---- answers ---- */

static struct answer *answer_to(const struct attempt *a, size_t rows)
{
    struct answer *out = bx_must_calloc(1, sizeof *out + rows * sizeof *out->rows);

    *out = (struct answer){.lane = a->lane, .attempt = a->number, .op = a->lane->op};
    out->n_rows = rows;
    return out;
}

static void again(struct attempt *a)
{
    sim_client_answer(a->lane->client->sim, answer_to(a, 0));
    bx_free(a);
}

/* Where it was placed is where it was to be. */
static void check_pin(struct sim_host *h, const struct lane *l, const struct bx_outcome *o)
{
    const struct bx_node_row *row = bx_view_node(bx_node_view(h->node), o->node);

    if (l->op.pinned && o->code == BX_OK && !o->existed && row != NULL &&
        strcmp(row->name->s, l->pin) != 0)
        sim_violation(h->sim, "a VM for %s was placed on %s", l->pin, row->name->s);
}

static const uint8_t vm_none[16];

/* The name meant this VM when the request, which may be sent several times, was looked up. */
static void note_meaning(struct lane *l, const uint8_t vm[16])
{
    memcpy(l->vms[l->n_vms % SIM_MEANT_MAX], vm, 16);
    l->n_vms++;
}

static bool was_meant(const struct lane *l, const uint8_t vm[16])
{
    for (unsigned i = 0; i < l->n_vms && i < SIM_MEANT_MAX; i++) {
        if (memcmp(l->vms[i], vm, 16) == 0)
            return true;
    }
    return l->n_vms > SIM_MEANT_MAX;
}

/* A request concerns the VM that its name meant when it was looked up, or none. If it was sent
 * before, and the name meant another VM then, that may be it. */
static void check_meaning(struct sim_host *h, const struct attempt *a, const struct bx_outcome *o)
{
    if (memcmp(a->vm, vm_none, 16) == 0)
        return;
    if (o->code == BX_OK && !was_meant(a->lane, o->object))
        sim_violation(h->sim,
                      "a request for VM %02x%02x%02x%02x was carried out on %02x%02x%02x%02x",
                      a->vm[0], a->vm[1], a->vm[2], a->vm[3], o->object[0], o->object[1],
                      o->object[2], o->object[3]);
    if (o->code == BX_NOT_FOUND && bx_view_vm(bx_node_view(h->node), o->object) != NULL)
        sim_violation(h->sim, "a request for a VM that is there found none");
}

/* Its tenant was created later. */
static bool is_early(const struct sim_host *h, const struct sim_op *op)
{
    struct bx_str tenant = sim_name_of(h->sim, op->name).tenant;
    struct bx_tenant t;

    return op->code == BX_NOT_FOUND && (sim_op_creates(op->kind) || op->kind == SIM_OP_DRY_RUN) &&
           (bx_view_tenant(bx_node_view(h->node), tenant, &t, NULL) != BX_OK ||
            t.created_index > op->revision);
}

static void on_outcome(void *ctx, const struct bx_outcome *o, const struct bx_err *err)
{
    struct attempt *a = ctx;
    struct lane *l = a->lane;
    struct sim_host *h = l->client->sim->inside;
    struct answer *out = answer_to(a, 0);

    (void)err;
    /* An outcome that this client waits for no more may be forgotten, and busy is none. */
    out->known = o != NULL && o->code != BX_BUSY;
    if (out->known && a->sequence == l->sequence) {
        if (l->doing != LANE_MISUSES)
            sim_check_outcome(h, o);
        if (l->doing == LANE_ASKS)
            check_pin(h, l, o);
        if (l->doing != LANE_MISUSES)
            check_meaning(h, a, o);
        out->op.code = o->code;
        out->op.existed = o->existed;
        out->op.revision = o->revision;
        out->op.early = is_early(h, &out->op);
        out->op.gone = o->code == BX_NOT_FOUND && !sim_op_creates(out->op.kind);
        if (o->code == BX_OK)
            memcpy(out->op.uuid, o->object, 16);
    }
    sim_client_answer(h->sim, out);
    bx_free(a);
}

/* ---- reading ---- */

static void take_row(struct sim_op *op, const struct bx_vm *vm)
{
    op->code = BX_OK;
    memcpy(op->uuid, vm->uuid, 16);
    op->desired = vm->desired;
    op->phase = vm->phase;
}

static void read_one(struct sim_host *h, struct sim_op *op)
{
    struct sim_name name = sim_name_of(h->sim, op->name);
    const struct bx_vm *vm;

    op->revision = sim_check_shown(h);
    op->code = (uint16_t)bx_view_find_vm_of(bx_node_view(h->node), name.tenant, bx_str(name.vm),
                                            &vm, NULL);
    if (op->code == BX_OK)
        take_row(op, vm);
}

static unsigned number_of(struct sim_host *h, const struct bx_vm *vm, unsigned names)
{
    unsigned n = sim_name_number(h->sim, bx_str(vm->name->s), bx_str(vm->tenant->s), names);

    if (n == names)
        sim_violation(h->sim, "%s lists a VM %s that nobody made", h->name, vm->name->s);
    return n;
}

static bool in_order(const struct bx_vm *before, const struct bx_vm *vm)
{
    int order = strcmp(before->name->s, vm->name->s);

    return order < 0 || (order == 0 && strcmp(before->tenant->s, vm->tenant->s) < 0);
}

void sim_request_rows(struct sim_host *h, unsigned names, const struct sim_op *like,
                      struct sim_op *rows)
{
    const struct bx_view *view = bx_node_view(h->node);
    struct bx_index_place at = bx_view_after(view, BX_TABLE_VM, NULL);
    const struct bx_vm *vm, *before = NULL;
    struct bx_cluster_info cluster;
    size_t n = 0;

    bx_view_cluster(view, &cluster);
    for (unsigned i = 0; i < names; i++) {
        rows[i] = *like;
        rows[i].kind = SIM_OP_READ;
        rows[i].name = i;
        rows[i].code = BX_NOT_FOUND;
        rows[i].revision = cluster.revision;
    }
    for (; (vm = bx_view_step(view, BX_TABLE_VM, &at)) != NULL; n++, before = vm) {
        if (before != NULL && !in_order(before, vm))
            sim_violation(h->sim, "%s lists %s before %s", h->name, before->name->s, vm->name->s);
        take_row(&rows[number_of(h, vm, names)], vm);
    }
    if (n != bx_view_vms(view))
        sim_violation(h->sim, "%s lists %zu of %llu VMs", h->name, n,
                      (unsigned long long)bx_view_vms(view));
}

static void on_barrier(void *ctx, const struct bx_err *err)
{
    struct attempt *a = ctx;
    struct lane *l = a->lane;
    struct sim *s = l->client->sim;
    struct sim_host *h = s->inside;
    unsigned names = sim_client_names(s);
    bool list = l->op.kind == SIM_OP_LIST;
    struct answer *out = answer_to(a, list ? names : 0);

    out->known = err == NULL;
    if (out->known && a->number == l->attempt) {
        out->op.revision = sim_check_shown(h);
        if (list)
            sim_request_rows(h, names, &l->op, out->rows);
        else
            read_one(h, &out->op);
    }
    sim_client_answer(h->sim, out);
    bx_free(a);
}

/* ---- questions ---- */

/* The lowest that the client still waits for. */
static uint64_t floor_of(const struct client *c)
{
    uint64_t floor = c->sequence;

    for (unsigned i = 0; i < c->n_lanes; i++) {
        if (c->lanes[i].sequence != 0 && c->lanes[i].sequence < floor)
            floor = c->lanes[i].sequence;
    }
    return floor;
}

static void submit(struct sim_host *h, struct attempt *a, uint16_t kind, const void *body)
{
    struct lane *l = a->lane;
    struct bx_submit s = {.kind = kind,
                          .body = body,
                          .principal = bx_str("user"),
                          .tenant = sim_name_of(h->sim, l->op.name).tenant,
                          .source = bx_str("unix")};

    memcpy(s.session, l->client->session, 16);
    s.sequence = l->sequence;
    s.floor = floor_of(l->client);
    s.deadline = sim_boot_ms(h) + 10000;
    s.done = on_outcome;
    s.ctx = a;
    if (bx_node_submit(h->node, &s, NULL) != BX_OK)
        again(a);
}

static void configure(const struct lane *l, const struct sim_name *name, struct bx_vm_config *c)
{
    bx_vm_config_init(c);
    c->name = bx_str(name->vm);
    c->tenant = name->tenant;
    c->vcpus = l->op.invalid ? 0 : 1 + (uint32_t)(l->shape % 6);
    c->memory_mib = 256 << (l->shape / 8 % 5);
    c->disk_gib = l->shape / 64 % 4 == 0 ? 0 : 1 + l->shape / 64 % 50;
    c->strategy = (uint8_t)(l->shape / 7 % 2);
    c->restart = l->op.restart;
    c->stopped = l->op.kind == SIM_OP_CREATE_STOPPED;
    c->reserve = sim_first_level(l->client->sim) >= 2 && l->shape / 512 % 8 == 0;
    if (l->op.pinned)
        c->node = bx_str(l->pin);
}

static void submit_create(struct sim_host *h, struct lane *l)
{
    struct bx_cmd_vm_create b = {.if_not_exists = l->op.if_not_exists};
    struct sim_name name = sim_name_of(h->sim, l->op.name);

    configure(l, &name, &b.config);
    submit(h, new_attempt(l), BX_CMD_VM_CREATE, &b);
}

static void submit_desire(struct sim_host *h, struct attempt *a, const char *name)
{
    const struct lane *l = a->lane;
    bool stop = l->op.kind == SIM_OP_STOP;
    struct bx_cmd_vm_desire b = {.vm = bx_str(name),
                                 .desired = stop ? BX_DESIRED_STOPPED : BX_DESIRED_RUNNING,
                                 .restart = l->op.kind == SIM_OP_RESTART,
                                 .force = l->op.force,
                                 .timeout_s = 5};

    if (l->doing == LANE_MISUSES) /* the request's id, and another request */
        b = (struct bx_cmd_vm_desire){
            .vm = bx_str(name), .desired = BX_DESIRED_RUNNING, .timeout_s = 77};
    memcpy(b.uuid, a->vm, 16);
    submit(h, a, BX_CMD_VM_DESIRE, &b);
}

static void submit_delete(struct sim_host *h, struct attempt *a, const char *name)
{
    struct bx_cmd_vm_delete b = {.vm = bx_str(name)};

    memcpy(b.uuid, a->vm, 16);
    submit(h, a, BX_CMD_VM_DELETE, &b);
}

/* There is no such VM; or the outcome of an earlier attempt does not tell which VM it was about. */
static void say_refused(struct sim_host *h, struct attempt *a, const struct bx_reference *r)
{
    struct answer *out = answer_to(a, 0);

    out->known = true;
    out->unsent = !r->answered || a->lane->doing == LANE_MISUSES;
    out->op.code = r->answered ? r->outcome.code : BX_NOT_FOUND;
    out->op.revision = r->answered ? r->outcome.revision : sim_check_shown(h);
    sim_client_answer(h->sim, out);
    bx_free(a);
}

struct dawdling {
    struct attempt *attempt;
};

static void submit_looked_up(struct sim_host *h, void *arg)
{
    struct attempt *a = ((struct dawdling *)arg)->attempt;
    struct lane *l = a->lane;
    struct sim_name name = sim_name_of(h->sim, l->op.name);

    if (a->number != l->attempt)
        again(a);
    else if (l->doing != LANE_MISUSES && l->op.kind == SIM_OP_DELETE)
        submit_delete(h, a, name.vm);
    else
        submit_desire(h, a, name.vm);
}

static void on_dawdled(struct sim *s, struct sim_host *h, void *arg)
{
    (void)s;
    if (h->node != NULL && sim_enter(h, submit_looked_up, arg))
        sim_host_wake(h);
}

static void submit_later(struct sim_host *h, struct attempt *a, uint64_t us)
{
    struct dawdling d = {a}, *later;

    if (us == 0) {
        submit_looked_up(h, &d);
        return;
    }
    later = bx_must_alloc(sizeof *later);
    *later = d;
    sim_at(h->sim, h->sim->now + us, h, on_dawdled, later);
}

static void on_looked_up(void *ctx, const struct bx_err *err)
{
    struct attempt *a = ctx;
    struct lane *l = a->lane;
    struct sim_host *h = l->client->sim->inside;
    struct bx_reference r = {.sequence = l->sequence};
    struct sim_name name = sim_name_of(h->sim, l->op.name);

    if (err != NULL || a->number != l->attempt) {
        again(a);
        return;
    }
    r.ref = bx_str(name.vm);
    r.tenant = name.tenant;
    memcpy(r.session, l->client->session, 16);
    if (bx_reference_vm(bx_node_fsm(h->node), &r, a->vm, NULL) != BX_OK) {
        say_refused(h, a, &r);
        return;
    }
    if (bx_node_level(h->node) < 2) /* the name alone is sent */
        memset(a->vm, 0, sizeof a->vm);
    else
        note_meaning(l, a->vm);
    submit_later(h, a, sim_clients_dawdle(h->sim));
}

/* As the API does: what the name means is looked up first. */
static void look_up(struct sim_host *h, struct lane *l)
{
    struct attempt *a = new_attempt(l);

    if (bx_node_barrier(h->node, sim_boot_ms(h) + 5000, on_looked_up, a, NULL) != BX_OK)
        again(a);
}

static void read_barrier(struct sim_host *h, struct lane *l)
{
    struct attempt *a = new_attempt(l);

    if (bx_node_barrier(h->node, sim_boot_ms(h) + 5000, on_barrier, a, NULL) != BX_OK)
        again(a);
}

#define UNDER_WAY_US (3 * SIM_S) /* at most, what a leader says, with what it has heard before */

/* A time whose answers it claims to know. It can not tell what was said while it stood still. */
static uint64_t claim(struct sim_host *h)
{
    struct bx_node_status st;
    uint64_t age, at;

    bx_node_status(h->node, &st);
    age = st.age_ms * SIM_MS / 100 * 102;
    if (!st.age_known || age > h->sim->now)
        return 0;
    at = h->sim->now - age;
    if (at >= h->paused_from && at <= h->paused_until + UNDER_WAY_US)
        at = h->paused_from;
    return at < UNDER_WAY_US ? 0 : at - UNDER_WAY_US;
}

static void read_stale(struct sim_host *h, struct lane *l)
{
    struct attempt *a = new_attempt(l);
    struct answer *out = answer_to(a, 0);

    out->known = true;
    out->op.knows = claim(h);
    read_one(h, &out->op);
    sim_client_answer(h->sim, out);
    bx_free(a);
}

static void dry_run(struct sim_host *h, struct lane *l)
{
    struct sim_name name = sim_name_of(h->sim, l->op.name);
    const struct bx_view *view = bx_node_view(h->node);
    struct attempt *a = new_attempt(l);
    struct answer *out = answer_to(a, 0);
    struct bx_cluster_info before, after;
    struct bx_candidates candidates;
    struct bx_decision decision;
    struct bx_vm_config config;

    configure(l, &name, &config);
    bx_candidates_init(&candidates);
    bx_view_cluster(view, &before);
    out->known = true;
    out->op.code =
        (uint16_t)bx_fsm_dry_run(bx_node_fsm(h->node), &config, &candidates, &decision, NULL);
    out->op.revision = sim_check_shown(h);
    out->op.early = is_early(h, &out->op);
    bx_view_cluster(view, &after);
    bx_candidates_close(&candidates);
    if (before.digest != after.digest || before.revision != after.revision)
        sim_violation(h->sim, "%s: a dry run changed something", h->name);
    sim_client_answer(h->sim, out);
    bx_free(a);
}

void sim_request(struct sim_host *h, void *lane)
{
    struct lane *l = lane;

    if (l->doing == LANE_MISUSES) {
        look_up(h, l);
        return;
    }
    switch (l->op.kind) {
    case SIM_OP_CREATE:
    case SIM_OP_CREATE_STOPPED:
        submit_create(h, l);
        break;
    case SIM_OP_DELETE:
    case SIM_OP_START:
    case SIM_OP_STOP:
    case SIM_OP_RESTART:
        look_up(h, l);
        break;
    case SIM_OP_READ:
    case SIM_OP_LIST:
        read_barrier(h, l);
        break;
    case SIM_OP_STALE_READ:
        read_stale(h, l);
        break;
    case SIM_OP_DRY_RUN:
        dry_run(h, l);
        break;
    case SIM__OPS:
        break;
    }
}
