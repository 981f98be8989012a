/* vm_change - start, stop, restart, delete and rename VMs: one, several by name, or all that the
 * filters leave.
 *
 * Of several, each is a request of its own, in one session; what fails does not hold up the others,
 * and the exit code is that of the first failure. All requests are sent before the first is waited
 * for. With --all the VMs are those of one list. */
#include "vm.h"

#include "build.h"
#include "match.h"
#include "mem/alloc.h"

#include <stdio.h>
#include <string.h>

#define NAMED_MAX 5u /* VMs that a question names */
#define CHANGES_MAX 65536u

struct change {
    const char *ref;   /* an argument, or a uuid */
    char *name, *uuid; /* of a VM from a list; NULL: ref is an argument */
    struct bx_buf vm;  /* the VM of the answer, and later of the wait */
    bool sent;         /* and answered: vm is set, to nil when the VM is gone */
};

struct changes {
    struct run *r;
    struct change *v;
    uint32_t n;
    const char *method, *until;  /* until NULL: there is nothing to wait for */
    const struct params *params; /* of each request */
    bool again;                  /* a repeat does it once more */
    int code;                    /* exit code of the first failure */
};

/* ---- which ---- */

static void add(struct changes *c, const char *ref)
{
    c->v = bx_must_realloc(c->v, (c->n + 1) * sizeof *c->v);
    c->v[c->n++] = (struct change){.ref = ref};
}

static bool add_page(void *ctx, bx_val page)
{
    struct changes *c = ctx;
    char uuid[BX_UUID_TEXT], name[80];

    for (uint32_t i = 0; i < bx_val_len(page) && c->n < CHANGES_MAX; i++) {
        value_text(bx_val_get(bx_val_at(page, i), "uuid"), VALUE_TEXT, uuid, sizeof uuid);
        value_text(bx_val_get(bx_val_at(page, i), "name"), VALUE_TEXT, name, sizeof name);
        add(c, NULL);
        c->v[c->n - 1].uuid = bx_must_strdup(uuid);
        c->v[c->n - 1].name = bx_must_strdup(name);
        c->v[c->n - 1].ref = c->v[c->n - 1].uuid;
    }
    return c->n < CHANGES_MAX;
}

static int list_all(struct changes *c)
{
    struct run *r = c->r;
    struct params p = {0};
    int rc = vm_filter(r, &p);

    if (rc == BX_OK)
        rc = client_list(&r->client, "vm.list", &p, r->timeout_ms, add_page, c, &r->err);
    params_close(&p);
    return rc;
}

static int check_words(struct run *r)
{
    bool all = args_has(&r->args, "all");

    if (all && r->n_arguments > 0)
        return run_fail_with(r, BX_INVALID, "use only one of them",
                             "names and --all are mutually exclusive");
    if (!all && match_given(r))
        return run_fail_with(r, BX_INVALID, "add --all to select every VM that matches",
                             "filters require --all");
    if (all && args_has(&r->args, "request-id"))
        return run_fail_with(r, BX_INVALID, "use only one of them; a repeat may select other VMs",
                             "--request-id and --all are mutually exclusive");
    return 0;
}

/* "delete 12 VMs (a, b, c, d, e, ...)?" */
static int confirm_all(struct changes *c)
{
    char what[NAMED_MAX * 70 + 64];
    size_t at = (size_t)snprintf(what, sizeof what, "%u VM%s (", c->n, c->n == 1 ? "" : "s");

    for (uint32_t i = 0; i < c->n && i < NAMED_MAX; i++)
        at += (size_t)snprintf(what + at, sizeof what - at, "%s%.63s", i == 0 ? "" : ", ",
                               c->v[i].name);
    snprintf(what + at, sizeof what - at, "%s)", c->n > NAMED_MAX ? ", ..." : "");
    return run_confirm(c->r, what);
}

/* ---- each of them ---- */

static int failed(struct changes *c)
{
    int code = run_fail(c->r);

    if (c->code == 0)
        c->code = code;
    return code;
}

static void send_one(struct changes *c, uint32_t i)
{
    struct run *r = c->r;
    struct change *x = &c->v[i];
    struct params p = {.n = c->params->n};
    bx_val result = NULL;
    int rc;

    build_bytes(&p.b, c->params->b.data, c->params->b.len);
    params_str(&p, "vm", x->ref);
    run_tenant_params(r, &p);
    rc = run_write_params(r, &p);
    if (i > 0) { /* all requests have one id */
        params_u64(&p, "sequence", i + 1);
        params_u64(&p, "floor", args_has(&r->args, "all") ? i + 1 : 1);
    }
    if (rc == BX_OK)
        rc = run_call(r, c->method, &p, &result);
    params_close(&p);
    if (rc == BX_OK) {
        x->sent = true;
        build_val(&x->vm, bx_val_get(result, "vm"));
        return;
    }
    if (bx_code_retryable(rc) && args_has(&r->args, "all") && c->again)
        bx_err_hint(&r->err,
                    "blixardctl vm show %s shows whether it was done; repeat the command "
                    "with the names of those after it",
                    x->name);
    else if (bx_code_retryable(rc) && args_has(&r->args, "all"))
        bx_err_hint(&r->err, "repeat the command; nothing is done twice");
    failed(c);
}

static void wait_for(struct changes *c, struct change *x)
{
    bx_val vm = build_parse(&x->vm), result = NULL;
    struct bx_buf then = {0};
    int code;

    if (bx_val_type(vm) != BX_V_MAP)
        return;
    code = vm_wait(c->r, vm, c->until, &result);
    if (code == 0)
        build_val(&then, result);
    else if (c->code == 0)
        c->code = code;
    bx_buf_release(&x->vm);
    x->vm = then;
    x->sent = code == 0;
}

