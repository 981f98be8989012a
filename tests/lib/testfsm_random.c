#include "lib/testlib.h"

#include "lib/testfsm_random.h"
#include "state/token.h"
#include "state/user.h"

#include <string.h>

#define NODES 6
#define NAMES 48
#define N_ENDS 3

struct draw {
    struct test_commands *g;
    const struct bx_view *v;
    struct bx_cmd_header head;
    union bx_cmd_body body;
    char name[64], other[64], address[64];
    struct bx_pair labels[3];
    struct bx_session_end ends[N_ENDS];
    uint8_t shares[NODES * BX_CA_SHARE_ITEM];
};

static uint64_t below(struct draw *d, uint64_t n)
{
    return test_random(&d->g->seed) % n;
}

static bool one_in(struct draw *d, uint64_t n)
{
    return below(d, n) == 0;
}

static struct bx_str text(char *to, size_t size, const char *fmt, uint64_t n)
{
    int len = snprintf(to, size, "%s%llu", fmt, (unsigned long long)n);

    return (struct bx_str){to, (uint32_t)len};
}

static const struct bx_vm *any_vm(struct draw *d)
{
    struct bx_index_place at = bx_view_after(d->v, BX_TABLE_VM, NULL);
    uint64_t n = bx_view_vms(d->v), skip = n == 0 ? 0 : below(d, n);

    assert_true(n <= NAMES);
    while (skip-- > 0)
        bx_view_step(d->v, BX_TABLE_VM, &at);
    return bx_view_step(d->v, BX_TABLE_VM, &at);
}

/* Mostly one that is there: by name, by uuid, by a prefix of it. */
static struct bx_str reference(struct draw *d)
{
    const struct bx_vm *vm = any_vm(d);

    if (vm == NULL || one_in(d, 12))
        return text(d->name, sizeof d->name, "v", below(d, NAMES));
    if (one_in(d, 2))
        return (struct bx_str){vm->name->s, vm->name->len};
    bx_uuid_format(vm->uuid, d->name);
    return (struct bx_str){d->name, one_in(d, 2) ? BX_UUID_TEXT - 1 : 4 + (uint32_t)below(d, 8)};
}

/* Half of the commands say which VM it was, seldom another than the reference means. */
static void mean(struct draw *d, struct bx_str ref, uint8_t uuid[16])
{
    const struct bx_vm *vm = NULL;
    uint64_t peek = d->g->seed; /* not drawn: the other commands stay what they are */
    uint64_t luck = test_random(&peek) % 20;

    if (luck % 2 == 0)
        return;
    if (luck == 1)
        vm = any_vm(d);
    else
        (void)bx_view_find_vm(d->v, ref, &vm, NULL);
    if (vm != NULL)
        memcpy(uuid, vm->uuid, 16);
}

/* ---- bodies ---- */

static struct bx_node_info node(struct draw *d)
{
    struct bx_node_info n = {.id = 1 + below(d, NODES),
                             .driver = bx_str("sim"),
                             .zone = bx_str(one_in(d, 2) ? "a" : "b"),
                             .vcpus = 8 + 4 * (uint32_t)below(d, 5),
                             .memory_mib = 4096 + 1024 * below(d, 5),
                             .disk_gib = 100 + below(d, 50),
                             .reserve_vcpus = (uint32_t)below(d, 3),
                             .overcommit_vcpus_pct = one_in(d, 4) ? 200 : 100,
                             .overcommit_memory_pct = 100,
                             .pin = {"a pin of 32 bytes, as all of it.", BX_PIN},
                             .ca_taken = below(d, 4)};

    n.ca_shown = n.ca_taken > 0 ? n.ca_taken - below(d, 2) : 0;
    n.name = text(d->name, sizeof d->name, "n", one_in(d, 20) ? below(d, NODES) : n.id);
    n.address = text(d->address, sizeof d->address, "10.0.0.", one_in(d, 20) ? 1 : n.id);
    if (one_in(d, 20))
        n.overcommit_memory_pct = 9;
    return n;
}

static void draw_node_put(struct draw *d)
{
    d->head.kind = BX_CMD_NODE_PUT;
    d->body.node_put = node(d);
}

