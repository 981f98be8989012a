/* The API's requests and replies: a sample of the parameters of each method, and of each answer. */
#include "unit/golden.h"

#include "wire/audit.h"
#include "wire/command.h"
#include "wire/diag.h"
#include "wire/events.h"
#include "wire/log.h"
#include "wire/logquery.h"
#include "wire/mem.h"
#include "wire/reply.h"
#include "wire/recorder.h"
#include "wire/sql.h"
#include "wire/sys.h"

#include <assert.h>
#include <stdio.h>

#define ID(x)                                                                                      \
    {                                                                                              \
        (x), 0x11, 0x22, 0x33, 0x44, 0x55, 0x46, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee,   \
            (x)                                                                                    \
    }
#define S(text)                                                                                    \
    {                                                                                              \
        (text), sizeof(text) - 1                                                                   \
    }
#define N(array) (sizeof(array) / sizeof((array)[0]))

/* ---- parameters ---- */

static const struct bx_pair labels[] = {{S("env"), S("prod")}, {S("tier"), {NULL, 0}}};
static const struct bx_pair metadata[] = {{S("owner"), S("J\xc3\xbcrgen")}, {S("ticket"), S("42")}};
static const struct bx_pair match[] = {{S("labels.env"), S("prod")}, {S("phase"), S("running")}};
static const struct bx_str codecs[] = {S("flat"), S("msgpack")};

/* Each method's schema takes of these what the method takes. */
#define COMMON                                                                                     \
    {                                                                                              \
        .consistency = BX_STALE, .timeout_ms = 2500,                                               \
        .trace_id = S("0123456789abcdef0123456789abcdef"),                                         \
        .request_id = S("fedcba9876543210fedcba9876543210"), .sequence = 9, .floor = 7,            \
        .after = S("web-1"), .limit = 20, .match = {                                               \
            match,                                                                                 \
            N(match)                                                                               \
        }                                                                                          \
    }
static const struct bx_plain_params plain = {COMMON};
static const struct bx_hello_params hello = {
    .common = COMMON, .version = 1, .codecs = {codecs, N(codecs)}};
static const struct bx_vm_create_params create = {
    .common = COMMON,
    .body = {.config = {.name = S("web-1"),
                        .tenant = S("acme"),
                        .vcpus = 4,
                        .memory_mib = 8192,
                        .disk_gib = 40,
                        .kernel = S("/boot/vmlinuz"),
                        .initrd = S("/boot/initrd.img"),
                        .cmdline = S("quiet"),
                        .labels = {labels, N(labels)},
                        .priority = 700,
                        .strategy = BX_STRATEGY_LEAST_AVAILABLE,
                        .restart = BX_RESTART_ALWAYS,
                        .on_lost = BX_ON_LOST_RESTART,
                        .disk_ephemeral = true,
                        .stopped = true,
                        .node = S("alpha"),
                        .metadata = {metadata, N(metadata)}},
             .if_not_exists = true},
    .dry_run = true};
static const struct bx_vm_params vm = {
    COMMON, S("web-1"), true, 90, 12, 4096, BX_UNTIL_STOPPED, S("web-2"), false, 0, false, 0, 0, 0};
static const struct bx_vm_params vm_discard = {.vm = S("web-1"), .discard_disk = true};
static const struct bx_vm_params logs_previous = {.vm = S("web-1"), .previous = 2};
static const struct bx_vm_params logs_follow = {
    .vm = S("web-1"), .follow = true, .run = 7, .file = 1234567890123, .offset = 4096};
static const struct bx_node_params node = {COMMON, S("alpha"), true};
static const struct bx_tenant_params tenant = {COMMON, S("acme"), {100, 204800, 3000, 50}};
static const struct bx_diag_params diag = {COMMON, S("9ec79c33")};
static const struct bx_diag_delete_params diag_delete = {COMMON, S("9ec79c33"), false};
static const struct bx_init_params init = {COMMON, S("lab")};
static const struct bx_join_params join = {COMMON, S("blx1.00.127.0.0.1:7420")};
static const struct bx_token_params token = {COMMON, 600, 17, 0, S("")};
static const struct bx_token_params token_hash = {
    COMMON, 600, 0, BX_ROLE_STANDBY,
    S("00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff")};
