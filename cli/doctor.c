/* doctor - what an operator checks first: every address, whether the members agree, the quorum, the
 * nodes and the VMs. */
#include "result.h"

#include "build.h"
#include "config.h"
#include "wire/event.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int doctor(struct run *r);

static const struct column doctor_columns[] = {
    {.title = "CHECK", .key = "check"},
    {.title = "RESULT", .key = "result", .format = VALUE_STATE},
    {.title = "DETAIL", .key = "detail"},
    {0},
};

const struct command doctor_commands[] = {
    {.name = "doctor",
     .help = "check the cluster and report what is wrong",
     .columns = doctor_columns,
     .watch = true,
     .run = doctor},
    {0},
};

#define ANSWER_MS 2000u
#define NAMED_MAX 5u /* objects that a detail names; the others are only counted */
#define NAMES_SIZE 512u
#define REASON_SIZE 80u /* of an object that a detail names */
#define DETAIL_SIZE 640u

enum outcome { OUTCOME_OK, OUTCOME_WARNING, OUTCOME_FAILED };
static const char *const outcome_names[] = {"ok", "warning", "failed"};

struct doctor {
    struct run *r;
    struct bx_buf items; /* maps, one a check */
    uint32_t n, failed;
    uint32_t reached;     /* addresses that answered */
    struct bx_err denied; /* the first refusal of one; code BX_OK: there is none */
    char digest[24];      /* of the first member that answered... */
    uint64_t applied;     /* ...and the index it had applied */
    /* The member that is asked about the cluster: one with a quorum, with the newest state. */
    const char *best; /* its address; NULL: none is a member */
    bool best_quorum;
    uint64_t best_applied;
    struct client client; /* of it */
};

static void add(struct doctor *d, const char *check, enum outcome outcome, const char *detail)
{
    build_map(&d->items, 3);
    build_pair_str(&d->items, "check", check);
    build_pair_str(&d->items, "result", outcome_names[outcome]);
    build_pair_str(&d->items, "detail", detail);
    d->n++;
    d->failed += outcome == OUTCOME_FAILED;
}

/* Who may not ask has learned nothing about the cluster. */
static void note_denied(struct doctor *d, const struct bx_err *err)
{
    if (err->code == BX_DENIED && d->denied.code == BX_OK)
        d->denied = *err;
}

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

/* ---- each address ---- */

/* Two members that have applied the same entries must have the same state. */
static void compare(struct doctor *d, const char *address, bx_val status)
{
    char digest[24], detail[256];
    uint64_t applied = 0;

    bx_val_u64(bx_val_get(status, "applied_index"), &applied);
    value_text(bx_val_get(status, "digest"), VALUE_TEXT, digest, sizeof digest);
    if (d->digest[0] == '\0') {
        snprintf(d->digest, sizeof d->digest, "%s", digest);
        d->applied = applied;
    } else if (applied == d->applied && strcmp(digest, d->digest) != 0) {
        snprintf(detail, sizeof detail, "%s: digest mismatch with the first address at index %llu",
                 address, (unsigned long long)applied);
        add(d, "agreement", OUTCOME_FAILED, detail);
    }
}

static void prefer(struct doctor *d, const char *address, bx_val status)
{
    uint64_t applied = 0;
    bool quorum = false;

    bx_val_u64(bx_val_get(status, "applied_index"), &applied);
    bx_val_bool(bx_val_get(status, "quorum"), &quorum);
    if (d->best != NULL && (quorum != d->best_quorum ? d->best_quorum : applied <= d->best_applied))
        return;
    d->best = address;
    d->best_quorum = quorum;
    d->best_applied = applied;
}

