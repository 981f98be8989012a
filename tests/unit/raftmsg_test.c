/* Raft messages against raftmsg.h. The core believes what it is given, so nothing may get past the
 * reader that is cut off, out of range or lies about itself; and what is refused leaves no memory.
 */
#include "lib/testlib.h"

#include "codec/header.h"
#include "model/node.h"
#include "wire/raftmsg.h"

#include <stdlib.h>
#include <string.h>

#define FROM 3

/* ---- memory: the core's heap, counted, and failing when it is told to ---- */

static struct {
    long live;
    uint32_t calls, fail_at;
} heap;

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

static int setup(void **state)
{
    static struct raft_heap counted = {
        .malloc = heap_malloc, .free = heap_free, .calloc = heap_calloc, .realloc = heap_realloc};

    (void)state;
    memset(&heap, 0, sizeof heap);
    heap.fail_at = UINT32_MAX;
    raft_heap_set(&counted);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    raft_heap_set_default();
    assert_int_equal(heap.live, 0);
    return 0;
}

static void drop(struct raft_message *m)
{
    if (m->type == RAFT_APPEND_ENTRIES && m->append_entries.n_entries > 0) {
        raft_free(m->append_entries.entries[0].batch);
        raft_free(m->append_entries.entries);
    } else if (m->type == RAFT_INSTALL_SNAPSHOT) {
        raft_configuration_close(&m->install_snapshot.conf);
        raft_free(m->install_snapshot.data.base);
    }
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

/* Read a copy of exactly n bytes, check what comes out, and drop it. */
static int read_exact(const uint8_t *p, size_t n)
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
        drop(&m);
    } else {
        assert_true(err.code == rc && err.msg[0] != '\0');
    }
    assert_int_equal(heap.live, 0);
    free(copy);
    return rc;
}

/* Every beginning of it is refused, every flipped bit refused or harmless. */
static void every_damage(struct bx_buf *b)
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

static struct raft_message there_and_back(const struct raft_message *m)
{
    struct bx_buf b = {0};
    struct raft_message out;

    assert_int_equal(bx_raftmsg_write(&b, m), BX_OK);
    assert_int_equal(bx_raftmsg_read(b.data, b.len, FROM, "3", &out, NULL), BX_OK);
    assert_int_equal(out.type, m->type);
    assert_string_equal(out.server_address, "3");
    every_damage(&b);
    return out;
}

/* ---- the plain messages ---- */

TEST(a_vote_request_comes_back_as_it_was)
{
    for (int flags = 0; flags < 4; flags++) {
        struct raft_message m = {.type = RAFT_REQUEST_VOTE,
                                 .request_vote = {.term = 9,
                                                  .candidate_id = FROM,
                                                  .last_log_index = 77,
                                                  .last_log_term = 8,
                                                  .disrupt_leader = (flags & 1) != 0,
                                                  .pre_vote = (flags & 2) != 0}};
        struct raft_request_vote v = there_and_back(&m).request_vote;

        assert_int_equal(v.term, 9);
        assert_int_equal(v.candidate_id, FROM);
        assert_int_equal(v.last_log_index, 77);
        assert_int_equal(v.last_log_term, 8);
        assert_int_equal(v.disrupt_leader, m.request_vote.disrupt_leader);
        assert_int_equal(v.pre_vote, m.request_vote.pre_vote);
    }
}

TEST(the_answer_to_a_vote_request_comes_back_as_it_was)
{
    for (int flags = 0; flags < 4; flags++) {
        struct raft_message m = {.type = RAFT_REQUEST_VOTE_RESULT,
                                 .request_vote_result = {.term = 9,
                                                         .vote_granted = (flags & 1) != 0,
                                                         .pre_vote = (flags & 2) != 0,
                                                         .features = 5,
                                                         .capacity = 65535}};
        struct raft_request_vote_result v = there_and_back(&m).request_vote_result;

        assert_int_equal(v.term, 9);
        assert_int_equal(v.vote_granted, m.request_vote_result.vote_granted);
        assert_int_equal(v.pre_vote, m.request_vote_result.pre_vote);
        assert_int_equal(v.features, 5);
        assert_int_equal(v.capacity, 65535);
    }
}

TEST(the_answer_to_entries_comes_back_as_it_was)
{
    struct raft_message m = {
        .type = RAFT_APPEND_ENTRIES_RESULT,
        .append_entries_result = {
            .term = 9, .rejected = 4, .last_log_index = 1ull << 40, .features = 1, .capacity = 2}};
    struct raft_append_entries_result r;

    r = there_and_back(&m).append_entries_result;
    assert_int_equal(r.term, 9);
    assert_int_equal(r.rejected, 4);
    assert_true(r.last_log_index == 1ull << 40);
    assert_int_equal(r.features, 1);
    assert_int_equal(r.capacity, 2);
}

