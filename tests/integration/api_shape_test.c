/* The shape of what each method answers: its keys, their order and the types of their values, which
 * clients in any language rely on. A key may be added; none is renamed, moved or given another
 * type. */
#include "integration/api_hosts.h"

#include "lib/testlib.h"

#include "config.h"
#include "mem/buf.h"

#include <string.h>

/* ---- the text of a shape: {key:type,...}, [type of the first member], s, i, f, b, bin, - ---- */

static void put(struct bx_buf *out, const char *text)
{
    bx_buf_append(out, text, strlen(text));
}

static void describe(struct bx_buf *out, bx_val v);

static void describe_map(struct bx_buf *out, bx_val v)
{
    struct bx_str key = {"?", 1};

    put(out, "{");
    for (uint32_t i = 0; i < bx_val_len(v); i++) {
        put(out, i == 0 ? "" : ",");
        bx_val_str(bx_val_key(v, i), &key);
        bx_buf_append(out, key.p, key.n);
        put(out, ":");
        describe(out, bx_val_value(v, i));
    }
    put(out, "}");
}

static void describe(struct bx_buf *out, bx_val v)
{
    static const char *const names[] = {
        [BX_V_NONE] = "none", [BX_V_NIL] = "-", [BX_V_BOOL] = "b",  [BX_V_INT] = "i",
        [BX_V_FLOAT] = "f",   [BX_V_STR] = "s", [BX_V_BIN] = "bin", [BX_V_EXT] = "ext"};

    switch (bx_val_type(v)) {
    case BX_V_MAP:
        describe_map(out, v);
        break;
    case BX_V_ARRAY:
        put(out, "[");
        if (bx_val_len(v) > 0)
            describe(out, bx_val_at(v, 0));
        put(out, "]");
        break;
    default:
        put(out, names[bx_val_type(v)]);
    }
}

#define CA_STATUS                                                                                  \
    "{rotating:b,waits_for:-,tokens:i,certificates:i,"                                             \
    "cas:[{generation:i,fingerprint:s,subject:s,from_ms:i,until_ms:i,state:s}],"                   \
    "nodes:[{id:i,name:s,taken:i,shown:i,waits:b}]}"
#define USER "{name:s,role:s,tenant:-,created_index:i,modified_index:i}"
#define USER_TOKEN "{id:i,user:s,expires_ms:-,used_ms:-}"

static void has_shape(bx_val v, const char *want)
{
    struct bx_buf out = {0};

    describe(&out, v);
    bx_buf_append(&out, "", 1);
    assert_string_equal((const char *)out.data, want);
    bx_buf_release(&out);
}

static void answers(struct rpc *c, const char *method, const char *params, const char *shape)
{
    has_shape(rpc_ok(c, method, params), shape);
}

/* As its VM runs or not, what is asked for is done, or begun: one of the shapes, NULL-terminated.
 */
static void answers_one_of(struct rpc *c, const char *method, const char *params,
                           const char *const *shapes)
{
    bx_val v = rpc_ok(c, method, params);
    struct bx_buf out = {0};

    describe(&out, v);
    bx_buf_append(&out, "", 1);
    while (shapes[1] != NULL && strcmp((const char *)out.data, *shapes) != 0)
        shapes++;
    assert_string_equal((const char *)out.data, *shapes);
    bx_buf_release(&out);
}

/* ---- the shapes ---- */

#define VM_FIELDS                                                                                  \
    "{name:s,uuid:s,tenant:s,vcpus:i,memory_mib:i,disk_gib:i,desired:s,phase:s,node:s,epoch:i,"    \
    "priority:i,labels:{k:s},created_index:i,modified_index:i,address:-,kernel:s,initrd:s,"        \
    "cmdline:s,strategy:s,restart:s,on_lost:s,disk_ephemeral:b,created_ms:i,modified_ms:i,"        \
    "message:s,score:i"
#define VM VM_FIELDS "}"
#define VM_THAT_ENDED VM_FIELDS ",last_exit:s,last_exited_ms:i}"
#define WRITTEN "{vm:" VM ",existed:b,revision:i,trace_id:s}"
#define WRITTEN_AT_THE_END "{vm:" VM_THAT_ENDED ",existed:b,revision:i,trace_id:s}"
#define GONE "{vm:-,existed:b,revision:i,trace_id:s}"
#define RESOURCES "{vcpus:i,memory_mib:i,disk_gib:i}"
#define NODE                                                                                       \
    "{id:i,name:s,address:s,api:s,state:s,role:s,capacity:" RESOURCES ",reserve:" RESOURCES        \
    ",allocated:" RESOURCES ",driver:s,datacenter:s,zone:s,rack:s,vms:i,created_index:i,"          \
    "modified_index:i,overcommit_vcpus_pct:i,overcommit_memory_pct:i}"
