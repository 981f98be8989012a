#include "wire/raftmsg.h"

#include "codec/header.h"
#include "model/node.h"

#include <limits.h>
#include <string.h>

#define ENTRY_HEAD 16u
#define FIELDS_MAX 6u
#define APPEND_FIELDS 5u
#define INSTALL_FIELDS 5u
#define CONF_MAX 65536u

enum { FLAG_DISRUPT = 1, FLAG_PRE_VOTE = 2, FLAG_GRANTED = 4 };

static size_t pad8(size_t n)
{
    return (n + 7) & ~(size_t)7;
}

/* Inlined with constant n, so the fields are stored directly. */
static inline int put(struct bx_buf *b, uint8_t type, uint8_t flags, const uint64_t *fields,
                      unsigned n)
{
    uint8_t *p = bx_buf_extend(b, 8 + 8 * (size_t)n);

    if (p == NULL)
        return BX_NO_MEMORY;
    bx_put64(p, type | (uint64_t)flags
                           << 8); /* a single store, because the checksum loads it as a word */
    for (unsigned i = 0; i < n; i++)
        bx_put64(p + 8 + 8 * (size_t)i, fields[i]);
    return BX_OK;
}

static int put_vote(struct bx_buf *b, const struct raft_request_vote *m)
{
    const uint64_t f[] = {m->term, m->candidate_id, m->last_log_index, m->last_log_term};

    return put(
        b, RAFT_REQUEST_VOTE,
        (uint8_t)((m->disrupt_leader ? FLAG_DISRUPT : 0) | (m->pre_vote ? FLAG_PRE_VOTE : 0)), f,
        4);
}

static int put_vote_result(struct bx_buf *b, const struct raft_request_vote_result *m)
{
    const uint64_t f[] = {m->term, m->features, m->capacity};

    return put(b, RAFT_REQUEST_VOTE_RESULT,
               (uint8_t)((m->pre_vote ? FLAG_PRE_VOTE : 0) | (m->vote_granted ? FLAG_GRANTED : 0)),
               f, 3);
}

static int put_append_result(struct bx_buf *b, const struct raft_append_entries_result *m)
{
    const uint64_t f[] = {m->term, m->rejected, m->last_log_index, m->features, m->capacity};

    return put(b, RAFT_APPEND_ENTRIES_RESULT, 0, f, 5);
}

static int put_timeout_now(struct bx_buf *b, const struct raft_timeout_now *m)
{
    const uint64_t f[] = {m->term, m->last_log_index, m->last_log_term};

    return put(b, RAFT_TIMEOUT_NOW, 0, f, 3);
}

int bx_raftmsg_write(struct bx_buf *b, const struct raft_message *m)
{
    switch (m->type) {
    case RAFT_REQUEST_VOTE:
        return put_vote(b, &m->request_vote);
    case RAFT_REQUEST_VOTE_RESULT:
        return put_vote_result(b, &m->request_vote_result);
    case RAFT_APPEND_ENTRIES_RESULT:
        return put_append_result(b, &m->append_entries_result);
    case RAFT_TIMEOUT_NOW:
        return put_timeout_now(b, &m->timeout_now);
    case RAFT_APPEND_ENTRIES:
    case RAFT_INSTALL_SNAPSHOT:
        break; /* written by other functions */
    }
    return BX_UNSUPPORTED;
}

int bx_raftmsg_write_append(struct bx_buf *b, const struct raft_append_entries *m)
{
    const uint64_t f[] = {m->term, m->prev_log_index, m->prev_log_term, m->leader_commit,
                          m->n_entries};

    return put(b, RAFT_APPEND_ENTRIES, 0, f, APPEND_FIELDS);
}

void bx_raftmsg_count_entries(uint8_t *p, uint32_t n)
{
    bx_put64(p + 8 + 8 * (size_t)(APPEND_FIELDS - 1), n);
}

int bx_raftmsg_write_entry(struct bx_buf *b, uint64_t term, uint8_t type, const void *data,
                           uint32_t len)
{
    uint8_t *p = bx_buf_extend(b, ENTRY_HEAD + pad8(len));

    if (p == NULL)
        return BX_NO_MEMORY;
    bx_put64(p, term);
    bx_put32(p + 8, type);
    bx_put32(p + 12, len);
    if (len > 0)
        memcpy(p + ENTRY_HEAD, data, len);
    memset(p + ENTRY_HEAD + len, 0, pad8(len) - len);
    return BX_OK;
}

