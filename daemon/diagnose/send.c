#include "diagnose/send.h"

#include "config.h"
#include "diagnose/outgoing.h"
#include "diagnose/priv.h"
#include "mem/alloc.h"
#include "rec/rec.h"
#include "sys/clock.h"
#include "sys/pool.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

/* ---- one envelope ---- */

static size_t on_header(char *p, size_t size, size_t n, void *ctx)
{
    return send_answer_line(ctx, p, size * n) ? size * n : 0;
}

/* Only its length matters: nobody reads it, and it may have no end. */
static size_t on_body(char *p, size_t size, size_t n, void *ctx)
{
    struct send_answer *a = ctx;

    (void)p;
    a->has_body = true;
    a->bytes += size * n;
    return a->bytes <= SEND_ANSWER_BYTES ? size * n : 0;
}

static bool is_stopping(const struct sender *s)
{
    return __atomic_load_n(&s->stopping, __ATOMIC_RELAXED);
}

/* The job ends, and another one begins without limits. */
static bool is_asked(const struct sender *s)
{
    return __atomic_load_n(&s->asked, __ATOMIC_RELAXED);
}

static int on_progress(void *ctx, curl_off_t down, curl_off_t to_down, curl_off_t up,
                       curl_off_t to_up)
{
    const struct sender *s = ctx;

    (void)down, (void)to_down, (void)up, (void)to_up;
    return is_stopping(s) ? 1 : 0;
}

struct upload {
    const struct outgoing *what;
    uint64_t at;
};

static size_t on_upload(char *p, size_t size, size_t n, void *ctx)
{
    struct upload *u = ctx;
    ssize_t got = outgoing_read(u->what, u->at, p, size * n);

    if (got < 0)
        return CURL_READFUNC_ABORT;
    u->at += (uint64_t)got;
    return (size_t)got;
}

/* When it has to be sent once more. */
static int on_seek(void *ctx, curl_off_t offset, int origin)
{
    struct upload *u = ctx;

    if (origin != SEEK_SET || offset < 0)
        return CURL_SEEKFUNC_CANTSEEK;
    u->at = (uint64_t)offset;
    return CURL_SEEKFUNC_OK;
}

static void set_upload(CURL *c, struct upload *u)
{
    curl_easy_setopt(c, CURLOPT_POST, 1L);
    curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)u->what->bytes);
    curl_easy_setopt(c, CURLOPT_READFUNCTION, on_upload);
    curl_easy_setopt(c, CURLOPT_READDATA, u);
    curl_easy_setopt(c, CURLOPT_SEEKFUNCTION, on_seek);
    curl_easy_setopt(c, CURLOPT_SEEKDATA, u);
}

static int post(const struct sender *s, const struct outgoing *what, struct send_answer *a,
                struct bx_err *err)
{
    struct upload upload = {what, 0};
    struct curl_slist *lines = NULL;
    CURL *c = curl_easy_init();
    CURLcode rc;

    memset(a, 0, sizeof *a);
    if (c == NULL)
        return bx_err_set(err, BX_NO_MEMORY, "out of memory");
    lines = curl_slist_append(lines, s->dsn.auth);
    lines = curl_slist_append(lines, "Content-Type: application/x-sentry-envelope");
    lines = curl_slist_append(lines, "Expect:");
    curl_easy_setopt(c, CURLOPT_URL, s->dsn.url);
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(c, CURLOPT_HTTPHEADER, lines);
    curl_easy_setopt(c, CURLOPT_USERAGENT, SEND_CLIENT);
    set_upload(c, &upload);
    curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(c, CURLOPT_HEADERDATA, a);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, a);
    curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(c, CURLOPT_XFERINFODATA, (void *)(uintptr_t)s);
    curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, (long)SEND_CONNECT_S);
    curl_easy_setopt(c, CURLOPT_TIMEOUT, (long)SEND_TOTAL_S);
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    rc = curl_easy_perform(c);
    if (rc == CURLE_WRITE_ERROR && a->has_body)
        rc = CURLE_OK; /* on_body has seen enough */
    if (rc == CURLE_OK)
        curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &a->status);
    curl_slist_free_all(lines);
    curl_easy_cleanup(c);
    return rc == CURLE_OK ? BX_OK : bx_err_set(err, BX_UNREACHABLE, "%s", curl_easy_strerror(rc));
}

