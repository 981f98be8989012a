/* Every method, called by every role of the whole cluster and of one tenant, about what is its own
 * and what is another tenant's: what happens stands here, written down from what the roles are
 * meant to be. A method that is not here fails the test.
 *
 *   cluster   the caller's role is for the whole cluster
 *   own       it is for the tenant blue, and the call is about what is blue's, or about nobody's
 *   other     the same caller, and the call names an object of the tenant red
 *   as        the same caller says that it means the tenant red
 *
 * In each column one letter for each role, in the order any, viewer, operator, admin:
 *
 *   -  denied      .  what is named does not exist, as far as the caller is told
 *   +  it may      ?  the column does not exist for the method */
#include "lib/testlib.h"

#include "api_node_help.h"
#include "state/user.h"
#include "wire/command.h"

#include <string.h>

#define ROLES 4
#define NONE "????"

struct row {
    const char *method;
    const char *cluster, *own, *other, *as;
    /* Parameters about blue, and about red: V is the uuid of its VM "web", U its user, T its token.
     * NULL: such as the method refuses before it does anything. */
    const char *params;
};

static const struct row rows[] = {
    {"sys.hello", "++++", "++++", NONE, NONE, "{}"},
    {"sys.done", "-+++", "-+++", NONE, NONE, "{'request_id': '00112233445566778899aabbccddeeff'}"},

    {"vm.list", "-+++", "-+++", NONE, "----", "{}"},
    {"vm.show", "-+++", "-+++", "-...", "----", "{'vm': 'V'}"},
    {"vm.wait", "-+++", "-+++", "-...", "----", "{'vm': 'V', 'until': 'stopped'}"},
    {"vm.logs", "-+++", "-+++", "-...", "----", "{'vm': 'V'}"},
    {"vm.explain", "-+++", "-+++", "-...", "----", "{'vm': 'V'}"},
    {"vm.create", "--++", "--++", NONE, "----", "{'name': 'N', 'memory_mib': 1, 'stopped': true}"},
    {"vm.start", "--++", "--++", "--..", "----", "{'vm': 'V'}"},
    {"vm.stop", "--++", "--++", "--..", "----", "{'vm': 'V'}"},
    {"vm.restart", "--++", "--++", "--..", "----", "{'vm': 'V'}"},
    {"vm.rename", "--++", "--++", "--..", "----", "{'vm': 'V', 'name': 'web'}"},
    {"vm.delete", "--++", "--++", "--..", "----", "{'vm': 'V'}"},

    {"events.list", "-+++", "-+++", NONE, "----", "{}"},
    {"events.watch", "-+++", "-+++", NONE, "----", "{}"},
    {"sql.query", "-+++", "-+++", NONE, "----", "{'query': 'SELECT name FROM vms'}"},

    {"tenant.list", "-+++", "-+++", NONE, NONE, "{}"},
    {"tenant.show", "-+++", "-+++", "----", NONE, "{'tenant': 'blue'}"},
    {"tenant.create", "---+", "----", NONE, NONE, NULL},
    {"tenant.set", "---+", "----", NONE, NONE, NULL},
    {"tenant.delete", "---+", "----", NONE, NONE, NULL},

    {"user.list", "---+", "---+", NONE, "----", "{}"},
    {"user.show", "---+", "---+", "---.", NONE, "{'user': 'U'}"},
    {"user.create", "---+", "---+", "----", NONE,
     "{'user': 'N', 'role': 'viewer', 'tenant': 'blue'}"},
    {"user.set", "---+", "---+", "---.", NONE, "{'user': 'U', 'role': 'viewer'}"},
    {"user.delete", "---+", "---+", "---.", NONE, "{'user': 'U'}"},
    {"user.token_create", "---+", "---+", "---.", NONE,
     "{'user': 'U', 'secret_hash': "
     "'00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff'}"},
    {"user.cert_create", "---+", "---+", NONE, NONE, NULL},
    {"user.token_list", "---+", "---+", "---.", NONE, "{'user': 'U'}"},
    {"user.token_delete", "---+", "---+", "---.", NONE, "{'id': T}"},

    {"node.list", "-+++", "-+++", NONE, NONE, "{}"},
    {"node.show", "-+++", "-+++", NONE, NONE, "{'node': '1'}"},
    {"node.remove", "---+", "----", NONE, NONE, NULL},
    {"cluster.status", "-+++", "-+++", NONE, NONE, "{}"},
    {"cluster.members", "-+++", "-+++", NONE, NONE, "{}"},
    {"cluster.init", "---+", "----", NONE, NONE, NULL},
    {"cluster.join", "---+", "----", NONE, NONE, NULL},
    {"cluster.token_create", "---+", "----", NONE, NONE, NULL},
    {"cluster.token_list", "---+", "----", NONE, NONE, NULL},
    {"cluster.token_revoke", "---+", "----", NONE, NONE, NULL},
    {"cluster.ca", "-+++", "-+++", NONE, NONE, "{}"},
    {"cluster.ca_rotate", "---+", "----", NONE, NONE, NULL},
    {"cluster.ca_status", "-+++", "----", NONE, NONE, NULL},
    {"cluster.upgrade_status", "-+++", "----", NONE, NONE, NULL},
    {"cluster.upgrade_finalize", "---+", "----", NONE, NONE, NULL},

    {"mem.stats", "---+", "----", NONE, NONE, NULL},
    {"mem.sites", "---+", "----", NONE, NONE, NULL},
    {"log.query", "--++", "----", NONE, NONE, NULL},
    {"log.level", "---+", "----", NONE, NONE, NULL},
    {"log.snapshot", "---+", "----", NONE, NONE, NULL},
    {"log.read", "---+", "----", NONE, NONE, NULL},
    {"log.append", "---+", "----", NONE, NONE, NULL},
    {"diag.list", "---+", "----", NONE, NONE, NULL},
    {"diag.show", "---+", "----", NONE, NONE, NULL},
    {"diag.send", "---+", "----", NONE, NONE, NULL},
    {"diag.delete", "---+", "----", NONE, NONE, NULL},
    {"audit.list", "---+", "----", NONE, NONE, "{}"},
};
#define N_ROWS (sizeof rows / sizeof rows[0])

