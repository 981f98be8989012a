#include "client.h"

#include "build.h"
#include "mem/alloc.h"
#include "rec/rec.h"
#include "record.h"
#include "trace.h"
#include "wire/proto.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONNECT_MS 3000
#define PAUSE_MS 200
#define UNREACHABLE_MS 2000 /* no daemon at all is there: waiting longer does not help */
#define SHARE_MS 1000       /* least time of each of several addresses */
#define GRACE_MS 2000       /* at the deadline the server's own error says more than ours */
#define POST_MS 100         /* nobody waits for it */
#define READ_BYTES (64u << 10)

volatile sig_atomic_t client_interrupted;

uint64_t client_now(void)
{
    return record_now_ns() / 1000000;
}

/* ---- addresses ---- */

int client_init(struct client *c, const char *addresses, struct bx_err *err)
{
    char *copy = bx_must_strdup(addresses), *save = NULL;

    memset(c, 0, sizeof *c);
    trace_make(c->trace);
    c->traced = strtoull(c->trace + 16, NULL, 16);
    c->conn.fd = -1;
    for (char *a = strtok_r(copy, ",", &save); a != NULL; a = strtok_r(NULL, ",", &save)) {
        if (connect_check(a, err) != BX_OK) {
            bx_free(copy);
            return BX_INVALID;
        }
        if (c->n == CLIENT_ADDRESSES_MAX) {
            bx_err_set(err, BX_INVALID, "--addr: too many addresses (at most %u)",
                       CLIENT_ADDRESSES_MAX);
            bx_err_hint(err, "a few nodes of the cluster are sufficient");
            bx_free(copy);
            return BX_INVALID;
        }
        c->addresses[c->n++] = bx_must_strdup(a);
    }
    bx_free(copy);
    c->pack = bx_pack_create();
    if (c->n > 0 && c->pack != NULL)
        return BX_OK;
    bx_err_set(err, BX_INVALID, "--addr: missing address");
    bx_err_hint(err, "for example --addr unix:/run/blixard/blixard.sock");
    return BX_INVALID;
}

static void disconnect(struct client *c)
{
    connect_close(&c->conn);
    c->in.len = c->used = 0;
}

void client_close(struct client *c)
{
    disconnect(c);
    for (unsigned i = 0; i < c->n; i++)
        bx_free(c->addresses[i]);
    bx_pack_destroy(c->pack);
    bx_buf_release(&c->in);
}

static void pause_ms(int ms)
{
    if (!client_interrupted)
        poll(NULL, 0, ms);
}

static void next_address(struct client *c)
{
    disconnect(c);
    c->current = (c->current + 1) % c->n;
}

void client_next_address(struct client *c)
{
    next_address(c);
    pause_ms(PAUSE_MS);
}

/* ---- the connection ---- */

static int ensure_connected(struct client *c, uint64_t deadline, struct bx_err *err)
{
    uint64_t from = record_now_ns(), soon = client_now() + CONNECT_MS;
    const char *address = c->addresses[c->current];
    int rc;

    if (c->conn.fd >= 0)
        return BX_OK;
    rc = connect_open(&c->conn, address, c->tls, deadline < soon ? deadline : soon, err);
    if (rc == BX_OK)
        BX_DEBUG("client", "connected", "address", address, "duration_ns", record_now_ns() - from);
    else
        BX_INFO("client", "not connected", "address", address, "err", err->msg, "duration_ns",
                record_now_ns() - from);
    return rc;
}

/* `why` is told with the address; what is to be done about it remains. */
static int connection_lost(struct client *c, const struct bx_err *why, struct bx_err *err)
{
    bool final = why->code == BX_DENIED || why->code == BX_INVALID;
    int rc = client_interrupted ? BX_INTERRUPTED : final ? why->code : BX_UNREACHABLE;

    BX_INFO("client", "connection lost", "address", c->addresses[c->current], "why", why->msg);
    bx_err_set(err, rc, "%s: %s", c->addresses[c->current], why->msg);
    bx_err_hint(err, "%s", why->hint);
    disconnect(c);
    return rc;
}

static int not_our_api(struct client *c, const char *what, struct bx_err *err)
{
    struct bx_err why = {0};

    bx_err_set(&why, BX_UNREACHABLE, "invalid answer: %s", what);
    return connection_lost(c, &why, err);
}