/* ---- what became of them ---- */

static void print_sentence(const struct change *x)
{
    bx_val vm = build_parse(&x->vm);
    char name[80], phase[32];

    value_text(bx_val_get(vm, "name"), VALUE_TEXT, name, sizeof name);
    value_text(bx_val_get(vm, "phase"), VALUE_TEXT, phase, sizeof phase);
    if (bx_val_type(vm) == BX_V_MAP)
        printf("%s is %s\n", name, phase);
    else
        printf("%s is deleted\n", x->name != NULL ? x->name : x->ref);
}

static bool has_object(const struct change *x)
{
    return x->sent && bx_val_type(build_parse(&x->vm)) == BX_V_MAP;
}

/* One VM as an object, as ever; of several an array of those that are still there. */
static int print_objects(struct changes *c)
{
    struct bx_buf b = {0};
    uint32_t n = 0;

    if (c->n == 1 && !args_has(&c->r->args, "all"))
        return c->v[0].sent ? result_print(c->r, build_parse(&c->v[0].vm)) : 0;
    for (uint32_t i = 0; i < c->n; i++)
        n += has_object(&c->v[i]);
    build_array(&b, n);
    for (uint32_t i = 0; i < c->n; i++) {
        if (has_object(&c->v[i]))
            build_bytes(&b, c->v[i].vm.data, c->v[i].vm.len);
    }
    return result_print_built(c->r, &b);
}

static void print_all(struct changes *c)
{
    int code = 0;

    if (!result_is_for_people(c->r))
        code = print_objects(c);
    for (uint32_t i = 0; result_is_for_people(c->r) && !c->r->quiet && i < c->n; i++) {
        if (c->v[i].sent)
            print_sentence(&c->v[i]);
    }
    if (c->code == 0)
        c->code = code;
}

static void run_changes(struct changes *c)
{
    for (uint32_t i = 0; i < c->n && !client_interrupted; i++)
        send_one(c, i);
    for (uint32_t i = 0; c->until != NULL && run_waits(c->r) && i < c->n && !client_interrupted;
         i++) {
        if (c->v[i].sent)
            wait_for(c, &c->v[i]);
    }
    print_all(c);
    if (client_interrupted) /* whatever failed before; what was sent goes on */
        c->code = bx_code_exit(BX_INTERRUPTED);
}

static void close_changes(struct changes *c)
{
    for (uint32_t i = 0; i < c->n; i++) {
        bx_free(c->v[i].name);
        bx_free(c->v[i].uuid);
        bx_buf_release(&c->v[i].vm);
    }
    bx_free(c->v);
}

/* The first n arguments name the VMs, or --all does. */
static void choose(struct changes *c, unsigned n)
{
    bool all = args_has(&c->r->args, "all");

    c->code = check_words(c->r);
    for (unsigned i = 0; c->code == 0 && !all && i < n; i++)
        add(c, c->r->arguments[i]);
    if (c->code != 0 || !all)
        return;
    if (list_all(c) != BX_OK || (c->n > 0 && confirm_all(c) != BX_OK))
        c->code = run_fail(c->r);
    else if (c->n == 0 && !c->r->quiet)
        fprintf(stderr, "no matching VMs\n");
}

/* Send the write with the parameters p about each VM that the first n arguments name, wait, and
 * print. p is released. */
static int change(struct run *r, const char *method, const char *until, struct params *p,
                  unsigned n)
{
    struct changes c = {.r = r,
                        .method = method,
                        .until = until,
                        .params = p,
                        .again = strcmp(method, "vm.restart") == 0};

    choose(&c, n);
    if (c.code == 0)
        run_changes(&c);
    close_changes(&c);
    params_close(p);
    return c.code;
}

/* ---- the commands ---- */

int vm_start(struct run *r)
{
    struct params p = {0};

    if (args_has(&r->args, "discard-disk")) /* not known to older daemons */
        params_bool(&p, "discard_disk", true);
    return change(r, "vm.start", "running", &p, r->n_arguments);
}

int vm_restart(struct run *r)
{
    struct params p = {0};

    return change(r, "vm.restart", "running", &p, r->n_arguments);
}

#define STOP_MS 60000u
#define STOP_MAX_MS 3600000u
#define STOP_GRACE_MS 15000u /* for what comes after QEMU has ended */

int vm_stop(struct run *r)
{
    struct params p = {0};
    uint64_t ms = STOP_MS;

    if (args_duration(&r->args, "timeout", &ms, &r->err) != BX_OK)
        return run_fail(r);
    if (ms == 0 || ms > STOP_MAX_MS)
        return run_fail_with(r, BX_INVALID, "use --force to kill QEMU at once",
                             "--timeout: must be between 1s and 1h");
    params_u64(&p, "timeout_s", (ms + 999) / 1000);
    params_bool(&p, "force", args_has(&r->args, "force"));
    if (r->wait_ms < ms + STOP_GRACE_MS)
        r->wait_ms = ms + STOP_GRACE_MS;
    return change(r, "vm.stop", "stopped", &p, r->n_arguments);
}

int vm_delete(struct run *r)
{
    struct params p = {0};

    return change(r, "vm.delete", "deleted", &p, r->n_arguments);
}

int vm_rename(struct run *r)
{
    struct params p = {0};

    params_str(&p, "name", r->arguments[1]);
    return change(r, "vm.rename", NULL, &p, 1);
}
