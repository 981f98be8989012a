/* What a caller of one tenant is told: of lists, references, waits, events and counts; what a
 * caller of the cluster is told of several tenants; and what nodes tell each other of callers. */
#include "lib/testlib.h"

#include "api_relay_help.h"
#include "codec/json.h"
#include "state/rows.h"
#include "wire/command.h"
#include "wire/vm.h"

#include <string.h>

#define OTHER 2u

static char answer[1 << 16], next[256]; /* as JSON; of the page */
static char uuids[3][BX_UUID_TEXT];     /* of blue's web, red's web and red's db */

static void keep(struct api_client *c, const struct api_call *call, const struct bx_schema *s,
                 const struct bx_items *items)
{
    struct bx_buf b = {0};

    (void)c, (void)call;
    n_answers++;
    answer[0] = '\0';
    if (items == NULL)
        return;
    assert_int_equal(bx_codec_ops(BX_CODEC_JSON)->encode(&b, s, items, NULL), BX_OK);
    assert_true(b.len < sizeof answer);
    snprintf(answer, sizeof answer, "%.*s", (int)b.len, (const char *)b.data);
    bx_buf_release(&b);
}

static char events[4096];

static void note(struct api_client *c, const char *name, const struct bx_schema *s, const void *obj)
{
    const struct bx_page_reply *page = obj;
    const struct bx_event *e = obj;
    size_t n = strlen(events);

    (void)c, (void)s;
    if (strcmp(name, "page") == 0)
        snprintf(next, sizeof next, BX_STR_FMT, BX_STR_ARG(page->after));
    if (strcmp(name, "event") == 0)
        snprintf(events + n, sizeof events - n, "%s:" BX_STR_FMT " ", bx_event_names[e->type],
                 BX_STR_ARG(e->object));
}

static void flush(struct api_client *c)
{
    (void)c;
}

static size_t nothing_queued(const struct api_client *c)
{
    (void)c;
    return 0;
}

static void add_vm(const char *tenant, const char *name, char uuid[BX_UUID_TEXT])
{
    struct bx_cmd_vm_create c = {.admit = true};

    bx_vm_config_init(&c.config);
    c.config.name = bx_str(name);
    c.config.tenant = bx_str(tenant);
    c.config.memory_mib = 1;
    c.config.disk_gib = 0;
    c.config.stopped = true;
    submit(BX_CMD_VM_CREATE, &c);
    bx_uuid_format(bx_view_vm_named(bx_node_view(node), c.config.tenant, c.config.name)->uuid,
                   uuid);
}

static int setup(void **state)
{
    static struct api_client_ops ops;
    struct bx_cmd_tenant_create b = {.name = bx_str("blue"), .quota = {.vms = 3}};
    struct bx_cmd_tenant_create r = {.name = bx_str("red")};

    if (api_node_setup(state) != 0)
        return -1;
    ops = api_node_ops;
    ops.reply = keep;
    ops.notify = note;
    ops.flush = flush;
    ops.queued = nothing_queued;
    client.ops = &ops;
    events[0] = next[0] = '\0';
    submit(BX_CMD_TENANT_CREATE, &b);
    submit(BX_CMD_TENANT_CREATE, &r);
    add_vm("blue", "web", uuids[0]);
    add_vm("red", "web", uuids[1]);
    add_vm("red", "db", uuids[2]);
    return 0;
}

static int teardown(void **state)
{
    api_watch_stop(&client);
    relay_link_close();
    return api_node_teardown(state);
}

static void act_as(enum bx_rpc_role role, const char *tenant)
{
    client.role = role;
    snprintf(client.tenant, sizeof client.tenant, "%s", tenant);
}

static void gives(const char *method, const char *params, const char *words)
{
    int code = call(method, params);

    if (code != BX_OK)
        fail_msg("%s %s: %s", method, params, error.msg);
    if (strstr(answer, words) == NULL)
        fail_msg("%s %s: %s lacks %s", method, params, answer, words);
}

static void hides(const char *method, const char *params, const char *words)
{
    if (call(method, params) != BX_OK)
        fail_msg("%s %s: %s", method, params, error.msg);
    if (strstr(answer, words) != NULL)
        fail_msg("%s %s: %s has %s", method, params, answer, words);
}

