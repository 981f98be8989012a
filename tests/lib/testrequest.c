/* Requests to the members of a test's cluster: see testcluster.h. */
#include "lib/testlib.h"

#include "lib/testcluster.h"

#include "rec/rec.h"

#include <string.h>

void test_on_answer(void *ctx, const struct bx_outcome *o, const struct bx_err *err)
{
    struct test_answer *a = ctx;

    a->times++;
    a->outcome = o != NULL;
    a->code = o != NULL ? o->code : err->code;
    snprintf(a->message, sizeof a->message, "%s", o != NULL ? "" : err->msg);
    a->revision = o != NULL ? o->revision : 0;
}

int test_submit_vm(struct test_member *m, const char *name, uint64_t sequence, uint64_t deadline,
                   struct test_answer *a)
{
    struct bx_cmd_vm_create c = {.if_not_exists = false};
    struct bx_submit s = {.kind = BX_CMD_VM_CREATE,
                          .body = &c,
                          .sequence = sequence,
                          .floor = sequence,
                          .principal = bx_str("operator"),
                          .tenant = bx_str("default"),
                          .deadline = deadline,
                          .done = test_on_answer,
                          .ctx = a};

    s.session[0] = sequence != 0;
    bx_trace_id(bx_rec_traced(), s.trace);
    bx_vm_config_init(&c.config);
    c.config.name = bx_str(name);
    c.config.memory_mib = 128;
    c.config.disk_gib = 0;
    c.config.stopped = true;
    return bx_node_submit(m->node, &s, NULL);
}

bool test_has_vm(const struct test_member *m, const char *name)
{
    const struct bx_vm *vm = NULL;

    return bx_view_find_vm(bx_node_view(m->node), bx_str(name), &vm, NULL) == BX_OK;
}