static const struct bx_events_params events = {COMMON, 77};
static const struct bx_sql_params sql = {COMMON, S("SELECT name FROM vms")};
static const struct bx_recorder_params recorder = {
    COMMON, S("alpha"), S("snapshot-20261129T130000123-77.bxr"), 65536, false};
static const struct bx_str log_where[] = {S("vm=web-1"), S("ms>=250")};
static const struct bx_log_query_params log_query = {COMMON,
                                                     S("alpha"),
                                                     S("info,raft=debug"),
                                                     {log_where, N(log_where)},
                                                     1700000000123456789,
                                                     1700000001123456789,
                                                     S("00000000000000aa"),
                                                     false,
                                                     {"", 0}};
static const struct bx_audit_params audit_list = {.common = COMMON,
                                                  .node = S("alpha"),
                                                  .refused = true,
                                                  .since_ms = 1700000000123,
                                                  .until_ms = 1700000001123,
                                                  .who = S("user:eve"),
                                                  .object = S("web-1")};
static const struct bx_log_append_params log_append = {COMMON, S("alpha"), 1700000000123456789,
                                                       65536, S("items")};
static const struct bx_sites_params sites = {COMMON, S("create"), BX_SITES_FINISH};

static const struct bx_user_params user = {COMMON, S("alice"), BX_USER_OPERATOR, S("acme"), true};
static const struct bx_user_token_params user_token = {
    COMMON, S("alice"), S("00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"), 600,
    17};
static const struct bx_user_cert_params user_cert = {
    COMMON, S("alice"),
    S("-----BEGIN CERTIFICATE REQUEST-----\nMIIB\n-----END CERTIFICATE REQUEST-----\n"), 600};
static const struct bx_hello_params hello_token = {
    .version = 1, .token = S("blx_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8")};
static const struct bx_log_level_params log_level = {COMMON, S("info,raft=debug"), S("net"),
                                                     S("alpha")};

