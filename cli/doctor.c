/* doctor - what an operator would look at first, looked at: every address, the members, their
 * agreement, the nodes and the VMs. */
#include "command.h"

#include "config.h"
#include "mem/alloc.h"

#include <stdio.h>
#include <string.h>

#define ANSWER_MS 2000u
#define NAMED_MAX 5u /* so many are named, the rest is counted */

static const struct column doctor_columns[] = {
    {"CHECK", "check", 0, 0},
    {"RESULT", "result", 's', 0},
    {"DETAIL", "detail", 0, 0},
    {0},
};

enum result { FINE, WARNING, FAILED };
static const char *const result_names[] = {"ok", "warning", "failed"};

struct doctor {
    struct run *r;
    struct bx_buf items;
    uint32_t n, failed, reached;
    char digest[24];  /* of the first member that answered... */
    uint64_t applied; /* ...when it had applied so far */
};

static void note(struct doctor *d, const char *check, enum result result, const char *detail)
{
    bx_must_ok(bx_pw_map(&d->items, 3));
    bx_must_ok(bx_pw_str(&d->items, "check"));
    bx_must_ok(bx_pw_str(&d->items, check));
    bx_must_ok(bx_pw_str(&d->items, "result"));
    bx_must_ok(bx_pw_str(&d->items, result_names[result]));
    bx_must_ok(bx_pw_str(&d->items, "detail"));
    bx_must_ok(bx_pw_str(&d->items, detail));
    d->n++;
    d->failed += result == FAILED;
}

/* ---- each address ---- */

static int ask(struct client *c, const char *method, bx_val *result, struct bx_err *err)
{
    struct params p = {0};
    int rc;

    if (strcmp(method, "sys.hello") == 0)
        params_u64(&p, "version", 1);
    else
        params_str(&p, "consistency", "stale");
    rc = client_call(c, method, &p, ANSWER_MS, result, err);
    params_close(&p);
    return rc;
}

/* Two members that have applied the same entries must have the same state. */
static void compare(struct doctor *d, const char *address, bx_val status)
{
    char digest[24], detail[256];
    uint64_t applied = 0;

    bx_val_u64(bx_val_get(status, "applied_index"), &applied);
    value_text(bx_val_get(status, "digest"), 0, digest, sizeof digest);
    if (d->digest[0] == '\0') {
        snprintf(d->digest, sizeof d->digest, "%s", digest);
        d->applied = applied;
    } else if (applied == d->applied && strcmp(digest, d->digest) != 0) {
        snprintf(detail, sizeof detail, "%s has another state at entry %llu than the others",
                 address, (unsigned long long)applied);
        note(d, "agreement", FAILED, detail);
    }
}

static void check_address(struct doctor *d, const char *address)
{
    char server[64], node[80], driver[32], detail[512];
    struct client c;
    struct bx_err err;
    bx_val v;

    if (client_init(&c, address, &err) != BX_OK || ask(&c, "sys.hello", &v, &err) != BX_OK) {
        note(d, "address", FAILED, err.msg);
        client_close(&c);
        return;
    }
    d->reached++;
    value_text(bx_val_get(v, "server"), 0, server, sizeof server);
    value_text(bx_val_get(v, "node"), 0, node, sizeof node);
    value_text(bx_val_get(v, "driver"), 0, driver, sizeof driver);
    snprintf(detail, sizeof detail, "%s: node %s, version %s, driver %s%s", address, node, server,
             driver, strcmp(driver, "sim") == 0 ? ": its VMs are simulated" : "");
    note(d, "address", strcmp(server, PACKAGE_VERSION) == 0 ? FINE : WARNING, detail);
    if (ask(&c, "cluster.status", &v, &err) == BX_OK)
        compare(d, address, v);
    client_close(&c);
}

/* ---- the cluster ---- */

