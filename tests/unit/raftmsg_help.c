#include "raftmsg_help.h"

#include "codec/header.h"

#include <stdlib.h>
#include <string.h>

struct heap heap;

static bool fails(void)
{
    return heap.calls++ == heap.fail_at;
}

static void *heap_malloc(void *data, size_t size)
{
    (void)data;
    if (fails())
        return NULL;
    heap.live++;
    return malloc(size);
}

static void heap_free(void *data, void *p)
{
    (void)data;
    heap.live -= p != NULL;
    free(p);
}

static void *heap_calloc(void *data, size_t n, size_t size)
{
    (void)data;
    if (fails())
        return NULL;
    heap.live++;
    return calloc(n, size);
}

static void *heap_realloc(void *data, void *p, size_t size)
{
    (void)data;
    if (fails())
        return NULL;
    heap.live += p == NULL;
    return realloc(p, size);
}

int raftmsg_setup(void **state)
{
    static struct raft_heap counted = {
        .malloc = heap_malloc, .free = heap_free, .calloc = heap_calloc, .realloc = heap_realloc};

    (void)state;
    memset(&heap, 0, sizeof heap);
    heap.fail_at = UINT32_MAX;
    raft_heap_set(&counted);
    return 0;
}

int raftmsg_teardown(void **state)
{
    (void)state;
    raft_heap_set_default();
    assert_int_equal(heap.live, 0);
    return 0;
}

/* ---- what is in range ---- */

static void conf_is_sound(const struct raft_configuration *c)
{
    assert_in_range(c->n, 1, 16);
    for (unsigned i = 0; i < c->n; i++) {
        assert_true(c->servers[i].id > 0);
        assert_non_null(c->servers[i].address);
        assert_true(strlen(c->servers[i].address) < 65536);
        assert_in_range(c->servers[i].role, RAFT_STANDBY, RAFT_SPARE);
        for (unsigned k = 0; k < i; k++)
            assert_true(c->servers[k].id != c->servers[i].id);
    }
}

static void entries_are_sound(const struct raft_append_entries *a)
{
    uint64_t term = a->prev_log_term;

    assert_true(a->term > 0 && a->prev_log_term <= a->term);
    assert_int_equal(a->prev_log_index == 0, a->prev_log_term == 0);
    assert_true(a->n_entries <= BX_RAFTMSG_ENTRIES_MAX);
    for (unsigned i = 0; i < a->n_entries; i++) {
        const struct raft_entry *e = &a->entries[i];
        struct raft_configuration conf;
        volatile uint8_t last = 0;

        assert_true(e->term >= term && e->term <= a->term);
        assert_ptr_equal(e->batch, a->entries[0].batch);
        for (size_t k = 0; k < e->buf.len; k++) /* within its memory */
            last = ((const uint8_t *)e->buf.base)[k];
        (void)last;
        term = e->term;
        if (e->type == RAFT_CHANGE) {
            assert_int_equal(raft_configuration_decode(&e->buf, &conf), 0);
            conf_is_sound(&conf);
            raft_configuration_close(&conf);
        } else {
            assert_true(e->type == RAFT_COMMAND || e->type == RAFT_BARRIER);
        }
    }
}

static void is_sound(const struct raft_message *m)
{
    const struct raft_install_snapshot *s = &m->install_snapshot;
    const struct raft_request_vote *v = &m->request_vote;

    assert_int_equal(m->server_id, FROM);
    switch (m->type) {
    case RAFT_REQUEST_VOTE:
        assert_true(v->term > 0 && v->candidate_id == FROM && v->last_log_term <= v->term);
        assert_int_equal(v->last_log_index == 0, v->last_log_term == 0);
        break;
    case RAFT_APPEND_ENTRIES:
        entries_are_sound(&m->append_entries);
        break;
    case RAFT_INSTALL_SNAPSHOT:
        assert_true(s->term > 0 && s->last_index > 0 && s->last_term > 0);
        assert_true(s->last_term <= s->term && s->conf_index > 0 && s->conf_index <= s->last_index);
        conf_is_sound(&s->conf);
        assert_int_equal(s->data.len, sizeof(uint64_t));
        assert_memory_equal(s->data.base, &s->last_index, sizeof(uint64_t));
        break;
    case RAFT_TIMEOUT_NOW:
        assert_true(m->timeout_now.term > 0);
        break;
    default:
        assert_true(m->type == RAFT_REQUEST_VOTE_RESULT || m->type == RAFT_APPEND_ENTRIES_RESULT);
    }
}

int read_exact(const uint8_t *p, size_t n)
{
    uint8_t *copy = malloc(n == 0 ? 1 : n);
    struct raft_message m;
    struct bx_err err = {0};
    int rc;

    memcpy(copy, p, n);
    rc = bx_raftmsg_read(copy, n, FROM, "3", &m, &err);
    if (rc == BX_OK) {
        uint32_t calls = heap.calls;

        heap.calls = UINT32_MAX / 2; /* the check's own do not count, and do not fail */
        is_sound(&m);
        heap.calls = calls;
        bx_raftmsg_close(&m);
    } else {
        assert_true(err.code == rc && err.msg[0] != '\0');
    }
    assert_int_equal(heap.live, 0);
    free(copy);
    return rc;
}

void every_damage(struct bx_buf *b)
{
    assert_int_equal(read_exact(b->data, b->len), BX_OK);
    for (size_t n = 0; n < b->len; n++)
        assert_int_equal(read_exact(b->data, n), BX_MALFORMED);
    for (size_t bit = 0; bit < 8 * b->len; bit++) {
        b->data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        read_exact(b->data, b->len);
        b->data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_int_equal(bx_buf_append(b, "12345678", 8), BX_OK);
    assert_int_equal(read_exact(b->data, b->len), BX_MALFORMED); /* and so is what stands behind */
    bx_buf_release(b);
}

/* ---- configurations ---- */

struct bx_buf conf_of(uint8_t format, uint64_t claimed, const struct server *s, size_t n)
{
    struct bx_buf b = {0};
    uint8_t *p = bx_buf_extend(&b, 9);

    p[0] = format;
    bx_put64(p + 1, claimed);
    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(s[i].address) + 1;

        p = bx_buf_extend(&b, 8 + len + 1);
        bx_put64(p, s[i].id);
        memcpy(p + 8, s[i].address, len);
        p[8 + len] = s[i].role;
    }
    while (b.len % 8 != 0)
        *bx_buf_extend(&b, 1) = 0;
    return b;
}

const struct server three[3] = {
    {1, "10.0.0.1:7000", RAFT_VOTER}, {2, "10.0.0.2:7000", RAFT_STANDBY}, {3, "x", RAFT_SPARE}};

void write_install(struct bx_buf *b, const struct bx_buf *conf)
{
    struct raft_install_snapshot s = {
        .term = 9, .last_index = 50, .last_term = 8, .conf_index = 40};

    assert_int_equal(bx_raftmsg_write_install(b, &s, conf->data, conf->len), BX_OK);
}

void write_append(struct bx_buf *b, unsigned n)
{
    struct raft_append_entries a = {
        .term = 9, .prev_log_index = 10, .prev_log_term = 7, .leader_commit = 11, .n_entries = n};

    assert_int_equal(bx_raftmsg_write_append(b, &a), BX_OK);
}
