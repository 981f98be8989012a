/* Calls without a connection: a client of the test's own goes through the same door as those of
 * MessagePack-RPC and of other nodes, and gets objects with their schema. */
#include "lib/testlib.h"

#include "api/priv.h"
#include "codec/json.h"
#include "mem/alloc.h"
#include "node/driver_sim.h"
#include "sys/clock.h"

#include <stdlib.h>
#include <string.h>

static uv_loop_t loop;
static struct api *api;
static struct bx_metrics metrics;
static struct bx_identity identity;
static struct bx_driver *driver;
static char *dir, socket_path[4096];
static struct api_client client;

/* ---- what the client was told last ---- */

static struct bx_buf answer; /* as MessagePack */
static struct bx_err error;
static uint32_t n_answers, n_ended;

static void reply(struct api_client *c, const struct api_call *call, const struct bx_schema *s,
                  const struct bx_items *items)
{
    assert_ptr_equal(c, &client);
    assert_int_equal(call->id, 7);
    n_answers++;
    answer.len = 0;
    assert_int_equal(bx_codec_ops(BX_CODEC_MSGPACK)->encode(&answer, s, items, NULL), BX_OK);
}

static void refuse(struct api_client *c, const struct api_call *call, const struct bx_err *err)
{
    (void)call;
    assert_ptr_equal(c, &client);
    n_answers++;
    error = *err;
}

static void ended(struct api_client *c)
{
    assert_ptr_equal(c, &client);
    n_ended++;
}

static const struct api_client_ops ops = {.reply = reply, .fail = refuse, .ended = ended};

static void call(const char *method, const char *params)
{
    struct bx_buf b = {0};
    struct api_call *c;

    assert_int_equal(bx_json_read(&b, params, strlen(params), 1 << 16, NULL), BX_OK);
    c = api_call_create(api, &client, b.data, b.len);
    assert_non_null(c);
    c->id = 7;
    memset(&error, 0, sizeof error);
    answer.len = 0;
    api_call_run(c, bx_str(method),
                 bx_pack_parse(api->pack, c->message.data, c->message.len, 1 << 16, NULL));
    bx_buf_release(&b);
}

static void refuses(const char *method, const char *params, int code, const char *words)
{
    call(method, params);
    assert_int_equal(error.code, code);
    if (strstr(error.msg, words) == NULL && strstr(error.hint, words) == NULL)
        fail_msg("%s (%s) does not say %s", error.msg, error.hint, words);
}

/* ---- the host, which belongs to no cluster ---- */

static api_done init_done;
static void *init_ctx;

static int init_cluster(void *ctx, const char *name, api_done done, void *done_ctx,
                        struct bx_err *err)
{
    (void)ctx;
    (void)err;
    assert_string_equal(name, "lab");
    init_done = done;
    init_ctx = done_ctx;
    return BX_OK;
}

static int setup(void **state)
{
    struct api_options o = {.loop = &loop,
                            .clock = clock_kernel(),
                            .identity = &identity,
                            .name = "n1",
                            .socket = socket_path,
                            .address = "",
                            .state_path = "",
                            .metrics = &metrics,
                            .init = init_cluster};
    struct bx_driver_sim_options sim = {.clock = clock_kernel()};
    struct bx_err err = {0};

    (void)state;
    dir = test_make_dir();
    snprintf(socket_path, sizeof socket_path, "%s/api.sock", dir);
    metrics = (struct bx_metrics){.n = 0};
    assert_int_equal(uv_loop_init(&loop), 0);
    driver = bx_driver_sim_create(&sim);
    assert_int_equal(api_create(&api, &o, &err), BX_OK);
    api_set_driver(api, driver, "none");
    api_client_init(&client, api, &ops);
    client.role = BX_RPC_ADMIN;
    memcpy(client.principal, "tester", sizeof "tester");
    n_answers = n_ended = 0;
    return 0;
}

static int teardown(void **state)
{
    struct bx_alloc_stats s;

    (void)state;
    api_destroy(api);
    bx_driver_sim_destroy(driver);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    test_remove_dir(dir);
    bx_buf_release(&answer);
    bx_buf_thread_close();
    bx_alloc_stats(&s);
    assert_int_equal(s.live, 0);
    return 0;
}

/* ---- tests ---- */

TEST(any_client_gets_objects)
{
    struct bx_pack *pack = bx_pack_create();
    struct bx_str name;
    bx_val v;

    call("sys.hello", "{}");
    v = bx_pack_parse(pack, answer.data, answer.len, answer.len, NULL);
    assert_true(bx_val_str(bx_val_get(v, "name"), &name) && bx_str_eq(name, bx_str("n1")));
    assert_int_equal(n_answers, 1);
    assert_int_equal(n_ended, 1);
    assert_int_equal(client.calls, 0);
    bx_pack_destroy(pack);
}

