#include "vmdir/qmp.h"

#include "vmdir/record.h"

#include <assert.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int line_done(struct qmp_lines *l, void (*fn)(void *ctx, struct json_t *o), void *ctx,
                     struct bx_err *err)
{
    json_error_t e;
    json_t *o;
    size_t n = l->len;

    l->len = 0;
    if (n > 0 && l->buf[n - 1] == '\r')
        n--;
    if (n == 0)
        return BX_OK;
    o = json_loadb(l->buf, n, JSON_REJECT_DUPLICATES, &e);
    if (!json_is_object(o)) {
        json_decref(o);
        return bx_err_set(err, BX_MALFORMED, "malformed line, not a JSON object: %s",
                          o == NULL ? e.text : "another type");
    }
    fn(ctx, o);
    json_decref(o);
    return BX_OK;
}

int qmp_lines_feed(struct qmp_lines *l, const char *p, size_t n,
                   void (*fn)(void *ctx, struct json_t *o), void *ctx, struct bx_err *err)
{
    const char *nl;
    size_t part;
    int rc;

    while (n > 0) {
        nl = memchr(p, '\n', n);
        part = nl == NULL ? n : (size_t)(nl - p);
        if (part > l->cap - l->len)
            return bx_err_set(err, BX_TOO_LARGE, "line longer than %zu bytes", l->cap);
        memcpy(l->buf + l->len, p, part);
        l->len += part;
        if (nl == NULL)
            return BX_OK;
        rc = line_done(l, fn, ctx, err);
        if (rc != BX_OK)
            return rc;
        p += part + 1;
        n -= part + 1;
    }
    return BX_OK;
}

void qmp_open(struct qmp *q, int fd)
{
    memset(q, 0, sizeof *q);
    q->fd = fd;
    q->phase = QMP_GREETING;
    q->lines = (struct qmp_lines){.buf = q->buf, .cap = sizeof q->buf};
}

static int send_command(struct qmp *q, const char *command, struct bx_err *err)
{
    char line[96];
    int n = snprintf(line, sizeof line, "{\"execute\":\"%s\"}\r\n", command);

    assert(n > 0 && (size_t)n < sizeof line);
    /* If the socket does not accept so few bytes at once, QEMU does not read. One that has ended
     * takes no command; what it said before is still to be read, and then the end. */
    if (send(q->fd, line, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT) != n)
        return errno == EPIPE
                   ? BX_OK
                   : bx_err_set(err, BX_IO, "cannot send %s: %s", command, strerror(errno));
    snprintf(q->command, sizeof q->command, "%s", command);
    q->answer_by = vm_now() + QMP_ANSWER_MS;
    return BX_OK;
}

int qmp_execute(struct qmp *q, const char *command, struct bx_err *err)
{
    if (q->phase != QMP_READY || q->answer_by != 0)
        return bx_err_set(err, BX_BUSY, "QMP is not ready for %s", command);
    return send_command(q, command, err);
}

static void on_event(struct qmp *q, const char *name, json_t *o)
{
    const char *reason;

    if (strcmp(name, "SHUTDOWN") == 0 && q->reason[0] == '\0') {
        reason = json_string_value(json_object_get(json_object_get(o, "data"), "reason"));
        snprintf(q->reason, sizeof q->reason, "%s", reason == NULL ? "unknown" : reason);
    } else if (strcmp(name, "RESET") == 0) {
        q->resets += json_is_true(json_object_get(json_object_get(o, "data"), "guest"));
    } else if (strcmp(name, "GUEST_PANICKED") == 0) {
        snprintf(q->reason, sizeof q->reason, "guest-panic");
    }
}

static void on_object(void *ctx, struct json_t *o)
{
    struct qmp *q = ctx;
    json_t *error = json_object_get(o, "error");
    const char *event = json_string_value(json_object_get(o, "event")), *desc;

    if (q->rc != BX_OK)
        return;
    if (event != NULL) {
        on_event(q, event, o);
    } else if (json_object_get(o, "QMP") != NULL && q->phase == QMP_GREETING) {
        q->phase = QMP_NEGOTIATING;
        q->rc = send_command(q, "qmp_capabilities", q->err);
    } else if (q->answer_by == 0) {
        q->rc = bx_err_set(q->err, BX_MALFORMED, "unexpected answer");
    } else if (error != NULL) {
        desc = json_string_value(json_object_get(error, "desc"));
        q->answer_by = 0;
        q->rc = bx_err_set(q->err, BX_FAILED, "%s: %s", q->command, desc == NULL ? "error" : desc);
    } else if (json_object_get(o, "return") != NULL) {
        q->answer_by = 0;
        if (q->phase == QMP_NEGOTIATING)
            q->phase = QMP_READY;
    } else {
        q->rc = bx_err_set(q->err, BX_MALFORMED, "neither an answer nor an event");
    }
}

int qmp_read(struct qmp *q, struct bx_err *err)
{
    char chunk[4096];
    ssize_t n;
    int rc;

    while (q->fd >= 0) {
        n = recv(q->fd, chunk, sizeof chunk, MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return BX_OK;
        if (n <= 0) { /* also ECONNRESET: QEMU has ended; its exit status has the details */
            qmp_close(q);
            return BX_OK;
        }
        q->rc = BX_OK;
        q->err = err;
        rc = qmp_lines_feed(&q->lines, chunk, (size_t)n, on_object, q, err);
        q->err = NULL;
        if (rc == BX_OK)
            rc = q->rc;
        if (rc != BX_OK)
            return rc;
    }
    return BX_OK;
}

void qmp_close(struct qmp *q)
{
    if (q->fd >= 0)
        close(q->fd);
    q->fd = -1;
    q->phase = QMP_CLOSED;
    q->answer_by = 0;
}
