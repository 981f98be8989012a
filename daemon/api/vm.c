#include "api/priv.h"

#include "mem/track.h"

#include <stdio.h>
#include <string.h>

/* ---- writes ---- */

static void written(struct api_call *c, const struct bx_outcome *o)
{
    const struct bx_vm *vm = bx_view_vm(api_view(c), o->object);
    struct bx_written_reply r = {.existed = o->existed, .revision = o->revision};
    char trace[BX_ID_TEXT + 1];

    r.trace_id = api_trace_text(c, trace);
    if (vm != NULL && bx_vm_is_of(vm, c->scope))
        api_see_vm(c->api->node, vm, &r.vm);
    api_reply(c, &bx_written_reply_schema, &r);
}

/* Answer with the decision, or with err when there is none; cs is closed. */
static void reply_decision(struct api_call *c, int rc, const struct bx_decision *d,
                           struct bx_candidates *cs, bool recorded, const struct bx_err *err)
{
    struct bx_decision_reply r;

    if (rc == BX_OK)
        api_show_decision(c, api_view(c), d, cs, recorded, &r);
    bx_candidates_close(cs);
    if (rc == BX_OK)
        api_reply(c, &bx_decision_reply_schema, &r);
    else
        api_fail(c, err);
}

static void dry_run(struct api_call *c)
{
    const struct bx_vm_create_params *p = c->params;
    struct bx_fsm *fsm = bx_node_fsm(c->api->node);
    struct bx_candidates cs;
    struct bx_decision d;
    struct bx_err err;
    int rc;

    bx_candidates_init(&cs);
    rc = bx_fsm_dry_run(fsm, &p->body.config, &cs, &d, &err);
    reply_decision(c, rc, &d, &cs, false, &err);
}

static void vm_create(struct api_call *c)
{
    const struct bx_vm_create_params *p = c->params;
    const struct bx_vm_config *config = &p->body.config;
    struct bx_err err;

    if (bx_vm_config_check(config, &err) != BX_OK || bx_vm_config_supported(config, &err) != BX_OK)
        api_fail(c, &err);
    else if (p->dry_run)
        api_read(c, dry_run);
    else
        api_write(c, BX_CMD_VM_CREATE, &p->body, config->tenant);
}

static bool names_vm(struct api_call *c)
{
    const struct bx_vm_params *p = c->params;
    struct bx_err err;

    if (p->vm.n > 0)
        return true;
    bx_err_set(&err, BX_INVALID, "missing parameter \"vm\"");
    bx_err_hint(&err, "pass a name, a uuid or a prefix of a uuid");
    api_fail(c, &err);
    return false;
}

static void desire(struct api_call *c, enum bx_desired desired, bool restart)
{
    const struct bx_vm_params *p = c->params;
    struct bx_cmd_vm_desire *b = api_alloc(c, sizeof *b);

    *b = (struct bx_cmd_vm_desire){.vm = p->vm,
                                   .desired = (uint8_t)desired,
                                   .restart = restart,
                                   .force = p->force,
                                   .timeout_s = p->timeout_s,
                                   .keep_disk = desired == BX_DESIRED_RUNNING && !p->discard_disk};
    if (names_vm(c))
        api_write_about_vm(c, BX_CMD_VM_DESIRE, b, &b->vm, false, b->uuid);
}

static void vm_start(struct api_call *c)
{
    desire(c, BX_DESIRED_RUNNING, false);
}

static void vm_stop(struct api_call *c)
{
    desire(c, BX_DESIRED_STOPPED, false);
}

static void vm_restart(struct api_call *c)
{
    desire(c, BX_DESIRED_RUNNING, true);
}

static void vm_delete(struct api_call *c)
{
    const struct bx_vm_params *p = c->params;
    struct bx_cmd_vm_delete *b = api_alloc(c, sizeof *b);

    b->vm = p->vm;
    if (names_vm(c))
        api_write_about_vm(c, BX_CMD_VM_DELETE, b, &b->vm, true, b->uuid);
}

static void vm_rename(struct api_call *c)
{
    const struct bx_vm_params *p = c->params;
    struct bx_cmd_vm_rename *b = api_alloc(c, sizeof *b);
    struct bx_err err;

    if (!names_vm(c))
        return;
    b->vm = p->vm;
    b->name = p->name;
    if (bx_name_check(p->name, "name", &err) == BX_OK)
        api_write_about_vm(c, BX_CMD_VM_RENAME, b, &b->vm, false, b->uuid);
    else
        api_fail(c, &err);
}

/* ---- reads ---- */

struct vms {
    const struct bx_node *node;
    const struct bx_view *view;
    struct bx_str scope;
    struct bx_index_place at;
    struct bx_vm_reply reply;
};