static const char *until(const char *phase, unsigned vm)
{
    static char text[256];

    snprintf(text, sizeof text, "{\"vm\": \"%s\", \"until\": \"%s\"}", uuids[vm], phase);
    return text;
}

/* ---- one tenant ---- */

TEST(a_list_is_of_the_tenant)
{
    act_as(BX_RPC_VIEWER, "blue");
    gives("vm.list", "{}", uuids[0]);
    hides("vm.list", "{}", uuids[1]);
    hides("vm.list", "{}", uuids[2]);
    gives("vm.list", "{\"tenant\": \"blue\"}", uuids[0]);
    gives("tenant.list", "{}", "\"blue\"");
    hides("tenant.list", "{}", "\"red\"");
    hides("tenant.list", "{}", "\"default\"");
}

TEST(a_name_is_of_the_tenant)
{
    act_as(BX_RPC_OPERATOR, "blue");
    gives("vm.show", "{\"vm\": \"web\"}", uuids[0]);
    assert_int_equal(call("vm.show", "{\"vm\": \"db\"}"), BX_NOT_FOUND);
    assert_string_equal(error.msg, "no VM \"db\"");
    gives("vm.rename", "{\"vm\": \"web\", \"name\": \"db\"}", uuids[0]);
    assert_int_equal(call("vm.stop", "{\"vm\": \"web\"}"), BX_NOT_FOUND);
    act_as(BX_RPC_OPERATOR, "red");
    gives("vm.show", "{\"vm\": \"db\"}", uuids[2]);
    assert_int_equal(call("vm.rename", "{\"vm\": \"web\", \"name\": \"db\"}"), BX_EXISTS);
}

/* Word for word what is said of a VM that nobody has. */
TEST(a_vm_of_another_tenant_is_no_vm)
{
    static const char *const methods[] = {"vm.show", "vm.start",  "vm.stop",    "vm.restart",
                                          "vm.logs", "vm.delete", "vm.explain", "vm.rename"};
    static const char nobody[] = "11111111-1111-4111-8111-111111111111";
    char params[128], said[BX_ERR_MSG], expected[BX_ERR_MSG];

    act_as(BX_RPC_ADMIN, "blue");
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        const char *name = strcmp(methods[i], "vm.rename") == 0 ? ", \"name\": \"new\"" : "";

        for (int digits = 36; digits >= 4; digits -= 4) {
            snprintf(params, sizeof params, "{\"vm\": \"%.*s\"%s}", digits, uuids[1], name);
            assert_int_equal(call(methods[i], params), BX_NOT_FOUND);
            memcpy(said, error.msg, sizeof said);
            snprintf(expected, sizeof expected, "no VM \"%.*s\"", digits, uuids[1]);
            assert_string_equal(said, expected);
        }
        snprintf(params, sizeof params, "{\"vm\": \"%s\"%s}", nobody, name);
        assert_int_equal(call(methods[i], params), BX_NOT_FOUND);
        snprintf(expected, sizeof expected, "no VM \"%s\"", nobody);
        assert_string_equal(error.msg, expected);
    }
}

TEST(a_wait_for_it_ends_as_one_for_nobody)
{
    act_as(BX_RPC_VIEWER, "blue");
    assert_int_equal(call("vm.wait", until("stopped", 1)), BX_NOT_FOUND);
    assert_string_equal(error.msg, "the VM was deleted");
    assert_int_equal(call("vm.wait", until("deleted", 1)), BX_OK);
    assert_string_equal(answer, "");
    gives("vm.wait", until("stopped", 0), uuids[0]);
}

TEST(a_vm_is_created_in_the_tenant)
{
    act_as(BX_RPC_OPERATOR, "blue");
    gives("vm.create", "{\"name\": \"db\", \"memory_mib\": 1, \"disk_gib\": 0, \"stopped\": true}",
          "\"blue\"");
    gives("vm.create",
          "{\"name\": \"web\", \"memory_mib\": 1, \"stopped\": true, \"if_not_exists\": true}",
          uuids[0]);
    assert_int_equal(
        call("vm.create", "{\"name\": \"x\", \"memory_mib\": 1, \"tenant\": \"default\"}"),
        BX_DENIED);
    assert_non_null(strstr(error.hint, "--tenant blue"));
    gives("vm.create", "{\"name\": \"c\", \"memory_mib\": 1, \"disk_gib\": 0, \"stopped\": true}",
          "\"blue\"");
    assert_int_equal(call("vm.create", "{\"name\": \"d\", \"memory_mib\": 1, \"disk_gib\": 0}"),
                     BX_UNPLACEABLE);
    assert_non_null(strstr(error.msg, "tenant \"blue\": quota exceeded"));
    assert_null(strstr(error.msg, "red"));
}

