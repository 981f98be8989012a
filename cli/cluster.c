/* cluster - the commands about the cluster as a whole and its members. */
#include "parse.h"
#include "result.h"
#include "secret.h"

#include "build.h"
#include "model/node.h"
#include "pki/pki.h"
#include "wire/jointoken.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int cluster_init(struct run *r);
static int cluster_join(struct run *r);
static int cluster_token_create(struct run *r);
static int cluster_token_list(struct run *r);
static int cluster_token_revoke(struct run *r);
static int cluster_ca_show(struct run *r);
static int cluster_status(struct run *r);
static int cluster_members(struct run *r);
static int cluster_upgrade_status(struct run *r);
static int cluster_upgrade_finalize(struct run *r);

static const struct flag init_flags[] = {
    {.name = "name", .value = "NAME", .help = "name of the cluster (blixard)"},
    {0},
};
static const char *const joining_roles[] = {"voter", "standby", NULL};
static const struct flag token_flags[] = {
    {.name = "role",
     .value = "ROLE",
     .help = "what the host becomes: voter or standby (voter)",
     .choices = joining_roles},
    {.name = "ttl", .value = "D", .help = "how long the token is valid (1h)"},
    {0},
};

static const struct flag ca_flags[] = {
    {.name = "out", .value = "FILE", .help = "write them to this file"},
    {0},
};

static const struct column token_columns[] = {
    {.title = "ID", .key = "id", .format = VALUE_NUMBER},
    {.title = "EXPIRES", .key = "expires_ms", .format = VALUE_TIME},
    {.title = "CREATOR", .key = "creator"},
    {0},
};

static const struct column member_columns[] = {
    {.title = "ID", .key = "id", .format = VALUE_NUMBER},
    {.title = "NAME", .key = "name"},
    {.title = "ROLE", .key = "role"},
    {.title = "STATUS", .key = "status"},
    {.title = "STATE", .key = "state", .format = VALUE_STATE},
    {.title = "SPACE", .key = "space", .format = VALUE_STATE, .sparse = true},
    {.title = "ADDRESS", .key = "address"},
    {0},
};

static const struct column upgrade_columns[] = {
    {.title = "ID", .key = "id", .format = VALUE_NUMBER},
    {.title = "NAME", .key = "name"},
    {.title = "VERSION", .key = "version"},
    {.title = "LEVEL", .key = "level", .format = VALUE_NUMBER},
    {0},
};

const struct command cluster_commands[] = {
    {.name = "cluster init",
     .help = "create a cluster, with this host as its first node",
     .flags = init_flags,
     .run = cluster_init},
    {.name = "cluster join",
     .arguments = {{.name = "TOKEN"}},
     .help = "join this host to a cluster",
     .run = cluster_join},
    {.name = "cluster token create",
     .help = "create a token with which one host can join",
     .flags = token_flags,
     .run = cluster_token_create},
    {.name = "cluster token list",
     .help = "list the tokens that are valid, without their secrets",
     .columns = token_columns,
     .watch = true,
     .run = cluster_token_list},
    {.name = "cluster token revoke",
     .arguments = {{.name = "ID"}},
     .help = "revoke a token that is not used yet",
     .request_id = true,
     .run = cluster_token_revoke},
    {.name = "cluster ca show",
     .help = "print the certificates of the CA, which --ca takes (PEM)",
     .flags = ca_flags,
     .run = cluster_ca_show},
    {.name = "cluster status",
     .help = "show leader, indexes, digest and members",
     .columns = member_columns,
     .watch = true,
     .run = cluster_status},
    {.name = "cluster members",
     .help = "list the members of the Raft configuration",
     .columns = member_columns,
     .watch = true,
     .run = cluster_members},
    {.name = "cluster upgrade status",
     .help = "show the feature level, and what each member supports",
     .columns = upgrade_columns,
     .watch = true,
     .run = cluster_upgrade_status},
    {.name = "cluster upgrade finalize",
     .help = "raise the feature level; a downgrade is not possible then",
     .columns = upgrade_columns,
     .request_id = true,
     .run = cluster_upgrade_finalize},
    {0},
};

