/* waits - calls that wait for a VM or for another node.
 *
 * Those that wait for a VM are found by its uuid, so that a change costs nothing to those who wait
 * for others. A connection has a bound, and a party a share of all there may be (api/party.h). */
#include "api/priv.h"

#include "mem/alloc.h"

#include <string.h>

/* Those that wait for one VM. */
struct api_waiters {
    uint8_t vm[16];
    struct api_calls calls;
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

static int refuse(struct bx_err *err, const char *who, uint64_t n)
{
    bx_err_set(err, BX_BUSY, "too many waits for VMs by %s (%u)", who, (unsigned)n);
    bx_err_hint(err, "wait for fewer at a time, or follow events.watch");
    return BX_BUSY;
}

static int check_room(const struct api_call *c, struct bx_err *err)
{
    struct api_party *full = api_party_full(c->party, API_HELD_WAITS, API_WAITS_MAX);

    if (c->client != NULL && c->client->waits >= API_WAITS_PER_CLIENT)
        return refuse(err, "this connection", c->client->waits);
    return full == NULL ? BX_OK : refuse(err, full->name, full->n[API_HELD_WAITS]);
}

/* ---- waiting ---- */

void api_wait(struct api_call *c)
{
    c->queue = &c->api->waits;
    api_call_rests(c, true);
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
    api_party_add(c->party, API_HELD_WAITS, 1);
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
    api_call_rests(c, false);
    if (c->waiters == NULL)
        return;
    leave_waiters(c->api, c);
    api_party_remove(c->party, API_HELD_WAITS, 1);
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
}