#define MEMBER "{id:i,name:s,address:s,role:s,state:s,status:s,connected:b}"
#define UPGRADE "{level:i,target:i,ready:b,reason:-,members:[{id:i,name:s,version:s,level:i}]}"
#define EVENT "{index:i,type:s,object:s,node:s,time:i,detail:s}"
#define DECISION                                                                                   \
    "{decision:s,node:s,score:i,margin:i,recorded:b,candidates:[{node:s,score:i,rejected:-}],"     \
    "relaxations:[]}"
#define POOL                                                                                       \
    "{available:i,in_use:i,high_water:i,created:i,hits:i,misses:i,max:i,min:i,object_bytes:i}"
#define CODEC                                                                                      \
    "{encoded:i,decoded:i,failed:i,fallbacks:i,bytes:i,encode_ns:i,decode_ns:i,plain_bytes:i,"     \
    "encodes_timed:i,decodes_timed:i}"
#define CLASS "{available:i,in_use:i,high_water:i,created:i,hits:i,misses:i,max:i}"
#ifdef BX_DIAGNOSTICS
#define CRUMBS "breadcrumbs:" POOL ","
#define SCOPES "request_scope:" POOL ","
#else
#define CRUMBS ""
#define SCOPES ""
#endif
#define MEMORY                                                                                     \
    "{tracking:b,answer:" POOL "," CRUMBS "call:" POOL ",connection:" POOL ",frame:" POOL          \
    ",metadata:" POOL ",proposal:" POOL ",read:" POOL "," SCOPES "vm_config:" POOL                 \
    ",intern:{live:i,live_bytes:i,high_water:i,hits:i,misses:i,refused:i,copies:i,max_strings:i,"  \
    "max_bytes:i,kept:i},row:{live:i,live_bytes:i,slabs:i,slab_bytes:i},shared_config:{values:i,"  \
    "refs:i,"                                                                                      \
    "high_water:i,hits:i,misses:i,apart:i,max:i},"                                                 \
    "buffer:{hits:i,misses:i,direct:i,returned:i,kept_bytes:i},"                                   \
    "buffer_class:{1500:" CLASS ",256:" CLASS ",512:" CLASS ",65536:" CLASS ",8192:" CLASS "},"    \
    "heap:{allocations:i,frees:i,failures:i,live:i,live_bytes:i,peak_bytes:i},codecs:{flat:" CODEC \
    ",json:" CODEC ",lz:" CODEC ",msgpack:" CODEC "},codec_uses:{entry:" CODEC ",frame:" CODEC     \
    ",other:" CODEC ",reply:" CODEC ",request:" CODEC ",row:" CODEC ",snapshot:" CODEC "},"        \
    "log_chunk:{live:i,in_use:i,available:i,high_water:i,created:i,hits:i,misses:i,max:i,"         \
    "chunk_bytes:i},"                                                                              \
    "wal:{segments:i,bytes:i,writes:i,syncs:i,records:i,cached_bytes:i,cache_max_bytes:i,"         \
    "cache_hits:i,disk_reads:i},"                                                                  \
    "sessions:{held:i,spare:i,nodes:i,held_bytes:i,spare_bytes:i,nodes_bytes:i,rows:i}}"

