#include "view_help.h"

#include <string.h>

struct bx_intern *in;
struct bx_view v;

int view_setup(void **state)
{
    (void)state;
    in = bx_intern_create(0, 0);
    assert_non_null(in);
    return bx_view_init(&v, in);
}

int view_teardown(void **state)
{
    (void)state;
    bx_view_close(&v);
    bx_intern_destroy(in);
    return 0;
}

struct bx_row *vm_row(const char *name, const char *uuid, uint64_t node)
{
    struct bx_vm_config c;
    struct bx_vm d = {.node = node, .config = &c};

    bx_vm_config_init(&c);
    c.name = bx_str(name);
    c.vcpus = 3;
    c.memory_mib = 500;
    c.disk_gib = 7;
    assert_true(bx_uuid_parse(uuid, strlen(uuid), d.uuid));
    return bx_row_make(&v.home, BX_TABLE_VM, &d);
}

struct bx_row *add_vm(const char *name, const char *uuid, uint64_t node)
{
    struct bx_row *r = vm_row(name, uuid, node);

    bx_view_swap(&v, NULL, r);
    return r;
}

struct bx_row *node_row(uint64_t id, const char *name)
{
    struct bx_node_row d = {.info = {.id = id,
                                     .name = bx_str(name),
                                     .address = bx_str("h:1"),
                                     .vcpus = 10,
                                     .memory_mib = 4000,
                                     .disk_gib = 100,
                                     .reserve_vcpus = 2,
                                     .reserve_memory_mib = 1000,
                                     .reserve_disk_gib = 10,
                                     .overcommit_vcpus_pct = 150,
                                     .overcommit_memory_pct = 90}};

    return bx_row_make(&v.home, BX_TABLE_NODE, &d);
}

struct bx_row *add_node(uint64_t id, const char *name)
{
    struct bx_row *r = node_row(id, name);

    bx_view_swap(&v, NULL, r);
    return r;
}