static void read_limits(struct sender *s, const struct send_answer *a)
{
    uint64_t now_s = clock_wall_ns() / 1000000000u + 1; /* rather too late than too early */

    if (a->limits[0] != '\0')
        bx_limits_read(&s->limits, bx_str(a->limits), now_s);
    else if (a->status == 429)
        bx_limits_retry_after(&s->limits, bx_str(a->retry_after), now_s);
}

/* The service will not take it at any time. */
static bool is_final(long status)
{
    return status >= 400 && status < 500 && status != 401 && status != 403 && status != 404 &&
           status != 408 && status != 429;
}

/* What can not be deleted, as on a file system that is read-only, would be sent again at once. */
static void delete (struct sender *s, const struct spool_entry *e)
{
    int rc = spool_delete(&s->d->spool, e, &s->result.err);

    s->result.failed |= rc != BX_OK && rc != BX_NOT_FOUND;
}

static void judge(struct sender *s, const struct spool_entry *e, const struct send_answer *a)
{
    struct sender_result *r = &s->result;

    read_limits(s, a);
    if (a->status >= 200 && a->status < 300) {
        r->sent++;
        delete (s, e);
    } else if (a->status == 429) {
        r->limited++;
    } else if (is_final(a->status)) {
        r->refused++;
        r->refused_type[e->type]++;
        delete (s, e);
    } else {
        r->failed = true;
        bx_err_set(&r->err, BX_UNREACHABLE, "the service answers %ld", a->status);
    }
}

static void send_one(struct sender *s, const struct spool_entry *e)
{
    bool attachments =
        bx_limits_wait(&s->limits, BX_CATEGORY_ATTACHMENT, clock_wall_ns() / 1000000000u) == 0;
    struct sender_result *r = &s->result;
    struct send_answer a;
    struct outgoing o;
    int rc = outgoing_open(&o, &s->d->spool, e, attachments, &r->err);

    r->cut += o.cut;
    if (rc == BX_CORRUPT) { /* no service would take it, and the others have to go on */
        BX_WARNING("diag", "an envelope is damaged and was deleted", "file", e->name);
        r->refused++;
        r->refused_type[e->type]++;
        delete (s, e);
    } else if (rc == BX_OK && post(s, &o, &a, &r->err) == BX_OK) {
        judge(s, e, &a);
    } else if (rc != BX_NOT_FOUND) {
        r->failed = true;
    }
    outgoing_close(&o);
}

/* The oldest one that no limit holds back. After failures, one that is as many places behind it:
 * the service may fail because of what it is sent, and then the others must not wait for that. */
static bool choose(const struct sender *s, const struct spool_entry *all, uint32_t n,
                   struct spool_entry *out)
{
    uint64_t now_s = clock_wall_ns() / 1000000000u;

    for (uint32_t k = 0; k < n; k++) {
        uint32_t i = (k + s->failures) % n;

        if (bx_limits_wait(&s->limits, bx_category_of(all[i].type), now_s) == 0) {
            *out = all[i];
            return true;
        }
    }
    return false;
}

static void run(uv_work_t *work)
{
    struct sender *s = work->data;
    struct spool_entry *all = bx_must_alloc(SPOOL_FILES * sizeof *all), e;
    struct sender_result *r = &s->result;

    pool_yield_to_loop();
    for (unsigned i = 0; i < SEND_BATCH && !r->failed && !is_stopping(s) && !is_asked(s); i++) {
        uint32_t n = spool_list(&s->d->spool, all, SPOOL_FILES);

        r->more = choose(s, all, n, &e);
        if (!r->more)
            break;
        send_one(s, &e);
    }
    bx_free(all);
}

