/* What is kept of the events: so many and so many bytes, however they are spread over entries; the
 * same ones on every replica; and what it costs to read some of them. */
#include "lib/testlib.h"

#include "lib/testfsm.h"
#include "state/fsm_priv.h"

#include <sqlite3.h>
#include <string.h>

#define KEPT 1000u
#define KEPT_BYTES (48u << 10)

static struct test_fsm t;

/* An entry with an event for each of n new VMs, and one for each that goes. */
static void churn(struct test_fsm *to, uint32_t n, uint64_t *number)
{
    struct test_batch b = {0};
    char name[32];

    for (uint32_t i = 0; i < n; i++) {
        struct bx_cmd_header create = {.kind = BX_CMD_VM_CREATE, .level = 1};
        struct bx_cmd_header drop = {.kind = BX_CMD_VM_DELETE, .level = 1};
        struct bx_cmd_vm_create body = {.admit = true};

        snprintf(name, sizeof name, "vm-%llu", (unsigned long long)++*number);
        bx_vm_config_init(&body.config);
        body.config.name = bx_str(name);
        body.config.stopped = true;
        test_batch_add(&b, &create, &body);
        test_batch_add(&b, &drop, &(struct bx_cmd_vm_delete){.vm = bx_str(name)});
    }
    test_batch_seal(&b, to->index + 1, 1000 + to->index);
    test_fsm_feed(to, &b);
    test_fsm_commit(to);
    assert_int_equal(to->last.code, BX_OK);
    bx_buf_release(&b.buf);
}

static uint64_t ask(const struct test_fsm *of, const char *query)
{
    sqlite3_stmt *st;
    sqlite3 *db;
    uint64_t n;

    assert_int_equal(sqlite3_open_v2(of->path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, query, -1, &st, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    n = (uint64_t)sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    sqlite3_close(db);
    return n;
}

static uint64_t kept(const struct test_fsm *of)
{
    return test_fsm_revision(of) - bx_fsm_events_oldest(of->fsm) + 1;
}

static uint64_t bytes(const struct test_fsm *of)
{
    return ask(of, "SELECT coalesce(sum(length(data)), 0) FROM events");
}

/* ---- tests ---- */

TEST(events_are_bounded_by_their_number_not_by_entries)
{
    uint64_t number = 0;

    t.options = (struct bx_fsm_options){.events_max = KEPT};
    test_fsm_open(&t);
    test_fsm_node(&t, 1, "n1");
    for (int i = 0; i < 60; i++) {
        churn(&t, 20 + (uint32_t)i % 30, &number);
        assert_true(kept(&t) <= KEPT + KEPT / 64 + 100);
    }
    assert_true(kept(&t) > KEPT * 9 / 10);
    assert_int_equal(ask(&t, "SELECT min(first) FROM events"), bx_fsm_events_oldest(t.fsm));
    test_fsm_close(&t);
}

TEST(events_are_bounded_by_their_bytes)
{
    uint64_t number = 0, oldest;

    t.options = (struct bx_fsm_options){.events_bytes = KEPT_BYTES};
    test_fsm_open(&t);
    test_fsm_node(&t, 1, "n1");
    for (int i = 0; i < 60; i++) {
        churn(&t, 1 + (uint32_t)i % 30, &number);
        assert_true(bytes(&t) <= KEPT_BYTES + KEPT_BYTES / 64 + 60 * 160);
        if (i == 40)
            test_fsm_reopen(&t); /* what is there is counted again */
    }
    assert_true(bytes(&t) > KEPT_BYTES / 2);
    oldest = bx_fsm_events_oldest(t.fsm);
    assert_int_equal(ask(&t, "SELECT min(first) FROM events"), oldest);
    test_fsm_reopen(&t);
    assert_int_equal(bx_fsm_events_oldest(t.fsm), oldest);
    test_fsm_close(&t);
}

/* One entry has more than may be kept: its events stay until there are newer ones. */
TEST(the_events_of_the_newest_entry_stay)
{
    uint64_t number = 0;

    t.options = (struct bx_fsm_options){.events_max = 10, .events_bytes = 1000};
    test_fsm_open(&t);
    test_fsm_node(&t, 1, "n1");
    churn(&t, 50, &number);
    assert_int_equal(kept(&t), 100);
    churn(&t, 1, &number);
    assert_int_equal(kept(&t), 2);
    test_fsm_reopen(&t);
    assert_int_equal(kept(&t), 2);
    test_fsm_close(&t);
}

/* A build that kept more has written this database: it is trimmed little by little. */
TEST(what_is_far_beyond_the_bound_goes_in_steps)
{
    uint64_t number = 0, before;

    t.options = (struct bx_fsm_options){.events_max = 0};
    test_fsm_open(&t);
    test_fsm_node(&t, 1, "n1");
    for (int i = 0; i < 5000; i++)
        churn(&t, 1, &number);
    before = kept(&t);
    t.options.events_max = 100;
    test_fsm_reopen(&t);
    churn(&t, 1, &number);
    assert_int_equal(kept(&t), before + 2 - 1 - 2 * 2047); /* the node's event, and 2,047 pairs */
    for (int i = 0; i < 3; i++)
        churn(&t, 1, &number);
    assert_in_range(kept(&t), 90, 102);
    test_fsm_close(&t);
}

/* ---- reading ---- */

static uint64_t steps; /* of SQLite's virtual machine, in reads of events */

static int on_profile(unsigned kind, void *ctx, void *statement, void *ns)
{
    sqlite3_stmt *st = statement;
    const char *text = sqlite3_sql(st);

    (void)kind;
    (void)ctx;
    (void)ns;
    if (strstr(text, "FROM events WHERE last") != NULL)
        steps += (uint64_t)sqlite3_stmt_status(st, SQLITE_STMTSTATUS_VM_STEP, 1);
    return 0;
}

static int on_open(sqlite3 *db, const char **message, const void *api)
{
    (void)message;
    (void)api;
    return sqlite3_trace_v2(db, SQLITE_TRACE_PROFILE, on_profile, NULL);
}

static void on_event(void *ctx, const struct bx_event *e)
{
    *(uint64_t *)ctx = e->index;
}

/* What it costs to read ten events behind the first part of so many. */
static uint64_t cost_of_a_page(uint32_t entries)
{
    uint64_t number = 0, last = 0, since;
    uint32_t n;

    t.options = (struct bx_fsm_options){.events_max = 0};
    test_fsm_open(&t);
    test_fsm_node(&t, 1, "n1");
    for (uint32_t i = 0; i < entries; i++)
        churn(&t, 1, &number);
    since = test_fsm_revision(&t) - 20;
    steps = 0;
    assert_int_equal(bx_fsm_events(t.fsm, since, 10, on_event, &last, &n, NULL), BX_OK);
    assert_int_equal(n, 10);
    assert_int_equal(last, since + 10);
    test_fsm_close(&t);
    return steps;
}

TEST(a_page_of_events_costs_what_it_holds)
{
    uint64_t few, many;

    assert_int_equal(sqlite3_auto_extension((void (*)(void))on_open), SQLITE_OK);
    few = cost_of_a_page(30);
    many = cost_of_a_page(3000);
    sqlite3_reset_auto_extension();
    assert_true(few > 0 && few < 200);
    assert_true(many <= few + 20);
}

int main(void)
{
    return test_run(NULL, NULL);
}
