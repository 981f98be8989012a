/* Whose requests are processed next: shares of users and clients, whatever they have asked for, and
 * what waits for what. Costs are what work.c counts for a page, so little depends on the machine.
 */
#include "lib/testlib.h"

#include "api_node_help.h"

#include <string.h>

#define CLIENTS 31u
#define ONE 30u /* the only client of the second party; all others are of the first */

static struct asker {
    struct api_client client;
    uint32_t answers, taken, events;
    struct bx_err error;
    size_t queued;
    bool endless; /* it always has input */
} askers[CLIENTS];
static struct api_party *parties[2];

static struct asker *of(const struct api_client *c)
{
    return (struct asker *)(uintptr_t)c; /* its first member */
}

static void reply(struct api_client *c, const struct api_call *call, const struct bx_schema *s,
                  const struct bx_items *items)
{
    (void)call;
    (void)s;
    (void)items;
    of(c)->answers++;
}

static void refuse(struct api_client *c, const struct api_call *call, const struct bx_err *err)
{
    (void)call;
    of(c)->error = *err;
}

static void ended(struct api_client *c)
{
    api_work(c);
}

static size_t queued(const struct api_client *c)
{
    return of(c)->queued;
}

static bool has_input(const struct api_client *c)
{
    return of(c)->endless;
}

/* One more call, which runs until the test ends it. */
static void take_input(struct api_client *c)
{
    of(c)->taken++;
    assert_non_null(api_call_create(api, c, NULL, 0));
}

static void notify(struct api_client *c, const char *name, const struct bx_schema *s,
                   const void *obj)
{
    (void)s;
    (void)obj;
    of(c)->events += strcmp(name, "event") == 0;
}

static void flush(struct api_client *c)
{
    (void)c;
}

static const struct api_client_ops ops = {.reply = reply,
                                          .notify = notify,
                                          .flush = flush,
                                          .fail = refuse,
                                          .ended = ended,
                                          .queued = queued,
                                          .has_input = has_input,
                                          .take_input = take_input};

static int setup(void **state)
{
    api_node_setup(state);
    parties[0] = api_party_hold(api, &api->everybody, "many");
    parties[1] = api_party_hold(api, &api->everybody, "one");
    memset(askers, 0, sizeof askers);
    for (uint32_t i = 0; i < CLIENTS; i++) {
        api_client_init(&askers[i].client, api, &ops);
        askers[i].client.role = BX_RPC_ADMIN;
        askers[i].client.party = parties[i == ONE];
    }
    return 0;
}

static void end_calls(struct api_client *c)
{
    struct bx_err err;

    bx_err_set(&err, BX_SHUTDOWN, "the test ends it");
    while (!TAILQ_EMPTY(&c->pending))
        api_fail(TAILQ_FIRST(&c->pending), &err);
}

static int teardown(void **state)
{
    for (uint32_t i = 0; i < CLIENTS; i++) {
        askers[i].endless = false;
        end_calls(&askers[i].client);
        api_client_gone(&askers[i].client);
    }
    api_party_drop(api, parties[0]);
    api_party_drop(api, parties[1]);
    return api_node_teardown(state);
}

static void ask_lists(uint32_t i, uint32_t n)
{
    while (n-- > 0) {
        struct api_call *c = api_call_create(api, &askers[i].client, NULL, 0);

        assert_non_null(c);
        c->method = BX_M_VM_LIST;
        c->params = api_alloc(c, bx_methods[c->method]->params->size);
        bx_params_init(c->method, c->params);
        api_common(c)->consistency = BX_STALE;
        api_vm_list.run(c);
    }
}

static uint32_t answers_of_many(void)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < ONE; i++)
        n += askers[i].answers;
    return n;
}

static void turn(void)
{
    uv_run(&loop, UV_RUN_NOWAIT);
}

/* n turns that are not rests. */
static void turns(uint32_t n)
{
    while (n-- > 0) {
        do
            turn();
        while (api->resting);
    }
}

TEST(thirty_clients_of_a_user_have_the_share_of_one)
{
    uint32_t most = 0;

    for (uint32_t i = 0; i < ONE; i++)
        ask_lists(i, 100);
    ask_lists(ONE, 100);
    while (askers[ONE].answers < 60)
        turn();
    assert_in_range(answers_of_many(), 20, 180);
    for (uint32_t i = 0; i < ONE; i++)
        most = askers[i].answers > most ? askers[i].answers : most;
    assert_true(most <= answers_of_many() / 5); /* nor does one of them have it all */
}

/* The loop rests between turns that have done much, but not for who has asked little. */
TEST(who_asks_little_is_served_at_once)
{
    for (uint32_t i = 0; i < ONE; i++)
        ask_lists(i, 100);
    while (!api->resting)
        turn();
    ask_lists(ONE, 1);
    turn();
    assert_int_equal(askers[ONE].answers, 1);
}

/* What arrives is taken without a wait, but not from who has had its share. */
TEST(who_has_spent_its_credit_waits_for_its_turn)
{
    for (uint32_t i = 0; i < ONE; i++)
        ask_lists(i, 100);
    while (!api->resting || parties[0]->turn.credit_us > 0)
        turn();
    end_calls(&askers[0].client);
    askers[0].client.turn.credit_us = 1;
    askers[0].endless = askers[ONE].endless = true;
    api_work_at_once(&askers[0].client);
    api_work_at_once(&askers[ONE].client);
    assert_int_equal(askers[0].taken, 0);
    assert_int_equal(askers[ONE].taken, 1);
}

