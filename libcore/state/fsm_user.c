/* fsm_user - the commands about users. A command of an administrator of one tenant carries the
 * tenant as its scope: users of others do not exist for it, whoever moves them meanwhile. */
#include "state/fsm_priv.h"
#include "state/tenant.h"
#include "state/user.h"

static int check_tenant(struct bx_fsm *f, struct bx_str name, struct bx_err *err)
{
    struct bx_tenant t;

    return name.n == 0 ? BX_OK : bx_view_tenant(&f->view, name, &t, err);
}

static int is_full(struct bx_err *err)
{
    bx_err_hint(err, "delete one that is not needed any more: blixardctl user list");
    return BX_BUSY;
}

/* Whether one more user may be in the tenant; of_tenant: it comes from another one. Tenants can
 * neither fill the table for each other nor, all of them, for the users of the cluster. */
static int check_room_of(struct bx_fsm *f, struct bx_str tenant, bool of_tenant, struct bx_err *err)
{
    size_t all = bx_view_count(&f->view, BX_TABLE_USER);

    if (bx_view_users_of(&f->view, tenant) >= BX_USERS_MAX_TENANT) {
        bx_err_set(err, BX_BUSY, "tenant \"" BX_STR_FMT "\" has %u users, the maximum",
                   BX_STR_ARG(tenant), BX_USERS_MAX_TENANT);
        return is_full(err);
    }
    if (of_tenant ||
        all < BX_USERS_MAX_TENANTS || /* most often: then the others need not be counted */
        all - bx_view_users_of(&f->view, bx_str("")) < BX_USERS_MAX_TENANTS)
        return BX_OK;
    bx_err_set(err, BX_BUSY, "tenants have %u users, the maximum", BX_USERS_MAX_TENANTS);
    return is_full(err);
}

/* Before is the user as it was; NULL: there was none. */
static int check_room(struct bx_fsm *f, const struct bx_user *before, const struct bx_user *d,
                      struct bx_err *err)
{
    if (before == NULL && bx_view_count(&f->view, BX_TABLE_USER) >= BX_USERS_MAX) {
        bx_err_set(err, BX_BUSY, "there are %u users, the maximum", BX_USERS_MAX);
        return is_full(err);
    }
    if (d->tenant.n == 0 || (before != NULL && bx_str_eq(before->tenant, d->tenant)))
        return BX_OK;
    return check_room_of(f, d->tenant, before != NULL && before->tenant.n > 0, err);
}

static int put(struct bx_fsm *f, struct bx_user *d, enum bx_event_type type, struct bx_err *err)
{
    struct bx_row *before = bx_view_row(&f->view, BX_TABLE_USER, &d->name), *after;
    const char *role;
    int rc = bx_user_check(d, err);

    if (rc == BX_OK)
        rc = check_tenant(f, d->tenant, err);
    if (rc == BX_OK)
        rc = check_room(f, before == NULL ? NULL : bx_row_object(before), d, err);
    if (rc != BX_OK)
        return rc;
    d->modified_index = bx_call_revision(f);
    if (before == NULL)
        d->created_index = d->modified_index;
    role = bx_user_role_names[d->role];
    after = bx_row_make(&f->view.home, BX_TABLE_USER, d);
    bx_fsm_change(f, before, after);
    bx_call_event_of(f, d->tenant, type, ((const struct bx_user *)bx_row_object(after))->name,
                     bx_str(""),
                     d->tenant.n == 0 ? bx_call_text(f, "%s of the cluster", role)
                                      : bx_call_text(f, "%s of tenant " BX_STR_FMT, role,
                                                     BX_STR_ARG(d->tenant)));
    return BX_OK;
}

int bx_fsm_user_create(struct bx_fsm *f, struct bx_call *c)
{
    const struct bx_cmd_user_create *b = &c->body->user_create;
    struct bx_user d = {.name = b->name, .role = b->role, .tenant = b->tenant};

    if (bx_view_get(&f->view, BX_TABLE_USER, &b->name) != NULL) {
        bx_err_set(c->err, BX_EXISTS, "a user named \"" BX_STR_FMT "\" exists",
                   BX_STR_ARG(b->name));
        bx_err_hint(c->err, "choose another name");
        return BX_EXISTS;
    }
    return put(f, &d, BX_EVENT_USER_CREATED, c->err);
}

int bx_fsm_user_set(struct bx_fsm *f, struct bx_call *c)
{
    const struct bx_cmd_user_set *b = &c->body->user_set;
    const struct bx_user *u;
    struct bx_user d;
    bool moves;
    int rc = bx_view_user(&f->view, b->name, b->scope, &u, c->err);

    if (rc != BX_OK)
        return rc;
    d = *u;
    if (b->sets_role)
        d.role = b->role;
    if (b->sets_tenant)
        d.tenant = b->tenant;
    moves = !bx_str_eq(d.tenant, u->tenant);
    if (d.role == u->role && !moves) {
        c->out->existed = true;
        return BX_OK;
    }
    /* Administrators of the former tenant may have made some, and kept copies. */
    if (moves)
        bx_fsm_user_tokens_drop(f, b->name);
    return put(f, &d, BX_EVENT_USER_UPDATED, c->err);
}

int bx_fsm_user_delete(struct bx_fsm *f, struct bx_call *c)
{
    const struct bx_cmd_user_delete *b = &c->body->user_delete;
    const struct bx_user *u;
    int rc = bx_view_user(&f->view, b->name, b->scope, &u, c->err);

    if (rc != BX_OK)
        return rc;
    bx_fsm_user_tokens_drop(f, u->name);
    bx_call_event_of(f, u->tenant, BX_EVENT_USER_DELETED, u->name, bx_str(""), bx_str(""));
    bx_fsm_change(f, bx_view_row(&f->view, BX_TABLE_USER, &b->name), NULL);
    return BX_OK;
}