/* A node that was removed knows nothing of the cluster any more, and may still run VMs. */
static void report_removed(struct doctor *d, const char *address, bx_val running)
{
    char detail[DETAIL_SIZE];
    size_t at =
        (size_t)snprintf(detail, sizeof detail, "%.200s: was removed from the cluster", address);

    for (uint32_t i = 0; i < bx_val_len(running) && i < NAMED_MAX; i++) {
        char name[80];

        value_text(bx_val_at(running, i), VALUE_TEXT, name, sizeof name);
        at += (size_t)snprintf(detail + at, sizeof detail - at, "%s%s",
                               i == 0 ? "; still running: " : ", ", name);
    }
    if (bx_val_len(running) > NAMED_MAX)
        snprintf(detail + at, sizeof detail - at, " ...");
    add(d, "member", OUTCOME_FAILED, detail);
}

/* What a member says of itself. */
static void check_member(struct doctor *d, const char *address, struct client *c)
{
    char status[32];
    struct bx_err err;
    bx_val v;

    if (ask(c, "cluster.status", &v, &err) != BX_OK) {
        add(d, "member", OUTCOME_FAILED, err.msg);
        note_denied(d, &err);
        return;
    }
    value_text(bx_val_get(v, "status"), VALUE_TEXT, status, sizeof status);
    if (strcmp(status, "removed") == 0) {
        report_removed(d, address, bx_val_get(v, "still_running"));
        return;
    }
    compare(d, address, v);
    prefer(d, address, v);
}

static void check_address(struct doctor *d, const char *address)
{
    char server[64], node[80], driver[32], detail[DETAIL_SIZE];
    struct client c;
    struct bx_err err;
    bx_val v;

    if (run_client(d->r, &c, address, &err) != BX_OK || ask(&c, "sys.hello", &v, &err) != BX_OK) {
        add(d, "address", OUTCOME_FAILED, err.msg);
        note_denied(d, &err);
        client_close(&c);
        return;
    }
    d->reached++;
    value_text(bx_val_get(v, "server"), VALUE_TEXT, server, sizeof server);
    value_text(bx_val_get(v, "node"), VALUE_TEXT, node, sizeof node);
    value_text(bx_val_get(v, "driver"), VALUE_TEXT, driver, sizeof driver);
    if (driver[0] == '\0') /* strangers are told no more */
        snprintf(detail, sizeof detail, "%s: version %s", address, server);
    else
        snprintf(detail, sizeof detail, "%s: node %s, version %s, driver %s%s", address, node,
                 server, driver, strcmp(driver, "sim") == 0 ? " (its VMs are simulated)" : "");
    add(d, "address", strcmp(server, PACKAGE_VERSION) == 0 ? OUTCOME_OK : OUTCOME_WARNING, detail);
    check_member(d, address, &c);
    client_close(&c);
}

/* ---- the cluster ---- */

static bool is_one_of(const char *text, const char *const *values)
{
    while (*values != NULL && strcmp(*values, text) != 0)
        values++;
    return *values != NULL;
}

/* How many maps of a list have one of the values under `key`; the text names the first of them. */
struct tally {
    const char *key;
    const char *const *values;
    const char *const *grave; /* those of the values that are a failure; NULL: none */
    unsigned n, with, with_grave;
    char names[NAMES_SIZE];
    size_t at; /* of names */
};

static void name_one(struct tally *t, bx_val map, const char *value)
{
    size_t left = sizeof t->names - t->at;
    char name[80], why[REASON_SIZE] = "";
    struct bx_str message = {"", 0};

    value_text(bx_val_get(map, "name"), VALUE_TEXT, name, sizeof name);
    if (bx_val_str(bx_val_get(map, "message"), &message) && message.n > 0)
        value_text(bx_val_get(map, "message"), VALUE_TEXT, why, sizeof why);
    if (t->with < NAMED_MAX && t->at < sizeof t->names)
        t->at += (size_t)snprintf(t->names + t->at, left, "%s%s %s%s%s%s", t->with == 0 ? "" : ", ",
                                  name, value, why[0] == '\0' ? "" : " (", why,
                                  why[0] == '\0' ? "" : ")");
    else if (t->with == NAMED_MAX && t->at < sizeof t->names)
        t->at += (size_t)snprintf(t->names + t->at, left, " ...");
    t->with++;
}