TEST(a_user_whose_calls_run_leaves_some_to_others)
{
    uint32_t taken;

    askers[0].endless = askers[ONE].endless = true;
    api_work(&askers[0].client);
    turns(1000);
    taken = askers[0].taken;
    assert_true(taken > 16 && taken < 1000);
    turns(10);
    assert_int_equal(askers[0].taken, taken);
    api_work(&askers[ONE].client);
    turns(100);
    assert_in_range(askers[ONE].taken, taken / 4, taken);
    assert_int_equal(askers[0].taken, taken);
    end_calls(&askers[0].client);
    turns(100);
    assert_true(askers[0].taken > taken);
}

/* A list was ready while the client's input waited, and is not any more when its turn comes. */
TEST(a_client_whose_input_waits_is_held_once)
{
    struct api_client *c = &askers[0].client;
    uint32_t taken;

    askers[0].endless = true;
    api_work(c);
    turns(1000);
    taken = askers[0].taken;
    assert_ptr_equal(c->held_by, parties[0]);
    ask_lists(0, 1);
    assert_true(c->turn.queued);
    askers[0].queued = API_PAGES_QUEUED;
    turns(100);
    assert_false(c->turn.queued);
    assert_ptr_equal(TAILQ_FIRST(&parties[0]->held), c);
    assert_null(TAILQ_NEXT(c, held));
    assert_int_equal(askers[0].taken, taken);
    askers[0].queued = 0;
    api_work(c);
    turns(100);
    assert_int_equal(askers[0].answers, 1);
    end_calls(c);
    turns(100);
    assert_true(askers[0].taken > taken);
}

TEST(who_reads_nothing_holds_up_its_own_user_only)
{
    askers[0].queued = API_PAGES_QUEUED;
    api_party_add(parties[0], API_HELD_UNSENT, API_UNSENT_MAX);
    ask_lists(0, 1);
    ask_lists(1, 1);
    ask_lists(ONE, 1);
    turns(10);
    assert_int_equal(askers[0].answers + askers[1].answers, 0);
    assert_int_equal(askers[ONE].answers, 1); /* although they have all there is for everybody */
    api_party_remove(parties[0], API_HELD_UNSENT, API_UNSENT_MAX);
    api_work(&askers[1].client);
    turns(10);
    assert_int_equal(askers[0].answers, 0);
    assert_int_equal(askers[1].answers, 1);
    askers[0].queued = 0;
}

static void say_hello(uint32_t i, const void *p, size_t n)
{
    static const uint8_t no_params = 0x80;
    struct api_call *c = api_call_create(api, &askers[i].client, p, n);

    assert_non_null(c);
    api_call_run(c, bx_str("sys.hello"), bx_pack_parse(api->pack, &no_params, 1, 1, NULL));
}

TEST(whose_requests_are_large_leaves_room_to_others)
{
    static const uint8_t request[API_CALLS_LEAST];

    for (uint32_t n = 0; n < API_CALLS_BYTES / 2; n += sizeof request)
        assert_non_null(api_call_create(api, &askers[0].client, request, sizeof request));
    say_hello(1, request, 1);
    assert_int_equal(askers[1].error.code, BX_BUSY);
    assert_non_null(strstr(askers[1].error.msg, "32768 KiB of many"));
    say_hello(ONE, request, sizeof request);
    assert_int_equal(askers[ONE].answers, 1);
    api_party_add(parties[0], API_HELD_CALL_BYTES, API_CALLS_BYTES);
    say_hello(ONE, request, 100); /* also when there is no room for anybody */
    assert_int_equal(askers[ONE].answers, 2);
    say_hello(ONE, request, sizeof request);
    assert_int_equal(askers[ONE].error.code, BX_BUSY);
    api_party_remove(parties[0], API_HELD_CALL_BYTES, API_CALLS_BYTES);
    end_calls(&askers[0].client);
    say_hello(1, request, 1);
    assert_int_equal(askers[1].answers, 1);
}

/* Old events are sent in turns, too. */
TEST(who_watches_from_the_beginning_waits_for_its_turn)
{
    struct bx_cluster_info info;
    uint64_t stored;

    for (int i = 0; i < 600; i++) {
        char params[64];

        snprintf(params, sizeof params, "{\"name\": \"v%d\", \"memory_mib\": 1}", i);
        call("vm.create", params);
    }
    bx_view_cluster(bx_node_view(node), &info);
    stored = info.revision;
    assert_true(stored >= 600); /* more than a page */
    for (uint32_t i = 0; i < ONE; i++) {
        struct api_call *c = api_call_create(api, &askers[i].client, NULL, 0);

        assert_non_null(c);
        c->method = BX_M_EVENTS_WATCH;
        c->params = api_alloc(c, bx_methods[c->method]->params->size);
        bx_params_init(c->method, c->params);
        api_events_watch.run(c);
        assert_int_equal(askers[i].events, 0);
    }
    ask_lists(ONE, 1);
    turn();
    assert_int_equal(askers[ONE].answers, 1);
    turns(1000);
    for (uint32_t i = 0; i < ONE; i++)
        assert_int_equal(askers[i].events, stored);
}

int main(void)
{
    return test_run(setup, teardown);
}
