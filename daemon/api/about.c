/* about - writes about what a reference means: it is looked up after a barrier, and the command
 * carries what it meant (state/reference.h). */
#include "api/priv.h"
#include "state/reference.h"

#include <stdio.h>
#include <string.h>

struct api_about {
    uint16_t kind;
    const void *body;
    struct bx_str *ref; /* this and meant are members of the body */
    struct bx_reference reference;
    void *meant; /* a uuid, or the id of a node */
    size_t size;
    bool again;
};

static int find_meaning(struct api_call *c, struct bx_err *err)
{
    const struct bx_fsm *f = bx_node_fsm(c->api->node);
    struct api_about *a = c->about;

    return a->size == 16 ? bx_reference_vm(f, &a->reference, a->meant, err)
                         : bx_reference_node(f, &a->reference, a->meant, err);
}

/* At a level without uuids in commands, the reference itself is replaced by one that can not come
 * to mean anything else. */
static void name_by_id(struct api_call *c)
{
    const struct api_about *a = c->about;
    char text[BX_UUID_TEXT];

    if (a->size == 16)
        bx_uuid_format(a->meant, text);
    else
        snprintf(text, sizeof text, "%llu", (unsigned long long)*(const uint64_t *)a->meant);
    *a->ref = api_copy(c, bx_str(text));
}

static void propose(struct api_call *c)
{
    uint32_t level = bx_node_level(c->api->node);

    if (level < 2)
        name_by_id(c);
    api_write(c, c->about->kind, c->about->body, level < 3 ? bx_str(BX_TENANT_DEFAULT) : c->scope);
}

static void write_it(struct api_call *c)
{
    struct bx_err err;

    if (find_meaning(c, &err) == BX_OK)
        propose(c);
    else
        api_fail(c, &err);
}

static void on_barrier(void *ctx, const struct bx_err *unread)
{
    struct api_call *c = ctx;
    struct bx_err err;

    if (unread == NULL) {
        write_it(c);
        return;
    }
    err = *unread;
    bx_err_hint(&err, "nothing was done; see blixardctl cluster status");
    api_fail(c, &err);
}

static void look_up(struct api_call *c, const struct api_about *what)
{
    struct bx_err err;

    c->about = api_alloc(c, sizeof *what);
    *c->about = *what;
    api_request_number(c, c->about->reference.session, &c->about->reference.sequence);
    if (bx_node_barrier(c->api->node, c->deadline, on_barrier, c, &err) != BX_OK)
        api_fail(c, &err);
}

void api_write_about_vm(struct api_call *c, uint16_t kind, const void *body, struct bx_str *ref,
                        bool exact, uint8_t meant[16])
{
    look_up(c, &(struct api_about){.kind = kind,
                                   .body = body,
                                   .ref = ref,
                                   .reference = {.ref = *ref,
                                                 .tenant = c->scope,
                                                 .principal = bx_str(c->principal),
                                                 .exact = exact},
                                   .meant = meant,
                                   .size = 16});
}

void api_write_about_node(struct api_call *c, uint16_t kind, const void *body, struct bx_str *ref,
                          uint64_t *meant)
{
    look_up(c, &(struct api_about){.kind = kind,
                                   .body = body,
                                   .ref = ref,
                                   .reference = {.ref = *ref, .principal = bx_str(c->principal)},
                                   .meant = meant,
                                   .size = sizeof *meant});
}

/* An earlier attempt of the request was under way when the reference was looked up, and was about
 * another VM. Now its outcome is kept, so the reference means that VM, and the same command gets
 * that outcome. */
bool api_write_again(struct api_call *c, const struct bx_outcome *o)
{
    struct api_about *a = c->about;
    uint8_t was[16];

    if (a == NULL || a->again || o->code != BX_CONFLICT || api_common(c)->request_id.n == 0)
        return false;
    a->again = true;
    memcpy(was, a->meant, a->size);
    if (find_meaning(c, NULL) != BX_OK || memcmp(was, a->meant, a->size) == 0)
        return false;
    propose(c);
    return true;
}