static void draw_node_state(struct draw *d)
{
    d->head.kind = BX_CMD_NODE_STATE;
    d->body.node_state.id = 1 + below(d, NODES + 1);
    d->body.node_state.state = one_in(d, 3) ? (uint8_t)below(d, 5) : BX_NODE_UP;
    d->body.node_state.dated = one_in(d, 2);
}

static void draw_labels(struct draw *d, struct bx_vm_config *c)
{
    static const char *const keys[] = {"app", "stage", "zone"};

    c->labels.v = d->labels;
    c->labels.n = (uint32_t)below(d, 4);
    for (uint32_t i = 0; i < c->labels.n; i++)
        d->labels[i] = (struct bx_pair){bx_str(keys[i]), bx_str("x")};
}

static void draw_vm_create(struct draw *d)
{
    struct bx_vm_config *c = &d->body.vm_create.config;

    d->head.kind = BX_CMD_VM_CREATE;
    d->body.vm_create.if_not_exists = one_in(d, 4);
    bx_vm_config_init(c);
    c->name = text(d->name, sizeof d->name, one_in(d, 30) ? "V-" : "v", below(d, NAMES));
    c->vcpus = (uint32_t)below(d, 5);
    c->memory_mib = 128 << below(d, 5);
    c->disk_gib = one_in(d, 2) ? 0 : below(d, 30);
    c->disk_ephemeral = one_in(d, 2);
    c->priority = (uint16_t)below(d, 1001);
    c->strategy = (uint8_t)below(d, 3);
    c->restart = (uint8_t)below(d, 3);
    c->on_lost = (uint8_t)below(d, 2);
    c->stopped = one_in(d, 5);
    if (c->strategy == BX_STRATEGY_MANUAL || one_in(d, 4))
        c->node = text(d->other, sizeof d->other, "n", below(d, NODES + 1));
    draw_labels(d, c);
}

static void draw_vm_desire(struct draw *d)
{
    d->head.kind = BX_CMD_VM_DESIRE;
    d->body.vm_desire =
        (struct bx_cmd_vm_desire){.vm = reference(d),
                                  .desired = (uint8_t)below(d, one_in(d, 9) ? 3 : 2),
                                  .restart = one_in(d, 3),
                                  .force = one_in(d, 3),
                                  .timeout_s = (uint32_t)below(d, 90)};
    mean(d, d->body.vm_desire.vm, d->body.vm_desire.uuid);
}

static void draw_vm_delete(struct draw *d)
{
    d->head.kind = BX_CMD_VM_DELETE;
    d->body.vm_delete.vm = reference(d);
    mean(d, d->body.vm_delete.vm, d->body.vm_delete.uuid);
}

static void draw_vm_rename(struct draw *d)
{
    d->head.kind = BX_CMD_VM_RENAME;
    d->body.vm_rename.vm = reference(d);
    mean(d, d->body.vm_rename.vm, d->body.vm_rename.uuid);
    d->body.vm_rename.name =
        text(d->other, sizeof d->other, one_in(d, 30) ? "V-" : "v", below(d, NAMES));
}

static void draw_vm_report(struct draw *d)
{
    const struct bx_vm *vm = any_vm(d);
    struct bx_cmd_vm_report *r = &d->body.vm_report;

    d->head.kind = BX_CMD_VM_REPORT;
    r->phase = (uint8_t)below(d, BX__PHASES);
    r->message = bx_str(one_in(d, 3) ? "exit 1" : "");
    if (vm == NULL)
        return;
    memcpy(r->vm, vm->uuid, 16);
    r->node = one_in(d, 20) ? 1 + below(d, NODES) : vm->node;
    r->epoch = vm->epoch - (one_in(d, 20) && vm->epoch > 0);
    if (vm->phase == BX_PHASE_STOPPING && !one_in(d, 4))
        r->phase = BX_PHASE_STOPPED;
    if (r->phase == BX_PHASE_FAILED && vm->epoch % 2 == 0) {
        r->failures = vm->failures + 1;
        r->pause_ms = 1000 * r->failures;
    }
    if (r->phase == BX_PHASE_RUNNING && vm->epoch % 3 == 0)
        r->reboots = vm->reboots + 1;
}

