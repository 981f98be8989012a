#include "api/priv.h"

#include "wire/reply.h"

#include <stdio.h>
#include <string.h>

const char *api_node_name(const struct bx_view *v, uint64_t id)
{
    const struct bx_node_row *n = bx_view_node(v, id);

    return n == NULL ? NULL : n->name->s;
}

static void put(struct bx_buf *b, const char *key, const char *s)
{
    bx_pw_str(b, key);
    bx_pw_str(b, s);
}

static void put_text(struct bx_buf *b, const char *key, struct bx_str s)
{
    bx_pw_str(b, key);
    bx_pw_strn(b, s.p, s.n);
}

static void put_number(struct bx_buf *b, const char *key, uint64_t n)
{
    bx_pw_str(b, key);
    bx_pw_u64(b, n);
}

static struct bx_str node_of(const struct bx_view *v, uint64_t id)
{
    return bx_str(api_node_name(v, id));
}

/* Everything is a view of the row: nothing is copied. */
static void show_vm(const struct bx_view *v, const struct bx_vm *vm, struct bx_vm_reply *r)
{
    const struct bx_vm_config whole = bx_vm_whole_config(vm), *c = &whole;

    *r = (struct bx_vm_reply){
        .name = c->name,
        .tenant = c->tenant,
        .vcpus = c->vcpus,
        .memory_mib = c->memory_mib,
        .disk_gib = c->disk_gib,
        .desired = vm->desired,
        .phase = vm->phase,
        .node = node_of(v, vm->node),
        .epoch = vm->epoch,
        .priority = c->priority,
        .labels = c->labels,
        .created_index = vm->created_index,
        .modified_index = vm->modified_index,
        .kernel = c->kernel,
        .initrd = c->initrd,
        .cmdline = c->cmdline,
        .strategy = c->strategy,
        .restart = c->restart,
        .on_lost = c->on_lost,
        .disk_ephemeral = c->disk_ephemeral,
        .created_ms = vm->created_ms,
        .modified_ms = vm->modified_ms,
        .message = vm->message,
        .score = vm->score,
    }; /* no address: guests have no network yet */
    memcpy(r->uuid, vm->uuid, sizeof r->uuid);
}

void api_put_vm(struct bx_buf *b, const struct bx_view *v, const struct bx_vm *vm)
{
    struct bx_vm_reply r;

    show_vm(v, vm, &r);
    bx_pw_map(b, bx_pack_fields(&bx_vm_reply_schema, &r));
    bx_pack_write(b, &bx_vm_reply_schema, &r);
}

struct vms {
    const struct bx_view *view;
    const struct bx_vm *const *list;
    struct bx_vm_reply reply;
};

static const void *show_nth(void *ctx, uint32_t i)
{
    struct vms *vms = ctx;

    show_vm(vms->view, vms->list[i], &vms->reply);
    return &vms->reply;
}

/* A flat list goes into the answer as bytes, with a head that names its form. */
int api_put_vms(struct api_call *c, struct bx_buf *b, const struct bx_vm *const *vms, uint32_t n)
{
    struct vms all = {.view = bx_node_view(c->api->node), .list = vms};
    struct bx_items items = {n, true, show_nth, &all};
    uint32_t takes = c->conn == NULL ? 1u << BX_CODEC_MSGPACK : c->conn->codecs;
    enum bx_codec used;
    size_t at = 0;
    int rc;

    if ((takes & 1u << BX_CODEC_FLAT) == 0)
        return bx_hybrid_encode(&c->api->hybrid, takes, &bx_vm_reply_schema, &items, b, &used,
                                NULL);
    rc = bx_pw_bin_begin(b, &at);
    if (rc == BX_OK)
        rc = bx_hybrid_write(&c->api->hybrid, takes, BX_KIND_VM, &bx_vm_reply_schema, &items, b,
                             NULL);
    if (rc == BX_OK)
        bx_pw_bin_end(b, at);
    return rc;
}

