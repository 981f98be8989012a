/* list - how long a list of 100,000 virtual machines keeps the loop of a daemon at a time.
 *
 *   list [VMS]
 *
 * A client of a cluster in this process gets page after page, encoded as for a connection. Prints,
 * for each form of the answers, the pages, their bytes, and the processor time of the longest turn
 * of the loop and of all of them. */
#include "lib/testlib.h"

#include "unit/api_node_help.h"

#include "sys/clock.h"
#include "wire/command.h"

#include <stdlib.h>
#include <string.h>

static char next_name[256];
static uint64_t bytes;

static void notify(struct api_client *c, const char *name, const struct bx_schema *s,
                   const void *obj)
{
    const struct bx_page_reply *page = obj;

    (void)c;
    (void)s;
    if (strcmp(name, "page") == 0)
        snprintf(next_name, sizeof next_name, BX_STR_FMT, BX_STR_ARG(page->after));
}

static void flush(struct api_client *c)
{
    (void)c;
}

static void reply(struct api_client *c, const struct api_call *call, const struct bx_schema *s,
                  const struct bx_items *items)
{
    struct bx_buf b = {0};

    n_answers++;
    assert_int_equal(api_rpc_put_result(&b, call->id, c->codecs, s, items), BX_OK);
    bytes += b.len;
    bx_buf_release(&b);
}

static void refuse(struct api_client *c, const struct api_call *call, const struct bx_err *err)
{
    (void)c;
    (void)call;
    fail_msg("%s", err->msg);
}

static void ended(struct api_client *c)
{
    (void)c;
}

static const struct api_client_ops ops = {
    .reply = reply, .fail = refuse, .ended = ended, .notify = notify, .flush = flush};

static void ask(struct api_client *c, const char *after)
{
    struct api_call *call = api_call_create(api, c, NULL, 0);

    assert_non_null(call);
    call->method = BX_M_VM_LIST;
    call->params = api_alloc(call, bx_methods[call->method]->params->size);
    bx_params_init(call->method, call->params);
    api_common(call)->consistency = BX_STALE;
    api_common(call)->after = api_copy(call, bx_str(after));
    next_name[0] = '\0';
    api_vm_list.run(call);
}

static void measure(const char *form, uint32_t codecs)
{
    uint64_t longest = 0, all = 0, pages = 0;
    struct api_client c;
    char after[256] = "";

    bytes = 0;
    api_client_init(&c, api, &ops);
    c.role = BX_RPC_ADMIN;
    c.codecs = codecs;
    do {
        ask(&c, after);
        for (uint32_t before = n_answers; n_answers == before;) {
            uint64_t began = clock_thread_us(), us;

            uv_run(&loop, UV_RUN_NOWAIT);
            us = clock_thread_us() - began;
            longest = us > longest ? us : longest;
            all += us;
        }
        pages++;
        snprintf(after, sizeof after, "%s", next_name);
    } while (after[0] != '\0');
    api_client_gone(&c);
    print_message("%-12s %4llu pages %9llu bytes, longest turn %6llu us, all %8llu us\n", form,
                  (unsigned long long)pages, (unsigned long long)bytes, (unsigned long long)longest,
                  (unsigned long long)all);
}

/* Nodes with room for them. */
static void add_nodes(void)
{
    struct bx_node_info n = {.driver = bx_str("sim"),
                             .vcpus = 16384,
                             .memory_mib = 1u << 20,
                             .disk_gib = 1u << 20,
                             .overcommit_vcpus_pct = 100,
                             .overcommit_memory_pct = 100,
                             .role = BX_ROLE_AGENT};

    for (n.id = 2; n.id < 12; n.id++) {
        char name[16], address[32];

        snprintf(name, sizeof name, "n%u", (unsigned)n.id);
        snprintf(address, sizeof address, "127.0.0.1:%u", 7000 + (unsigned)n.id);
        n.name = bx_str(name);
        n.address = bx_str(address);
        submit(BX_CMD_NODE_PUT, &n);
    }
}

int main(int argc, char **argv)
{
    unsigned long vms = argc > 1 ? strtoul(argv[1], NULL, 10) : 100000;

    api_node_setup(NULL);
    add_nodes();
    for (unsigned long i = 0; i < vms; i++) {
        char params[256];

        snprintf(params, sizeof params,
                 "{\"name\": \"vm-%06lu\", \"disk_gib\": 0, \"memory_mib\": 1, \"stopped\": true, "
                 "\"labels\": {\"app\": \"web\", \"number\": \"%lu\"}}",
                 i, i);
        if (call("vm.create", params) != BX_OK)
            return fprintf(stderr, "%s\n", error.msg), 1;
    }
    measure("MessagePack", 1u << BX_CODEC_MSGPACK);
    measure("best form", 1u << BX_CODEC_MSGPACK | 1u << BX_CODEC_FLAT | 1u << BX_CODEC_LZ);
    api_node_teardown(NULL);
    return 0;
}