/* Those of a list of maps whose `key` has one of the values: how many, and the first names. */
static unsigned name_those(bx_val list, const char *key, const char *const *values, char *out,
                           size_t size)
{
    unsigned n = 0;
    size_t at = 0;

    out[0] = '\0';
    for (uint32_t i = 0; i < bx_val_len(list); i++) {
        char value[32], name[80];
        const char *const *v = values;

        value_text(bx_val_get(bx_val_at(list, i), key), 0, value, sizeof value);
        while (*v != NULL && strcmp(*v, value) != 0)
            v++;
        if (*v == NULL)
            continue;
        value_text(bx_val_get(bx_val_at(list, i), "name"), 0, name, sizeof name);
        if (n < NAMED_MAX && at < size)
            at += (size_t)snprintf(out + at, size - at, "%s%s %s", n == 0 ? "" : ", ", name, value);
        else if (n == NAMED_MAX && at < size)
            at += (size_t)snprintf(out + at, size - at, " ...");
        n++;
    }
    return n;
}

static void check_cluster(struct doctor *d)
{
    static const char *const no[] = {"no", NULL};
    char who[512], detail[640], leader[24];
    bool quorum = false;
    struct bx_err err;
    bx_val v;
    unsigned n;

    if (ask(&d->r->client, "cluster.status", &v, &err) != BX_OK) {
        note(d, "cluster", FAILED, err.msg);
        return;
    }
    value_text(bx_val_get(v, "leader"), 0, leader, sizeof leader);
    bx_val_bool(bx_val_get(v, "quorum"), &quorum);
    snprintf(detail, sizeof detail, "%s, leader %s", quorum ? "there is one" : "there is none",
             leader);
    note(d, "quorum", quorum ? FINE : FAILED, detail);
    v = bx_val_get(v, "members");
    n = name_those(v, "connected", no, who, sizeof who);
    snprintf(detail, sizeof detail, "%u of %u connected", bx_val_len(v) - n, bx_val_len(v));
    note(d, "members", n == 0 ? FINE : WARNING, detail);
}

static void check_list(struct doctor *d, const char *check, const char *method, const char *key,
                       const char *const *bad)
{
    char who[512], detail[640];
    struct bx_err err;
    unsigned n;
    bx_val v;

    if (ask(&d->r->client, method, &v, &err) != BX_OK) {
        note(d, check, FAILED, err.msg);
        return;
    }
    n = name_those(v, key, bad, who, sizeof who);
    if (n == 0)
        snprintf(detail, sizeof detail, "all %u are well", bx_val_len(v));
    else
        snprintf(detail, sizeof detail, "%u of %u: %s", n, bx_val_len(v), who);
    note(d, check, n == 0 ? FINE : WARNING, detail);
}

/* ---- the command ---- */

static int report(struct doctor *d)
{
    struct bx_pack *pack = bx_pack_create();
    struct bx_buf b = {0};
    int code;

    bx_must_ok(bx_pw_array(&b, d->n));
    bx_must_ok(bx_buf_append(&b, d->items.data, d->items.len));
    if (pack == NULL)
        bx_oom(0);
    code = result_print(d->r, bx_pack_parse(pack, b.data, b.len, SIZE_MAX, NULL));
    bx_buf_release(&b);
    bx_pack_destroy(pack);
    return code;
}

static void no_staleness(void *ctx, struct bx_str method, bx_val value)
{
    (void)ctx, (void)method, (void)value; /* stale is what is asked for */
}

static int doctor(struct run *r)
{
    static const char *const bad_nodes[] = {"suspect", "down", NULL};
    static const char *const bad_vms[] = {"failed", "lost", NULL};
    struct doctor d = {.r = r};
    int code;

    r->client.notify = no_staleness;
    for (unsigned i = 0; i < r->client.n; i++)
        check_address(&d, r->client.addresses[i]);
    if (d.reached > 0) {
        check_cluster(&d);
        check_list(&d, "nodes", "node.list", "state", bad_nodes);
        check_list(&d, "vms", "vm.list", "phase", bad_vms);
    }
    code = report(&d);
    bx_buf_release(&d.items);
    if (code != 0 || d.failed == 0)
        return code;
    if (d.reached == 0)
        return run_fail_with(r, BX_UNREACHABLE, "is blixardd running? set --addr or BLIXARD_ADDR",
                             "no node can be reached");
    return run_fail_with(r, BX_FAILED, "the details stand above", "%u of %u checks failed",
                         d.failed, d.n);
}

const struct command doctor_commands[] = {
    {"doctor", "", "", 0, 0, "what is wrong, if anything", read_flags, doctor, doctor_columns},
    {0},
};