/* ---- what there is: of each tenant a VM, a user and a token of it ---- */

struct world {
    const char *tenant, *user;
    char vm[BX_UUID_TEXT];
    uint64_t token;
};
static struct world blue = {.tenant = "blue", .user = "bob"},
                    red = {.tenant = "red", .user = "ruth"};
static unsigned next_name;

static void ensure_vm(struct world *of)
{
    struct bx_cmd_vm_create c = {.admit = true};
    const struct bx_vm *vm =
        bx_view_vm_named(bx_node_view(node), bx_str(of->tenant), bx_str("web"));

    if (vm == NULL) {
        bx_vm_config_init(&c.config);
        c.config.name = bx_str("web");
        c.config.tenant = bx_str(of->tenant);
        c.config.memory_mib = 1;
        c.config.disk_gib = 0;
        c.config.stopped = true;
        submit(BX_CMD_VM_CREATE, &c);
        vm = bx_view_vm_named(bx_node_view(node), bx_str(of->tenant), bx_str("web"));
    }
    bx_uuid_format(vm->uuid, of->vm);
}

static void ensure_user(struct world *of)
{
    struct bx_str name = bx_str(of->user);
    struct bx_cmd_user_create user = {name, BX_USER_OPERATOR, bx_str(of->tenant)};
    struct bx_cmd_user_token_create token = {.user = name};
    const struct bx_user_token *t;

    if (bx_view_get(bx_node_view(node), BX_TABLE_USER, &name) == NULL)
        submit(BX_CMD_USER_CREATE, &user);
    memset(token.secret_hash, of->tenant[0], sizeof token.secret_hash);
    t = bx_view_user_token(bx_node_view(node), token.secret_hash);
    if (t == NULL) {
        submit(BX_CMD_USER_TOKEN_CREATE, &token);
        t = bx_view_user_token(bx_node_view(node), token.secret_hash);
    }
    of->token = t->created_index;
}

static int setup(void **state)
{
    struct bx_cmd_tenant_create b = {.name = bx_str("blue")}, r = {.name = bx_str("red")};
    int rc = api_node_setup(state);

    submit(BX_CMD_TENANT_CREATE, &b);
    submit(BX_CMD_TENANT_CREATE, &r);
    return rc;
}

/* ---- a call ---- */

