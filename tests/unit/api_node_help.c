/* Calls against a node that runs, in the test's process. */
#include "lib/testlib.h"

#include "api_node_help.h"

#include "codec/json.h"
#include "mem/alloc.h"
#include "sys/clock.h"
#include "wire/command.h"

#include <string.h>

struct test_cluster w;
struct bx_node *node;
uv_loop_t loop;
struct api *api;
struct api_client client;
struct bx_err error;
uint32_t n_answers;

static struct bx_metrics metrics;
static struct bx_identity identity = {.node = 1};
static char *dir, socket_path[4096];

static void reply(struct api_client *c, const struct api_call *call, const struct bx_schema *s,
                  const struct bx_items *items)
{
    struct bx_buf b = {0};

    (void)c;
    (void)call;
    n_answers++;
    if (items == NULL)
        return;
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

const struct api_client_ops api_node_ops = {.reply = reply, .fail = refuse, .ended = ended};

static void start(struct api_client *from, const char *method, const struct bx_buf *params)
{
    struct api_call *c = api_call_create(api, from, params->data, params->len);

    assert_non_null(c);
    memset(&error, 0, sizeof error);
    api_call_run(c, bx_str(method),
                 bx_pack_parse(api->pack, c->message.data, c->message.len, 1 << 16, NULL));
    test_cluster_settle(&w);
    while (!TAILQ_EMPTY(&from->ready)) { /* what comes after a barrier waits for its turn */
        uv_run(&loop, UV_RUN_NOWAIT);
        test_cluster_settle(&w);
    }
}

void begin_as(struct api_client *from, const char *method, const char *params)
{
    struct bx_buf b = {0};

    assert_int_equal(bx_json_read(&b, params, strlen(params), 1 << 16, NULL), BX_OK);
    start(from, method, &b);
    bx_buf_release(&b);
}

int call_packed(const char *method, struct bx_buf *params)
{
    uint32_t before = n_answers;

    start(&client, method, params);
    bx_buf_release(params);
    assert_int_equal(n_answers, before + 1);
    return error.code;
}

int call(const char *method, const char *params)
{
    struct bx_buf b = {0};

    assert_int_equal(bx_json_read(&b, params, strlen(params), 1 << 16, NULL), BX_OK);
    return call_packed(method, &b);
}

/* ---- the cluster ---- */

void submit(uint16_t kind, const void *body)
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

void add_node(uint64_t id)
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

int api_node_setup(void **state)
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
    api_client_init(&client, api, &api_node_ops);
    client.role = BX_RPC_ADMIN;
    client.party = api_party_hold(api, &api->everybody, "tester");
    memcpy(client.principal, "tester", sizeof "tester");
    return 0;
}

int api_node_teardown(void **state)
{
    (void)state;
    api_party_drop(api, client.party);
    api_destroy(api);
    test_cluster_close(&w);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    test_remove_dir(dir);
    bx_buf_thread_close();
    return 0;
}
