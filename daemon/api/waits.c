/* waits - calls that wait for a VM or for another node.
 *
 * Those that wait for a VM are found by its uuid, so that a change costs nothing to those who wait
 * for others. A connection has a bound, and a principal a share of all there may be: half of what
 * the others leave. */
#include "api/priv.h"

#include "mem/alloc.h"

#include <string.h>

/* Those that wait for one VM. */
struct api_waiters {
    uint8_t vm[16];
    struct api_calls calls;
};

/* How many waits a principal has. */
struct api_patience {
    char principal[API_PRINCIPAL_MAX];
    uint32_t n;
};

/* ---- who waits for a VM ---- */

static bool is_vm(const void *item, const void *key)
{
    return memcmp(((const struct api_waiters *)item)->vm, key, 16) == 0;
}

static struct api_waiters *waiters_of(const struct api *a, const uint8_t vm[16])
{
    return bx_map_get(&a->waiters, bx_hash(vm, 16), is_vm, vm);
}

static struct api_waiters *hold_waiters(struct api *a, const uint8_t vm[16])
{
    struct api_waiters *w = waiters_of(a, vm);

    if (w != NULL)
        return w;
    w = bx_must_calloc(1, sizeof *w);
    memcpy(w->vm, vm, 16);
    TAILQ_INIT(&w->calls);
    if (bx_map_add(&a->waiters, bx_hash(vm, 16), w) != BX_OK)
        bx_oom(sizeof *w);
    return w;
}

static void leave_waiters(struct api *a, struct api_call *c)
{
    struct api_waiters *w = c->waiters;

    TAILQ_REMOVE(&w->calls, c, same);
    c->waiters = NULL;
    if (!TAILQ_EMPTY(&w->calls))
        return;
    bx_map_remove(&a->waiters, bx_hash(w->vm, 16), w);
    bx_free(w);
}

/* ---- shares ---- */

static bool is_principal(const void *item, const void *key)
{
    return strcmp(((const struct api_patience *)item)->principal, key) == 0;
}

static struct api_patience *patience_of(const struct api *a, const char *principal)
{
    return bx_map_get(&a->patience, bx_hash(principal, strlen(principal)), is_principal, principal);
}

static void take_share(struct api *a, const char *principal)
{
    struct api_patience *p = patience_of(a, principal);

    if (p == NULL) {
        p = bx_must_calloc(1, sizeof *p);
        memcpy(p->principal, principal, sizeof p->principal);
        if (bx_map_add(&a->patience, bx_hash(principal, strlen(principal)), p) != BX_OK)
            bx_oom(sizeof *p);
    }
    p->n++;
    a->n_vm_waits++;
}

static void give_share(struct api *a, const char *principal)
{
    struct api_patience *p = patience_of(a, principal);

    a->n_vm_waits--;
    if (--p->n > 0)
        return;
    bx_map_remove(&a->patience, bx_hash(principal, strlen(principal)), p);
    bx_free(p);
}

static int refuse(struct bx_err *err, const char *who, uint32_t n)
{
    bx_err_set(err, BX_BUSY, "too many waits for VMs by %s (%u)", who, n);
    bx_err_hint(err, "wait for fewer at a time, or follow events.watch");
    return BX_BUSY;
}

static int check_room(const struct api_call *c, struct bx_err *err)
{
    const struct api *a = c->api;
    const struct api_patience *p = patience_of(a, c->principal);
    uint32_t own = p == NULL ? 0 : p->n, others = a->n_vm_waits - own;

    if (c->client != NULL && c->client->waits >= API_WAITS_PER_CLIENT)
        return refuse(err, "this connection", c->client->waits);
    if (own + 1 > (API_WAITS_MAX - others + 1) / 2)
        return refuse(err, c->principal, own);
    return BX_OK;
}

/* ---- waiting ---- */

void api_wait(struct api_call *c)
{
    c->queue = &c->api->waits;
    c->api->n_queued++;
    if (c->client == NULL) /* it went away before the call came to wait */
        c->deadline = 0;
    TAILQ_INSERT_TAIL(c->queue, c, link);
}

void api_wait_for_vm(struct api_call *c, const uint8_t vm[16])
{
    struct bx_err err;

    if (check_room(c, &err) != BX_OK) {
        api_fail(c, &err);
        return;
    }
    take_share(c->api, c->principal);
    c->waiters = hold_waiters(c->api, vm);
    TAILQ_INSERT_TAIL(&c->waiters->calls, c, same);
    if (c->client != NULL)
        c->client->waits++;
    api_wait(c);
}

void api_wait_stop(struct api_call *c)
{
    if (c->queue == NULL)
        return;
    TAILQ_REMOVE(c->queue, c, link);
    c->queue = NULL;
    c->api->n_queued--;
    if (c->waiters == NULL)
        return;
    leave_waiters(c->api, c);
    give_share(c->api, c->principal);
    if (c->client != NULL)
        c->client->waits--;
}

/* ---- what they wait for ---- */

void api_waits_vm_changed(struct api *a, const struct bx_vm *vm, bool gone)
{
    struct api_waiters *w = waiters_of(a, vm->uuid);
    struct api_call *c = w == NULL ? NULL : TAILQ_FIRST(&w->calls), *next;

    for (; c != NULL; c = next) { /* w goes with the last of them */
        next = TAILQ_NEXT(c, same);
        api_methods[c->method]->vm_changed(c, vm, gone);
    }
}

void api_waits_expire(struct api *a, uint64_t now)
{
    struct api_call *c, *next;

    for (c = TAILQ_FIRST(&a->waits); c != NULL; c = next) {
        next = TAILQ_NEXT(c, link);
        if (c->deadline <= now)
            api_methods[c->method]->expired(c);
    }
}

void api_waits_close(struct api *a)
{
    bx_map_close(&a->waiters);
    bx_map_close(&a->patience);
}