static const void *const params[BX__METHODS] = {
    [BX_M_LOG_LEVEL] = &log_level,
    [BX_M_LOG_APPEND] = &log_append,
    [BX_M_SYS_HELLO] = &hello,
    [BX_M_SYS_DONE] = &plain,
    [BX_M_VM_CREATE] = &create,
    [BX_M_VM_LIST] = &plain,
    [BX_M_VM_SHOW] = &vm,
    [BX_M_VM_START] = &vm,
    [BX_M_VM_STOP] = &vm,
    [BX_M_VM_RESTART] = &vm,
    [BX_M_VM_DELETE] = &vm,
    [BX_M_VM_WAIT] = &vm,
    [BX_M_VM_LOGS] = &vm,
    [BX_M_VM_EXPLAIN] = &vm,
    [BX_M_NODE_LIST] = &plain,
    [BX_M_NODE_SHOW] = &node,
    [BX_M_NODE_REMOVE] = &node,
    [BX_M_TENANT_CREATE] = &tenant,
    [BX_M_TENANT_LIST] = &tenant,
    [BX_M_TENANT_SHOW] = &tenant,
    [BX_M_TENANT_SET] = &tenant,
    [BX_M_TENANT_DELETE] = &tenant,
    [BX_M_CLUSTER_INIT] = &init,
    [BX_M_CLUSTER_JOIN] = &join,
    [BX_M_CLUSTER_TOKEN] = &token,
    [BX_M_CLUSTER_STATUS] = &plain,
    [BX_M_CLUSTER_MEMBERS] = &plain,
    [BX_M_EVENTS_LIST] = &events,
    [BX_M_EVENTS_WATCH] = &events,
    [BX_M_SQL] = &sql,
    [BX_M_MEM_STATS] = &plain,
    [BX_M_MEM_SITES] = &sites,
    [BX_M_VM_RENAME] = &vm,
    [BX_M_CLUSTER_UPGRADE_STATUS] = &plain,
    [BX_M_CLUSTER_UPGRADE_FINALIZE] = &plain,
    [BX_M_CLUSTER_TOKEN_LIST] = &plain,
    [BX_M_CLUSTER_TOKEN_REVOKE] = &token,
    [BX_M_LOG_SNAPSHOT] = &recorder,
    [BX_M_LOG_READ] = &recorder,
    [BX_M_LOG_QUERY] = &log_query,
    [BX_M_AUDIT_LIST] = &audit_list,
    [BX_M_DIAG_LIST] = &plain,
    [BX_M_DIAG_SHOW] = &diag,
    [BX_M_DIAG_SEND] = &plain,
    [BX_M_DIAG_DELETE] = &diag_delete,
    [BX_M_USER_CREATE] = &user,
    [BX_M_USER_LIST] = &plain,
    [BX_M_USER_SHOW] = &user,
    [BX_M_USER_SET] = &user,
    [BX_M_USER_DELETE] = &user,
    [BX_M_USER_TOKEN_CREATE] = &user_token,
    [BX_M_USER_TOKEN_LIST] = &user_token,
    [BX_M_USER_TOKEN_DELETE] = &user_token,
    [BX_M_CLUSTER_CA] = &plain,
    [BX_M_USER_CERT_CREATE] = &user_cert,
    [BX_M_CLUSTER_CA_ROTATE] = &plain,
    [BX_M_CLUSTER_CA_STATUS] = &plain,
};

/* ---- replies ---- */

#define VM_REPLY                                                                                   \
    {                                                                                              \
        .name = S("web-1"), .uuid = ID(0xe1), .tenant = S("acme"), .vcpus = 4, .memory_mib = 8192, \
        .disk_gib = 40, .desired = BX_DESIRED_STOPPED, .phase = BX_PHASE_STOPPING,                 \
        .node = S("alpha"), .epoch = 12, .priority = 700, .labels = {labels, N(labels)},           \
        .created_index = 70, .modified_index = 78, .address = S("10.1.0.7"),                       \
        .kernel = S("/boot/vmlinuz"), .initrd = S("/boot/initrd.img"), .cmdline = S("quiet"),      \
        .strategy = BX_STRATEGY_LEAST_AVAILABLE, .restart = BX_RESTART_ALWAYS,                     \
        .on_lost = BX_ON_LOST_RESTART, .disk_ephemeral = true, .created_ms = 1700000000123,        \
        .modified_ms = 1700000000456, .message = S("asked to"), .score = 801, .metadata = {        \
            metadata,                                                                              \
            N(metadata)                                                                            \
        }                                                                                          \
    }
static const struct bx_vm_reply vm_reply = VM_REPLY;
static const struct bx_written_reply written = {VM_REPLY, true, 79, S("")};
static const struct bx_written_reply written_traced = {VM_REPLY, false, 80,
                                                       S("4bf92f3577b34da6a3ce929d0e0e4736")};
static const struct bx_logs_reply logs = {.text = S("Welcome.\nlogin: "), .node = S("alpha")};
static const struct bx_logs_reply logs_followed = {
    S("The end.\n"), S("alpha"), 7, 1234567890123, 4105, true, true};
static const struct bx_candidate_reply candidates[] = {
    {S("alpha"), 801, {NULL, 0}}, {S("beta"), 0, S("not enough memory (512 MiB missing)")}};
static const struct bx_relaxation_reply relaxations[] = {{S("not enough vcpus"), S("beta"), -2}};
static const struct bx_decision_reply decision = {.placed = true,
                                                  .node = S("alpha"),
                                                  .score = 801,
                                                  .margin = 17,
                                                  .recorded = true,
                                                  .candidates = {candidates, N(candidates)},
                                                  .relaxations = {relaxations, N(relaxations)}};