static void notify(struct api_client *c, const char *name, const struct bx_schema *s,
                   const void *obj)
{
    (void)c, (void)name, (void)s, (void)obj;
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

static void put(char *out, size_t size, const char *format, const struct world *of, bool as_red)
{
    size_t n = 0;

    for (const char *p = format; *p != '\0' && n + 64 < size; p++) {
        bool alone = p > format && (p[-1] == '\'' || p[-1] == ' ') && (p[1] == '\'' || p[1] == '}');

        if (*p == '\'')
            out[n++] = '"';
        else if (alone && *p == 'V')
            n += (size_t)snprintf(out + n, size - n, "%s", of->vm);
        else if (alone && *p == 'U')
            n += (size_t)snprintf(out + n, size - n, "%s", of->user);
        else if (alone && *p == 'T')
            n += (size_t)snprintf(out + n, size - n, "%llu", (unsigned long long)of->token);
        else if (alone && *p == 'N')
            n += (size_t)snprintf(out + n, size - n, "new-%u", next_name++);
        else if (strncmp(p, "blue", 4) == 0 && of == &red)
            n += (size_t)snprintf(out + n, size - n, "red"), p += 3;
        else if (*p == '}' && as_red)
            n += (size_t)snprintf(out + n, size - n, "%s\"tenant\": \"red\"}", n > 1 ? ", " : "");
        else
            out[n++] = *p;
    }
    out[n] = '\0';
}

/* Methods that are not to do what they do get a parameter that none has. */
static const char *params_of(const struct row *row, const struct world *of, bool as_red)
{
    static char text[512];

    put(text, sizeof text, row->params == NULL ? "{'nonsense': 1}" : row->params, of, as_red);
    return text;
}

static bool tells_nothing(const struct bx_err *err)
{
    return err->code == BX_NOT_FOUND &&
           (strncmp(err->msg, "no VM \"", 7) == 0 || strncmp(err->msg, "no user \"", 9) == 0 ||
            strncmp(err->msg, "no token ", 9) == 0 || strcmp(err->msg, "the VM was deleted") == 0);
}

/* The letter of what happened. */
static char outcome(const struct row *row, enum bx_rpc_role role, const char *tenant,
                    const struct world *of, bool as_red)
{
    uint32_t before = n_answers;

    ensure_vm(&blue);
    ensure_vm(&red);
    ensure_user(&blue);
    ensure_user(&red);
    client.role = role;
    snprintf(client.tenant, sizeof client.tenant, "%s", tenant);
    begin_as(&client, row->method, params_of(row, of, as_red));
    while (n_answers == before) {
        uv_run(&loop, UV_RUN_ONCE);
        test_cluster_settle(&w);
    }
    api_watch_stop(&client);
    if (error.code == BX_DENIED)
        return '-';
    return tells_nothing(&error) ? '.' : '+';
}

static void column(const struct row *row, const char *expected, const char *name,
                   const char *tenant, const struct world *of, bool as_red)
{
    if (expected[0] == '?')
        return;
    for (int role = 0; role < ROLES; role++) {
        char is = outcome(row, (enum bx_rpc_role)role, tenant, of, as_red);

        if (is != expected[role])
            fail_msg("%s, %s, %s: '%c', not '%c' (%s)", row->method, bx_rpc_role_names[role], name,
                     is, expected[role], error.msg);
    }
}

TEST(every_method_and_role_and_tenant)
{
    struct api_client_ops ops = api_node_ops;

    ops.notify = notify;
    ops.flush = flush;
    ops.queued = nothing_queued;
    client.ops = &ops;
    for (size_t i = 0; i < N_ROWS; i++) {
        column(&rows[i], rows[i].cluster, "of the cluster", "", &blue, false);
        column(&rows[i], rows[i].own, "of its tenant", "blue", &blue, false);
        column(&rows[i], rows[i].other, "about another tenant's", "blue", &red, false);
        column(&rows[i], rows[i].as, "as another tenant", "blue", &blue, true);
    }
    client.ops = &api_node_ops;
}

TEST(every_method_is_in_the_table_once)
{
    for (int m = 0; m < BX__METHODS; m++) {
        unsigned n = 0;

        for (size_t i = 0; i < N_ROWS; i++)
            n += strcmp(rows[i].method, bx_methods[m]->name) == 0;
        if (n != 1)
            fail_msg("%s is %u times in the table", bx_methods[m]->name, n);
    }
    assert_int_equal(N_ROWS, BX__METHODS);
}

/* Where objects of tenants can be named, the table tells what happens. */
TEST(what_is_of_tenants_has_the_columns_for_it)
{
    for (size_t i = 0; i < N_ROWS; i++) {
        enum bx_method m = bx_method_find(rows[i].method, strlen(rows[i].method));
        bool of_vm = strstr(bx_methods[m]->path, "{vm}") != NULL;
        bool of_user = strstr(bx_methods[m]->path, "{user}") != NULL;
        bool takes_tenant = false;

        for (uint32_t f = 0; f < bx_methods[m]->params->n; f++)
            takes_tenant |=
                bx_methods[m]->params->fields[f].offset == offsetof(struct bx_common, tenant) &&
                strcmp(bx_methods[m]->params->fields[f].name, "tenant") == 0;
        /* user.cert_create needs a CA; its command is that of user.token_create. */
        if ((of_vm || of_user) && rows[i].params != NULL && rows[i].other[0] == '?')
            fail_msg("%s: about another tenant's?", rows[i].method);
        if (takes_tenant != (rows[i].as[0] != '?') && strcmp(rows[i].method, "vm.create") != 0)
            fail_msg("%s: as another tenant?", rows[i].method);
    }
}

int main(void)
{
    return test_run(setup, api_node_teardown);
}
