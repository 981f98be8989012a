#include "lib/testlib.h"

#include "lib/testfsm.h"

#include <string.h>

/* ---- the sink ---- */

static void remember(uint64_t *hash, const struct bx_schema *s, const void *obj)
{
    struct bx_buf b = {0};
    uint8_t *p = bx_buf_extend(&b, bx_flat_size(s, obj) + 8);

    assert_non_null(p);
    memcpy(p, hash, 8);
    bx_flat_write(s, obj, p + 8);
    *hash = bx_hash(p, b.len);
    bx_buf_release(&b);
}

static struct bx_str copy(char *to, size_t size, struct bx_str s)
{
    assert_true(s.n < size);
    memcpy(to, s.p == NULL ? "" : s.p, s.n);
    to[s.n] = '\0';
    return (struct bx_str){to, s.n};
}

static void on_outcome(void *ctx, uint64_t index, uint32_t place, const struct bx_outcome *o)
{
    struct test_fsm *t = ctx;

    assert_true(index <= t->index);
    t->outcome_hash += index * 512 + place;
    remember(&t->outcome_hash, &bx_outcome_schema, o);
    t->last = *o;
    t->last.message = copy(t->message, sizeof t->message, o->message);
    t->last.hint = copy(t->hint, sizeof t->hint, o->hint);
    t->outcomes++;
}

static void on_changed(void *ctx, enum bx_table kind, const void *object, bool gone)
{
    struct test_fsm *t = ctx;

    if (kind == BX_TABLE_VM && t->on_vm != NULL)
        t->on_vm(t->ctx, object, gone);
}

static void on_event(void *ctx, const struct bx_event *e)
{
    struct test_fsm *t = ctx;

    assert_int_equal(e->index, t->event_index + 1);
    t->event_index = e->index;
    t->events++;
    remember(&t->event_hash, &bx_event_schema, e);
}

/* ---- life ---- */

static void open_there(struct test_fsm *t, bool trusted)
{
    struct bx_err err;

    t->intern = bx_intern_create(t->intern_strings, 0);
    assert_non_null(t->intern);
    t->options.path = t->path;
    t->options.trusted = trusted;
    t->options.intern = t->intern;
    t->options.sink = (struct bx_fsm_sink){
        .outcome = on_outcome, .changed = on_changed, .event = on_event, .ctx = t};
    assert_int_equal(bx_fsm_open(&t->fsm, &t->options, &err), BX_OK);
    t->event_index = test_fsm_revision(t);
}

void test_fsm_open(struct test_fsm *t)
{
    t->dir = test_make_dir();
    snprintf(t->path, sizeof t->path, "%s/state.db", t->dir);
    open_there(t, false);
}

static void shut(struct test_fsm *t)
{
    bx_fsm_close(t->fsm);
    bx_intern_destroy(t->intern);
}

void test_fsm_reopen(struct test_fsm *t)
{
    shut(t);
    open_there(t, true);
}

void test_fsm_close(struct test_fsm *t)
{
    shut(t);
    test_remove_dir(t->dir);
    memset(t, 0, sizeof *t);
}

/* ---- batches ---- */

void test_batch_add(struct test_batch *b, const struct bx_cmd_header *head, const void *body)
{
    struct bx_cmd_header h = *head;

    if (b->n == 0)
        assert_int_equal(bx_batch_begin(&b->buf), BX_OK);
    assert_int_equal(bx_cmd_encode(&b->buf, &h, body), BX_OK);
    b->n++;
}

void test_batch_seal(struct test_batch *b, uint64_t index, uint64_t wall_ms)
{
    struct bx_stamp stamp = {.wall_ms = wall_ms, .elapsed_ms = b->elapsed_ms};

    memcpy(stamp.seed, &index, sizeof index);
    bx_batch_seal(&b->buf, b->n, &stamp);
}

void test_batch_clear(struct test_batch *b)
{
    b->buf.len = 0;
    b->n = 0;
}

void test_fsm_feed(struct test_fsm *t, const struct test_batch *b)
{
    struct bx_err err = {0};

    t->index++;
    if (bx_fsm_apply(t->fsm, t->index, b->buf.data, b->buf.len, &err) != BX_OK)
        fail_msg("entry %llu: %s", (unsigned long long)t->index, err.msg);
}

void test_fsm_commit(struct test_fsm *t)
{
    assert_int_equal(bx_fsm_commit(t->fsm, NULL), BX_OK);
}

/* ---- single commands ---- */