static const struct bx_node_reply node_reply = {.id = 3,
                                                .name = S("gamma"),
                                                .address = S("10.0.0.3:7420"),
                                                .api = S("10.0.0.3:7421"),
                                                .state = 3,
                                                .role = 2,
                                                .capacity = {64, 262144, 4000},
                                                .reserve = {2, 4096, 50},
                                                .allocated = {12, 65536, 300},
                                                .driver = S("qemu"),
                                                .datacenter = S("dc1"),
                                                .zone = S("z2"),
                                                .rack = S("r7"),
                                                .vms = 5,
                                                .created_index = 4,
                                                .modified_index = 60};
static const struct bx_tenant_reply tenant_reply = {
    .name = S("acme"), .quota = {100, 204800, 3000, 50}, .usage = {4, 8192, 40, 1}};
static const struct bx_user_reply user_reply = {S("alice"), BX_USER_OPERATOR, S("acme"), 7, 9};
static const struct bx_user_token_reply user_token_reply = {17, S("alice"), 1700000600123,
                                                            1700000500123, false};
static const struct bx_ca_reply ca_reply = {
    S("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n")};
static const struct bx_user_cert_reply user_cert_reply = {
    17, S("alice"), 1700000600123,
    S("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n")};
static const struct bx_removed_reply removed = {5};
static const struct bx_member_reply members[] = {
    {1, S("alpha"), S("10.0.0.1:7420"), S("leader"), S("up"), S("leader"), true, 0},
    {2, {NULL, 0}, S("10.0.0.2:7420"), S("standby"), {NULL, 0}, S("learner"), false, 0}};
static const struct bx_upgrade_member_reply upgrade_members[] = {{1, S("alpha"), S("0.2.0"), 2},
                                                                 {2, {NULL, 0}, {NULL, 0}, 0}};
static const struct bx_upgrade_reply upgrade = {
    1, 2, false, S("node beta does not answer"), {upgrade_members, N(upgrade_members)}};
static const struct bx_member_of_reply member_of = {ID(0xc1), 3};
static const struct bx_token_reply token_reply = {.token = S("blx1.00.10.0.0.1:7420"),
                                                  .expires_ms = 1700000600123};
static const struct bx_str token_addresses[] = {S("10.0.0.1:7420"), S("10.0.0.2:7420")};
static const struct bx_token_reply token_made = {
    .expires_ms = 1700000600123,
    .id = 17,
    .addresses = {token_addresses, N(token_addresses)},
    .ca = S("00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"),
    .role = BX_ROLE_STANDBY};
static const struct bx_ca_info_reply cas[] = {
    {1, S("0011"), S("Blixard CA lab"), 1700000000000, 2015532800000, BX_CA_ENDS},
    {2, S("2233"), S("Blixard CA lab"), 1800000000000, 2115532800000, BX_CA_SIGNS}};
static const struct bx_ca_node_reply ca_nodes[] = {{1, S("alpha"), 2, 2, false},
                                                   {2, S("beta"), 2, 1, true}};
static const struct bx_ca_status_reply ca_status = {true, S("beta"),     3,
                                                    2,    {cas, N(cas)}, {ca_nodes, N(ca_nodes)}};
static const struct bx_token_info_reply token_info = {17, 1700000600123, S("uid:1000")};
static const struct bx_diag_reply diag_reply = {S("9ec79c33ec9942ab8353589fcb2e04dc"), S("event"),
                                                1700000600123, 70123};
static const struct bx_diag_item_reply diag_items[] = {
    {S("event"), S(""), 120, 0, S("{\"level\":\"error\"}")},
    {S("attachment"), S("crash.bxr"), 70000, 0, S("")}};