static bool tally(void *ctx, bx_val list)
{
    struct tally *t = ctx;
    char value[32];

    for (uint32_t i = 0; i < bx_val_len(list); i++) {
        value_text(bx_val_get(bx_val_at(list, i), t->key), VALUE_TEXT, value, sizeof value);
        if (is_one_of(value, t->values))
            name_one(t, bx_val_at(list, i), value);
        if (t->grave != NULL && is_one_of(value, t->grave))
            t->with_grave++;
    }
    t->n += bx_val_len(list);
    return true;
}

static void check_cluster(struct doctor *d)
{
    static const char *const bad[] = {"unreachable", NULL};
    struct tally members = {.key = "status", .values = bad};
    char detail[DETAIL_SIZE], leader[24];
    bool quorum = false;
    struct bx_err err;
    bx_val v;

    if (ask(&d->client, "cluster.status", &v, &err) != BX_OK) {
        add(d, "cluster", OUTCOME_FAILED, err.msg);
        return;
    }
    value_text(bx_val_get(v, "leader"), VALUE_NUMBER, leader, sizeof leader);
    bx_val_bool(bx_val_get(v, "quorum"), &quorum);
    if (quorum)
        snprintf(detail, sizeof detail, "leader is node %s", leader);
    else
        snprintf(detail, sizeof detail, "no quorum, no leader");
    add(d, "quorum", quorum ? OUTCOME_OK : OUTCOME_FAILED, detail);
    tally(&members, bx_val_get(v, "members"));
    snprintf(detail, sizeof detail, "%u of %u connected%s%s", members.n - members.with, members.n,
             members.with == 0 ? "" : ": ", members.names);
    add(d, "members", members.with == 0 ? OUTCOME_OK : OUTCOME_WARNING, detail);
}

/* A warning when an object of a list has one of the tally's values, a failure when it is a grave
 * one. */
static void check_list(struct doctor *d, const char *check, const char *noun, const char *method,
                       struct tally t)
{
    char detail[DETAIL_SIZE];
    struct params p = {0};
    struct bx_err err;
    int rc;

    params_str(&p, "consistency", "stale");
    rc = client_list(&d->client, method, &p, ANSWER_MS, tally, &t, &err);
    params_close(&p);
    if (rc != BX_OK) {
        add(d, check, OUTCOME_FAILED, err.msg);
        return;
    }
    if (t.with == 0)
        snprintf(detail, sizeof detail, "%u %s%s, healthy", t.n, noun, t.n == 1 ? "" : "s");
    else
        snprintf(detail, sizeof detail, "%u of %u: %s", t.with, t.n, t.names);
    add(d, check,
        t.with_grave > 0 ? OUTCOME_FAILED
        : t.with > 0     ? OUTCOME_WARNING
                         : OUTCOME_OK,
        detail);
}

/* ---- repairs ---- */

#define RECENT_MS (7ull * 24 * 3600 * 1000)

struct repairs {
    uint64_t after; /* time of the events that count */
    unsigned n;
    char names[NAMES_SIZE]; /* of the newest ones */
    size_t at;
};

static void count_repairs(struct repairs *t, bx_val list)
{
    for (uint32_t i = 0; i < bx_val_len(list); i++) {
        bx_val event = bx_val_at(list, i);
        char node[80], what[32], when[32];
        uint64_t time = 0;

        bx_val_u64(bx_val_get(event, "time"), &time);
        if (time < t->after)
            continue;
        value_text(bx_val_get(event, "object"), VALUE_TEXT, node, sizeof node);
        value_text(bx_val_get(event, "detail"), VALUE_TEXT, what, sizeof what);
        value_text(bx_val_get(event, "time"), VALUE_TIME, when, sizeof when);
        if (t->n % NAMED_MAX == 0)
            t->at = 0;
        if (t->at < sizeof t->names)
            t->at += (size_t)snprintf(t->names + t->at, sizeof t->names - t->at, "%s%s: %s (%s)",
                                      t->at == 0 ? "" : ", ", node, what, when);
        t->n++;
    }
}

