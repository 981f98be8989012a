/* sink_console - lines on standard error.
 *
 * A descriptor that others share can not be made non-blocking, so each write is small enough for
 * what poll(2) promises: PIPE_BUF bytes. */
#include "sys/sink.h"

#include "mem/alloc.h"
#include "mem/buf.h"
#include "rec/text.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#define BOX (256u << 10)

struct console {
    enum bx_text_form form;
    size_t most; /* bytes of a write */
};

static const char *const forms[] = {
    [BX_TEXT_CONSOLE] = "text", [BX_TEXT_LOGFMT] = "logfmt", [BX_TEXT_JSON] = "json"};

static bool find_form(const char *where, enum bx_text_form *out)
{
    if (*where == '\0')
        where = forms[BX_TEXT_CONSOLE];
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++)
        if (strcmp(forms[i], where) == 0) {
            *out = (enum bx_text_form)i;
            return true;
        }
    return false;
}

static int check(const char *where, struct bx_err *err)
{
    enum bx_text_form form;

    if (find_form(where, &form))
        return BX_OK;
    bx_err_set(err, BX_INVALID, "console: unknown form \"%s\"", where);
    bx_err_hint(err, "forms: text, logfmt, json");
    return BX_INVALID;
}

static int open_it(struct sink *s, struct bx_err *err)
{
    int rc = sink_take(s, sizeof(struct console), BOX, err);
    struct console *c = s->state;
    struct stat st;

    if (rc != BX_OK)
        return rc;
    find_form(s->spec.where, &c->form);
    c->most = fstat(STDERR_FILENO, &st) == 0 && S_ISREG(st.st_mode) ? BOX : PIPE_BUF;
    sink_works(s);
    return BX_OK;
}

static void put(struct sink *s, const struct bx_recevent *e, const uint64_t *words, size_t n)
{
    struct console *c = s->state;
    struct bx_buf text = {0};
    uint64_t from = uv_hrtime();

    (void)words, (void)n;
    bx_text_event(&text, c->form, e);
    sink_box_event(s, &text, from);
}

static bool writable(void)
{
    struct pollfd p = {.fd = STDERR_FILENO, .events = POLLOUT};

    return poll(&p, 1, 0) == 1;
}

/* Whole lines, if they fit into a write. */
static size_t some(const struct sink *s)
{
    const struct console *c = s->state;
    size_t n = sink_box_used(&s->box), cut;

    if (n <= c->most)
        return n;
    for (cut = c->most; cut > 0 && s->box.p[s->box.at + cut - 1] != '\n'; cut--)
        ;
    return cut > 0 ? cut : c->most;
}

/* Nobody is left to read it. */
static void give_up(struct sink *s)
{
    sink_fails(s, "cannot be written");
    for (size_t i = s->box.at; i < s->box.n; i++)
        if (s->box.p[i] == '\n')
            sink_add(&s->counts.dropped, 1);
    s->box.at = s->box.n;
}

static bool flush(struct sink *s, uint64_t now, bool hurry)
{
    uint64_t from = uv_hrtime();

    (void)now, (void)hurry;
    if (sink_box_used(&s->box) == 0)
        return true;
    while (sink_box_used(&s->box) > 0 && writable()) {
        ssize_t done = write(STDERR_FILENO, s->box.p + s->box.at, some(s));

        if (done > 0) {
            s->box.at += (size_t)done;
            sink_add(&s->counts.bytes, (uint64_t)done);
            sink_works(s);
        } else if (done < 0 && errno != EINTR && errno != EAGAIN) {
            give_up(s);
        }
    }
    sink_set(&s->counts.queued_bytes, sink_box_used(&s->box));
    sink_add(&s->counts.io_ns, uv_hrtime() - from);
    return sink_box_used(&s->box) == 0;
}

static void wait_for(const struct sink *s, struct sink_wait *w)
{
    if (sink_box_used(&s->box) > 0)
        *w = (struct sink_wait){STDERR_FILENO, POLLOUT, UINT64_MAX};
}

const struct sink_ops sink_console = {.kind = "console",
                                      .check = check,
                                      .open = open_it,
                                      .put = put,
                                      .flush = flush,
                                      .wait = wait_for,
                                      .close = sink_free};
