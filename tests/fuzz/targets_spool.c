/* What the daemon reads in its own directories, where another program or a failing disk may have
 * written: envelopes on their way out, crash files, and the notes of its last run. */
#include "fuzz/targets.h"

#include "diag/envread.h"
#include "diagnose/outgoing.h"
#include "diagnose/priv.h"
#include "mem/alloc.h"
#include "sys/clock.h"
#include "sys/stack.h"

#include <assert.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define TIME_NS UINT64_C(1764421200123456000)

/* ---- in place of what the program has: its clock, its build, and files ---- */

uint64_t clock_wall_ns(void)
{
    return TIME_NS;
}

const uint8_t *stack_build_id(size_t *n)
{
    *n = 0;
    return NULL;
}

int spool_stream(struct spool *s, const struct spool_entry *e, int *fd, uint64_t *end,
                 struct bx_err *err)
{
    (void)s, (void)e, (void)end;
    *fd = -1;
    return bx_err_set(err, BX_NOT_FOUND, "there is no spool");
}

void diag_attach(struct bx_envelope *e, const struct bx_bag *attachments, struct spool_files *out)
{
    (void)e;
    assert(bx_bag_n(attachments) == 1);
    out->n = 0;
}

void diag_attached(struct spool_files *f)
{
    assert(f->n == 0);
}

/* Whatever the crash file has, the envelope is sound. */
int spool_put(struct spool *s, uint64_t time_ns, const uint8_t id[16], enum bx_item_type type,
              const void *p, size_t n, const struct spool_files *files, struct bx_err *err)
{
    struct bx_envread_item item;
    struct bx_envread r;
    uint32_t items = 0;
    int rc;

    (void)s, (void)time_ns, (void)err;
    assert(type == BX_ITEM_EVENT && files->n == 0);
    assert(bx_envread_open(&r, p, n, NULL) == BX_OK);
    assert(r.has_event && memcmp(r.event, id, 16) == 0);
    while ((rc = bx_envread_next(&r, &item, NULL)) == BX_OK)
        assert(item.type == (items++ == 0 ? BX_ITEM_EVENT : BX_ITEM_LOG));
    assert(rc == BX_NOT_FOUND && items >= 1 && items <= 2);
    bx_envread_close(&r);
    return BX_OK;
}

/* ---- crash files ---- */

/* Once as the daemon's, and once as a supervisor's where no names are to be told. */
int fuzz_crash(const uint8_t *p, size_t n)
{
    struct diag_about about = {.node = "n1", .environment = "test", .max_crumbs = 20};
    struct diag_crash_file from = {.name = "crash-1.bxr", .path = "/crash-1.bxr", .n = n};
    uint8_t *src = fuzz_copy(p, n);
    struct bx_err err = {0};
    int rc;

    from.p = src;
    rc = diag_crash_envelope(NULL, &about, &from, &err);
    assert(rc == BX_OK || err.msg[0] != '\0');
    about.nameless = true;
    from.vm = "12000000-0000-0000-0000-000000000000";
    assert(diag_crash_envelope(NULL, &about, &from, &err) == rc);
    bx_free(src);
    return rc;
}

/* ---- envelopes on their way out ---- */

/* All that is sent, read in pieces whose sizes have nothing to do with what is in it. */
static void read_all(const struct outgoing *o, struct bx_buf *out)
{
    uint8_t piece[61];
    ssize_t got;

    while ((got = outgoing_read(o, out->len, piece, sizeof piece)) > 0)
        assert(bx_buf_append(out, piece, (size_t)got) == BX_OK);
    assert(got == 0 && out->len == o->bytes);
}

/* The same items, but for attachments that are left out. */
static void check_sent(const struct bx_buf *sent, const uint8_t *p, size_t n, bool attachments)
{
    struct bx_envread_item a, b;
    struct bx_envread r, s;
    int rc;

    assert(bx_envread_open(&r, p, n, NULL) == BX_OK);
    assert(bx_envread_open(&s, sent->data, sent->len, NULL) == BX_OK);
    assert(s.sent_ns == TIME_NS && r.has_event == s.has_event);
    assert(memcmp(r.event, s.event, sizeof r.event) == 0);
    do {
        do
            rc = bx_envread_next(&r, &a, NULL);
        while (rc == BX_OK && !attachments && a.type == BX_ITEM_ATTACHMENT);
        assert(bx_envread_next(&s, &b, NULL) == rc);
        assert(rc != BX_OK || (bx_str_eq(a.header, b.header) && bx_str_eq(a.payload, b.payload)));
    } while (rc == BX_OK);
    assert(rc == BX_NOT_FOUND);
    bx_envread_close(&r);
    bx_envread_close(&s);
}

static int send_it(int fd, const uint8_t *p, size_t n, bool attachments)
{
    struct bx_buf sent = {0};
    struct outgoing o;
    int rc = outgoing_take(&o, fd, 0, n, TIME_NS, attachments);

    assert(rc == BX_OK || rc == BX_CORRUPT);
    if (rc == BX_OK) {
        read_all(&o, &sent);
        check_sent(&sent, p, n, attachments);
    }
    bx_buf_release(&sent);
    bx_buf_release(&o.head);
    return rc;
}

int fuzz_outgoing(const uint8_t *p, size_t n)
{
    int fd = memfd_create("envelope", MFD_CLOEXEC), rc;
    uint8_t *src = fuzz_copy(p, n);

    assert(fd >= 0 && write(fd, p, n) == (ssize_t)n);
    rc = send_it(fd, src, n, true);
    send_it(fd, src, n, false);
    close(fd);
    bx_free(src);
    return rc;
}

/* ---- notes ---- */

int fuzz_notes(const uint8_t *p, size_t n)
{
    char *text = bx_must_calloc(1, n + 1), again[DIAG_SESSION_TEXT];
    struct bx_session s = {.started_ns = 7}, t;
    bool ok;

    memcpy(text, p, n);
    ok = diag_session_read(&s, text, n);
    assert(ok || s.started_ns == 7);
    if (ok) {
        assert(diag_session_read(&t, again, diag_session_write(again, &s)));
        assert(memcmp(s.id, t.id, sizeof s.id) == 0 && s.started_ns == t.started_ns);
    }
    for (char *line = text, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        char *one = bx_must_calloc(1, (size_t)(end - line) + 2);

        memcpy(one, line, (size_t)(end - line) + 1);
        assert(diag_was_seen(text, one)); /* each line is, and no end of one is */
        assert(one[0] == '\n' || !diag_was_seen(one, one + 1));
        bx_free(one);
    }
    bx_free(text);
    return ok ? BX_OK : BX_MALFORMED;
}