TEST(the_table_says_who_may)
{
    client.role = BX_RPC_VIEWER;
    for (int m = 0; m < BX__METHODS; m++) {
        if (bx_methods[m]->role > BX_RPC_VIEWER)
            refuses(bx_methods[m]->name, "{}", BX_DENIED, "permission denied: ");
    }
    client.role = BX_RPC_ADMIN;
    client.is_node = true;
    for (int m = 0; m < BX__METHODS; m++) {
        if (!bx_methods[m]->relayed)
            refuses(bx_methods[m]->name, "{}", BX_DENIED, "permission denied");
    }
    client.is_node = false;
    for (int m = 0; m < BX__METHODS; m++) {
        if (!bx_methods[m]->before_init)
            refuses(bx_methods[m]->name, "{}", BX_CONFLICT, "not belong to a cluster");
    }
    assert_int_equal(client.calls, 0);
}

TEST(parameters_are_refused_with_a_suggestion)
{
    refuses("cluster.init", "{\"nmae\": \"x\"}", BX_INVALID, "did you mean \"name\"?");
    refuses("cluster.init", "{\"colour\": 1}", BX_INVALID, "it takes: name timeout_ms trace_id");
    refuses("cluster.init", "{\"name\": 7}", BX_INVALID, "name: must be a string");
    refuses("cluster.init", "{\"timeout_ms\": 0}", BX_INVALID, "timeout_ms");
    refuses("mem.sites", "{\"action\": \"x\"}", BX_INVALID, "report, start, finish");
    refuses("cluster.int", "{}", BX_UNSUPPORTED, "did you mean \"cluster.init\"?");
}

/* ANSWER: the query's number, then a MessagePack-RPC response. */
static void answer_query(uint64_t from, uint64_t query)
{
    struct bx_buf b = {0};

    bx_put64(bx_buf_extend(&b, 8), query);
    bx_pw_array(&b, 4);
    bx_pw_u64(&b, 1);
    bx_pw_u64(&b, 7);
    bx_pw_map(&b, 1);
    bx_pw_str(&b, "name");
    bx_pw_str(&b, "busy");
    bx_pw_nil(&b);
    api_on_frame(api, from, BX_FRAME_ANSWER, b.data, b.len);
    bx_buf_release(&b);
}

TEST(a_query_is_answered_by_the_node_that_was_asked)
{
    struct api_call *c;

    call("cluster.init", "{\"name\": \"lab\"}");
    c = TAILQ_FIRST(&client.pending);
    assert_non_null(c);
    api_wait(c);
    c->query = 5;
    c->asked = 2;
    answer_query(3, 5);
    answer_query(2, 4);
    assert_int_equal(n_answers, 0);
    answer_query(2, 5);
    assert_int_equal(n_answers, 1);
    assert_int_equal(error.code, BX_BUSY);
}

TEST(a_client_that_went_gets_no_answer)
{
    call("cluster.init", "{\"name\": \"lab\"}");
    assert_int_equal(client.calls, 1);
    api_client_gone(&client);
    init_done(init_ctx, NULL);
    assert_int_equal(n_answers, 0);
    assert_int_equal(n_ended, 0);
    client.calls = 0;
    call("cluster.init", "{\"name\": \"lab\"}");
    init_done(init_ctx, NULL);
    assert_int_equal(n_answers, 1);
}

/* The second call of a kind finds the arena of the first. */
TEST(a_call_leaves_nothing_but_its_arena)
{
    struct bx_alloc_stats before, after;

    call("sys.hello", "{\"codecs\": [\"flat\"]}");
    bx_alloc_stats(&before);
    for (int i = 0; i < 100; i++)
        call("sys.hello", "{\"codecs\": [\"flat\"]}");
    bx_alloc_stats(&after);
    assert_int_equal(after.live, before.live);
    assert_int_equal(api->n_arenas, 1);
}

static const struct bx_pair labels[] = {{{"app", 3}, {"db", 2}}};
static const struct bx_vm_reply vm = {.name = {"web-1", 5},
                                      .phase = BX_PHASE_RUNNING,
                                      .vcpus = 4,
                                      .disk_ephemeral = true,
                                      .labels = {labels, 1}};

static bool matches(const char *key, const char *value)
{
    struct bx_pair pair = {bx_str(key), bx_str(value)};
    struct bx_pairs match = {&pair, 1};
    struct api_match asked;

    assert_int_equal(api_match_open(&asked, &bx_vm_reply_schema, &match, NULL), BX_OK);
    return api_match_is(&asked, &vm);
}

TEST(values_of_any_type_are_compared_as_text)
{
    struct bx_pair odd = {bx_str("phse"), bx_str("x")};
    struct bx_pairs match = {&odd, 1};
    struct api_match asked;

    assert_true(matches("name", "web-1") && !matches("name", "web-2"));
    assert_true(matches("phase", "running") && !matches("phase", "stopped"));
    assert_true(matches("vcpus", "4") && !matches("vcpus", "04"));
    assert_true(matches("disk_ephemeral", "true"));
    assert_true(matches("node", ""));
    assert_true(matches("labels.app", "db") && !matches("labels.app", "web"));
    assert_false(matches("labels.tier", "db"));
    assert_int_equal(api_match_open(&asked, &bx_vm_reply_schema, &match, &error), BX_INVALID);
    assert_non_null(strstr(error.hint, "did you mean \"phase\"?"));
    odd.key = bx_str("labels");
    assert_int_equal(api_match_open(&asked, &bx_vm_reply_schema, &match, &error), BX_INVALID);
}

int main(void)
{
    return test_run(setup, teardown);
}