static void put_resources(struct bx_buf *b, const char *key, uint64_t vcpus, uint64_t memory,
                          uint64_t disk)
{
    bx_pw_str(b, key);
    bx_pw_map(b, 3);
    put_number(b, "vcpus", vcpus);
    put_number(b, "memory_mib", memory);
    put_number(b, "disk_gib", disk);
}

void api_put_node(struct bx_buf *b, const struct bx_node_row *n)
{
    const struct bx_node_info *f = &n->info;

    bx_pw_map(b, 16);
    put_number(b, "id", f->id);
    put(b, "name", n->name->s);
    put_text(b, "address", f->address);
    put_text(b, "api", f->api);
    put(b, "state", bx_node_state_names[f->state]);
    put(b, "role", bx_role_names[f->role]);
    put_resources(b, "capacity", f->vcpus, f->memory_mib, f->disk_gib);
    put_resources(b, "reserve", f->reserve_vcpus, f->reserve_memory_mib, f->reserve_disk_gib);
    put_resources(b, "allocated", n->allocated_vcpus, n->allocated_memory_mib,
                  n->allocated_disk_gib);
    put_text(b, "driver", f->driver);
    put_text(b, "datacenter", f->datacenter);
    put_text(b, "zone", f->zone);
    put_text(b, "rack", f->rack);
    put_number(b, "vms", n->vms);
    put_number(b, "created_index", n->created_index);
    put_number(b, "modified_index", n->modified_index);
}

void api_put_event(struct bx_buf *b, const struct bx_event *e)
{
    bx_pw_map(b, 6);
    put_number(b, "index", e->index);
    put(b, "type", bx_event_names[e->type]);
    put_text(b, "object", e->object);
    put_text(b, "node", e->node);
    put_number(b, "time", e->time);
    put_text(b, "detail", e->detail);
}

static void put_candidate(struct bx_buf *b, const struct bx_view *v, const struct bx_candidate *c)
{
    char text[96];

    bx_pw_map(b, 3);
    put(b, "node", api_node_name(v, c->node));
    put_number(b, "score", c->score);
    if (c->reject == BX_FITS) {
        put(b, "rejected", NULL);
        return;
    }
    snprintf(text, sizeof text, "%s", bx_reject_names[c->reject]);
    if (c->missing > 0)
        snprintf(text, sizeof text, "%s (%lld%s missing)", bx_reject_names[c->reject],
                 (long long)c->missing, bx_reject_unit(c->reject));
    put(b, "rejected", text);
}

static void put_relaxation(struct bx_buf *b, const struct bx_view *v, const struct bx_relaxation *r)
{
    bx_pw_map(b, 3);
    put(b, "change", bx_reject_names[r->reject]);
    put(b, "node", api_node_name(v, r->node));
    bx_pw_str(b, "by");
    bx_pw_i64(b, r->by);
}

void api_put_decision(struct bx_buf *b, const struct bx_view *v, const struct bx_decision *d,
                      const struct bx_candidates *cs, bool recorded)
{
    bx_pw_map(b, 7);
    put(b, "decision", d->placed ? "placed" : "unplaceable");
    put(b, "node", d->placed ? api_node_name(v, d->node) : NULL);
    put_number(b, "score", d->score);
    put_number(b, "margin", d->margin);
    bx_pw_str(b, "recorded");
    bx_pw_bool(b, recorded);
    bx_pw_str(b, "candidates");
    bx_pw_array(b, (uint32_t)cs->len);
    for (size_t i = 0; i < cs->len; i++)
        put_candidate(b, v, &cs->items[i]);
    bx_pw_str(b, "relaxations");
    bx_pw_array(b, d->n_relaxations);
    for (uint32_t i = 0; i < d->n_relaxations; i++)
        put_relaxation(b, v, &d->relaxations[i]);
}