TEST(a_timeout_now_comes_back_as_it_was)
{
    struct raft_message m = {.type = RAFT_TIMEOUT_NOW,
                             .timeout_now = {.term = 9, .last_log_index = 100, .last_log_term = 8}};
    struct raft_timeout_now t;

    t = there_and_back(&m).timeout_now;
    assert_int_equal(t.term, 9);
    assert_int_equal(t.last_log_index, 100);
    assert_int_equal(t.last_log_term, 8);
}

/* A vote is asked for in one's own name, and a log is empty in both numbers or in none. */
TEST(votes_that_cannot_be_are_refused)
{
    static const struct raft_request_vote lies[] = {
        {.term = 0, .candidate_id = FROM},
        {.term = 9, .candidate_id = FROM + 1, .last_log_index = 1, .last_log_term = 1},
        {.term = 9, .candidate_id = FROM, .last_log_index = 0, .last_log_term = 1},
        {.term = 9, .candidate_id = FROM, .last_log_index = 1, .last_log_term = 0},
        {.term = 9, .candidate_id = FROM, .last_log_index = 1, .last_log_term = 10},
    };

    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        struct raft_message m = {.type = RAFT_REQUEST_VOTE, .request_vote = lies[i]};
        struct bx_buf b = {0};

        assert_int_equal(bx_raftmsg_write(&b, &m), BX_OK);
        assert_int_equal(read_exact(b.data, b.len), BX_MALFORMED);
        bx_buf_release(&b);
    }
}

TEST(a_message_of_an_unknown_type_is_refused)
{
    struct raft_message m = {.type = RAFT_APPEND_ENTRIES};
    uint8_t bytes[64] = {0};
    struct bx_buf b = {0};

    assert_int_equal(bx_raftmsg_write(&b, &m), BX_UNSUPPORTED); /* these have their own writers */
    m.type = RAFT_INSTALL_SNAPSHOT;
    assert_int_equal(bx_raftmsg_write(&b, &m), BX_UNSUPPORTED);
    assert_int_equal(b.len, 0);
    for (int type = 0; type < 256; type++) {
        bytes[0] = (uint8_t)type;
        if (type < RAFT_REQUEST_VOTE || type > RAFT_TIMEOUT_NOW)
            assert_int_equal(read_exact(bytes, sizeof bytes), BX_MALFORMED);
    }
}

/* ---- configurations ---- */

struct server {
    uint64_t id;
    const char *address;
    uint8_t role;
};

/* As the library encodes it, but with whatever numbers one likes. */
static struct bx_buf conf_of(uint8_t format, uint64_t claimed, const struct server *s, size_t n)
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

static const struct server three[] = {
    {1, "10.0.0.1:7000", RAFT_VOTER}, {2, "10.0.0.2:7000", RAFT_STANDBY}, {3, "x", RAFT_SPARE}};

static void write_install(struct bx_buf *b, const struct bx_buf *conf)
{
    struct raft_install_snapshot s = {
        .term = 9, .last_index = 50, .last_term = 8, .conf_index = 40};

    assert_int_equal(bx_raftmsg_write_install(b, &s, conf->data, conf->len), BX_OK);
}

static void write_append(struct bx_buf *b, unsigned n)
{
    struct raft_append_entries a = {
        .term = 9, .prev_log_index = 10, .prev_log_term = 7, .leader_commit = 11, .n_entries = n};

    assert_int_equal(bx_raftmsg_write_append(b, &a), BX_OK);
}

TEST(an_install_comes_back_as_it_was)
{
    struct bx_buf conf = conf_of(1, 3, three, 3), b = {0};
    struct raft_install_snapshot *s;
    struct raft_message m;

    write_install(&b, &conf);
    assert_int_equal(bx_raftmsg_read(b.data, b.len, FROM, "3", &m, NULL), BX_OK);
    s = &m.install_snapshot;
    assert_int_equal(s->term, 9);
    assert_int_equal(s->last_index, 50);
    assert_int_equal(s->last_term, 8);
    assert_int_equal(s->conf_index, 40);
    assert_int_equal(s->conf.n, 3);
    assert_string_equal(s->conf.servers[0].address, "10.0.0.1:7000");
    assert_int_equal(s->conf.servers[1].role, RAFT_STANDBY);
    drop(&m);
    every_damage(&b);
    bx_buf_release(&conf);
}

/* The same bytes in a snapshot and in an entry of the log: both are refused. */
static void refused_configuration(struct bx_buf conf)
{
    struct bx_buf b = {0};

    write_install(&b, &conf);
    assert_int_equal(read_exact(b.data, b.len), BX_MALFORMED);
    b.len = 0;
    write_append(&b, 1);
    assert_int_equal(bx_raftmsg_write_entry(&b, 9, RAFT_CHANGE, conf.data, (uint32_t)conf.len),
                     BX_OK);
    assert_int_equal(read_exact(b.data, b.len), BX_MALFORMED);
    bx_buf_release(&b);
    bx_buf_release(&conf);
}