int bx_raftmsg_write_install(struct bx_buf *b, const struct raft_install_snapshot *m,
                             const void *conf, size_t conf_len)
{
    const uint64_t f[] = {m->term, m->last_index, m->last_term, m->conf_index, conf_len};
    int rc = put(b, RAFT_INSTALL_SNAPSHOT, 0, f, INSTALL_FIELDS);

    return rc == BX_OK ? bx_buf_append(b, conf, conf_len) : rc;
}

/* ---- reading ---- */

struct cursor {
    const uint8_t *p;
    size_t left;
    uint8_t flags;
    uint64_t f[FIELDS_MAX];
};

static bool get_fields(struct cursor *c, unsigned n)
{
    if (c->left < 8 * (size_t)n)
        return false;
    for (unsigned i = 0; i < n; i++)
        c->f[i] = bx_get64(c->p + 8 * (size_t)i);
    c->p += 8 * (size_t)n;
    c->left -= 8 * (size_t)n;
    return true;
}

static bool get_vote(struct cursor *c, uint64_t from, struct raft_request_vote *m)
{
    if (!get_fields(c, 4) || c->left != 0)
        return false;
    m->version = 2;
    m->term = c->f[0];
    m->candidate_id = c->f[1];
    m->last_log_index = c->f[2];
    m->last_log_term = c->f[3];
    m->disrupt_leader = (c->flags & FLAG_DISRUPT) != 0;
    m->pre_vote = (c->flags & FLAG_PRE_VOTE) != 0;
    return m->term > 0 && m->candidate_id == from &&
           (m->last_log_index == 0) == (m->last_log_term == 0) && m->last_log_term <= m->term;
}

static bool get_vote_result(struct cursor *c, struct raft_request_vote_result *m)
{
    if (!get_fields(c, 3) || c->left != 0)
        return false;
    m->version = 2;
    m->term = c->f[0];
    m->features = (unsigned short)c->f[1];
    m->capacity = (unsigned short)c->f[2];
    m->vote_granted = (c->flags & FLAG_GRANTED) != 0;
    m->pre_vote = (c->flags & FLAG_PRE_VOTE) != 0;
    return c->f[1] <= USHRT_MAX && c->f[2] <= USHRT_MAX;
}

static bool get_append_result(struct cursor *c, struct raft_append_entries_result *m)
{
    if (!get_fields(c, 5) || c->left != 0)
        return false;
    m->version = 2;
    m->term = c->f[0];
    m->rejected = c->f[1];
    m->last_log_index = c->f[2];
    m->features = (unsigned short)c->f[3];
    m->capacity = (unsigned short)c->f[4];
    return c->f[3] <= USHRT_MAX && c->f[4] <= USHRT_MAX;
}

static bool get_timeout_now(struct cursor *c, struct raft_timeout_now *m)
{
    if (!get_fields(c, 3) || c->left != 0)
        return false;
    m->version = 0;
    m->term = c->f[0];
    m->last_log_index = c->f[1];
    m->last_log_term = c->f[2];
    return m->term > 0;
}

/* libraft's decoder does not check its input, so check the bytes first. Format u8, servers u64,
 * then each: id u64, address with its NUL, role u8. */
static bool conf_whole(const uint8_t *p, size_t len)
{
    size_t at = 9;
    uint64_t n;

    if (len < at || len > CONF_MAX)
        return false;
    n = bx_get64(p + 1);
    if (n == 0 || n > BX_MEMBERS_MAX)
        return false;
    while (n-- > 0) {
        size_t text;

        if (len - at < 8)
            return false;
        at += 8;
        text = strnlen((const char *)p + at, len - at);
        if (len - at < text + 2)
            return false;
        at += text + 2;
    }
    return true;
}