int test_fsm_call(struct test_fsm *t, const struct bx_cmd_header *head, const void *body)
{
    struct test_batch b = {0};

    test_batch_add(&b, head, body);
    test_batch_seal(&b, t->index, 1000001 + t->index);
    test_fsm_feed(t, &b);
    test_fsm_commit(t);
    bx_buf_release(&b.buf);
    return t->last.code;
}

int test_fsm_apply(struct test_fsm *t, uint16_t kind, const void *body)
{
    return test_fsm_call(t, &(struct bx_cmd_header){.kind = kind}, body);
}

void test_fsm_refused(const struct test_fsm *t, int code, const char *words, const char *hint)
{
    assert_int_equal(t->last.code, code);
    if (strstr(t->message, words) == NULL || strstr(t->hint, hint) == NULL)
        fail_msg("\"%s\" lacks \"%s\", or \"%s\" lacks \"%s\"", t->message, words, t->hint, hint);
}

void test_fsm_cluster(struct test_fsm *t, uint32_t level)
{
    struct bx_cmd_cluster_create c = {.name = bx_str("lab"), .level = level};

    assert_int_equal(test_fsm_apply(t, BX_CMD_CLUSTER_CREATE, &c), BX_OK);
}

void test_fsm_node(struct test_fsm *t, uint64_t id, const char *name)
{
    char address[64];
    struct bx_node_info n = {.id = id,
                             .name = bx_str(name),
                             .api = bx_str(""),
                             .driver = bx_str("sim"),
                             .vcpus = 1024,
                             .memory_mib = 1 << 20,
                             .disk_gib = 1000,
                             .overcommit_vcpus_pct = 100,
                             .overcommit_memory_pct = 100};

    snprintf(address, sizeof address, "127.0.0.1:%u", 7000u + (unsigned)id);
    n.address = bx_str(address);
    assert_int_equal(test_fsm_apply(t, BX_CMD_NODE_PUT, &n), BX_OK);
}

int test_fsm_vm(struct test_fsm *t, const char *name, uint8_t restart, uint8_t uuid[16])
{
    struct bx_cmd_vm_create c = {.if_not_exists = false};
    int rc;

    bx_vm_config_init(&c.config);
    c.config.name = bx_str(name);
    c.config.vcpus = 1;
    c.config.memory_mib = 128;
    c.config.disk_gib = 0;
    c.config.restart = restart;
    rc = test_fsm_apply(t, BX_CMD_VM_CREATE, &c);
    if (uuid != NULL)
        memcpy(uuid, t->last.object, 16);
    return rc;
}

int test_fsm_desire(struct test_fsm *t, const char *name, uint8_t desired, bool restart, bool force)
{
    struct bx_cmd_vm_desire d = {
        .vm = bx_str(name), .desired = desired, .restart = restart, .force = force};

    return test_fsm_apply(t, BX_CMD_VM_DESIRE, &d);
}

int test_fsm_delete(struct test_fsm *t, const char *name)
{
    struct bx_cmd_vm_delete d = {.vm = bx_str(name)};

    return test_fsm_apply(t, BX_CMD_VM_DELETE, &d);
}

/* ---- what is there ---- */

static struct bx_cluster_info info_of(const struct test_fsm *t)
{
    struct bx_cluster_info info;

    bx_view_cluster(bx_fsm_view(t->fsm), &info);
    return info;
}

uint64_t test_fsm_digest(const struct test_fsm *t)
{
    return info_of(t).digest;
}

uint64_t test_fsm_revision(const struct test_fsm *t)
{
    return info_of(t).revision;
}

int test_fsm_restore(struct bx_fsm *f, const uint8_t *p, size_t n, uint64_t index, uint64_t digest)
{
    struct bx_err err = {0};
    int rc = bx_fsm_restore_begin(f, &err);

    if (rc == BX_OK)
        rc = bx_fsm_restore_chunk(f, p, n, &err);
    if (rc == BX_OK)
        rc = bx_fsm_restore_finish(f, index, digest, &err);
    return rc;
}

void test_fsm_dump(struct test_fsm *t, struct bx_buf *out)
{
    struct bx_buf chunk = {0};
    struct bx_dump *d;
    struct bx_err err;

    assert_int_equal(bx_dump_open(&d, t->fsm, &err), BX_OK);
    do {
        assert_int_equal(bx_dump_next(d, &chunk, &err), BX_OK);
        assert_true(chunk.len <= 1 << 20);
        assert_int_equal(bx_buf_append(out, chunk.data, chunk.len), BX_OK);
    } while (chunk.len > 0);
    bx_dump_close(d);
    bx_buf_release(&chunk);
}