/* After a name, or after NAME/TENANT. */
static void seek_vm(void *ctx, const void *after)
{
    struct bx_str name = after == NULL ? bx_str("") : *(const struct bx_str *)after,
                  among = {"", 0};
    const char *slash = name.n == 0 ? NULL : memchr(name.p, '/', name.n);
    struct vms *vms = ctx;

    if (slash != NULL) {
        among = (struct bx_str){slash + 1, name.n - (uint32_t)(slash + 1 - name.p)};
        name.n = (uint32_t)(slash - name.p);
    }
    vms->at = bx_view_vms_after(vms->view, vms->scope, name, among);
}

static const void *next_vm(void *ctx)
{
    struct vms *vms = ctx;

    return bx_view_vms_step(vms->view, vms->scope, &vms->at);
}

static const void *fill_vm(void *ctx, const void *vm)
{
    struct vms *vms = ctx;

    api_see_vm(vms->node, vm, &vms->reply);
    return &vms->reply;
}

/* Its name, unless that of the next one is the same. */
static struct bx_str after_vm(void *ctx, const void *object, char text[API_AFTER_MAX])
{
    const struct vms *vms = ctx;
    const struct bx_vm *vm = object;
    bool shared = vms->scope.n == 0 && bx_view_shares_name(vms->view, vm);

    snprintf(text, API_AFTER_MAX, "%s%s%s", vm->name->s, shared ? "/" : "",
             shared ? vm->tenant->s : "");
    return bx_str(text);
}

static void list(struct api_call *c)
{
    struct vms vms = {.node = c->api->node, .view = api_view(c), .scope = c->scope};
    struct api_source source = {&bx_vm_reply_schema, seek_vm, next_vm, fill_vm, &vms,
                                .after = after_vm};
    struct bx_err err;

    BX_TRACK_SCOPE("list");
    if (api_check_scope(c, &err) == BX_OK)
        api_reply_page(c, &source);
    else
        api_fail(c, &err);
}

static void vm_list(struct api_call *c)
{
    api_list(c, list);
}

static void show(struct api_call *c)
{
    const struct bx_vm_params *p = c->params;
    const struct bx_vm *vm;
    struct bx_vm_reply r;
    struct bx_err err;

    if (bx_view_find_vm_of(api_view(c), c->scope, p->vm, &vm, &err) != BX_OK) {
        api_fail(c, &err);
        return;
    }
    api_see_vm(c->api->node, vm, &r);
    api_reply(c, &bx_vm_reply_schema, &r);
}

static void vm_show(struct api_call *c)
{
    if (names_vm(c))
        api_read(c, show);
}

static void explain(struct api_call *c)
{
    const struct bx_vm_params *p = c->params;
    struct bx_candidates cs;
    struct bx_decision d;
    const struct bx_vm *vm;
    struct bx_err err;
    bool recorded = false;
    int rc = bx_view_find_vm_of(api_view(c), c->scope, p->vm, &vm, &err);

    bx_candidates_init(&cs);
    if (rc == BX_OK) {
        rc = bx_fsm_explain(bx_node_fsm(c->api->node), vm, &cs, &d, &recorded);
        if (rc != BX_OK)
            bx_err_set(&err, rc, "out of memory");
    }
    reply_decision(c, rc, &d, &cs, recorded, &err);
}

static void vm_explain(struct api_call *c)
{
    if (names_vm(c))
        api_read(c, explain);
}

/* ---- logs: only the node that runs the VM has them ---- */

/* A console may contain any bytes. Replace those that are not text, because the reply is. */
static void make_text(struct bx_buf *b)
{
    bool valid = bx_utf8_valid((const char *)b->data, b->len);

    for (size_t i = 0; i < b->len && !valid; i++) {
        if (b->data[i] >= 0x80 || b->data[i] == 0)
            b->data[i] = '?';
    }
}

/* The bytes at the end that begin a character of UTF-8: the rest of it is yet to come. */
static size_t unfinished(const uint8_t *p, size_t n)
{
    for (size_t k = 1; k <= 3 && k <= n; k++) {
        uint8_t b = p[n - k];
        size_t size = b >= 0xf0 ? 4 : b >= 0xe0 ? 3 : 2;

        if (b >= 0xc0)
            return size > k ? k : 0;
        if (b < 0x80)
            return 0;
    }
    return 0;
}

