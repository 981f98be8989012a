#include "fuzz/targets.h"

#include "diag/envread.h"
#include "diag/limits.h"
#include "diagnose/send.h"
#include "mem/alloc.h"

#include <assert.h>
#include <string.h>

/* What was read and written again is read as the same items. */
static void check_again(const struct bx_envelope *e, uint32_t items)
{
    struct bx_envread_item item;
    struct bx_envread r;
    uint32_t n = 0;

    assert(bx_envread_open(&r, e->out.data, e->out.len, NULL) == BX_OK);
    while (bx_envread_next(&r, &item, NULL) == BX_OK)
        n++;
    assert(n == items);
    bx_envread_close(&r);
}

static int read_items(struct bx_envread *r)
{
    struct bx_envelope_head head = {r->has_event ? r->event : NULL, r->sent_ns};
    struct bx_envelope e = {.items = 0};
    struct bx_envread_item item;
    struct bx_limits limits = {0};
    int rc;

    bx_envelope_begin(&e, &head);
    while ((rc = bx_envread_next(r, &item, NULL)) == BX_OK) {
        assert(item.payload.p >= r->p && item.payload.p + item.payload.n <= r->p + r->n);
        bx_limits_read(&limits, item.payload, 0);
        bx_limits_retry_after(&limits, item.header, 0);
        if (memchr(item.payload.p, '\n', item.payload.n) == NULL)
            bx_envelope_item(&e, item.header, item.payload);
    }
    check_again(&e, e.items);
    bx_envelope_close(&e);
    return rc == BX_NOT_FOUND ? BX_OK : rc;
}

int fuzz_envelope(const uint8_t *p, size_t n)
{
    uint8_t *src = fuzz_copy(p, n);
    struct bx_envread r;
    int rc = bx_envread_open(&r, src, n, NULL);

    if (rc == BX_OK)
        rc = read_items(&r);
    bx_envread_close(&r);
    bx_free(src);
    return rc;
}

/* ---- the sender ---- */

/* What follows is one line of a header. */
static void check_line(const char *text)
{
    for (; *text != '\0'; text++)
        assert(*text >= ' ' && *text <= '~');
}

int fuzz_dsn(const uint8_t *p, size_t n)
{
    char *text = bx_must_calloc(1, n + 1);
    struct send_dsn dsn;
    struct bx_err err = {0};
    int rc;

    memcpy(text, p, n);
    rc = send_dsn_parse(&dsn, text, &err);
    if (rc == BX_OK) {
        check_line(dsn.url);
        check_line(dsn.auth);
        assert(strncmp(dsn.url, "http", 4) == 0 && strstr(dsn.url, "/api/") != NULL);
    }
    assert(rc == BX_OK || (rc == BX_INVALID && err.msg[0] != '\0' && err.hint[0] != '\0'));
    bx_free(text);
    return rc;
}

/* Line after line, each in a block of its own, as they come from the library; then what they say.
 */
int fuzz_answer(const uint8_t *p, size_t n)
{
    const uint64_t now_s = 1764421200;
    struct bx_limits limits = {{0}};
    struct send_answer a = {0};

    for (size_t at = 0, len; at < n; at += len) {
        const uint8_t *end = memchr(p + at, '\n', n - at);
        uint8_t *line;
        bool more;

        len = end == NULL ? n - at : (size_t)(end - p) - at + 1;
        line = fuzz_copy(p + at, len);
        more = send_answer_line(&a, (const char *)line, len);
        bx_free(line);
        assert(strlen(a.limits) < sizeof a.limits && strchr(a.limits, '\n') == NULL);
        assert(strlen(a.retry_after) < sizeof a.retry_after);
        if (!more)
            return BX_TOO_LARGE;
    }
    bx_limits_read(&limits, bx_str(a.limits), now_s);
    bx_limits_retry_after(&limits, bx_str(a.retry_after), now_s);
    for (int c = 0; c < BX__CATEGORIES; c++)
        assert(bx_limits_wait(&limits, (enum bx_category)c, now_s) <= BX_LIMITS_MAX_S);
    assert(bx_limits_wait(&limits, BX_CATEGORY_INTERNAL, now_s) == 0);
    return BX_OK;
}
