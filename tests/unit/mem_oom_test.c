/* Each allocation on the way of a request fails once in turn: it ends with BX_NO_MEMORY, or does
 * without, and leaves nothing behind. */
#include "lib/testlib.h"

#include "codec/pack.h"
#include "mem/alloc.h"
#include "mem/intern.h"
#include "mem/pool.h"
#include "wire/command.h"

#include <string.h>

#define LABELS 40u

static struct bx_buf request;

static void write_request(void)
{
    char text[16];

    bx_pw_map(&request, 4);
    bx_pw_str(&request, "name");
    bx_pw_str(&request, "web-1");
    bx_pw_str(&request, "kernel");
    bx_pw_str(&request, "/boot/vmlinuz");
    bx_pw_str(&request, "cmdline");
    bx_pw_strn(&request, (char[2000]){[0 ... 1999] = 'x'}, 2000);
    bx_pw_str(&request, "labels");
    bx_pw_map(&request, LABELS);
    for (unsigned i = 0; i < LABELS; i++) {
        snprintf(text, sizeof text, "label%u", i);
        bx_pw_str(&request, text);
        bx_pw_str(&request, "value");
    }
}

/* The fault may only show as this. */
static bool good(int rc)
{
    assert_true(rc == BX_OK || rc == BX_NO_MEMORY);
    return rc == BX_OK;
}

/* ---- the steps ---- */

static bool decode_request(struct bx_pack *pack, struct bx_vm_config *config,
                           struct bx_arena *arena)
{
    struct bx_err err = {0};
    bx_val v = bx_pack_parse(pack, request.data, request.len, request.len, &err);

    if (v == NULL) {
        assert_int_equal(err.code, BX_NO_MEMORY);
        return false;
    }
    bx_vm_config_init(config);
    return good(bx_pack_read(&bx_vm_config_schema, v, config, arena, &err));
}

static bool encode_batch(const struct bx_vm_config *config, struct bx_buf *batch)
{
    struct bx_cmd_header head = {.kind = BX_CMD_VM_CREATE,
                                 .principal = bx_str("admin"),
                                 .tenant = bx_str("default"),
                                 .sequence = 1,
                                 .floor = 1};
    struct bx_cmd_vm_create body = {.config = *config};

    if (!good(bx_batch_begin(batch)))
        return false;
    for (uint32_t i = 0; i < 4; i++) {
        if (!good(bx_cmd_encode(batch, &head, &body)))
            return false;
    }
    bx_batch_seal(batch, 4, &(struct bx_stamp){.wall_ms = 1});
    return true;
}

static bool read_batch(const struct bx_buf *batch, struct bx_arena *arena)
{
    struct bx_batch opened;
    struct bx_err err;
    size_t at = 0;

    assert_int_equal(bx_batch_open(batch->data, batch->len, &opened, &err), BX_OK);
    while (at < opened.len) {
        union bx_cmd_body body;
        struct bx_cmd_header head;
        size_t used;

        if (!good(bx_cmd_decode(opened.p + at, opened.len - at, &head, &body, arena, &used, &err)))
            return false;
        assert_int_equal(body.vm_create.config.labels.n, LABELS);
        at += used;
    }
    return true;
}

static void keep(struct bx_intern *names, struct bx_pool *pool, const struct bx_vm_config *config)
{
    const struct bx_istr *name = bx_intern_get(names, config->name.p, config->name.n);
    struct bx_vm_config *kept[3];

    for (int i = 0; i < 3; i++) {
        kept[i] = bx_pool_acquire(pool);
        if (kept[i] != NULL)
            *kept[i] = *config;
    }
    for (int i = 0; i < 3; i++)
        bx_pool_release(pool, kept[i]);
    bx_intern_release(names, name);
}

static void request_in_little_memory(void *ctx)
{
    struct bx_pack *pack = bx_pack_create();
    struct bx_intern *names = bx_intern_create(0, 0);
    struct bx_arena arena = {0};
    struct bx_buf batch = {0};
    struct bx_vm_config config;
    struct bx_pool pool = {0};
    bool *whole = ctx;

    bx_buf_thread_close(); /* what earlier rounds kept would hide an allocation */
    *whole = pack != NULL && names != NULL &&
             good(bx_pool_init(&pool, "x", sizeof config, (struct bx_pool_size){1, 1}, NULL)) &&
             decode_request(pack, &config, &arena) && encode_batch(&config, &batch) &&
             read_batch(&batch, &arena);
    if (*whole)
        keep(names, &pool, &config);
    bx_pool_close(&pool);
    bx_buf_release(&batch);
    bx_arena_close(&arena);
    bx_intern_destroy(names);
    bx_pack_destroy(pack);
    bx_buf_thread_close();
}

TEST(a_request_survives_each_failure)
{
    bool whole = false;

    write_request();
    bx_buf_thread_close();
    assert_true(test_fail_each_allocation(request_in_little_memory, &whole) > 10);
    assert_true(whole); /* the last round, in which nothing failed */
    bx_buf_release(&request);
    bx_buf_thread_close();
}

int main(void)
{
    return test_run(NULL, NULL);
}