/* The next whole message. */
static int receive(struct client *c, uint64_t deadline, bx_val *root, struct bx_err *err)
{
    struct bx_err why = {0};
    struct bx_pack_scan scan;

    bx_buf_consume(&c->in, c->used);
    c->used = 0;
    bx_pack_scan_init(&scan);
    for (;;) {
        int rc = bx_pack_scan(&scan, c->in.data, c->in.len, CLIENT_ANSWER_MAX);
        size_t got;

        if (rc == BX_OK)
            break;
        if (rc != BX_BUSY)
            return not_our_api(c, "not MessagePack, or too large", err);
        bx_must_ok(bx_buf_reserve(&c->in, READ_BYTES));
        rc = connect_receive(&c->conn, c->in.data + c->in.len, READ_BYTES, deadline, &got, &why);
        if (rc != BX_OK)
            return connection_lost(c, &why, err);
        c->in.len += got;
    }
    c->used = scan.at;
    *root = bx_pack_parse(c->pack, c->in.data, scan.at, CLIENT_ANSWER_MAX, err);
    return *root != NULL ? BX_OK : not_our_api(c, "malformed MessagePack", err);
}

/* ---- one exchange ---- */

static void read_error(bx_val e, struct bx_err *err)
{
    struct bx_str name = {"", 0}, message = {"", 0}, hint = {"", 0};
    char text[32];
    int code;

    bx_val_str(bx_val_get(e, "name"), &name);
    bx_val_str(bx_val_get(e, "message"), &message);
    bx_val_str(bx_val_get(e, "hint"), &hint);
    snprintf(text, sizeof text, BX_STR_FMT, BX_STR_ARG(name));
    code = bx_code_from_name(text);
    bx_err_set(err, code == BX_OK ? BX_FAILED : code, BX_STR_FMT, BX_STR_ARG(message));
    bx_err_hint(err, BX_STR_FMT, BX_STR_ARG(hint));
}

/* The answer that follows is a page but not the last. */
static void note_page(struct client *c, bx_val page)
{
    struct bx_str after = {"", 0};

    bx_val_str(bx_val_get(page, "after"), &after);
    snprintf(c->next, sizeof c->next, BX_STR_FMT, BX_STR_ARG(after));
}

/* Handle root if it is a notification; false: it is not. A server that refuses the connection sends
 * its reason as one. */
static bool handle_notification(struct client *c, bx_val root, struct bx_err *err, int *rc)
{
    struct bx_str method = {"", 0};
    uint64_t type = 0;

    bx_val_u64(bx_val_at(root, 0), &type);
    if (type != 2 || bx_val_len(root) != 3)
        return false;
    bx_val_str(bx_val_at(root, 1), &method);
    if (bx_str_eq(method, bx_str("error"))) {
        read_error(bx_val_at(bx_val_at(root, 2), 0), err);
        *rc = err->code;
        disconnect(c);
    } else if (bx_str_eq(method, bx_str("page"))) {
        note_page(c, bx_val_at(bx_val_at(root, 2), 0));
    } else if (c->notify != NULL) {
        c->notify(c->ctx, method, bx_val_at(bx_val_at(root, 2), 0));
    }
    return true;
}

/* The server has closed the connection and takes no request. What it sent before tells why. */
static int read_refusal(struct client *c, const struct bx_err *why, struct bx_err *err)
{
    bx_val root;
    int rc = receive(c, client_now(), &root, err);

    if (rc == BX_DENIED || rc == BX_INVALID ||
        (rc == BX_OK && handle_notification(c, root, err, &rc) && rc != BX_OK))
        return rc;
    return connection_lost(c, why, err);
}

static int send_all(struct client *c, const struct bx_buf *b, uint64_t deadline, struct bx_err *err)
{
    struct bx_err why = {0};
    int rc = connect_send(&c->conn, b->data, b->len, deadline, &why);

    if (rc == BX_OK)
        return rc;
    return why.code == BX_TIMEOUT || why.code == BX_INTERRUPTED ? connection_lost(c, &why, err)
                                                                : read_refusal(c, &why, err);
}

/* Methods whose parameters have neither timeout_ms nor trace_id. */
static bool is_untimed(const char *method)
{
    return strcmp(method, "sys.hello") == 0 || strcmp(method, "events.watch") == 0;
}

static void write_request(struct bx_buf *b, uint64_t id, const char *method, const struct params *p,
                          uint64_t timeout_ms, const char *trace)
{
    build_array(b, 4);
    build_u64(b, 0);
    build_u64(b, id);
    build_str(b, method);
    build_array(b, 1);
    build_map(b, p->n + (is_untimed(method) ? 0 : 2));
    build_bytes(b, p->b.data, p->b.len);
    if (is_untimed(method))
        return;
    build_pair_u64(b, "timeout_ms", timeout_ms);
    build_str(b, "trace_id");
    build_str(b, trace);
}