static const struct bx_diag_show_reply diag_show = {.id = S("9ec79c33ec9942ab8353589fcb2e04dc"),
                                                    .type = S("event"),
                                                    .time = 1700000600123,
                                                    .bytes = 70123,
                                                    .damage = S("its checksum does not match"),
                                                    .items = {diag_items, N(diag_items)}};
static const struct bx_diag_done_reply diag_done = {3};
static const struct bx_status_reply status = {.status = S("ready"),
                                              .leader = 1,
                                              .term = 6,
                                              .commit_index = 99,
                                              .applied_index = 98,
                                              .revision = 78,
                                              .digest = 0x1122334455667788,
                                              .quorum = true,
                                              .members = {members, N(members)},
                                              .cluster = S("c1112233-4455-4677-8899-aabbccddeec1"),
                                              .name = S("lab"),
                                              .node = 3,
                                              .age_ms = 40,
                                              .vms = 5,
                                              .nodes = 2,
                                              .pending = 7,
                                              .snapshot_index = 50,
                                              .last_index = 100,
                                              .link = {2, 3, 4, 5}};
static const struct bx_event event = {.index = 77,
                                      .time = 1700000000456,
                                      .type = BX_EVENT_VM_PHASE,
                                      .object = S("web-1"),
                                      .node = S("alpha"),
                                      .detail = S("stopped: exit 0")};
static const struct bx_done_reply done_reply = {true};
static const struct bx_hello_reply hello_reply = {
    1, S("0.1.0"), S("alpha"), 3, S("qemu"), S("kvm"), true, {codecs, N(codecs)}};
static const struct bx_sql_reply sql_reply = {S("\x92\xa4name\xa5vcpus"),
                                              S("\x92\x92\xa5web-1\x04\x92\xa2"
                                                "db\xc0")};
static const struct bx_error_reply error = {
    9, S("unplaceable"), S("no node has room"), S("blixardctl node list"), true, S("alpha")};
static const struct bx_stale_reply stale = {40, 98};
static const struct bx_page_reply page = {12, S("web-1")};
static const struct bx_memory_reply memory = {true};
static const struct bx_log_snapshot_reply log_snapshot = {
    S("alpha"), S("snapshot-20261129T130000123-77.bxr"), 123456, 9000};
static const struct bx_log_read_reply log_read = {S("\xbd\x58\x01\x01"), 123456};
static const struct bx_str frames[] = {S("main+0x10"), S("_start+0x20")};
static const struct bx_site_reply site_list[] = {
    {S("libcore/x.c:12"), S("ours"), {9, 8, 700, 1, -40}, {frames, N(frames)}}};
static const struct bx_sites_reply sites_reply = {
    .scope = S("create"),
    .stacks = true,
    .peak_bytes = 123456,
    .owners = {{{9, 8, 700, 1, -40}, {1, 2, 3, -1, 5}}},
    .sites = {site_list, N(site_list)}};
static const struct bx_log_event_reply log_events[] = {{1700000000123456789,
                                                        S("info"),
                                                        S("vm"),
                                                        S("started"),
                                                        {"\x81\xa2ms\x07", 5},
                                                        0xaa,
                                                        S("loop"),
                                                        S("vm.c:17"),
                                                        42,
                                                        true}};
static const struct bx_log_query_reply log_query_reply = {
    S("alpha"), {log_events, N(log_events)}, S("18b2:42,-"), true, true, {0}};

#define HASH "0123456789abcdeffedcba98765432100123456789abcdeffedcba9876543210"
static const struct bx_audit_reply audit_records[] = {
    {.revision = 77,
     .time = 1700000000456,
     .who = S("user:eve"),
     .from = S("10.0.0.5"),
     .what = S("vm.phase"),
     .object = S("web-1"),
     .node = S("alpha"),
     .tenant = S("blue"),
     .outcome = S("ok"),
     .message = S("running"),
     .trace = S("0123456789abcdef0123456789abcdef"),
     .previous = S(HASH),
     .hash = S(HASH)},
    {.number = 5,
     .time = 1700000000789,
     .who = S("user:eve"),
     .from = S("10.0.0.5"),
     .outcome = S("untold"),
     .message = S("refusals"),
     .count = 77,
     .previous = S(HASH),
     .hash = S(HASH)}};