TEST(counts_and_addresses_are_not_told)
{
    gives("cluster.status", "{}", "\"vms\":3");
    gives("node.list", "{}", "\"vms\":3");
    gives("node.list", "{}", "\"address\":\"1");
    act_as(BX_RPC_OPERATOR, "");
    gives("cluster.status", "{}", "\"vms\":3");
    gives("node.list", "{}", "\"address\":\"\"");
    gives("node.show", "{\"node\": \"1\"}", "\"address\":\"\"");
    gives("cluster.members", "{}", "\"address\":\"\"");
    act_as(BX_RPC_ADMIN, "blue");
    gives("cluster.status", "{}", "\"vms\":1");
    gives("cluster.status", "{}", "\"address\":\"\"");
    gives("node.list", "{}", "\"vms\":0");
    gives("node.list", "{}", "\"allocated\":{\"vcpus\":0,\"memory_mib\":0,\"disk_gib\":0}");
    gives("node.show", "{\"node\": \"1\"}", "\"address\":\"\"");
    gives("tenant.show", "{\"tenant\": \"blue\"}", "\"vms\":1");
    assert_int_equal(call("tenant.show", "{\"tenant\": \"red\"}"), BX_DENIED);
    assert_int_equal(call("tenant.show", "{\"tenant\": \"nobody\"}"), BX_DENIED);
}

/* ---- all tenants ---- */

TEST(a_list_of_all_is_continued_within_a_name)
{
    const char *seen[4];
    unsigned n = 0;
    char params[300] = "{\"limit\": 1}";

    do {
        next[0] = '\0';
        assert_int_equal(call("vm.list", params), BX_OK);
        for (unsigned i = 0; i < 3; i++) {
            if (strstr(answer, uuids[i]) != NULL)
                seen[n++] = uuids[i];
        }
        snprintf(params, sizeof params, "{\"limit\": 1, \"after\": \"%s\"}", next);
    } while (next[0] != '\0' && n < 4);
    assert_int_equal(n, 3);
    assert_ptr_equal(seen[0], uuids[2]); /* db, web of blue, web of red */
    assert_ptr_equal(seen[1], uuids[0]);
    assert_ptr_equal(seen[2], uuids[1]);
    hides("vm.list", "{\"after\": \"web\"}", "uuid");
    gives("vm.list", "{\"after\": \"web/blue\"}", uuids[1]);
}

TEST(a_name_of_several_needs_a_tenant)
{
    assert_int_equal(call("vm.show", "{\"vm\": \"web\"}"), BX_CONFLICT);
    assert_string_equal(error.hint, "pass --tenant: blue, red");
    gives("vm.show", "{\"vm\": \"web\", \"tenant\": \"red\"}", uuids[1]);
    gives("vm.show", "{\"vm\": \"db\"}", uuids[2]);
    assert_int_equal(call("vm.show", "{\"vm\": \"db\", \"tenant\": \"blue\"}"), BX_NOT_FOUND);
    assert_int_equal(call("vm.delete", "{\"vm\": \"web\"}"), BX_CONFLICT);
    assert_int_equal(call("vm.delete", "{\"vm\": \"web\", \"tenant\": \"red\"}"), BX_OK);
    gives("vm.show", "{\"vm\": \"web\"}", uuids[0]);
}

TEST(a_list_of_one_tenant)
{
    gives("vm.list", "{\"tenant\": \"red\"}", uuids[2]);
    hides("vm.list", "{\"tenant\": \"red\"}", uuids[0]);
    assert_int_equal(call("vm.list", "{\"tenant\": \"nobody\"}"), BX_NOT_FOUND);
    assert_int_equal(call("events.list", "{\"tenant\": \"nobody\"}"), BX_NOT_FOUND);
}

/* ---- events ---- */

static void make_users(void)
{
    struct bx_cmd_user_create bob = {bx_str("bob"), BX_USER_VIEWER, bx_str("blue")};
    struct bx_cmd_user_create ruth = {bx_str("ruth"), BX_USER_VIEWER, bx_str("red")};

    submit(BX_CMD_USER_CREATE, &bob);
    submit(BX_CMD_USER_CREATE, &ruth);
}

