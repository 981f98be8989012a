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
    struct sink_box box;
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
    struct console *c = bx_calloc(1, sizeof *c);
    struct stat st;

    s->state = c;
    if (c == NULL || !sink_box_open(&c->box, BOX))
        return bx_err_set(err, BX_NO_MEMORY, "no memory for the log");
    s->memory = sizeof *c + BOX;
    find_form(s->spec.where, &c->form);
    c->most = fstat(STDERR_FILENO, &st) == 0 && S_ISREG(st.st_mode) ? BOX : PIPE_BUF;
    sink_is(s, "ok");
    return BX_OK;
}

static void put(struct sink *s, const struct bx_recevent *e, const uint64_t *words, size_t n)
{
    struct console *c = s->state;
    struct bx_buf text = {0};
    uint64_t from = uv_hrtime();

    (void)words, (void)n;
    bx_text_event(&text, c->form, e);
    sink_box_event(s, &c->box, &text, from);
}

static bool writable(void)
{
    struct pollfd p = {.fd = STDERR_FILENO, .events = POLLOUT};

    return poll(&p, 1, 0) == 1;
}

/* Whole lines, if they fit into a write. */
static size_t some(const struct console *c)
{
    size_t n = sink_box_used(&c->box), cut;

    if (n <= c->most)
        return n;
    for (cut = c->most; cut > 0 && c->box.p[c->box.at + cut - 1] != '\n'; cut--)
        ;
    return cut > 0 ? cut : c->most;
}

/* Nobody is left to read it. */
static void give_up(struct sink *s, struct console *c)
{
    sink_add(&s->counts.errors, 1);
    sink_is(s, "cannot be written");
    for (size_t i = c->box.at; i < c->box.n; i++)
        if (c->box.p[i] == '\n')
            sink_add(&s->counts.dropped, 1);
    c->box.at = c->box.n;
}

static bool flush(struct sink *s, uint64_t now, bool hurry)
{
    struct console *c = s->state;
    uint64_t from = uv_hrtime();

    (void)now, (void)hurry;
    if (sink_box_used(&c->box) == 0)
        return true;
    while (sink_box_used(&c->box) > 0 && writable()) {
        ssize_t done = write(STDERR_FILENO, c->box.p + c->box.at, some(c));

        if (done > 0) {
            c->box.at += (size_t)done;
            sink_add(&s->counts.bytes, (uint64_t)done);
            sink_is(s, "ok");
        } else if (done < 0 && errno != EINTR && errno != EAGAIN) {
            give_up(s, c);
        }
    }
    sink_set(&s->counts.queued_bytes, sink_box_used(&c->box));
    sink_add(&s->counts.io_ns, uv_hrtime() - from);
    return sink_box_used(&c->box) == 0;
}

static void wait_for(const struct sink *s, struct sink_wait *w)
{
    const struct console *c = s->state;

    if (sink_box_used(&c->box) > 0)
        *w = (struct sink_wait){STDERR_FILENO, POLLOUT, UINT64_MAX};
}

static void close_it(struct sink *s)
{
    struct console *c = s->state;

    if (c != NULL)
        sink_box_close(&c->box);
    bx_free(c);
}

const struct sink_ops sink_console = {.kind = "console",
                                      .check = check,
                                      .open = open_it,
                                      .put = put,
                                      .flush = flush,
                                      .wait = wait_for,
                                      .close = close_it};
