#include "client.h"

#include "dial.h"
#include "mem/alloc.h"
#include "wire/proto.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNECT_MS 3000
#define PAUSE_MS 200
#define NOBODY_MS 2000 /* nobody at all is there: that does not get better by waiting long */
#define SHARE_MS 1000  /* what each of several addresses gets at least */
#define GRACE_MS 2000  /* the server's own words at its deadline say more than ours */
#define READ_BYTES (64u << 10)

volatile sig_atomic_t client_interrupted;

uint64_t client_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* ---- parameters ---- */

void params_str(struct params *p, const char *key, const char *value)
{
    bx_must_ok(bx_pw_str(&p->b, key));
    bx_must_ok(bx_pw_str(&p->b, value));
    p->n++;
}

void params_u64(struct params *p, const char *key, uint64_t value)
{
    bx_must_ok(bx_pw_str(&p->b, key));
    bx_must_ok(bx_pw_u64(&p->b, value));
    p->n++;
}

void params_bool(struct params *p, const char *key, bool value)
{
    bx_must_ok(bx_pw_str(&p->b, key));
    bx_must_ok(bx_pw_bool(&p->b, value));
    p->n++;
}

void params_close(struct params *p)
{
    bx_buf_release(&p->b);
    p->n = 0;
}

/* ---- addresses ---- */

int client_init(struct client *c, const char *addresses, struct bx_err *err)
{
    char *copy = bx_must_strdup(addresses), *save = NULL;

    memset(c, 0, sizeof *c);
    c->fd = -1;
    for (char *a = strtok_r(copy, ",", &save); a != NULL; a = strtok_r(NULL, ",", &save)) {
        if (dial_check(a, err) != BX_OK) {
            bx_free(copy);
            return BX_UNREACHABLE;
        }
        if (c->n == CLIENT_ADDRESSES_MAX) {
            bx_err_set(err, BX_UNREACHABLE, "--addr: more than %u addresses", CLIENT_ADDRESSES_MAX);
            bx_err_hint(err, "some of the cluster's nodes are enough");
            bx_free(copy);
            return BX_UNREACHABLE;
        }
        c->addresses[c->n++] = bx_must_strdup(a);
    }
    bx_free(copy);
    c->pack = bx_pack_create();
    if (c->n > 0 && c->pack != NULL)
        return BX_OK;
    bx_err_set(err, BX_UNREACHABLE, "--addr: names no address");
    bx_err_hint(err, "for example --addr unix:/run/blixard/blixard.sock");
    return BX_UNREACHABLE;
}

static void disconnect(struct client *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
    c->in.len = 0;
    c->used = 0;
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
    uint64_t soon = client_now() + CONNECT_MS;

    if (c->fd >= 0)
        return BX_OK;
    return dial(c->addresses[c->current], deadline < soon ? deadline : soon, &c->fd, err);
}

static int lost(struct client *c, const char *why, struct bx_err *err)
{
    int rc = client_interrupted ? BX_INTERRUPTED : BX_UNREACHABLE;

    bx_err_set(err, rc, "%s: %s", c->addresses[c->current], why);
    disconnect(c);
    return rc;
}

static int send_all(struct client *c, const uint8_t *p, size_t n, uint64_t deadline,
                    struct bx_err *err)
{
    while (n > 0) {
        ssize_t sent = send(c->fd, p, n, MSG_NOSIGNAL);

        if (sent > 0) {
            p += sent;
            n -= (size_t)sent;
        } else if (sent < 0 && errno != EAGAIN && errno != EINTR) {
            return lost(c, strerror(errno), err);
        } else if (dial_wait(c->fd, POLLOUT, deadline) != BX_OK) {
            return lost(c, "does not take the request", err);
        }
    }
    return BX_OK;
}