TEST(events_are_of_the_tenant)
{
    make_users();
    act_as(BX_RPC_VIEWER, "blue");
    gives("events.list", "{}", "\"object\":\"web\"");
    gives("events.list", "{}", "tenant.created");
    hides("events.list", "{}", "\"red\"");
    hides("events.list", "{}", "\"object\":\"db\"");
    hides("events.list", "{}", "node.");
    hides("events.list", "{}", "cluster.");
    hides("events.list", "{}", "bob");
    hides("events.list", "{\"match\": {\"tenant\": \"red\"}}", "red");
    act_as(BX_RPC_ADMIN, "blue");
    gives("events.list", "{}", "\"object\":\"bob\"");
    hides("events.list", "{}", "ruth");
    act_as(BX_RPC_VIEWER, "");
    gives("events.list", "{}", "ruth");
    gives("events.list", "{\"tenant\": \"red\"}", "\"object\":\"db\"");
    hides("events.list", "{\"tenant\": \"red\"}", "blue");
}

/* Pages without an event of the tenant lead on. */
TEST(events_are_found_behind_those_of_others)
{
    char name[16], uuid[BX_UUID_TEXT], params[128];
    unsigned pages = 0;

    for (unsigned i = 0; i < 40; i++) {
        snprintf(name, sizeof name, "r%u", i);
        add_vm("red", name, uuid);
    }
    add_vm("blue", "late", uuid);
    act_as(BX_RPC_VIEWER, "blue");
    snprintf(params, sizeof params, "{\"limit\": 1}");
    do {
        next[0] = '\0';
        assert_int_equal(call("events.list", params), BX_OK);
        assert_null(strstr(answer, "red"));
        snprintf(params, sizeof params, "{\"limit\": 1, \"since\": %s}", next);
    } while (next[0] != '\0' && strstr(answer, "late") == NULL && ++pages < 100);
    assert_non_null(strstr(answer, "late"));
}

static void watch(const char *params)
{
    events[0] = '\0';
    assert_int_equal(call("events.watch", params), BX_OK);
    for (int turn = 0; turn < 20 && client.behind; turn++)
        uv_run(&loop, UV_RUN_NOWAIT);
    assert_false(client.behind);
}

static void happens(const char *tenant, const char *object)
{
    struct bx_event e = {.index = client.watch_at + 1,
                         .type = BX_EVENT_VM_CREATED,
                         .object = bx_str(object),
                         .tenant = bx_str(tenant)};

    api_on_event(api, &e);
}

TEST(a_watcher_sees_its_tenant_and_passes_over_others)
{
    uint64_t before;

    act_as(BX_RPC_VIEWER, "blue");
    watch("{}");
    assert_string_equal(events, "tenant.created:blue vm.created:web ");
    before = client.watch_at;
    happens("red", "secret");
    happens("", "n9");
    happens("blue", "mine");
    happens("red", "secret");
    assert_string_equal(events, "tenant.created:blue vm.created:web vm.created:mine ");
    assert_int_equal(client.watch_at, before + 4);
    assert_false(client.behind);
}

TEST(a_watcher_of_the_cluster_may_choose_one)
{
    act_as(BX_RPC_VIEWER, "");
    watch("{\"tenant\": \"red\"}");
    assert_string_equal(events, "tenant.created:red vm.created:web vm.created:db ");
    watch("{}");
    assert_non_null(strstr(events, "blue"));
}

TEST(a_new_tenant_of_the_name_has_no_events_of_the_old_one)
{
    struct bx_cmd_tenant_create again = {.name = bx_str("red")};
    struct bx_cmd_tenant_delete drop = {bx_str("red")};

    assert_int_equal(call("vm.delete", "{\"vm\": \"web\", \"tenant\": \"red\"}"), BX_OK);
    assert_int_equal(call("vm.delete", "{\"vm\": \"db\", \"tenant\": \"red\"}"), BX_OK);
    submit(BX_CMD_TENANT_DELETE, &drop);
    submit(BX_CMD_TENANT_CREATE, &again);
    act_as(BX_RPC_ADMIN, "red");
    gives("events.list", "{}", "tenant.created");
    hides("events.list", "{}", "vm.");
    hides("events.list", "{}", "tenant.deleted");
}