static void accepted_configuration(struct bx_buf conf)
{
    struct bx_buf b = {0};

    write_install(&b, &conf);
    assert_int_equal(read_exact(b.data, b.len), BX_OK);
    bx_buf_release(&b);
    bx_buf_release(&conf);
}

TEST(configurations_that_cannot_be_are_refused)
{
    static const struct server twice[] = {{1, "a", RAFT_VOTER}, {1, "b", RAFT_VOTER}};
    static const struct server nobody[] = {{0, "a", RAFT_VOTER}};
    static const struct server role[] = {{1, "a", 3}};
    char address[BX_MEMBERS_MAX + 1][2] = {""};
    struct server many[BX_MEMBERS_MAX + 1];
    struct bx_buf b;

    for (uint64_t i = 0; i <= BX_MEMBERS_MAX; i++) {
        address[i][0] = (char)('a' + i); /* no two may have the same */
        many[i] = (struct server){i + 1, address[i], RAFT_VOTER};
    }
    accepted_configuration(conf_of(1, BX_MEMBERS_MAX, many, BX_MEMBERS_MAX));
    refused_configuration(conf_of(1, 0, three, 0));
    refused_configuration(conf_of(1, 4, three, 3));
    refused_configuration(conf_of(1, UINT64_MAX, three, 3));
    refused_configuration(conf_of(1, 1ull << 32 | 3, three, 3));
    refused_configuration(conf_of(1, BX_MEMBERS_MAX + 1, many, BX_MEMBERS_MAX + 1));
    refused_configuration(conf_of(0, 3, three, 3));
    refused_configuration(conf_of(2, 3, three, 3));
    refused_configuration(conf_of(1, 2, twice, 2));
    refused_configuration(conf_of(1, 1, nobody, 1));
    refused_configuration(conf_of(1, 1, role, 1));
    b = conf_of(1, 1, three, 1);
    memset(b.data + 17, 'x', b.len - 17); /* an address without an end */
    refused_configuration(b);
    b = conf_of(1, 1, three, 1);
    b.len = 9;
    refused_configuration(b);
    b = conf_of(1, 1, three, 1);
    memset(bx_buf_extend(&b, 70000), 0, 70000);
    refused_configuration(b);
    refused_configuration((struct bx_buf){0});
}

/* Numbers of a snapshot that can not be. */
TEST(installs_that_cannot_be_are_refused)
{
    static const struct raft_install_snapshot lies[] = {
        {.term = 0, .last_index = 50, .last_term = 8, .conf_index = 40},
        {.term = 9, .last_index = 0, .last_term = 8, .conf_index = 40},
        {.term = 9, .last_index = 50, .last_term = 0, .conf_index = 40},
        {.term = 9, .last_index = 50, .last_term = 10, .conf_index = 40},
        {.term = 9, .last_index = 50, .last_term = 8, .conf_index = 0},
        {.term = 9, .last_index = 50, .last_term = 8, .conf_index = 51},
    };
    struct bx_buf conf = conf_of(1, 3, three, 3);

    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        struct bx_buf b = {0};

        assert_int_equal(bx_raftmsg_write_install(&b, &lies[i], conf.data, conf.len), BX_OK);
        assert_int_equal(read_exact(b.data, b.len), BX_MALFORMED);
        bx_buf_release(&b);
    }
    bx_buf_release(&conf);
}

/* ---- entries ---- */

static void write_entries(struct bx_buf *b, const struct bx_buf *conf)
{
    write_append(b, 5);
    assert_int_equal(bx_raftmsg_write_entry(b, 7, RAFT_COMMAND, "hello", 5), BX_OK);
    assert_int_equal(bx_raftmsg_write_entry(b, 8, RAFT_BARRIER, NULL, 0), BX_OK);
    assert_int_equal(bx_raftmsg_write_entry(b, 8, RAFT_CHANGE, conf->data, (uint32_t)conf->len),
                     BX_OK);
    assert_int_equal(bx_raftmsg_write_entry(b, 9, RAFT_COMMAND, "12345678", 8), BX_OK);
    assert_int_equal(bx_raftmsg_write_entry(b, 9, RAFT_COMMAND, "x", 1), BX_OK);
}