#define JOIN_MS 30000u

/* ---- becoming a member ---- */

static int print_membership(struct run *r, bx_val result)
{
    char cluster[64], node[24];

    if (!result_is_for_people(r))
        return result_print(r, result);
    value_text(bx_val_get(result, "cluster"), VALUE_TEXT, cluster, sizeof cluster);
    value_text(bx_val_get(result, "node"), VALUE_TEXT, node, sizeof node);
    if (!r->quiet)
        printf("this host is node %s of cluster %s\n", node, cluster);
    return 0;
}

/* Both commands are about one host: with several addresses the next one would be asked, and a
 * second cluster made there. */
static int become_member(struct run *r, const char *method, struct params *p)
{
    bx_val result;
    int rc;

    if (r->timeout_ms < JOIN_MS && !args_has(&r->args, "timeout"))
        r->timeout_ms = JOIN_MS;
    if (r->client.n > 1) {
        params_close(p);
        return run_fail_with(r, BX_INVALID, "pass only the address of this host with --addr",
                             "this command takes one address, not %u", r->client.n);
    }
    rc = run_call(r, method, p, &result);
    params_close(p);
    if (rc == BX_INTERRUPTED)
        fprintf(stderr, "there was no answer; blixardctl cluster status shows whether this host is "
                        "a member now\n");
    return rc == BX_OK ? print_membership(r, result) : run_fail(r);
}

static int cluster_init(struct run *r)
{
    struct params p = {0};

    params_str(&p, "name", args_get(&r->args, "name", "blixard"));
    return become_member(r, "cluster.init", &p);
}

static int cluster_join(struct run *r)
{
    static char token[BX_JOIN_TOKEN_MAX];
    struct params p = {0};

    if (secret_of_argument(r, token) != BX_OK)
        return run_fail(r);
    params_str(&p, "token", token);
    explicit_bzero(token, sizeof token);
    return become_member(r, "cluster.join", &p);
}

#define TTL_MS 3600000u

/* The parameters but the hash. */
static int token_params(struct run *r, struct params *p)
{
    uint64_t ms = TTL_MS;
    uint8_t role = BX_ROLE_VOTER;
    int rc = args_duration(&r->args, "ttl", &ms, &r->err);

    if (rc == BX_OK && ms < 1000) {
        rc = bx_err_set(&r->err, BX_INVALID, "--ttl: must be at least 1s");
        bx_err_hint(&r->err, "for example --ttl 30m");
    }
    params_u64(p, "ttl_s", ms / 1000);
    if (rc == BX_OK)
        rc = args_choice(&r->args, "role", &role, &r->err);
    if (role == BX_ROLE_STANDBY)
        params_str(p, "role", bx_role_names[role]);
    if (rc == BX_OK)
        rc = run_write_params(r, p);
    r->request_id[0] = '\0'; /* a repeat would have another secret */
    return rc;
}

static int call_token_create(struct run *r, const char *hash, bx_val *result)
{
    struct params p = {0};
    int rc = token_params(r, &p);

    if (hash != NULL)
        params_str(&p, "secret_hash", hash);
    if (rc == BX_OK)
        rc = run_call(r, "cluster.token_create", &p, result);
    params_close(&p);
    return rc;
}