/* The next whole message. */
static int receive(struct client *c, uint64_t deadline, bx_val *root, struct bx_err *err)
{
    struct bx_pack_scan scan;

    bx_buf_consume(&c->in, c->used);
    c->used = 0;
    bx_pack_scan_init(&scan);
    for (;;) {
        int rc = bx_pack_scan(&scan, c->in.data, c->in.len, CLIENT_ANSWER_MAX);
        ssize_t got;

        if (rc == BX_OK)
            break;
        if (rc != BX_BUSY)
            return lost(c, "the answer is no MessagePack, or too large", err);
        rc = dial_wait(c->fd, POLLIN, deadline);
        if (rc != BX_OK)
            return lost(c, "does not answer", err);
        bx_must_ok(bx_buf_reserve(&c->in, READ_BYTES));
        got = recv(c->fd, c->in.data + c->in.len, READ_BYTES, 0);
        if (got == 0)
            return lost(c, "closed the connection", err);
        if (got < 0 && errno != EAGAIN && errno != EINTR)
            return lost(c, strerror(errno), err);
        if (got > 0)
            c->in.len += (size_t)got;
    }
    c->used = scan.at;
    *root = bx_pack_parse(c->pack, c->in.data, scan.at, CLIENT_ANSWER_MAX, err);
    return *root != NULL ? BX_OK : lost(c, "the answer can not be read", err);
}

/* ---- one exchange ---- */

static void take_error(bx_val e, struct bx_err *err)
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

/* True when root was a notification, which is then dealt with. A server that turns us away sends
 * its reason as one. */
static bool notification(struct client *c, bx_val root, struct bx_err *err, int *rc)
{
    struct bx_str method = {"", 0};
    uint64_t type = 0;

    bx_val_u64(bx_val_at(root, 0), &type);
    if (type != 2 || bx_val_len(root) != 3)
        return false;
    bx_val_str(bx_val_at(root, 1), &method);
    if (bx_str_eq(method, bx_str("error"))) {
        take_error(bx_val_at(bx_val_at(root, 2), 0), err);
        *rc = err->code;
        disconnect(c);
    } else if (c->notify != NULL) {
        c->notify(c->ctx, method, bx_val_at(bx_val_at(root, 2), 0));
    }
    return true;
}

/* Methods whose parameters have no timeout_ms. */
static bool is_untimed(const char *method)
{
    return strcmp(method, "sys.hello") == 0 || strcmp(method, "events.watch") == 0;
}

static void write_request(struct bx_buf *b, uint64_t id, const char *method, const struct params *p,
                          uint64_t timeout_ms)
{
    bx_must_ok(bx_pw_array(b, 4));
    bx_must_ok(bx_pw_u64(b, 0));
    bx_must_ok(bx_pw_u64(b, id));
    bx_must_ok(bx_pw_str(b, method));
    bx_must_ok(bx_pw_array(b, 1));
    bx_must_ok(bx_pw_map(b, p->n + !is_untimed(method)));
    bx_must_ok(bx_buf_append(b, p->b.data, p->b.len));
    if (is_untimed(method))
        return;
    bx_must_ok(bx_pw_str(b, "timeout_ms"));
    bx_must_ok(bx_pw_u64(b, timeout_ms));
}

/* The response to `id`; notifications that come before it are dealt with. */
static int await(struct client *c, uint64_t id, uint64_t deadline, bx_val *result,
                 struct bx_err *err)
{
    for (;;) {
        uint64_t type = 0, got = UINT64_MAX;
        bx_val root;
        int rc = receive(c, deadline, &root, err);

        if (rc != BX_OK)
            return rc;
        if (notification(c, root, err, &rc)) {
            if (rc != BX_OK)
                return rc;
            continue;
        }
        bx_val_u64(bx_val_at(root, 0), &type);
        bx_val_u64(bx_val_at(root, 1), &got);
        if (type != 1 || bx_val_len(root) != 4 || got != id)
            return lost(c, "what answers is no blixardd", err);
        c->unknown = false;
        if (bx_val_type(bx_val_at(root, 2)) != BX_V_NIL) {
            take_error(bx_val_at(root, 2), err);
            return err->code;
        }
        *result = bx_val_at(root, 3);
        return BX_OK;
    }
}

static int exchange(struct client *c, const char *method, const struct params *p, uint64_t deadline,
                    bx_val *result, struct bx_err *err)
{
    uint64_t id = ++c->next_id, now = client_now();
    struct bx_buf b = {0};
    int rc = ensure_connected(c, deadline, err);

    if (rc != BX_OK)
        return rc;
    write_request(&b, id, method, p, deadline <= now + 1 ? 1 : deadline - now);
    rc = send_all(c, b.data, b.len, deadline, err);
    bx_buf_release(&b);
    if (rc != BX_OK)
        return rc;
    c->unknown = true;
    return await(c, id, deadline + GRACE_MS, result, err);
}