static const struct bx_audit_list_reply audit_reply = {
    S("alpha"),       {audit_records, N(audit_records)}, S("77"), true, 99, S(HASH), 3,
    S("bytes 3 to 9")};
static const struct bx_sink_reply sink_list[] = {
    {S("console"), S("info"), S("ok"), {100, 2, 9000, 0, 120, 55000, 77000}}};
static const struct bx_log_append_reply log_append_reply = {131072};
static const struct bx_log_level_reply log_level_reply = {
    .node = S("alpha"),
    .ring = S("debug"),
    .recorder = {500, 40, 3, 2, 7, 800000, 55, 12},
    .sinks = {sink_list, N(sink_list)}};

static const struct {
    const struct bx_schema *schema;
    const void *object;
} replies[] = {
    {&bx_log_level_reply_schema, &log_level_reply},
    {&bx_log_append_reply_schema, &log_append_reply},
    {&bx_vm_reply_schema, &vm_reply},
    {&bx_written_reply_schema, &written},
    {&bx_logs_reply_schema, &logs},
    {&bx_decision_reply_schema, &decision},
    {&bx_node_reply_schema, &node_reply},
    {&bx_removed_reply_schema, &removed},
    {&bx_member_reply_schema, &members[0]},
    {&bx_member_of_reply_schema, &member_of},
    {&bx_token_reply_schema, &token_reply},
    {&bx_status_reply_schema, &status},
    {&bx_event_reply_schema, &event},
    {&bx_hello_reply_schema, &hello_reply},
    {&bx_done_reply_schema, &done_reply},
    {&bx_sql_reply_schema, &sql_reply},
    {&bx_error_reply_schema, &error},
    {&bx_stale_reply_schema, &stale},
    {&bx_memory_reply_schema, &memory},
    {&bx_sites_reply_schema, &sites_reply},
    {&bx_tenant_reply_schema, &tenant_reply},
    {&bx_user_reply_schema, &user_reply},
    {&bx_user_token_reply_schema, &user_token_reply},
    {&bx_ca_reply_schema, &ca_reply},
    {&bx_user_cert_reply_schema, &user_cert_reply},
    {&bx_ca_info_reply_schema, &cas[0]},
    {&bx_ca_node_reply_schema, &ca_nodes[1]},
    {&bx_ca_status_reply_schema, &ca_status},
    {&bx_upgrade_reply_schema, &upgrade},
    {&bx_upgrade_member_reply_schema, &upgrade_members[0]},
    {&bx_page_reply_schema, &page},
    {&bx_token_info_reply_schema, &token_info},
    {&bx_log_snapshot_reply_schema, &log_snapshot},
    {&bx_log_read_reply_schema, &log_read},
    {&bx_log_query_reply_schema, &log_query_reply},
    {&bx_audit_list_reply_schema, &audit_reply},
    {&bx_diag_reply_schema, &diag_reply},
    {&bx_diag_show_reply_schema, &diag_show},
    {&bx_diag_done_reply_schema, &diag_done},
};

static bool has_reply(const struct bx_schema *s)
{
    for (size_t i = 0; i < N(replies); i++) {
        if (s == NULL || s->n == 0 || replies[i].schema == s)
            return true;
    }
    return false;
}

static const struct bx_vm_reply vm_unknown = {.name = S("web-1"),
                                              .phase = BX_SHOWN_UNKNOWN,
                                              .node = S("alpha"),
                                              .unknown_since_ms = 1700000000789,
                                              .last_phase = BX_PHASE_RUNNING};
static const struct bx_str running[] = {S("web-1"), S("db")};
static const struct bx_status_reply status_removed = {
    .status = S("removed"), .node = 3, .still_running = {running, N(running)}};