/* What the daemon answers is where to use the secret, and with whom. False: it is incomplete. */
static bool make_token(bx_val result, const uint8_t secret[BX_JOIN_SECRET], struct bx_buf *out)
{
    bx_val list = bx_val_get(result, "addresses");
    struct bx_str addresses[BX_JOIN_ADDRESSES_MAX], ca = {0}, role = bx_str("");
    uint8_t fingerprint[BX_FINGERPRINT];
    struct bx_join_token t = {.addresses = {addresses, bx_val_len(list)},
                              .secret = {(const char *)secret, BX_JOIN_SECRET}};

    if (t.addresses.n == 0 || t.addresses.n > BX_JOIN_ADDRESSES_MAX)
        return false;
    for (uint32_t i = 0; i < t.addresses.n; i++) {
        if (!bx_val_str(bx_val_at(list, i), &addresses[i]))
            return false;
    }
    if (bx_val_str(bx_val_get(result, "ca"), &ca)) {
        if (!bx_hex32(ca, fingerprint))
            return false;
        t.fingerprint = (struct bx_str){(const char *)fingerprint, BX_FINGERPRINT};
    }
    bx_val_u64(bx_val_get(result, "id"), &t.id);
    bx_val_u64(bx_val_get(result, "expires_ms"), &t.expires_ms);
    bx_val_str(bx_val_get(result, "role"), &role);
    t.role =
        bx_str_eq(role, bx_str(bx_role_names[BX_ROLE_STANDBY])) ? BX_ROLE_STANDBY : BX_ROLE_VOTER;
    return bx_join_token_write(&t, out) == BX_OK;
}

static int print_token(struct run *r, bx_val result, struct bx_str text)
{
    uint64_t id = 0, expires = 0;
    struct bx_buf b = {0};

    if (result_is_for_people(r)) {
        printf(BX_STR_FMT "\n", BX_STR_ARG(text));
        return 0;
    }
    bx_val_u64(bx_val_get(result, "id"), &id);
    bx_val_u64(bx_val_get(result, "expires_ms"), &expires);
    build_map(&b, 3);
    build_str(&b, "token");
    build_strn(&b, text);
    build_pair_u64(&b, "expires_ms", expires);
    build_pair_u64(&b, "id", id);
    return result_print_built(r, &b);
}

/* A daemon of an older release does not know the hash. */
static bool is_of_old_daemon(const struct run *r)
{
    return r->err.code == BX_INVALID && strstr(r->err.msg, "unknown parameter") != NULL;
}

/* The secret is made here, and only its hash is sent. A cluster that can not read such tokens, of a
 * feature level below 3, answers with one that it has made. */
static int cluster_token_create(struct run *r)
{
    uint8_t secret[BX_JOIN_SECRET];
    char hash[SECRET_HASH_TEXT];
    struct bx_buf text = {0};
    struct bx_str token = {0};
    bx_val result = NULL;
    int rc = secret_random(secret, hash, &r->err);

    if (rc == BX_OK)
        rc = call_token_create(r, hash, &result);
    if (rc != BX_OK && is_of_old_daemon(r))
        rc = call_token_create(r, NULL, &result);
    if (rc == BX_OK && !bx_val_str(bx_val_get(result, "token"), &token)) {
        if (make_token(result, secret, &text))
            token = (struct bx_str){(const char *)text.data, (uint32_t)text.len};
        else
            rc = bx_err_set(&r->err, BX_MALFORMED, "malformed answer: no addresses of members");
    }
    rc = rc == BX_OK ? print_token(r, result, token) : run_fail(r);
    pki_wipe(secret, sizeof secret);
    pki_wipe_buf(&text);
    return rc;
}

static int cluster_token_list(struct run *r)
{
    return result_print_read(r, "cluster.token_list", NULL);
}

static int cluster_token_revoke(struct run *r)
{
    return result_print_revoked(r, "cluster.token_revoke");
}

/* ---- the CA ---- */

static int write_file(struct run *r, const char *path, struct bx_str text)
{
    FILE *f = fopen(path, "we");
    bool ok = f != NULL && fwrite(text.p, 1, text.n, f) == text.n;

    if (f != NULL)
        ok = fclose(f) == 0 && ok;
    return ok ? 0
              : run_fail_with(r, BX_IO, "name a file in a folder that exists and is writable",
                              "%s: %s", path, strerror(errno));
}

static int cluster_ca_show(struct run *r)
{
    const char *path = args_get(&r->args, "out", NULL);
    struct bx_str text = {"", 0};
    bx_val result;

    if (run_read(r, "cluster.ca", NULL, &result) != BX_OK)
        return run_fail(r);
    bx_val_str(bx_val_get(result, "certificates"), &text);
    if (path != NULL)
        return write_file(r, path, text);
    if (!result_is_for_people(r))
        return result_print(r, result);
    fwrite(text.p, 1, text.n, stdout);
    return 0;
}

