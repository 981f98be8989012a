/* Calls of the command line, one after the other for hours of virtual time: each under an id of its
 * own, which it ends when it has its answer. No call is told to wait, and neither the table of
 * sessions nor what is stored of it grows.
 *
 * BLIXARD_SOAK_WRITES says how many; make soak-sessions makes a million of them. */
#include "lib/testlib.h"

#include "lib/testfsm.h"

#include <stdlib.h>
#include <string.h>

#define WRITES 100000u
#define PERIOD 1000u  /* calls between two looks */
#define STEP_MS 100u  /* of leader time for each call: 100,000 of them take three hours */
#define COLLECTED 50u /* ends in one command */
#define HELD_MAX (2 * COLLECTED)

static const char principal[] = "admin";

static void id_of(uint32_t call, uint8_t out[16])
{
    bx_put64(out, 0x1234567890abcdefu * (call + 1));
    bx_put64(out + 8, call);
}

/* One entry: what the head says, at the next time. */
static int carry_out(struct test_fsm *t, struct test_batch *b, const struct bx_cmd_header *head,
                     const void *body)
{
    test_batch_clear(b);
    test_batch_add(b, head, body);
    test_batch_seal(b, t->index, 1700000000000 + t->index * STEP_MS);
    test_fsm_feed(t, b);
    test_fsm_commit(t);
    return t->last.code;
}

/* Creates and deletes in turn, and two of ten calls are refused. */
static int call(struct test_fsm *t, struct test_batch *b, uint32_t i)
{
    struct bx_cmd_header head = {.sequence = 1, .floor = 1, .principal = bx_str(principal)};
    union bx_cmd_body body;
    char name[32];

    memset(&body, 0, sizeof body);
    snprintf(name, sizeof name, i % 10 < 8 ? "vm-%u" : "nothing-%u", i / 2);
    id_of(i, head.session);
    if (i % 2 == 0 && i % 10 < 8) {
        head.kind = BX_CMD_VM_CREATE;
        bx_vm_config_init(&body.vm_create.config);
        body.vm_create.config.name = bx_str(name);
        body.vm_create.config.disk_gib = 0;
        body.vm_create.config.stopped = true;
    } else {
        head.kind = BX_CMD_VM_DELETE;
        body.vm_delete.vm = bx_str(name);
    }
    return carry_out(t, b, &head, &body);
}

static void end(struct test_fsm *t, struct test_batch *b, uint32_t first)
{
    struct bx_cmd_header head = {.kind = BX_CMD_SESSION_END,
                                 .session = {0xff},
                                 .sequence = first + 1,
                                 .floor = first + 1,
                                 .principal = bx_str(BX_PRINCIPAL_NODE)};
    struct bx_session_end ends[COLLECTED];
    struct bx_cmd_session_end body = {{ends, COLLECTED}};

    for (uint32_t i = 0; i < COLLECTED; i++) {
        id_of(first + i, ends[i].session);
        ends[i].principal_hash = bx_hash(principal, strlen(principal));
    }
    assert_int_equal(carry_out(t, b, &head, &body), BX_OK);
}

static void is_flat(struct test_fsm *t)
{
    struct bx_session_stats s;

    bx_fsm_session_stats(t->fsm, &s);
    assert_true(s.held + s.spare <= HELD_MAX);
    assert_true(s.nodes <= 1);
    assert_true(s.held_bytes + s.spare_bytes <= HELD_MAX * 512);
    assert_true(s.rows <= HELD_MAX + 1);
}

static uint32_t writes(void)
{
    const char *text = getenv("BLIXARD_SOAK_WRITES");

    return text == NULL ? WRITES : (uint32_t)strtoul(text, NULL, 10);
}

TEST(a_hundred_thousand_calls_leave_nothing_behind)
{
    struct test_fsm t = {.options = {.events_max = 1000}};
    struct test_batch b = {.elapsed_ms = STEP_MS};
    uint32_t refused = 0, n = writes();

    test_fsm_open(&t);
    test_fsm_cluster(&t, 2);
    test_fsm_node(&t, 1, "n1");
    for (uint32_t i = 0; i < n; i++) {
        int code = call(&t, &b, i);

        assert_int_not_equal(code, BX_BUSY);
        refused += code != BX_OK;
        if (i % COLLECTED == COLLECTED - 1)
            end(&t, &b, i + 1 - COLLECTED);
        if (i % PERIOD == PERIOD - 1)
            is_flat(&t);
        if (i % (n / 4) == n / 4 - 1)
            test_fsm_reopen(&t);
    }
    assert_int_equal(refused, n / 5);
    bx_buf_release(&b.buf);
    test_fsm_close(&t);
}

int main(void)
{
    return test_run(NULL, NULL);
}
