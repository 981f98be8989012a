#include "state/reference.h"

#include "mutant.h"
#include "state/fsm_priv.h"

#include <stdio.h>

static const uint8_t none[16];

static bool given(const uint8_t uuid[16])
{
    return memcmp(uuid, none, 16) != 0;
}

static bool is_named(const struct bx_istr *name, struct bx_str ref)
{
    return bx_str_eq((struct bx_str){name->s, name->len}, ref);
}

/* ---- before it is proposed ---- */

static bool answered(const struct bx_fsm *f, struct bx_reference *r)
{
    r->answered = given(r->session) &&
                  bx_sessions_kept(&f->sessions, r->session, r->sequence, &r->outcome) &&
                  (r->principal.n == 0 ||
                   r->outcome.principal_hash == bx_hash(r->principal.p, r->principal.n));
    return r->answered;
}

/* What it was about is not known. If it succeeded, it was another request: one about a VM or a node
 * would tell. */
static int say_again(const struct bx_outcome *o, struct bx_err *err)
{
    if (o->code == BX_OK) {
        bx_err_set(err, BX_CONFLICT, "this request id was already used for another request");
        bx_err_hint(err, "use another --request-id");
        return BX_CONFLICT;
    }
    bx_err_set(err, o->code, BX_STR_FMT, BX_STR_ARG(o->message));
    bx_err_hint(err, BX_STR_FMT, BX_STR_ARG(o->hint));
    return o->code;
}

/* Whoever deletes "40f3" twice wants no VM deleted whose uuid happens to begin so. */
static int only_begins(const struct bx_vm *vm, struct bx_str ref, struct bx_err *err)
{
    bx_err_set(err, BX_NOT_FOUND, "no VM named \"" BX_STR_FMT "\"", BX_STR_ARG(ref));
    bx_err_hint(err, "a uuid that begins so is of VM \"%s\": blixardctl vm delete %s", vm->name->s,
                vm->name->s);
    return BX_NOT_FOUND;
}

int bx_reference_vm(const struct bx_fsm *f, struct bx_reference *r, uint8_t uuid[16],
                    struct bx_err *err)
{
    const struct bx_vm *vm;
    int rc;

    if (answered(f, r)) {
        memcpy(uuid, r->outcome.object, 16);
        if (!given(uuid))
            return say_again(&r->outcome, err);
        vm = bx_view_vm(&f->view, uuid);
        if (vm == NULL || bx_vm_is_of(vm, r->tenant))
            return BX_OK;
        /* Its sender was of another tenant then. */
        bx_err_set(err, BX_CONFLICT, "this request id was already used for another request");
        bx_err_hint(err, "use another --request-id");
        return BX_CONFLICT;
    }
    rc = bx_view_find_vm_of(&f->view, r->tenant, r->ref, &vm, err);
    if (rc == BX_OK && r->exact && !is_named(vm->name, r->ref) && r->ref.n < BX_UUID_TEXT - 1)
        rc = only_begins(vm, r->ref, err);
    if (rc == BX_OK)
        memcpy(uuid, vm->uuid, 16);
    return rc;
}

int bx_reference_node(const struct bx_fsm *f, struct bx_reference *r, uint64_t *id,
                      struct bx_err *err)
{
    const struct bx_node_row *node;
    int rc;

    if (answered(f, r)) {
        *id = r->outcome.node;
        return *id != 0 ? BX_OK : say_again(&r->outcome, err);
    }
    rc = bx_view_find_node(&f->view, r->ref, &node, err);
    if (rc == BX_OK)
        *id = node->info.id;
    return rc;
}

/* ---- when it is applied ---- */

static int changed_hands(struct bx_err *err, const char *kind, const char *name, struct bx_str ref)
{
    bx_err_set(err, BX_CONFLICT, "\"" BX_STR_FMT "\" no longer means %s \"%s\"", BX_STR_ARG(ref),
               kind, name);
    bx_err_hint(err, "nothing was done; repeat the request with the name or id that is meant");
    return BX_CONFLICT;
}

static int gone(struct bx_err *err, const char *kind, const char *list, struct bx_str ref)
{
    bx_err_set(err, BX_NOT_FOUND,
               "%s \"" BX_STR_FMT "\" was deleted before the request was applied", kind,
               BX_STR_ARG(ref));
    bx_err_hint(err, "blixardctl %s list shows what there is", list);
    return BX_NOT_FOUND;
}

/* As builds did that looked references up in apply, but for the index: a name before a uuid. They
 * know no name that several VMs have. */
static int find_in_old_entry(const struct bx_fsm *f, struct bx_str ref, const struct bx_vm **vm,
                             struct bx_err *err)
{
    *vm = bx_fsm_level(f) < 3 ? bx_view_named(&f->view, BX_TABLE_VM, ref) : NULL;
    return *vm != NULL ? BX_OK : bx_view_find_vm(&f->view, ref, vm, err);
}

/* Whether a VM has the name, of those that the command may mean. */
static bool is_taken(const struct bx_fsm *f, struct bx_str tenant, struct bx_str name)
{
    return bx_fsm_level(f) >= 3 && tenant.n > 0
               ? bx_view_vm_named(&f->view, tenant, name) != NULL
               : bx_view_named(&f->view, BX_TABLE_VM, name) != NULL;
}

/* It has the name, or a uuid that begins so and nobody has the name. */
static bool means(const struct bx_fsm *f, const struct bx_call *c, struct bx_str ref,
                  const struct bx_vm *vm)
{
    return is_named(vm->name, ref) ||
           (bx_vm_uuid_begins(vm, ref) &&
            (ref.n == BX_UUID_TEXT - 1 || !is_taken(f, c->head->tenant, ref)));
}

int bx_fsm_vm_of(struct bx_fsm *f, struct bx_call *c, struct bx_str ref, const uint8_t uuid[16],
                 const struct bx_vm **vm)
{
    if (!given(uuid))
        return find_in_old_entry(f, ref, vm, c->err);
    memcpy(c->out->object, uuid, 16);
    if (BX_MUTATED(NAME_ALONE))
        return find_in_old_entry(f, ref, vm, c->err);
    *vm = bx_view_vm(&f->view, uuid);
    if (*vm == NULL)
        return gone(c->err, "VM", "vm", ref);
    return means(f, c, ref, *vm) ? BX_OK : changed_hands(c->err, "VM", (*vm)->name->s, ref);
}

static bool is_id(struct bx_str ref, uint64_t id)
{
    char text[24];

    snprintf(text, sizeof text, "%llu", (unsigned long long)id);
    return bx_str_eq(bx_str(text), ref);
}

int bx_fsm_node_of(struct bx_fsm *f, struct bx_call *c, struct bx_str ref, uint64_t id,
                   const struct bx_node_row **node)
{
    if (id == 0)
        return bx_view_find_node(&f->view, ref, node, c->err);
    c->out->node = id;
    *node = bx_view_node(&f->view, id);
    if (*node == NULL)
        return gone(c->err, "node", "node", ref);
    return is_named((*node)->name, ref) || is_id(ref, id)
               ? BX_OK
               : changed_hands(c->err, "node", (*node)->name->s, ref);
}
