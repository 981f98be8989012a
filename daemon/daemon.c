#include "daemon.h"

#include "api/api.h"
#include "diagnose/diag.h"
#include "codec/count.h"
#include "sys/audit.h"
#include "sys/clock.h"
#include "sys/data.h"
#include "sys/disk.h"
#include "sys/disk_fs.h"
#include "http/http.h"
#include "link/link.h"
#include "sys/crash.h"
#include "sys/log.h"
#include "sys/sink_file.h"
#include "sys/archive.h"
#include "sys/snapshot.h"
#include "node/driver_sim.h"
#include "rec/names.h"
#include "vmdir/record.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

uint64_t daemon_now(const struct daemon *d)
{
    return d->clock->ops->boot_ms(d->clock);
}

/* ---- the loop's hooks ---- */

static void run_driver(struct daemon *d)
{
    d->sim_ms = d->driver_is_sim && d->driver != NULL ? bx_driver_sim_tick(d->driver) : UINT64_MAX;
}

static void on_turn(void *ctx)
{
    struct daemon *d = ctx;

    if (d->node != NULL)
        bx_node_turn(d->node);
    run_driver(d);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t on_deadline(void *ctx)
{
    struct daemon *d = ctx;
    uint64_t at = earlier(d->sim_ms, d->member.look_ms);

    return d->node == NULL ? at : earlier(at, bx_node_deadline(d->node));
}

static void on_tick(void *ctx)
{
    struct daemon *d = ctx;
    uint64_t now = daemon_now(d);

    if (d->node != NULL && now >= bx_node_deadline(d->node))
        bx_node_tick(d->node);
    if (now >= d->sim_ms)
        run_driver(d);
    if (now >= d->member.look_ms)
        daemon_register(d);
}

/* ---- between the node and the rest ---- */

static void on_wake(void *ctx)
{
    struct daemon *d = ctx;

    loop_wake(&d->loop);
}

static void on_event(void *ctx, const struct bx_event *e)
{
    struct daemon *d = ctx;

    daemon_on_event(d, e);
    if (d->api != NULL)
        api_on_event(d->api, e);
#ifdef BX_HTTP
    http_on_event(d->http, e);
#endif
}

static void on_vm(void *ctx, const struct bx_vm *vm, bool gone)
{
    struct daemon *d = ctx;

    if (d->api != NULL)
        api_on_vm(d->api, vm, gone);
}

static void on_query(void *ctx, uint64_t from, enum bx_frame kind, const uint8_t *p, size_t n)
{
    struct daemon *d = ctx;

    if (d->api != NULL)
        api_on_frame(d->api, from, kind, p, n);
}

static void on_action(void *ctx, const char *name, const uint8_t vm[16])
{
    const struct daemon *d = ctx;

    diag_action_begin(d->diag, name, vm);
}

static void on_action_ended(void *ctx, const struct bx_err *err)
{
    const struct daemon *d = ctx;

    diag_action_end(d->diag, err);
}

static void on_snapshot_done(void *ctx, bool ok, uint64_t ms)
{
    const struct daemon *d = ctx;

    diag_job_ended(d->diag, DIAG_JOB_SNAPSHOT, ok, ms);
}

static void on_fatal(void *ctx, const struct bx_err *err)
{
    (void)ctx;
    log_fatal(err);
}

static void on_frame(void *ctx, uint64_t from, enum bx_frame kind, const uint8_t *p, size_t n)
{
    struct daemon *d = ctx;

    if (d->node != NULL)
        bx_node_receive(d->node, from, kind, p, n);
}

static bool on_admits(void *ctx, uint64_t id)
{
    const struct daemon *d = ctx;

    return d->node != NULL && bx_node_admits(d->node, id);
}

static bool on_was_removed(void *ctx, uint64_t id)
{
    const struct daemon *d = ctx;

    return d->node != NULL && bx_node_was_removed(d->node, id);
}

static void on_removed(void *ctx)
{
    struct daemon *d = ctx;

    if (d->node != NULL)
        bx_node_on_removed(d->node);
}

static uint32_t on_level(void *ctx)
{
    const struct daemon *d = ctx;

    return d->node == NULL ? 1 : bx_node_level(d->node);
}

uint32_t daemon_level(const struct daemon *d)
{
    return d->options.feature_level == 0 ? BX_LEVEL : d->options.feature_level;
}

static struct bx_stored on_heard(void *ctx, uint64_t id)
{
    const struct daemon *d = ctx;

    return d->node == NULL ? (struct bx_stored){0} : bx_node_heard(d->node, id);
}

static void on_was_heard(void *ctx, uint64_t id, const struct bx_stored *heard)
{
    const struct daemon *d = ctx;
    struct bx_err err;

    /* Under TLS nobody vouches for what a node without a row says, and it could end this one. */
    if (d->node == NULL ||
        (!d->options.insecure_loopback && bx_view_node(bx_node_view(d->node), id) == NULL))
        return;
    if (bx_node_check_heard(d->node, id, heard, &err) != BX_OK)
        log_fatal(&err);
}

static void on_peer(void *ctx, uint64_t id, bool up)
{
    struct daemon *d = ctx;

    if (d->node != NULL)
        bx_node_on_peer(d->node, id, up);
}

/* NULL: none, or not any more. */
static void set_node(struct daemon *d, struct bx_node *node)
{
    if (d->api != NULL)
        api_set_node(d->api, node);
#ifdef BX_HTTP
    http_set_node(d->http, node);
#endif
}

int daemon_open_node(struct daemon *d, struct bx_err *err)
{
    struct bx_node_options o = {
        .clock = d->clock,
        .disk = disk_port(d->disk),
        .link = link_port(d->link),
        .state_path = d->state_path,
        .identity = d->identity,
        .election_ms = d->options.election_ms,
        .heartbeat_ms = d->options.heartbeat_ms,
        .version = PACKAGE_VERSION,
        .level = daemon_level(d),
        .snapshot_bytes = d->options.snapshot_bytes,
        .ballast_bytes = d->options.ballast,
        .proposals = d->options.proposal_pool,
        .reads = d->options.read_pool,
        .log_cache_bytes = d->options.log_cache,
        .shared_configs = d->options.shared_configs,
        .intern = bx_names(),
        .now_ns = uv_hrtime,
        .wake = on_wake,
        .event = on_event,
        .vm = on_vm,
        .frame = on_query,
        .action = on_action,
        .action_ended = on_action_ended,
        .snapshot_done = on_snapshot_done,
        .fatal = on_fatal,
        .ctx = d,
    };
    int rc = daemon_open_driver(d, err);

    if (rc != BX_OK)
        return rc;
    o.driver = d->driver;
    memcpy(o.boot_id, d->boot_id, 16);
    daemon_self(d, &o.self);
    link_identify(d->link, &d->identity);
    rc = bx_node_open(&d->node, &o, err);
    if (rc != BX_OK)
        return rc;
    rc = daemon_check_name(d, err);
    if (rc != BX_OK)
        return rc;
    set_node(d, d->node);
    crash_set_node(d->identity.node);
    BX_INFO("daemon", "this host is a node", "node", d->identity.node, "name", d->options.name);
    d->member.look_ms = daemon_now(d);
    loop_wake(&d->loop);
    return BX_OK;
}

/* ---- open and close ---- */

/* A log without an identity must not be used by another member. */
static int check_identity(const struct daemon *d, struct bx_err *err)
{
    char mark[OPTIONS_PATH + 8];

    snprintf(mark, sizeof mark, "%s/mark", d->options.data);
    if (d->identity.node != 0 || access(mark, F_OK) != 0)
        return BX_OK;
    bx_err_set(err, BX_CORRUPT, "--data %s: contains the log of a member but no identity",
               d->options.data);
    bx_fs_hint_forget(d->fs, err);
    return BX_CORRUPT;
}

static int open_data(struct daemon *d, struct bx_err *err)
{
    struct bx_err crash;
    int rc = data_open(d->options.data, sizeof d->options.data, &d->lock, err);

    if (rc == BX_OK && crash_open(d->options.data, "blixardd", &crash) != BX_OK)
        log_write(LOG_WARNING, "%s", crash.msg);
    if (rc == BX_OK)
        sink_file_directory(d->options.data);
    if (rc == BX_OK)
        rc = disk_fs_open(&d->fs, d->options.data, err);
    if (rc == BX_OK)
        rc = vm_boot_id(d->boot_id, err);
    if (rc == BX_OK)
        rc = bx_identity_load(d->fs, &d->identity, err);
    if (rc == BX_OK)
        rc = check_identity(d, err);
    if (rc == BX_OK)
        rc = keys_open(&d->keys, d->options.data, err);
    snprintf(d->state_path, sizeof d->state_path, "%s/state.db", d->options.data);
    return rc;
}

static int on_init(void *ctx, const char *name, api_done done, void *done_ctx, struct bx_err *err)
{
    return daemon_init_cluster(ctx, name, done, done_ctx, err);
}

static int on_join_asked(void *ctx, const char *token, api_done done, void *done_ctx,
                         struct bx_err *err)
{
    return daemon_join(ctx, token, done, done_ctx, err);
}

static int open_api(struct daemon *d, struct bx_err *err)
{
    struct api_options o = {.loop = &d->loop.uv,
                            .clock = d->clock,
                            .identity = &d->identity,
                            .keys = &d->keys,
                            .name = d->options.name,
                            .socket = d->options.socket,
                            .address = d->options.api,
                            .tcp_trusted = d->options.insecure_loopback,
                            .admin_gid = d->options.admin_gid,
                            .operator_gid = d->options.operator_gid,
                            .state_path = d->state_path,
                            .vm_configs = d->options.vm_config_pool,
                            .metadata = d->options.metadata_pool,
                            .calls = d->options.call_pool,
                            .answers = d->options.answer_pool,
                            .connections = d->options.connection_pool,
#ifdef BX_TRACK_ALLOCATIONS
                            .scopes = d->options.scope_pool,
#endif
                            .diag = d->diag,
                            .data = d->options.data,
                            .audit = d->audit,
                            .metrics = &d->metrics,
                            .init = on_init,
                            .join = on_join_asked,
                            .make_ca = daemon_make_ca,
                            .ctx = d};

    if (d->options.api[0] != '\0' && d->options.insecure_loopback)
        BX_WARNING("api", "everyone on this host who connects is an administrator", "address",
                   d->options.api);
    return api_create(&d->api, &o, err);
}

#ifdef BX_HTTP
static int open_http(struct daemon *d, struct bx_err *err)
{
    struct http_options o = {.loop = &d->loop.uv, .clock = d->clock, .address = d->options.http};

#ifdef BX_METRICS
    o.metrics = &d->metrics;
#endif
    return d->options.http[0] == '\0' ? BX_OK : http_create(&d->http, &o, err);
}

static void close_http(struct daemon *d)
{
    http_destroy(d->http);
    d->http = NULL;
}
#else
static int open_http(struct daemon *d, struct bx_err *err)
{
    (void)d;
    (void)err;
    return BX_OK;
}

static void close_http(struct daemon *d)
{
    (void)d;
}
#endif

static int open_parts(struct daemon *d, struct bx_err *err)
{
    struct loop_hooks hooks = {on_turn, on_deadline, on_tick, d};
    struct link_options link = {.loop = &d->loop.uv,
                                .clock = d->clock,
                                .frames = d->options.frame_pool,
                                .build = {.level = daemon_level(d), .version = PACKAGE_VERSION},
                                .frame = on_frame,
                                .admits = on_admits,
                                .was_removed = on_was_removed,
                                .removed = on_removed,
                                .has_key = daemon_has_key,
                                .is_known = daemon_is_known,
                                .level = on_level,
                                .heard = on_heard,
                                .was_heard = on_was_heard,
                                .peer = on_peer,
                                .join = daemon_on_join,
                                .refused = daemon_on_refused,
                                .ctx = d};
    int rc = loop_init(&d->loop, d->clock, &hooks, err);

    bx_codec_set_clock(uv_hrtime);
    if (rc == BX_OK) {
        snapshot_open(&d->loop.uv);
        archive_open(&d->loop.uv);
    }
    if (rc == BX_OK)
        rc = daemon_open_diag(d, err);
    if (rc == BX_OK)
        rc = audit_open(&d->audit, &d->loop.uv, d->clock, d->options.data, err);
    if (rc == BX_OK)
        rc = disk_create(&d->disk, &d->loop.uv, d->fs, err);
    if (rc == BX_OK)
        rc = link_create(&d->link, &link, d->options.listen, err);
    if (rc == BX_OK)
        rc = open_api(d, err);
    if (rc == BX_OK)
        rc = open_http(d, err);
    return rc;
}

/* The node of the stored identity, or what a host needs that has none yet. */
static int open_identity(struct daemon *d, struct bx_err *err)
{
    int rc;

    if (d->options.insecure_loopback)
        BX_WARNING("daemon", "connections between nodes are not encrypted, and not authenticated",
                   "option", "--insecure-loopback");
    if (d->identity.node != 0) {
        rc = daemon_secure(d, &d->identity, err);
        return rc == BX_OK ? daemon_open_node(d, err) : rc;
    }
    d->clock->ops->random(d->clock, d->identity.incarnation, sizeof d->identity.incarnation);
    rc = daemon_open_driver(d, err);
    if (rc == BX_OK)
        log_write(LOG_INFO,
                  "this host is not a member of a cluster; run blixardctl cluster init, or "
                  "cluster join TOKEN");
    return rc;
}

int daemon_open(struct daemon *d, struct bx_err *err)
{
    int rc;

    d->clock = clock_kernel();
    d->lock = -1;
    d->sim_ms = d->member.look_ms = UINT64_MAX;
    daemon_metrics_open(d);
    snprintf(d->api_address, sizeof d->api_address, "%s", d->options.api);
    rc = open_data(d, err);
    if (rc == BX_OK)
        rc = open_parts(d, err);
    if (rc == BX_OK)
        rc = open_identity(d, err);
    if (rc == BX_OK)
        daemon_watch_open(d);
    return rc;
}

/* Stop in this order: remove the hooks, so that nothing new starts; wait for pending I/O; then let
 * the node answer its waiting requests and write its final state. */
void daemon_close(struct daemon *d)
{
    loop_quiet(&d->loop);
    daemon_watch_close(d);
    daemon_member_close(d);
    snapshot_close();
    archive_close();
    if (d->disk != NULL)
        disk_drain(d->disk);
    bx_node_close(d->node);
    d->node = NULL;
    set_node(d, NULL);
    close_http(d);
    api_destroy(d->api);
    d->api = NULL;
    link_destroy(d->link);
    audit_close(d->audit);
    disk_destroy(d->disk);
    daemon_close_driver(d);
    daemon_close_diag(d);
    loop_close(&d->loop);
    keys_close(&d->keys);
    disk_fs_close(d->fs);
    crash_close();
    if (d->lock >= 0)
        close(d->lock);
}