/* What follows a place. A run without a console has not started yet, or wrote nothing. */
static int follow_console(struct api_call *c, const struct bx_vm *vm, size_t max,
                          struct bx_logs_reply *r, struct bx_buf *text, struct bx_err *err)
{
    const struct bx_vm_params *p = c->params;
    struct bx_console_place at = {p->file, p->offset};
    struct bx_driver *d = c->api->driver;
    uint64_t epoch = p->run != 0 ? p->run : vm->epoch;
    bool over = vm->epoch != epoch || !bx_phase_active(vm->phase);
    int rc = d->ops->console(d, vm->uuid, p->previous, max, &at, text, err);

    if (rc == BX_NOT_FOUND && at.file != 0) {
        at = (struct bx_console_place){0, 0};
        rc = d->ops->console(d, vm->uuid, p->previous, max, &at, text, err);
        r->skipped = rc == BX_OK;
    }
    if (rc != BX_OK && (rc != BX_NOT_FOUND || (over && p->run == 0)))
        return rc;
    r->ended = over && text->len < max;
    if (!r->ended) {
        size_t later = unfinished(text->data, text->len);

        if (later <= at.offset && later < text->len) { /* else it began in the file before */
            text->len -= later;
            at.offset -= later;
        }
    }
    r->epoch = epoch;
    r->file = at.file;
    r->offset = at.offset;
    return BX_OK;
}

static void local_logs(struct api_call *c, const struct bx_vm *vm)
{
    const struct bx_vm_params *p = c->params;
    size_t max = p->bytes == 0 || p->bytes > BX_LOGS_TEXT_MAX ? BX_LOGS_TEXT_MAX : p->bytes;
    struct bx_driver *d = c->api->driver;
    struct bx_logs_reply r = {.node = bx_str(api_node_name(api_view(c), c->api->o.identity->node))};
    struct bx_buf text = {0};
    struct bx_err err;
    int rc = p->follow ? follow_console(c, vm, max, &r, &text, &err)
                       : d->ops->console(d, vm->uuid, p->previous, max, NULL, &text, &err);

    if (rc == BX_OK) {
        make_text(&text);
        r.text = (struct bx_str){(const char *)text.data, (uint32_t)text.len};
        api_reply(c, &bx_logs_reply_schema, &r);
    } else {
        bx_err_wrap(&err, "node %s", c->api->o.name);
        api_fail(c, &err);
    }
    bx_buf_release(&text);
}

static void remote_logs(struct api_call *c, const struct bx_vm *vm)
{
    struct bx_vm_params *p = c->params;
    char uuid[BX_UUID_TEXT];

    bx_uuid_format(vm->uuid, uuid);
    p->vm = api_copy(c, bx_str(uuid));
    p->common.tenant = bx_str(""); /* of the caller's the query tells */
    api_relay(c, vm->node);
}

/* Its node was removed, and it was not started since. */
static void no_logs(struct api_call *c, const struct bx_vm *vm)
{
    struct bx_err err;

    bx_err_set(&err, BX_NOT_FOUND, "VM \"%s\" is not placed on a node", vm->name->s);
    bx_err_hint(&err, "blixardctl vm start %s places it on one", vm->name->s);
    api_fail(c, &err);
}

static void logs(struct api_call *c)
{
    const struct bx_vm_params *p = c->params;
    const struct bx_vm *vm;
    struct bx_err err;

    if (bx_view_find_vm_of(api_view(c), c->scope, p->vm, &vm, &err) != BX_OK)
        api_fail(c, &err);
    else if (vm->node == c->api->o.identity->node)
        local_logs(c, vm);
    else if (vm->node == 0)
        no_logs(c, vm);
    else if (c->from == 0)
        remote_logs(c, vm);
    else {
        bx_err_set(&err, BX_CONFLICT, "VM \"%s\" is not on node %s any more", vm->name->s,
                   c->api->o.name);
        bx_err_hint(&err, "try again; blixardctl vm show %s tells its node", vm->name->s);
        api_fail(c, &err);
    }
}

static void vm_logs(struct api_call *c)
{
    if (names_vm(c))
        api_read(c, logs);
}

/* ---- the methods ---- */

const struct api_method api_vm_create = {.run = vm_create, .written = written, .config = true};
const struct api_method api_vm_list = {.run = vm_list};
const struct api_method api_vm_show = {.run = vm_show};
const struct api_method api_vm_start = {.run = vm_start, .written = written};
const struct api_method api_vm_stop = {.run = vm_stop, .written = written};
const struct api_method api_vm_restart = {.run = vm_restart, .written = written};
const struct api_method api_vm_delete = {.run = vm_delete, .written = written};
const struct api_method api_vm_rename = {.run = vm_rename, .written = written};
const struct api_method api_vm_logs = {.run = vm_logs, .expired = api_relay_over};
const struct api_method api_vm_explain = {.run = vm_explain};