/* ---- reads ---- */

/* The leader by its name, as far as this member knows it. */
static void leader_name(bx_val status, char *out, size_t size)
{
    bx_val members = bx_val_get(status, "members");
    uint64_t leader = 0, id = 0;

    if (!bx_val_u64(bx_val_get(status, "leader"), &leader))
        return;
    for (uint32_t i = 0; i < bx_val_len(members); i++) {
        bx_val name = bx_val_get(bx_val_at(members, i), "name");

        if (bx_val_u64(bx_val_get(bx_val_at(members, i), "id"), &id) && id == leader &&
            bx_val_type(name) == BX_V_STR)
            value_text(name, VALUE_TEXT, out, size);
    }
}

/* What a node says that was removed from the cluster. */
static void print_removed(bx_val status)
{
    bx_val running = bx_val_get(status, "still_running");
    char name[80];

    value_text(bx_val_get(status, "status"), VALUE_TEXT, name, sizeof name);
    if (strcmp(name, "removed") != 0)
        return;
    for (uint32_t i = 0; i < bx_val_len(running); i++) {
        value_text(bx_val_at(running, i), VALUE_TEXT, name, sizeof name);
        printf("%-16s %s\n", "still_running", name);
    }
    printf(
        "This node was removed from the cluster. To use its host again, stop blixardd, run\n"
        "blixardd --data DIR --forget-cluster, start it, and run blixardctl cluster join TOKEN.\n");
}

static int cluster_status(struct run *r)
{
    static const char *const keys[] = {"name",          "status",   "leader", "term",
                                       "quorum",        "revision", "digest", "commit_index",
                                       "applied_index", "nodes",    "vms",    "age_ms"};
    bx_val result;

    if (run_read(r, "cluster.status", NULL, &result) != BX_OK)
        return run_fail(r);
    if (!result_is_for_people(r))
        return result_print_part(r, result, "members");
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        char text[128];

        value_text(bx_val_get(result, keys[i]), VALUE_TEXT, text, sizeof text);
        if (strcmp(keys[i], "leader") == 0)
            leader_name(result, text, sizeof text);
        printf("%-16s %s\n", keys[i], text);
    }
    print_removed(result);
    output_table(&r->out, bx_val_get(result, "members"), r->out.columns);
    return 0;
}

static int cluster_members(struct run *r)
{
    return result_print_read(r, "cluster.members", NULL);
}

/* ---- upgrades ---- */

static int print_upgrade(struct run *r, bx_val result)
{
    char level[24], target[24], reason[256];
    bool ready = false;

    if (!result_is_for_people(r))
        return result_print_part(r, result, "members");
    value_text(bx_val_get(result, "level"), VALUE_TEXT, level, sizeof level);
    value_text(bx_val_get(result, "target"), VALUE_TEXT, target, sizeof target);
    value_text(bx_val_get(result, "reason"), VALUE_TEXT, reason, sizeof reason);
    bx_val_bool(bx_val_get(result, "ready"), &ready);
    printf("%-16s %s\n", "level", level);
    if (ready)
        printf("%-16s to level %s: blixardctl cluster upgrade finalize\n", "upgrade", target);
    else if (reason[0] != '\0' && strcmp(reason, "-") != 0)
        printf("%-16s to level %s: not yet, %s\n", "upgrade", target, reason);
    output_table(&r->out, bx_val_get(result, "members"), r->out.columns);
    return 0;
}

static int cluster_upgrade_status(struct run *r)
{
    bx_val result;

    if (run_read(r, "cluster.upgrade_status", NULL, &result) != BX_OK)
        return run_fail(r);
    return print_upgrade(r, result);
}

static int cluster_upgrade_finalize(struct run *r)
{
    struct params p = {0};
    bx_val result = NULL;
    int rc = run_write_params(r, &p);

    if (rc == BX_OK)
        rc = run_call(r, "cluster.upgrade_finalize", &p, &result);
    params_close(&p);
    return rc == BX_OK ? print_upgrade(r, result) : run_fail(r);
}