static void draw_token(struct draw *d)
{
    uint64_t peek = d->g->seed, luck = test_random(&peek); /* as above */
    size_t pos = 0;
    const struct bx_token *token = bx_view_next(d->v, BX_TABLE_TOKEN, &pos);

    d->head.kind = BX_CMD_TOKEN_CREATE;
    d->body.token_create.secret_hash[0] = (uint8_t)(1 + below(d, 5));
    d->body.token_create.ttl_ms = one_in(d, 8) ? 0 : 1 + below(d, 20000);
    d->body.token_create.once = luck % 2 == 0;
    if (luck % 4 != 1)
        return;
    d->head.kind = BX_CMD_TOKEN_REVOKE;
    d->body.token_revoke.id = token == NULL ? 1 : token->created_index;
}

static void draw_user(struct draw *d)
{
    struct bx_cmd_user_set *set = &d->body.user_set;
    struct bx_str name = text(d->name, sizeof d->name, "u", below(d, 6));
    struct bx_str tenant = bx_str(one_in(d, 2) ? "" : one_in(d, 4) ? "nobody" : "default");
    uint8_t role = (uint8_t)below(d, BX__USER_ROLES);

    if (one_in(d, 3)) {
        d->head.kind = BX_CMD_USER_SET;
        *set = (struct bx_cmd_user_set){name, role, tenant, one_in(d, 2), one_in(d, 2), bx_str("")};
    } else if (one_in(d, 4)) {
        d->head.kind = BX_CMD_USER_DELETE;
        d->body.user_delete = (struct bx_cmd_user_delete){name, tenant};
    } else {
        d->head.kind = BX_CMD_USER_CREATE;
        d->body.user_create = (struct bx_cmd_user_create){name, role, tenant};
    }
}

static void draw_user_token(struct draw *d)
{
    struct bx_cmd_user_token_create *create = &d->body.user_token_create;
    size_t pos = 0;
    const struct bx_user_token *token = bx_view_next(d->v, BX_TABLE_USER_TOKEN, &pos);

    d->head.kind = BX_CMD_USER_TOKEN_CREATE;
    create->user = text(d->name, sizeof d->name, "u", below(d, 6));
    create->secret_hash[0] = (uint8_t)(1 + below(d, 5));
    create->secret_hash[31] = (uint8_t)below(d, 20);
    create->ttl_ms = one_in(d, 3) ? 0 : below(d, 20000);
    if (!one_in(d, 4))
        return;
    d->head.kind = BX_CMD_USER_TOKEN_DELETE;
    d->body.user_token_delete = (struct bx_cmd_user_token_delete){
        token == NULL ? 1 : token->created_index, bx_str(one_in(d, 4) ? "default" : "")};
}

/* Of a cluster without a CA it is refused; with one, nodes tell something of it now and then. */
static void draw_ca(struct draw *d)
{
    struct bx_cmd_ca_rotate *c = &d->body.ca_rotate;
    uint8_t sealed[BX_CA_SHARE] = {1};

    d->head.kind = BX_CMD_CA_ROTATE;
    c->generation = 1 + below(d, 4);
    c->certificate = bx_str("certificate");
    c->key = bx_str("sealed");
    for (uint32_t i = 0; i < NODES; i++)
        bx_ca_share_put(d->shares + i * BX_CA_SHARE_ITEM, 1 + i, sealed);
    c->shares = (struct bx_str){(const char *)d->shares, sizeof d->shares};
}

static void draw_join(struct draw *d)
{
    d->head.kind = BX_CMD_MEMBER_JOIN;
    d->body.member_join.secret_hash[0] = (uint8_t)(1 + below(d, 5));
    d->body.member_join.node = node(d);
    d->body.member_join.node.id = 0;
}

static void draw_repaired(struct draw *d)
{
    d->head.kind = BX_CMD_NODE_REPAIRED;
    d->body.node_repaired.id = 1 + below(d, 6);
    d->body.node_repaired.what = (uint8_t)below(d, BX__REPAIRS);
}

static void draw_cluster(struct draw *d)
{
    d->head.kind = BX_CMD_CLUSTER_CREATE;
    d->body.cluster_create.cluster[0] = (uint8_t)(1 + below(d, 2));
    d->body.cluster_create.history[3] = 7;
    d->body.cluster_create.name = bx_str("lab");
    d->body.cluster_create.ca_certificate = bx_str("certificate");
    d->body.cluster_create.ca_key = bx_str("sealed");
}

static void draw_upgrade(struct draw *d)
{
    d->head.kind = BX_CMD_CLUSTER_UPGRADE;
    d->body.cluster_upgrade.level = (uint32_t)below(d, BX_LEVEL + 2);
}