/* One page of the events, and where they go on. */
static int read_repairs(struct doctor *d, struct repairs *t, uint64_t *since, struct bx_err *err)
{
    struct params p = {0};
    bx_val page;
    int rc;

    params_str(&p, "consistency", "stale");
    params_u64(&p, "since", *since);
    params_key(&p, "match");
    build_map(&p.b, 1);
    build_pair_str(&p.b, "type", bx_event_names[BX_EVENT_NODE_REPAIRED]);
    rc = client_call(&d->client, "events.list", &p, ANSWER_MS, &page, err);
    params_close(&p);
    if (rc == BX_OK)
        count_repairs(t, page);
    *since = strtoull(d->client.next, NULL, 10);
    return rc;
}

static uint64_t week_ago(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 - RECENT_MS;
}

/* Damage that a node has mended may come again, and worse. */
static void check_repairs(struct doctor *d)
{
    struct repairs t = {.after = week_ago()};
    char detail[DETAIL_SIZE];
    uint64_t since = 0;
    struct bx_err err;
    int rc;

    do {
        rc = read_repairs(d, &t, &since, &err);
    } while (rc == BX_OK && since != 0);
    if (rc != BX_OK)
        snprintf(detail, sizeof detail, "%.500s", err.msg);
    else if (t.n == 0)
        return;
    else
        snprintf(detail, sizeof detail, "%u in seven days: %s; check the disk of the host", t.n,
                 t.names);
    add(d, "repairs", OUTCOME_WARNING, detail);
}

/* ---- the command ---- */

static int report(struct doctor *d)
{
    struct bx_buf b = {0};
    int code;

    build_array(&b, d->n);
    build_bytes(&b, d->items.data, d->items.len);
    bx_buf_release(&d->items);
    code = result_print_built(d->r, &b);
    if (client_interrupted)
        return bx_code_exit(BX_INTERRUPTED);
    if (code != 0 || d->failed == 0)
        return code;
    if (d->best == NULL && d->denied.code != BX_OK) {
        d->r->err = d->denied;
        return run_fail(d->r);
    }
    if (d->reached == 0)
        return run_fail_with(d->r, BX_UNREACHABLE,
                             "check that blixardd is running; set --addr or BLIXARD_ADDR",
                             "no node can be reached");
    return run_fail_with(d->r, BX_FAILED, "see the details above", "%u of %u checks failed",
                         d->failed, d->n);
}

/* As the best of the members sees it: another one may be cut off, and know of no leader. */
static void check_all(struct doctor *d)
{
    static const char *const bad_nodes[] = {"suspect", "down", "unreachable", NULL};
    static const char *const bad_vms[] = {"failed", "backoff", "lost", "unknown", NULL};
    static const char *const grave_vms[] = {"failed", "backoff", "lost", NULL};
    static const char *const bad_space[] = {"low", "full", NULL};
    struct bx_err err;

    if (run_client(d->r, &d->client, d->best, &err) == BX_OK) {
        check_cluster(d);
        check_list(d, "nodes", "node", "node.list",
                   (struct tally){.key = "state", .values = bad_nodes});
        check_list(d, "space", "node", "node.list",
                   (struct tally){.key = "space", .values = bad_space});
        check_list(d, "vms", "VM", "vm.list",
                   (struct tally){.key = "phase", .values = bad_vms, .grave = grave_vms});
        check_repairs(d);
    }
    client_close(&d->client);
}

static int doctor(struct run *r)
{
    struct doctor d = {.r = r};

    for (unsigned i = 0; i < r->client.n && !client_interrupted; i++)
        check_address(&d, r->client.addresses[i]);
    if (d.best != NULL)
        check_all(&d);
    return report(&d);
}