/* The response to `id`; notifications that come before it are handled. */
static int receive_response(struct client *c, uint64_t id, uint64_t deadline, bx_val *result,
                            struct bx_err *err)
{
    for (;;) {
        uint64_t type = 0, got = UINT64_MAX;
        bx_val root;
        int rc = receive(c, deadline, &root, err);

        if (rc != BX_OK)
            return rc;
        if (handle_notification(c, root, err, &rc)) {
            if (rc != BX_OK)
                return rc;
            continue;
        }
        bx_val_u64(bx_val_at(root, 0), &type);
        bx_val_u64(bx_val_at(root, 1), &got);
        if (type != 1 || bx_val_len(root) != 4 || got != id)
            return not_our_api(c, "not a blixardd API", err);
        c->unknown = false;
        if (bx_val_type(bx_val_at(root, 2)) != BX_V_NIL) {
            read_error(bx_val_at(root, 2), err);
            return err->code;
        }
        *result = bx_val_at(root, 3);
        return BX_OK;
    }
}

/* The server knows the user of this connection from now on. */
static int prove(struct client *c, uint64_t deadline, struct bx_err *err)
{
    struct params p = {0};
    struct bx_buf b = {0};
    bool unknown = c->unknown;
    uint64_t id = ++c->next_id;
    bx_val hello;
    int rc;

    if (c->token[0] != '\0')
        params_str(&p, "token", c->token);
    write_request(&b, id, "sys.hello", &p, 0, c->trace);
    rc = send_all(c, &b, deadline, err);
    if (rc == BX_OK)
        rc = receive_response(c, id, deadline + GRACE_MS, &hello, err);
    bx_buf_release(&b);
    params_close(&p);
    c->unknown = unknown; /* that is about the request */
    if (rc != BX_OK)
        disconnect(c);
    return rc;
}

static int send_request(struct client *c, const char *method, const struct params *p,
                        uint64_t deadline, bx_val *result, struct bx_err *err)
{
    struct bx_buf b = {0};
    bool fresh = c->conn.fd < 0;
    uint64_t id, now = client_now();
    int rc = ensure_connected(c, deadline, err);

    c->next[0] = '\0';
    if (rc == BX_OK && fresh && (c->token[0] != '\0' || connect_proves(&c->conn)))
        rc = prove(c, deadline, err);
    if (rc != BX_OK)
        return rc;
    id = ++c->next_id;
    BX_DEBUG("client", "calling", "method", method, "id", id, "request_id", p->request_id,
             "trace_id", c->trace, "address", c->addresses[c->current]);
    write_request(&b, id, method, p, deadline <= now + 1 ? 1 : deadline - now, c->trace);
    c->sent++;
    rc = send_all(c, &b, deadline, err);
    bx_buf_release(&b);
    c->unknown |= rc == BX_OK;
    return rc != BX_OK ? rc : receive_response(c, id, deadline + GRACE_MS, result, err);
}

static int exchange(struct client *c, const char *method, const struct params *p, uint64_t deadline,
                    bx_val *result, struct bx_err *err)
{
    uint64_t from = record_now_ns();
    int rc = send_request(c, method, p, deadline, result, err);

    BX_DEBUG("client", "called", "method", method, "id", c->next_id, "request_id", p->request_id,
             "code", bx_code_name(rc), "duration_ns", record_now_ns() - from);
    return rc;
}

/* ---- retrying ---- */

/* What the attempts of one call came to. */
struct attempts {
    uint64_t start;
    unsigned failures;            /* no daemon that could carry it out was there */
    unsigned refusals;            /* of those, a daemon was connected and said so */
    struct bx_err answered;       /* last error of a server; unreachable yields to any other */
    char failed[BX_ERR_MSG - 64]; /* messages of the addresses without a server */
    char hint[BX_ERR_HINT];       /* of the last of them that had one */
};

static bool is_retryable(int rc)
{
    return rc == BX_UNREACHABLE || rc == BX_NO_LEADER || rc == BX_BUSY || rc == BX_SHUTDOWN;
}

static void add_message(char *all, size_t size, const char *message)
{
    size_t n = strlen(all), left = size - n;

    if (strstr(all, message) == NULL && left > 3)
        snprintf(all + n, left, "%s%.*s", n == 0 ? "" : "; ", (int)left - 3, message);
}