static bool servers_ok(const struct raft_configuration *conf)
{
    for (unsigned i = 0; i < conf->n; i++) {
        const struct raft_server *s = &conf->servers[i];

        if (s->id == 0 || s->role < RAFT_STANDBY || s->role > RAFT_SPARE)
            return false;
        for (unsigned j = 0; j < i; j++) {
            if (conf->servers[j].id == s->id)
                return false;
        }
    }
    return true;
}

int bx_raftmsg_conf(const void *p, size_t len, struct raft_configuration *out)
{
    struct raft_buffer buf = {(void *)(uintptr_t)p, len};
    int rv = conf_whole(p, len) ? raft_configuration_decode(&buf, out) : RAFT_MALFORMED;

    if (rv != 0)
        return rv == RAFT_NOMEM ? BX_NO_MEMORY : BX_MALFORMED;
    if (servers_ok(out))
        return BX_OK;
    raft_configuration_close(out);
    return BX_MALFORMED;
}

static int check_entry(const struct raft_append_entries *m, uint64_t term, uint64_t before,
                       uint32_t type, const uint8_t *data, uint32_t len)
{
    struct raft_configuration conf;
    int rc;

    if (term == 0 || term > m->term || term < before || len > BX_RAFTMSG_ENTRY_MAX)
        return BX_MALFORMED;
    if (type != RAFT_CHANGE)
        return type == RAFT_COMMAND || type == RAFT_BARRIER ? BX_OK : BX_MALFORMED;
    rc = bx_raftmsg_conf(data, len, &conf);
    if (rc == BX_OK)
        raft_configuration_close(&conf);
    return rc;
}

/* First pass: check that every entry is complete and valid. */
static int check_entries(const struct cursor *c, const struct raft_append_entries *m)
{
    const uint8_t *p = c->p;
    size_t left = c->left;
    uint64_t before = m->prev_log_term;

    for (unsigned i = 0; i < m->n_entries; i++) {
        uint32_t len;
        int rc;

        if (left < ENTRY_HEAD)
            return BX_MALFORMED;
        len = bx_get32(p + 12);
        if (pad8(len) > left - ENTRY_HEAD)
            return BX_MALFORMED;
        rc = check_entry(m, bx_get64(p), before, bx_get32(p + 8), p + ENTRY_HEAD, len);
        if (rc != BX_OK)
            return rc;
        before = bx_get64(p);
        p += ENTRY_HEAD + pad8(len);
        left -= ENTRY_HEAD + pad8(len);
    }
    return left == 0 ? BX_OK : BX_MALFORMED;
}

/* Second pass: copy all data into one batch, as the core requires. */
static bool take_entries(struct cursor *c, struct raft_append_entries *m)
{
    uint8_t *batch;
    const uint8_t *p;

    if (m->n_entries == 0) {
        m->entries = NULL;
        return true;
    }
    m->entries = raft_calloc(m->n_entries, sizeof *m->entries);
    batch = raft_malloc(c->left);
    if (m->entries == NULL || batch == NULL) {
        raft_free(m->entries);
        raft_free(batch);
        return false;
    }
    memcpy(batch, c->p, c->left);
    p = batch;
    for (unsigned i = 0; i < m->n_entries; i++) {
        struct raft_entry *e = &m->entries[i];

        e->term = bx_get64(p);
        e->type = (enum raft_entry_type)bx_get32(p + 8);
        e->buf.len = bx_get32(p + 12);
        e->buf.base = batch + (p + ENTRY_HEAD - batch);
        e->batch = batch;
        p += ENTRY_HEAD + pad8(e->buf.len);
    }
    return true;
}

static int get_append(struct cursor *c, struct raft_append_entries *m)
{
    int rc;

    if (!get_fields(c, APPEND_FIELDS))
        return BX_MALFORMED;
    m->version = 0;
    m->term = c->f[0];
    m->prev_log_index = c->f[1];
    m->prev_log_term = c->f[2];
    m->leader_commit = c->f[3];
    if (m->term == 0 || (m->prev_log_index == 0) != (m->prev_log_term == 0) ||
        m->prev_log_term > m->term || m->prev_log_index > UINT64_MAX / 2 ||
        c->f[4] > BX_RAFTMSG_ENTRIES_MAX)
        return BX_MALFORMED;
    m->n_entries = (unsigned)c->f[4];
    rc = check_entries(c, m);
    if (rc != BX_OK)
        return rc;
    return take_entries(c, m) ? BX_OK : BX_NO_MEMORY;
}