/* ---- on the loop ---- */

static uint64_t now_ms(const struct sender *s)
{
    return s->d->o.clock->ops->boot_ms(s->d->o.clock);
}

/* One, two, four seconds and so on, each up to a quarter longer, so that not all nodes call a
 * service that comes back at the same moment. */
static uint64_t pause_ms(struct sender *s)
{
    uint64_t seconds = s->failures < 9 ? 1u << s->failures : SEND_BACKOFF_S;
    uint8_t dice;

    diag_random(s->d, &dice, 1);
    seconds = seconds > SEND_BACKOFF_S ? SEND_BACKOFF_S : seconds;
    return seconds * 1000 + seconds * dice;
}

static void count(struct sender *s)
{
    const struct sender_result *r = &s->result;
    struct diag *d = s->d;

    d->stats.sent += r->sent;
    d->stats.refused += r->refused;
    d->stats.limited += r->limited;
    diag_drop(d, DIAG_DROP_BACKOFF, BX_ITEM_ATTACHMENT, r->cut);
    for (int t = 0; t < BX__ITEM_TYPES; t++)
        diag_drop(d, DIAG_DROP_REFUSED, (enum bx_item_type)t, r->refused_type[t]);
}

/* Also those that the answers to the job which was under way have named. */
static void forget(struct sender *s)
{
    __atomic_store_n(&s->asked, false, __ATOMIC_RELAXED);
    memset(&s->limits, 0, sizeof s->limits);
    s->failures = 0;
    s->next_ms = 0;
    sender_tick(s);
}

static void done(uv_work_t *work, int status)
{
    struct sender *s = work->data;

    (void)status;
    s->busy = false;
    s->d->jobs--;
    count(s);
    s->next_ms = now_ms(s);
    if (is_asked(s)) {
        forget(s);
        return;
    }
    if (!s->result.failed) {
        s->failures = 0;
        return;
    }
    s->next_ms += pause_ms(s);
    if (s->failures++ == 0)
        BX_WARNING("diag", "envelopes can not be sent", "cause", s->result.err.msg);
}

/* What was dropped is an envelope, too. */
static void store_drops(struct sender *s)
{
    struct diag *d = s->d;

    if (now_ms(s) < s->drops_ms)
        return;
    s->drops_ms = now_ms(s) + SEND_DROPS_S * 1000;
    diag_begin(d);
    if (diag_tell_drops(d, &d->envelope))
        diag_end(d, BX_ITEM_CLIENT_REPORT);
}

void sender_tick(struct sender *s)
{
    if (!s->open || s->busy || is_stopping(s) || now_ms(s) < s->next_ms)
        return;
    store_drops(s);
    s->busy = true;
    s->d->jobs++;
    s->result = (struct sender_result){.sent = 0};
    s->work.data = s;
    uv_queue_work(s->d->o.loop, &s->work, run, done);
}

void sender_now(struct sender *s)
{
    s->drops_ms = 0;
    __atomic_store_n(&s->asked, true, __ATOMIC_RELAXED);
    if (!s->busy)
        forget(s);
}

int sender_open(struct sender *s, struct diag *d, struct bx_err *err)
{
    int rc;

    *s = (struct sender){.d = d};
    if (!diag_sends(d))
        return BX_OK;
    rc = send_dsn_parse(&s->dsn, d->dsn, err);
    if (rc != BX_OK)
        return rc;
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return bx_err_set(err, BX_FAILED, "libcurl does not start");
    s->open = true;
    return BX_OK;
}

void sender_stop(struct sender *s)
{
    __atomic_store_n(&s->stopping, true, __ATOMIC_RELAXED);
}

void sender_close(struct sender *s)
{
    if (s->open)
        curl_global_cleanup();
    s->open = false;
}