static const struct bx_vm_reply vm_ended = {.name = S("web-1"),
                                            .phase = BX_PHASE_RUNNING,
                                            .node = S("alpha"),
                                            .restarts = 3,
                                            .last_exit = S("the guest panicked"),
                                            .last_exited_ms = 1700000000789};
static const struct bx_vm_reply vm_backoff = {.name = S("web-1"),
                                              .phase = BX_SHOWN_BACKOFF,
                                              .node = S("alpha"),
                                              .message = S("no such file: /boot/k"),
                                              .failures = 4,
                                              .next_try_ms = 1700000008789};
static const struct bx_vm_reply vm_rebooted = {.name = S("web-1"),
                                               .phase = BX_PHASE_RUNNING,
                                               .node = S("alpha"),
                                               .reboots = 5,
                                               .last_reboot_ms = 1700000008789};
static const struct bx_node_reply node_unreachable = {
    .id = 3, .name = S("gamma"), .state = BX_SHOWN_UNREACHABLE, .state_since_ms = 1700000000789};
static const struct bx_node_reply node_overcommit = {
    .id = 3, .name = S("gamma"), .overcommit_vcpus_pct = 400, .overcommit_memory_pct = 125};
static const struct bx_vm_create_params create_reserve = {
    .body = {.config = {.name = S("web-1"), .tenant = S("acme"), .vcpus = 2, .reserve = true}}};
static const struct bx_vm_reply vm_reserve = {.name = S("web-1"), .vcpus = 2, .reserve = true};

void golden_api_samples(void (*add)(const char *name, const struct bx_schema *schema,
                                    const void *object))
{
    static char names[BX__METHODS + N(replies)][48];

    for (int m = 0; m < BX__METHODS; m++) {
        assert(params[m] != NULL && has_reply(bx_methods[m]->reply) &&
               has_reply(bx_methods[m]->other)); /* a new method has no sample yet */
        snprintf(names[m], sizeof names[m], "params-%s", bx_methods[m]->name);
        add(names[m], bx_methods[m]->params, params[m]);
    }
    add("params-sys.hello-token", bx_methods[BX_M_SYS_HELLO]->params, &hello_token);
    add("params-vm.start-discard", bx_methods[BX_M_VM_START]->params, &vm_discard);
    for (size_t i = 0; i < N(replies); i++) {
        char *name = names[BX__METHODS + i];

        snprintf(name, sizeof names[0], "reply-%s", replies[i].schema->name);
        add(name, replies[i].schema, replies[i].object);
    }
    add("reply-status-removed", &bx_status_reply_schema, &status_removed);
    add("reply-vm-unknown", &bx_vm_reply_schema, &vm_unknown);
    add("reply-node-unreachable", &bx_node_reply_schema, &node_unreachable);
    add("reply-vm-ended", &bx_vm_reply_schema, &vm_ended);
    add("reply-vm-backoff", &bx_vm_reply_schema, &vm_backoff);
    add("reply-node-overcommit", &bx_node_reply_schema, &node_overcommit);
    add("reply-vm-reserve", &bx_vm_reply_schema, &vm_reserve);
    add("params-vm.create-reserve", bx_methods[BX_M_VM_CREATE]->params, &create_reserve);
    add("reply-vm-rebooted", &bx_vm_reply_schema, &vm_rebooted);
    add("params-vm.logs-previous", bx_methods[BX_M_VM_LOGS]->params, &logs_previous);
    add("params-vm.logs-follow", bx_methods[BX_M_VM_LOGS]->params, &logs_follow);
    add("reply-logs-followed", &bx_logs_reply_schema, &logs_followed);
    add("reply-written-traced", &bx_written_reply_schema, &written_traced);
    add("params-cluster.token_create-hash", bx_methods[BX_M_CLUSTER_TOKEN]->params, &token_hash);
    add("reply-token-made", &bx_token_reply_schema, &token_made);
}