static int get_install(struct cursor *c, struct raft_install_snapshot *m)
{
    uint64_t *token;
    int rc;

    if (!get_fields(c, INSTALL_FIELDS))
        return BX_MALFORMED;
    m->version = 0;
    m->term = c->f[0];
    m->last_index = c->f[1];
    m->last_term = c->f[2];
    m->conf_index = c->f[3];
    if (m->term == 0 || m->last_index == 0 || m->last_term == 0 || m->last_term > m->term ||
        m->conf_index == 0 || m->conf_index > m->last_index || c->f[4] != c->left)
        return BX_MALFORMED;
    rc = bx_raftmsg_conf(c->p, c->left, &m->conf);
    if (rc != BX_OK)
        return rc;
    token = raft_malloc(sizeof *token);
    if (token == NULL) {
        raft_configuration_close(&m->conf);
        return BX_NO_MEMORY;
    }
    *token = m->last_index;
    m->data.base = token;
    m->data.len = sizeof *token;
    return BX_OK;
}

static int get(struct cursor *c, uint8_t type, uint64_t from, struct raft_message *out)
{
    switch (type) {
    case RAFT_REQUEST_VOTE:
        return get_vote(c, from, &out->request_vote) ? BX_OK : BX_MALFORMED;
    case RAFT_REQUEST_VOTE_RESULT:
        return get_vote_result(c, &out->request_vote_result) ? BX_OK : BX_MALFORMED;
    case RAFT_APPEND_ENTRIES:
        return get_append(c, &out->append_entries);
    case RAFT_APPEND_ENTRIES_RESULT:
        return get_append_result(c, &out->append_entries_result) ? BX_OK : BX_MALFORMED;
    case RAFT_INSTALL_SNAPSHOT:
        return get_install(c, &out->install_snapshot);
    case RAFT_TIMEOUT_NOW:
        return get_timeout_now(c, &out->timeout_now) ? BX_OK : BX_MALFORMED;
    default:
        return BX_MALFORMED;
    }
}

/* The type in the first byte, the flags that it may have in the second, zeros. */
static bool head_ok(const uint8_t *p)
{
    static const uint8_t flags[] = {
        [RAFT_REQUEST_VOTE] = FLAG_DISRUPT | FLAG_PRE_VOTE,
        [RAFT_REQUEST_VOTE_RESULT] = FLAG_PRE_VOTE | FLAG_GRANTED,
        [RAFT_TIMEOUT_NOW] = 0,
    };

    return p[0] < sizeof flags && (p[1] & ~flags[p[0]]) == 0 && bx_get64(p) >> 16 == 0;
}

int bx_raftmsg_read(const uint8_t *p, size_t len, uint64_t from, const char *address,
                    struct raft_message *out, struct bx_err *err)
{
    struct cursor c = {0};
    int rc;

    memset(out, 0, sizeof *out);
    if (len < 8)
        return bx_err_set(err, BX_MALFORMED, "Raft message of %zu bytes from node %llu", len,
                          (unsigned long long)from);
    c.p = p + 8;
    c.left = len - 8;
    c.flags = p[1];
    out->type = (enum raft_message_type)p[0];
    out->server_id = from;
    out->server_address = address;
    rc = head_ok(p) ? get(&c, p[0], from, out) : BX_MALFORMED;
    if (rc != BX_OK)
        return bx_err_set(err, rc, "Raft message of type %u from node %llu: %s", p[0],
                          (unsigned long long)from,
                          rc == BX_MALFORMED ? "a field is out of range" : "out of memory");
    return BX_OK;
}

void bx_raftmsg_close(struct raft_message *m)
{
    if (m->type == RAFT_APPEND_ENTRIES && m->append_entries.n_entries > 0) {
        raft_free(m->append_entries.entries[0].batch);
        raft_free(m->append_entries.entries);
    } else if (m->type == RAFT_INSTALL_SNAPSHOT) {
        raft_configuration_close(&m->install_snapshot.conf);
        raft_free(m->install_snapshot.data.base);
    }
}
