#include "lib/testlib.h"

#include "lib/testfsm.h"

#include <string.h>

static void on_outcome(void *ctx, uint64_t index, uint32_t place, const struct bx_outcome *o)
{
    struct test_fsm *t = ctx;

    assert_int_equal(index, t->index);
    assert_int_equal(place, 0);
    t->last = *o;
    t->last.message = t->last.hint = bx_str(NULL);
}

static void on_vm(void *ctx, const struct bx_vm *vm, bool gone)
{
    struct test_fsm *t = ctx;

    if (t->on_vm != NULL)
        t->on_vm(t->ctx, vm, gone);
}

static void on_node(void *ctx, const struct bx_node_row *node)
{
    (void)ctx;
    (void)node;
}

static void on_event(void *ctx, const struct bx_event *e)
{
    (void)ctx;
    (void)e;
}

void test_fsm_open(struct test_fsm *t)
{
    struct bx_fsm_options o = {0};
    struct bx_err err;

    t->dir = test_make_dir();
    snprintf(t->path, sizeof t->path, "%s/state.db", t->dir);
    t->intern = bx_intern_create(0, 0);
    assert_non_null(t->intern);
    o.path = t->path;
    o.intern = t->intern;
    o.sink = (struct bx_fsm_sink){on_outcome, on_vm, on_node, on_event, t};
    assert_int_equal(bx_fsm_open(&t->fsm, &o, &err), BX_OK);
}

void test_fsm_close(struct test_fsm *t)
{
    bx_fsm_close(t->fsm);
    bx_intern_destroy(t->intern);
    test_remove_dir(t->dir);
    memset(t, 0, sizeof *t);
}

int test_fsm_apply(struct test_fsm *t, uint16_t kind, const void *body)
{
    struct bx_cmd_head head = {.kind = kind};
    struct bx_buf b = {0};
    uint8_t seed[16] = {0};
    struct bx_err err;

    memcpy(seed, &t->index, sizeof t->index);
    assert_int_equal(bx_batch_begin(&b), BX_OK);
    assert_int_equal(bx_cmd_encode(&b, &head, body), BX_OK);
    t->index++;
    bx_batch_seal(&b, 1, 1000000 + t->index, seed);
    assert_int_equal(bx_fsm_apply(t->fsm, t->index, b.data, b.len, &err), BX_OK);
    assert_int_equal(bx_fsm_commit(t->fsm, &err), BX_OK);
    bx_buf_release(&b);
    return t->last.code;
}

void test_fsm_node(struct test_fsm *t, uint64_t id, const char *name)
{
    char address[64];
    struct bx_node_info n = {.id = id,
                             .name = bx_str(name),
                             .api = bx_str(""),
                             .driver = bx_str("sim"),
                             .vcpus = 1024,
                             .memory_mib = 1 << 20,
                             .disk_gib = 1000,
                             .overcommit_vcpus_pct = 100,
                             .overcommit_memory_pct = 100};

    snprintf(address, sizeof address, "127.0.0.1:%u", 7000u + (unsigned)id);
    n.address = bx_str(address);
    assert_int_equal(test_fsm_apply(t, BX_CMD_NODE_PUT, &n), BX_OK);
}

int test_fsm_vm(struct test_fsm *t, const char *name, uint8_t restart, uint8_t uuid[16])
{
    struct bx_cmd_vm_create c = {.if_not_exists = false};
    int rc;

    bx_vm_config_init(&c.config);
    c.config.name = bx_str(name);
    c.config.vcpus = 1;
    c.config.memory_mib = 128;
    c.config.disk_gib = 0;
    c.config.restart = restart;
    rc = test_fsm_apply(t, BX_CMD_VM_CREATE, &c);
    if (uuid != NULL)
        memcpy(uuid, t->last.object, 16);
    return rc;
}

int test_fsm_desire(struct test_fsm *t, const char *name, uint8_t desired, bool restart, bool force)
{
    struct bx_cmd_vm_desire d = {
        .vm = bx_str(name), .desired = desired, .restart = restart, .force = force};

    return test_fsm_apply(t, BX_CMD_VM_DESIRE, &d);
}

int test_fsm_delete(struct test_fsm *t, const char *name)
{
    struct bx_cmd_vm_delete d = {.vm = bx_str(name)};

    return test_fsm_apply(t, BX_CMD_VM_DELETE, &d);
}