/* ---- trying again ---- */

static void remember(char *all, size_t size, const struct bx_err *err)
{
    size_t n = strlen(all), left = size - n;

    if (strstr(all, err->msg) == NULL && left > 3)
        snprintf(all + n, left, "%s%.*s", n == 0 ? "" : "; ", (int)left - 3, err->msg);
}

static bool again(int rc)
{
    return rc == BX_UNREACHABLE || rc == BX_NO_LEADER || rc == BX_BUSY || rc == BX_SHUTDOWN;
}

/* Until when the current address may take: all the time when there is no other one. */
static uint64_t share(const struct client *c, uint64_t deadline)
{
    uint64_t now = client_now(), left = deadline > now ? deadline - now : 0;
    uint64_t ms = left / c->n < SHARE_MS ? SHARE_MS : left / c->n;

    return c->once || c->n == 1 || ms > left ? deadline : now + ms;
}

static bool mutates(const char *method)
{
    enum bx_method m = bx_method_find(method, strlen(method));

    return m != BX__METHODS && bx_methods[m].mutates;
}

/* What all tries together amount to: rc and err are of the last one. */
static int conclude(struct client *c, int rc, bool changes, const struct bx_err *answered,
                    const char *tried, struct bx_err *err)
{
    if (client_interrupted)
        return bx_err_set(err, BX_INTERRUPTED, "interrupted");
    if (!again(rc))
        return rc;
    if (answered->code != BX_OK) {
        *err = *answered;
        return err->code;
    }
    bx_err_set(err, BX_UNREACHABLE, "no node can be reached: %s", tried);
    if (c->unknown && !changes)
        bx_err_hint(err, "what listens there does not answer: is it blixardd's API?");
    else if (c->unknown)
        bx_err_hint(err, "the request was sent, but nobody answered: whether it was carried out is "
                         "not known");
    else
        bx_err_hint(err, "is blixardd running? set --addr or BLIXARD_ADDR to where it listens");
    return rc;
}

/* Nobody who could carry it out was there, at every address twice. */
static bool gives_up(const struct client *c, const struct bx_err *answered, unsigned failures,
                     uint64_t ms)
{
    return (answered->code == BX_OK || answered->code == BX_UNREACHABLE) && !c->unknown &&
           failures >= 2 * c->n && ms >= NOBODY_MS;
}

int client_call(struct client *c, const char *method, const struct params *p, uint64_t timeout_ms,
                bx_val *result, struct bx_err *err)
{
    uint64_t start = client_now(), deadline = start + timeout_ms, now;
    struct bx_err answered = {0}; /* what a server said; that it is of no use counts least */
    char tried[BX_ERR_MSG - 64] = "";
    unsigned failures = 0, refusals = 0;
    int rc;

    c->unknown = false;
    for (;;) {
        rc = exchange(c, method, p, share(c, deadline), result, err);
        if (!again(rc) || client_interrupted)
            break;
        if (c->verbose)
            fprintf(stderr, "%s: %s\n", bx_code_name(rc), err->msg);
        if (rc == BX_UNREACHABLE && c->fd < 0)
            remember(tried, sizeof tried, err);
        else if (rc != BX_UNREACHABLE || answered.code == BX_OK)
            answered = *err;
        refusals += rc == BX_UNREACHABLE && c->fd >= 0;
        failures += rc == BX_UNREACHABLE;
        now = client_now();
        if (c->once || now >= deadline || refusals >= c->n ||
            gives_up(c, &answered, failures, now - start))
            break;
        next_address(c);
        if (c->current == 0)
            pause_ms(PAUSE_MS);
    }
    return conclude(c, rc, mutates(method), &answered, tried, err);
}

int client_listen(struct client *c, struct bx_err *err)
{
    for (;;) {
        bx_val root;
        int rc = receive(c, UINT64_MAX, &root, err);

        if (rc != BX_OK)
            return rc;
        if (notification(c, root, err, &rc) && rc != BX_OK)
            return rc;
    }
}
