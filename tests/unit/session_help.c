#include "session_help.h"

#include <string.h>

struct test_fsm t;
static uint64_t now_ms; /* that leaders have measured */

int session_setup(void **state)
{
    (void)state;
    t.options.sessions_max = 3;
    t.options.session_ttl_ms = 10000;
    test_fsm_open(&t);
    test_fsm_node(&t, 1, "n1");
    now_ms = 0;
    return 0;
}

int session_teardown(void **state)
{
    (void)state;
    test_fsm_close(&t);
    return 0;
}

void seal_at(struct test_batch *b, uint64_t at_ms, uint64_t wall_ms)
{
    if (at_ms > now_ms) {
        b->elapsed_ms = (uint32_t)(at_ms - now_ms);
        now_ms = at_ms;
    }
    test_batch_seal(b, t.index, wall_ms == 0 ? WALL + now_ms : wall_ms);
}

int request(struct request r)
{
    struct bx_cmd_header head = {.kind = BX_CMD_VM_CREATE,
                                 .session = {r.session},
                                 .sequence = r.sequence,
                                 .floor = r.floor,
                                 .principal = bx_str(r.principal == NULL ? "alice" : r.principal)};
    struct bx_cmd_vm_create c = {.if_not_exists = false};
    struct test_batch b = {0};

    bx_vm_config_init(&c.config);
    c.config.name = bx_str(r.name);
    c.config.disk_gib = 0;
    c.config.memory_mib = 128 + r.body;
    test_batch_add(&b, &head, &c);
    seal_at(&b, r.at_ms, r.wall_ms);
    test_fsm_feed(&t, &b);
    test_fsm_commit(&t);
    bx_buf_release(&b.buf);
    return t.last.code;
}

struct answer answer(void)
{
    struct answer a = {
        .o = t.last, .revision = test_fsm_revision(&t), .digest = test_fsm_digest(&t)};

    memcpy(a.message, t.message, sizeof a.message);
    memcpy(a.hint, t.hint, sizeof a.hint);
    return a;
}

void is_first_answer(const struct answer *a)
{
    assert_int_equal(t.last.code, a->o.code);
    assert_memory_equal(t.last.object, a->o.object, 16);
    assert_int_equal(t.last.revision, a->o.revision);
    assert_int_equal(t.last.node, a->o.node);
    assert_int_equal(t.last.existed, a->o.existed);
    assert_string_equal(t.message, a->message);
    assert_string_equal(t.hint, a->hint);
    assert_int_equal(test_fsm_revision(&t), a->revision);
    assert_true(test_fsm_digest(&t) == a->digest);
}

void refused(int code, const char *words, const struct answer *a)
{
    assert_int_equal(t.last.code, code);
    assert_non_null(strstr(t.message, words));
    assert_true(t.hint[0] != '\0');
    assert_int_equal(test_fsm_revision(&t), a->revision);
    assert_true(test_fsm_digest(&t) == a->digest);
}