/* ---- between nodes ---- */

/* The VM is on a node that this one can only ask. */
static void move_away(unsigned vm)
{
    struct bx_view *v = (struct bx_view *)(uintptr_t)bx_node_view(node);
    struct bx_row *old;
    uint8_t uuid[16];
    struct bx_vm d;

    assert_true(bx_uuid_parse(uuids[vm], 36, uuid));
    old = bx_view_row(v, BX_TABLE_VM, uuid);
    d = *bx_row_as_vm(old);
    d.node = OTHER;
    bx_view_swap(v, old, bx_row_make(&v->home, BX_TABLE_VM, &d));
    bx_row_free(&v->home, old);
}

static bx_val sent_params(struct bx_pack *pack)
{
    bx_val root =
        bx_pack_parse(pack, relay_sent.message.data, relay_sent.message.len, 1 << 16, NULL);

    return bx_val_at(root, 3);
}

static void is_text(bx_val map, const char *key, const char *text)
{
    struct bx_str s = {"", 0};

    assert_true(bx_val_str(bx_val_get(map, key), &s));
    assert_true(bx_str_eq(s, bx_str(text)));
}

TEST(a_query_tells_for_whom_it_is)
{
    struct bx_pack *pack = bx_pack_create();
    bx_val params;

    add_node(OTHER);
    relay_link_open();
    move_away(0);
    act_as(BX_RPC_VIEWER, "blue");
    begin_as(&client, "vm.logs", "{\"vm\": \"web\"}");
    assert_int_equal(relay_sent.n, 1);
    params = sent_params(pack);
    assert_int_equal(bx_val_len(params), 2);
    is_text(bx_val_at(params, 0), "vm", uuids[0]);
    is_text(bx_val_at(params, 1), "principal", "tester");
    is_text(bx_val_at(params, 1), "role", "viewer");
    is_text(bx_val_at(params, 1), "tenant", "blue");
    relay_refuse(OTHER, relay_sent.number, BX_NOT_FOUND);
    bx_pack_destroy(pack);
}

/* As another node does it. */
static int asked_by_node(enum bx_method m, const void *params, const struct bx_caller *as)
{
    struct bx_pack *pack = bx_pack_create();
    struct bx_str name = {"", 0};
    bx_val sent;

    relay_ask_for(OTHER, 77, m, params, as);
    sent = bx_pack_parse(pack, relay_sent.message.data, relay_sent.message.len, 1 << 16, NULL);
    bx_val_str(bx_val_get(bx_val_at(sent, 2), "name"), &name);
    snprintf(answer, sizeof answer, BX_STR_FMT, BX_STR_ARG(name));
    bx_pack_destroy(pack);
    return answer[0] != '\0' ? bx_code_from_name(answer) : BX_OK;
}

TEST(the_node_that_is_asked_looks_at_role_and_tenant)
{
    struct bx_caller blue = {bx_str("user:bob"), BX_RPC_VIEWER, bx_str("blue")};
    struct bx_caller any = {bx_str("user:x"), BX_RPC_ANY, bx_str("")};
    struct bx_caller admin_of_blue = {bx_str("user:x"), BX_RPC_ADMIN, bx_str("blue")};
    struct bx_vm_params logs;

    add_node(OTHER);
    relay_link_open();
    bx_params_init(BX_M_VM_LOGS, &logs);
    logs.common.consistency = BX_STALE;
    logs.vm = bx_str(uuids[1]);
    asked_by_node(BX_M_VM_LOGS, &logs, &blue);
    assert_string_equal(answer, "not_found");
    assert_true(memmem(relay_sent.message.data, relay_sent.message.len, "no VM ", 6) != NULL);
    logs.vm = bx_str(uuids[0]);
    asked_by_node(BX_M_VM_LOGS, &logs, &any);
    assert_string_equal(answer, "denied");
    asked_by_node(BX_M_VM_LOGS, &logs, &blue);
    assert_string_not_equal(answer, "denied");
    assert_true(memmem(relay_sent.message.data, relay_sent.message.len, "no VM ", 6) == NULL);
    asked_by_node(BX_M_VM_LIST, &(struct bx_plain_params){.common = logs.common}, &admin_of_blue);
    assert_string_equal(answer, "denied");
}

int main(void)
{
    return test_run(setup, teardown);
}