/* Whose session it is: sometimes another's. */
static struct bx_str principal_of(uint64_t session, bool wrong)
{
    static const char *const names[] = {"alice", "bob", "node", "alice"};

    return bx_str(wrong ? "mallory" : names[session % 4]);
}

/* One of those that are drawn, or one that nobody has. */
static void draw_session_end(struct draw *d)
{
    struct bx_session_end *ends = d->ends;

    d->head.kind = BX_CMD_SESSION_END;
    for (uint32_t i = 0; i < N_ENDS; i++) {
        uint64_t session = below(d, TEST_SESSIONS + 1);
        struct bx_str principal = principal_of(session, one_in(d, 5));

        ends[i] = (struct bx_session_end){.principal_hash = bx_hash(principal.p, principal.n)};
        ends[i].session[5] = (uint8_t)(1 + session);
    }
    d->body.session_end.sessions = (struct bx_list){ends, (uint32_t)below(d, N_ENDS + 1)};
}

static void draw_body(struct draw *d)
{
    static void (*const kinds[])(struct draw * d) = {
        draw_vm_create,  draw_vm_create, draw_vm_create,   draw_vm_report, draw_vm_report,
        draw_vm_report,  draw_vm_report, draw_vm_desire,   draw_vm_desire, draw_vm_delete,
        draw_vm_rename,  draw_node_put,  draw_node_state,  draw_token,     draw_join,
        draw_cluster,    draw_upgrade,   draw_session_end, draw_repaired,  draw_user,
        draw_user_token, draw_ca,
    };

    memset(&d->body, 0, sizeof d->body);
    kinds[below(d, bx_view_nodes(d->v) == 0 ? 12 : sizeof kinds / sizeof kinds[0])](d);
}

/* ---- heads ---- */

static void append(struct test_batch *b, const struct bx_buf *command)
{
    if (b->n++ == 0)
        assert_int_equal(bx_batch_begin(&b->buf), BX_OK);
    assert_int_equal(bx_buf_append(&b->buf, command->data, command->len), BX_OK);
}

static void add_counted(struct draw *d, struct test_batch *b)
{
    uint64_t i = below(d, TEST_SESSIONS), what = below(d, 12);
    struct bx_buf *last = &d->g->sessions[i].last;

    if (what == 0 && last->len > 0) {
        append(b, last);
        d->g->repeats++;
        return;
    }
    if (what != 1 || d->g->sessions[i].sequence == 0) /* 1: another body under a used number */
        d->g->sessions[i].sequence++;
    d->head.session[5] = (uint8_t)(1 + i);
    d->head.sequence = d->g->sessions[i].sequence;
    d->head.floor = d->head.sequence > 3 ? d->head.sequence - below(d, 4) : 0;
    d->head.principal = principal_of(i, what == 2);
    if (what == 3 && d->head.sequence > 5)
        d->head.sequence -= 5;
    last->len = 0;
    assert_int_equal(bx_cmd_encode(last, &d->head, &d->body), BX_OK);
    append(b, last);
}

void test_commands_add(struct test_commands *g, const struct bx_view *v, struct test_batch *b)
{
    struct draw d = {.g = g, .v = v};

    draw_body(&d);
    d.head.tenant = bx_str("default");
    if (one_in(&d, 2))
        add_counted(&d, b);
    else
        test_batch_add(b, &d.head, &d.body);
}

void test_commands_seal(struct test_commands *g, struct test_batch *b, uint64_t index)
{
    uint64_t r = test_random(&g->seed) % 100;

    b->elapsed_ms = (uint32_t)(r == 0 ? 7000 : r < 10 ? 0 : 10 + r);
    g->wall_ms += r == 1 ? 60000 : b->elapsed_ms;
    test_batch_seal(b, index, 1700000000000 + g->wall_ms - (r == 5 ? 50 : 0));
}

void test_commands_fill(struct test_commands *g, const struct test_fsm *t, struct test_batch *b,
                        uint64_t n)
{
    test_batch_clear(b);
    while (n-- > 0)
        test_commands_add(g, bx_fsm_view(t->fsm), b);
    test_commands_seal(g, b, t->index);
}

void test_commands_close(struct test_commands *g)
{
    for (int i = 0; i < TEST_SESSIONS; i++)
        bx_buf_release(&g->sessions[i].last);
}
