/* Calls against a node that runs, in the test's process: a client of the test's own asks the API of
 * the only member of a cluster. */
#include "lib/testlib.h"

#include "api/priv.h"
#include "codec/json.h"
#include "lib/testcluster.h"
#include "mem/alloc.h"
#include "sys/clock.h"
#include "wire/command.h"

#include <string.h>

#define MANY 70u /* nodes: more than a list of candidates holds without the heap */

static struct test_cluster w;
static struct bx_node *node;
static uv_loop_t loop;
static struct api *api;
static struct bx_metrics metrics;
static struct bx_identity identity = {.node = 1};
static char *dir, socket_path[4096];
static struct api_client client;
static struct bx_err error;
static uint32_t n_answers;

static void reply(struct api_client *c, const struct api_call *call, const struct bx_schema *s,
                  const struct bx_items *items)
{
    struct bx_buf b = {0};

    (void)c;
    (void)call;
    n_answers++;
    assert_int_equal(bx_codec_ops(BX_CODEC_MSGPACK)->encode(&b, s, items, NULL), BX_OK);
    bx_buf_release(&b);
}

static void refuse(struct api_client *c, const struct api_call *call, const struct bx_err *err)
{
    (void)c;
    (void)call;
    n_answers++;
    error = *err;
}

static void ended(struct api_client *c)
{
    (void)c;
}

static const struct api_client_ops ops = {.reply = reply, .fail = refuse, .ended = ended};

/* The code of the answer. The parameters are released. */
static int call_packed(const char *method, struct bx_buf *params)
{
    uint32_t before = n_answers;
    struct api_call *c = api_call_create(api, &client, params->data, params->len);

    assert_non_null(c);
    memset(&error, 0, sizeof error);
    api_call_run(c, bx_str(method),
                 bx_pack_parse(api->pack, c->message.data, c->message.len, 1 << 16, NULL));
    bx_buf_release(params);
    test_cluster_settle(&w);
    for (int i = 0; i < 10 && n_answers == before; i++) /* lists are answered in a later turn */
        uv_run(&loop, UV_RUN_NOWAIT);
    assert_int_equal(n_answers, before + 1);
    return error.code;
}

static int call(const char *method, const char *params)
{
    struct bx_buf b = {0};

    assert_int_equal(bx_json_read(&b, params, strlen(params), 1 << 16, NULL), BX_OK);
    return call_packed(method, &b);
}

/* ---- the cluster ---- */

static void submit(uint16_t kind, const void *body)
{
    struct test_answer a = {0};
    struct bx_submit s = {.kind = kind,
                          .body = body,
                          .principal = bx_str("operator"),
                          .tenant = bx_str("default"),
                          .deadline = UINT64_MAX,
                          .done = test_on_answer,
                          .ctx = &a};

    assert_int_equal(bx_node_submit(node, &s, NULL), BX_OK);
    test_cluster_settle(&w);
    assert_true(a.outcome);
    assert_int_equal(a.code, BX_OK);
}

static void add_node(uint64_t id)
{
    char name[16], address[32];
    struct bx_node_info n = {.id = id,
                             .driver = bx_str("sim"),
                             .vcpus = 4,
                             .memory_mib = 1024,
                             .disk_gib = 10,
                             .overcommit_vcpus_pct = 100,
                             .overcommit_memory_pct = 100,
                             .role = BX_ROLE_AGENT};

    snprintf(name, sizeof name, "m%llu", (unsigned long long)id);
    snprintf(address, sizeof address, "127.0.0.1:%llu", 7000 + (unsigned long long)id);
    n.name = bx_str(name);
    n.address = bx_str(address);
    submit(BX_CMD_NODE_PUT, &n);
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
                            .metrics = &metrics};
    struct bx_err err = {0};

    (void)state;
    test_cluster_open(&w, 1);
    node = test_member(&w, 1)->node;
    dir = test_make_dir();
    snprintf(socket_path, sizeof socket_path, "%s/api.sock", dir);
    metrics = (struct bx_metrics){.n = 0};
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_int_equal(api_create(&api, &o, &err), BX_OK);
    api_set_node(api, node);
    api_set_driver(api, test_member(&w, 1)->driver, "none");
    api_client_init(&client, api, &ops);
    client.role = BX_RPC_ADMIN;
    memcpy(client.principal, "tester", sizeof "tester");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    api_destroy(api);
    test_cluster_close(&w);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    test_remove_dir(dir);
    bx_buf_thread_close();
    return 0;
}

/* ---- tests ---- */

static void decide(void)
{
    assert_int_equal(call("vm.explain", "{\"vm\": \"a\", \"consistency\": \"stale\"}"), BX_OK);
    assert_int_equal(
        call("vm.create", "{\"name\": \"b\", \"dry_run\": true, \"consistency\": \"stale\"}"),
        BX_OK);
    assert_int_equal(call("vm.create",
                          "{\"name\": \"b\", \"memory_mib\": 16777216, \"dry_run\": true, "
                          "\"consistency\": \"stale\"}"),
                     BX_UNPLACEABLE);
}

TEST(a_decision_between_many_nodes_is_freed)
{
    struct bx_alloc_stats before, after;

    for (uint64_t id = 2; id < 2 + MANY; id++)
        add_node(id);
    assert_int_equal(call("vm.create", "{\"name\": \"a\", \"disk_gib\": 1}"), BX_OK);
    decide();
    bx_alloc_stats(&before);
    decide();
    bx_alloc_stats(&after);
    assert_int_equal(after.live, before.live);
}

/* The node of the VM was removed, and the VM was not started since. */
TEST(a_vm_without_a_node_has_no_console)
{
    struct bx_cmd_node_state down = {.id = 2, .state = BX_NODE_DOWN};
    struct bx_cmd_node_remove gone = {.node = bx_str("m2"), .confirm_dead = true};

    add_node(2);
    assert_int_equal(call("vm.create", "{\"name\": \"a\", \"disk_gib\": 1, \"node\": \"m2\"}"),
                     BX_OK);
    submit(BX_CMD_NODE_STATE, &down);
    submit(BX_CMD_NODE_REMOVE, &gone);
    assert_int_equal(call("vm.logs", "{\"vm\": \"a\"}"), BX_NOT_FOUND);
    assert_string_equal(error.msg, "VM \"a\" is on no node");
    assert_non_null(strstr(error.hint, "vm start a"));
}

TEST(a_place_in_a_list_that_is_none_is_refused_with_a_hint)
{
    assert_int_equal(call("node.list", "{\"after\": \"m1\"}"), BX_INVALID);
    assert_true(error.hint[0] != '\0');
    assert_int_equal(call("node.list", "{\"match\": {\"nme\": \"m1\"}}"), BX_INVALID);
    assert_int_equal(call("node.list", "{\"after\": \"1\"}"), BX_OK);
}

TEST(after_the_last_number_there_are_no_events)
{
    struct bx_buf b = {0};

    bx_pw_map(&b, 1);
    bx_pw_str(&b, "since");
    bx_pw_u64(&b, UINT64_MAX);
    assert_int_equal(call_packed("events.list", &b), BX_OK);
}

int main(void)
{
    return test_run(setup, teardown);
}