static void record(struct attempts *a, const struct client *c, int rc, const struct bx_err *err)
{
    bool connected = c->conn.fd >= 0;

    if (c->verbose)
        fprintf(stderr, "%s: %s\n", bx_code_name(rc), err->msg);
    if (err->hint[0] != '\0')
        snprintf(a->hint, sizeof a->hint, "%s", err->hint);
    if (rc == BX_UNREACHABLE && !connected)
        add_message(a->failed, sizeof a->failed, err->msg);
    else if (rc != BX_UNREACHABLE || a->answered.code == BX_OK)
        a->answered = *err;
    a->failures += rc == BX_UNREACHABLE;
    a->refusals += rc == BX_UNREACHABLE && connected;
}

/* Whether another attempt is of no use: the time is over, every address refused, or each was tried
 * twice without finding a daemon that could carry it out. */
static bool is_final(const struct attempts *a, const struct client *c, uint64_t deadline)
{
    uint64_t now = client_now();
    bool nobody = a->answered.code == BX_OK || a->answered.code == BX_UNREACHABLE;

    if (c->once || now >= deadline || a->refusals >= c->n)
        return true;
    return nobody && !c->unknown && a->failures >= 2 * c->n && now - a->start >= UNREACHABLE_MS;
}

/* Until when the current address may take: all of the time when it is the only one. */
static uint64_t address_deadline(const struct client *c, uint64_t deadline)
{
    uint64_t now = client_now(), left = deadline > now ? deadline - now : 0;
    uint64_t ms = left / c->n < SHARE_MS ? SHARE_MS : left / c->n;

    return c->once || c->n == 1 || ms > left ? deadline : now + ms;
}

bool client_mutates(const char *method)
{
    enum bx_method m = bx_method_find(method, strlen(method));

    return m != BX__METHODS && bx_methods[m]->mutates;
}

/* The error of all attempts together. */
static int final_error(const struct attempts *a, const struct client *c, const char *method,
                       struct bx_err *err)
{
    if (a->answered.code != BX_OK) {
        *err = a->answered;
        return err->code;
    }
    bx_err_set(err, BX_UNREACHABLE, "no node can be reached: %s", a->failed);
    if (a->hint[0] != '\0')
        bx_err_hint(err, "%s", a->hint);
    else if (c->unknown && !client_mutates(method))
        bx_err_hint(err, "the listener does not answer: is it blixardd's API?");
    else if (c->unknown)
        bx_err_hint(err, "the request was sent but not answered: whether it was carried out is not "
                         "known");
    else
        bx_err_hint(err, "check that blixardd is running; set --addr or BLIXARD_ADDR to where it "
                         "listens");
    return BX_UNREACHABLE;
}

void client_post(struct client *c, const char *method, const struct params *p)
{
    struct bx_buf b = {0};

    if (c->conn.fd < 0)
        return;
    BX_DEBUG("client", "posting", "method", method, "id", c->next_id + 1, "request_id",
             p->request_id);
    write_request(&b, ++c->next_id, method, p, POST_MS, c->trace);
    send_all(c, &b, client_now() + POST_MS, NULL);
    bx_buf_release(&b);
}

static int call(struct client *c, const char *method, const struct params *p, uint64_t timeout_ms,
                bx_val *result, struct bx_err *err)
{
    struct attempts a = {.start = client_now()};
    uint64_t deadline = a.start + timeout_ms;

    c->unknown = false;
    c->sent = 0;
    for (;;) {
        int rc = exchange(c, method, p, address_deadline(c, deadline), result, err);

        if (client_interrupted)
            return bx_err_set(err, BX_INTERRUPTED, "interrupted");
        if (!is_retryable(rc))
            return rc;
        record(&a, c, rc, err);
        if (is_final(&a, c, deadline))
            return final_error(&a, c, method, err);
        next_address(c);
        BX_INFO("client", "trying again", "method", method, "code", bx_code_name(rc), "address",
                c->addresses[c->current], "sent", c->sent);
        if (c->current == 0)
            pause_ms(PAUSE_MS);
    }
}

int client_call(struct client *c, const char *method, const struct params *p, uint64_t timeout_ms,
                bx_val *result, struct bx_err *err)
{
    uint64_t before = bx_rec_trace(c->traced);
    int rc = call(c, method, p, timeout_ms, result, err);

    bx_rec_trace(before);
    return rc;
}

int client_listen(struct client *c, struct bx_err *err)
{
    for (;;) {
        bx_val root;
        int rc = receive(c, UINT64_MAX, &root, err);

        if (rc != BX_OK)
            return rc;
        if (handle_notification(c, root, err, &rc) && rc != BX_OK)
            return rc;
    }
}