TEST(entries_come_back_as_they_were)
{
    struct bx_buf conf = conf_of(1, 3, three, 3), b = {0};
    struct raft_append_entries *a;
    struct raft_message m;

    write_entries(&b, &conf);
    assert_int_equal(bx_raftmsg_read(b.data, b.len, FROM, "3", &m, NULL), BX_OK);
    a = &m.append_entries;
    assert_int_equal(a->term, 9);
    assert_int_equal(a->prev_log_index, 10);
    assert_int_equal(a->prev_log_term, 7);
    assert_int_equal(a->leader_commit, 11);
    assert_int_equal(a->n_entries, 5);
    assert_int_equal(a->entries[0].buf.len, 5);
    assert_memory_equal(a->entries[0].buf.base, "hello", 5);
    assert_int_equal(a->entries[1].type, RAFT_BARRIER);
    assert_int_equal(a->entries[1].buf.len, 0);
    assert_int_equal(a->entries[2].type, RAFT_CHANGE);
    assert_memory_equal(a->entries[2].buf.base, conf.data, conf.len);
    assert_int_equal(a->entries[4].term, 9);
    assert_memory_equal(a->entries[4].buf.base, "x", 1);
    drop(&m);
    every_damage(&b);
    write_append(&b, 0);
    every_damage(&b);
    bx_buf_release(&conf);
}

static void refused_append(struct raft_append_entries a, uint64_t term, uint8_t type)
{
    struct bx_buf b = {0};

    assert_int_equal(bx_raftmsg_write_append(&b, &a), BX_OK);
    for (unsigned i = 0; i < a.n_entries; i++)
        assert_int_equal(bx_raftmsg_write_entry(&b, term, type, "12345678", 8), BX_OK);
    assert_int_equal(read_exact(b.data, b.len), BX_MALFORMED);
    bx_buf_release(&b);
}

TEST(entries_that_cannot_be_are_refused)
{
    const struct raft_append_entries sound = {
        .term = 9, .prev_log_index = 10, .prev_log_term = 7, .n_entries = 1};
    struct raft_append_entries a;

    refused_append(sound, 6, RAFT_COMMAND);  /* older than the one before */
    refused_append(sound, 10, RAFT_COMMAND); /* newer than the leader */
    refused_append(sound, 0, RAFT_COMMAND);
    refused_append(sound, 9, 0);
    refused_append(sound, 9, RAFT_CHANGE + 1);
    refused_append(sound, 9, RAFT_CHANGE); /* no configuration */
    a = sound;
    a.term = 0;
    refused_append(a, 9, RAFT_COMMAND);
    a = sound;
    a.prev_log_term = 0;
    refused_append(a, 9, RAFT_COMMAND);
    a = sound;
    a.prev_log_index = 0;
    refused_append(a, 9, RAFT_COMMAND);
    a = sound;
    a.prev_log_term = 10;
    refused_append(a, 10, RAFT_COMMAND);
    a = sound;
    a.prev_log_index = UINT64_MAX - 1; /* the index of what follows would wrap */
    refused_append(a, 9, RAFT_COMMAND);
    a = sound;
    a.n_entries = BX_RAFTMSG_ENTRIES_MAX + 1;
    refused_append(a, 9, RAFT_COMMAND);
}

/* An entry's length is the sender's word: not beyond the end, and not so long that it wraps. */
TEST(lengths_beyond_the_message_are_refused)
{
    static const uint32_t lengths[] = {9, 16, 17, 1u << 20, INT32_MAX, UINT32_MAX - 7, UINT32_MAX};

    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        struct bx_buf b = {0};

        write_append(&b, 1);
        assert_int_equal(bx_raftmsg_write_entry(&b, 9, RAFT_COMMAND, "12345678", 8), BX_OK);
        bx_put32(b.data + b.len - 12, lengths[i]);
        assert_int_equal(read_exact(b.data, b.len), BX_MALFORMED);
        bx_buf_release(&b);
    }
}

/* ---- memory ---- */

static void every_allocation_fails(const struct bx_buf *b)
{
    int rc = BX_NO_MEMORY;

    for (uint32_t i = 0; rc != BX_OK; i++) {
        heap.calls = 0;
        heap.fail_at = i;
        rc = read_exact(b->data, b->len);
        if (heap.calls > i)
            assert_int_equal(rc, BX_NO_MEMORY);
        assert_true(i < 100);
    }
    heap.fail_at = UINT32_MAX;
}

TEST(a_failed_allocation_is_told_and_leaves_nothing)
{
    struct bx_buf conf = conf_of(1, 3, three, 3), b = {0};

    write_install(&b, &conf);
    every_allocation_fails(&b);
    b.len = 0;
    write_append(&b, 2);
    assert_int_equal(bx_raftmsg_write_entry(&b, 9, RAFT_CHANGE, conf.data, (uint32_t)conf.len),
                     BX_OK);
    assert_int_equal(bx_raftmsg_write_entry(&b, 9, RAFT_COMMAND, "x", 1), BX_OK);
    every_allocation_fails(&b);
    bx_buf_release(&b);
    bx_buf_release(&conf);
}

int main(void)
{
    return test_run(setup, teardown);
}