TEST(every_answer_has_its_shape)
{
    static const char *const ends[] = {WRITTEN, WRITTEN_AT_THE_END, GONE, NULL};
    struct rpc c = host_dial(hosts[0].local);

    answers(&c, "sys.hello", "{}",
            "{version:i,server:s,name:s,node:i,driver:s,accel:s,initialized:b,codecs:[s]}");
    answers(&c, "vm.create", "{\"name\": \"a\", \"labels\": {\"k\": \"v\"}, \"dry_run\": true}",
            DECISION);
    answers(&c, "vm.create", "{\"name\": \"a\", \"labels\": {\"k\": \"v\"}}", WRITTEN);
    answers(&c, "vm.list", "{}", "[" VM "]");
    answers(&c, "vm.show", "{\"vm\": \"a\"}", VM);
    answers(&c, "vm.logs", "{\"vm\": \"a\"}", "{text:s,node:s}");
    answers(&c, "vm.explain", "{\"vm\": \"a\"}", DECISION);
    answers(&c, "vm.start", "{\"vm\": \"a\"}", WRITTEN);
    answers_one_of(&c, "vm.restart", "{\"vm\": \"a\"}", ends);
    answers_one_of(&c, "vm.stop", "{\"vm\": \"a\"}", ends);
    answers_one_of(&c, "vm.rename", "{\"vm\": \"a\", \"name\": \"b\"}", ends);
    answers_one_of(&c, "vm.delete", "{\"vm\": \"b\"}", ends);
    answers(&c, "node.list", "{}", "[" NODE "]");
    answers(&c, "node.show", "{\"node\": \"n1\"}", NODE);
    answers(&c, "cluster.token_create", host_token_params(),
            "{expires_ms:i,id:i,addresses:[s],ca:s}");
    answers(&c, "cluster.ca_status", "{}", CA_STATUS);
    answers(&c, "user.create", "{\"user\": \"alice\", \"role\": \"viewer\"}", USER);
    answers(&c, "user.list", "{}", "[" USER "]");
    answers(&c, "user.show", "{\"user\": \"alice\"}", USER);
    answers(&c, "user.set", "{\"user\": \"alice\", \"role\": \"operator\"}", USER);
    answers(&c, "user.token_create",
            "{\"user\": \"alice\", \"secret_hash\": "
            "\"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\"}",
            USER_TOKEN);
    answers(&c, "user.token_list", "{\"user\": \"alice\"}", "[" USER_TOKEN "]");
    answers(&c, "cluster.status", "{}",
            "{status:s,leader:i,term:i,commit_index:i,applied_index:i,revision:i,digest:s,quorum:b,"
            "members:[" MEMBER "],cluster:s,name:s,node:i,age_ms:i,vms:i,nodes:i,pending:i,"
            "snapshot_index:i,last_index:i,"
            "link:{connections:i,refused:i,malformed:i,turned_away:i}}");
    answers(&c, "cluster.members", "{}", "[" MEMBER "]");
    answers(&c, "cluster.upgrade_status", "{}", UPGRADE);
    answers(&c, "cluster.upgrade_finalize", "{}", UPGRADE);
    answers(&c, "sys.done", "{\"request_id\": \"0123456789abcdef0123456789abcdef\"}",
            "{released:b}");
    answers(&c, "events.list", "{}", "[" EVENT "]");
    answers(&c, "log.snapshot", "{}", "{node:s,file:s,bytes:i,events:i}");
    answers(&c, "sql.query", "{\"query\": \"SELECT 1 AS a, 'x' AS b, NULL AS c\"}",
            "{columns:[s],rows:[[i]]}");
    answers(&c, "log.query", "{\"filter\": \"off\"}",
            "{node:s,events:[],after:s,more:b,skipped:b}");
#ifndef BX_TRACK_ALLOCATIONS
    answers(&c, "mem.stats", "{}", MEMORY);
#endif
    rpc_close(&c);
}

TEST(an_unplaceable_request_is_explained_in_its_shape)
{
    struct rpc c = host_dial(hosts[0].local);

    rpc_ok(&c, "vm.create", "{\"name\": \"big\", \"memory_mib\": 1024}");
    answers(&c, "vm.explain", "{\"vm\": \"big\"}", DECISION);
    has_shape(bx_val_at(rpc_call(&c, "vm.show", "{\"vm\": \"nobody\"}"), 2),
              "{code:i,name:s,message:s,hint:s,retryable:b,leader:s}");
    rpc_close(&c);
}

TEST(a_founder_is_told_cluster_and_node)
{
    struct rpc c;

    host_create(&hosts[1]);
    c = host_dial(hosts[1].local);
    answers(&c, "cluster.init", "{\"name\": \"other\"}", "{cluster:s,node:i}");
    rpc_close(&c);
}

/* What stands between a request and its answer. */
TEST(notifications_have_their_shape)
{
    struct rpc c = host_dial(hosts[0].local);
    struct bx_buf b = {0};

    rpc_request(&b, 5, "vm.list", "{\"consistency\": \"stale\"}");
    assert_true(rpc_write(&c, b.data, b.len));
    has_shape(bx_val_at(bx_val_at(rpc_read(&c), 2), 0), "{age_ms:i,applied_index:i}");
    has_shape(bx_val_at(rpc_read(&c), 3), "[]");
    b.len = 0;
    rpc_request(&b, 6, "events.watch", "{}");
    assert_true(rpc_write(&c, b.data, b.len));
    has_shape(bx_val_at(rpc_read(&c), 3), "{}");
    has_shape(bx_val_at(bx_val_at(rpc_read(&c), 2), 0), EVENT);
    bx_buf_release(&b);
    rpc_close(&c);
}

int main(void)
{
    return test_run(hosts_setup, hosts_teardown);
}
