#include "fuzz/targets.h"

#include "mem/alloc.h"
#include "rec/recagg.h"
#include "rec/recfile.h"
#include "rec/recquery.h"
#include "rec/text.h"

#include <assert.h>
#include <string.h>

#define TIME_NS UINT64_C(1732885200123456789)

/* What the tools do with an event: select it, and make text of it in each form. */
static void use(const struct bx_recevent *e)
{
    struct bx_filter filter;
    struct bx_buf text = {0};

    assert(bx_filter_parse(&filter, "trace,node=trace,node=2", NULL) == BX_OK);
    bx_filter_event(&filter, e);
    for (int form = BX_TEXT_CONSOLE; form <= BX_TEXT_JSON; form++) {
        size_t before = text.len;

        bx_text_event(&text, (enum bx_text_form)form, e);
        assert(!text.failed && text.len > before && text.data[text.len - 1] == '\n');
        assert(memchr(text.data + before, '\n', text.len - before) == text.data + text.len - 1);
    }
    bx_buf_release(&text);
}

static int read_events(struct bx_recfile *f)
{
    struct bx_recevent e;
    struct bx_err err;
    uint64_t events = 0, damaged = 0;
    int rc;

    while ((rc = bx_recfile_next(f, &e, &err)) != BX_NOT_FOUND) {
        assert(rc == BX_OK || rc == BX_CORRUPT);
        damaged += rc == BX_CORRUPT;
        assert(rc == BX_OK || err.msg[0] != '\0');
        if (rc == BX_OK && events++ < 64)
            use(&e);
    }
    assert(events == f->events && damaged == f->damaged);
    assert(f->at == f->n && !(f->complete && damaged > 0));
    return f->complete ? BX_OK : BX_CORRUPT;
}

int fuzz_recorder(const uint8_t *p, size_t n)
{
    static struct bx_recfile f;
    uint8_t *src = fuzz_copy(p, n);
    int rc = bx_recfile_open(&f, src, n, NULL);

    (void)bx_recfile_part(src, n, true);
    (void)bx_recfile_part(src, n, false);
    if (rc == BX_OK) {
        rc = read_events(&f);
        bx_recfile_close(&f);
    }
    bx_free(src);
    return rc;
}

/* ---- what somebody asks for ---- */

/* One line: a letter, and the text of a filter, a condition, a trace id, a time or terms. */
static int ask(struct bx_recquery *q, const char *line)
{
    static struct bx_recagg agg;
    struct bx_err err = {0};
    uint64_t ns;
    int rc = BX_INVALID;

    switch (line[0]) {
    case 'f':
        rc = bx_recquery_filter(q, line + 1, &err);
        break;
    case 'w':
        rc = bx_recquery_where(q, line + 1, &err);
        break;
    case 't':
        rc = bx_recquery_trace(q, line + 1, &err);
        break;
    case 's':
        rc = bx_recquery_time(line + 1, TIME_NS, &ns, &err);
        q->since_ns = rc == BX_OK ? ns : 0;
        break;
    case 'b':
        rc = bx_recagg_open(&agg, line + 1, NULL, &err);
        bx_recagg_close(&agg);
        break;
    default:
        return BX_OK;
    }
    assert(rc == BX_OK || (rc == BX_INVALID && err.msg[0] != '\0' && err.hint[0] != '\0'));
    return rc;
}

/* An event that is wanted is not one that its first words rule out. */
static void answer(const struct bx_recquery *q)
{
    static struct bx_site site = {
        .target = "vm",
        .message = "started",
        .level = BX_LEVEL_INFO,
        .id = 1,
        .n = 3,
        .fields = {{"vm", BX_ARG_STR}, {"ms", BX_ARG_I64}, {"x", BX_ARG_F64}}};
    struct bx_recevent e = {.site = &site, .level = site.level, .n = 3, .time_ns = TIME_NS};
    const uint64_t head[BX_RECEVENT_HEADER] = {0, TIME_NS, 0, 0};
    struct bx_recscan scan;

    e.args[0] = bx_arg_text("web-1");
    e.args[1] = bx_arg_i64(-250);
    e.args[2] = bx_arg_f64(0.5);
    assert(bx_recscan_open(&scan, q) == BX_OK);
    if (bx_recscan_event(&scan, &e))
        assert(bx_recscan_head(&scan, &site, head) && bx_recscan_event(&scan, &e));
    bx_recscan_close(&scan);
}

int fuzz_log_query(const uint8_t *p, size_t n)
{
    struct bx_recquery q;
    int rc = BX_OK;

    bx_recquery_init(&q);
    for (size_t at = 0; at < n;) {
        const uint8_t *end = memchr(p + at, '\n', n - at);
        size_t len = end == NULL ? n - at : (size_t)(end - p) - at;
        char *line = bx_must_calloc(1, len + 1);
        int one;

        memcpy(line, p + at, len);
        one = ask(&q, line);
        bx_free(line);
        rc = rc == BX_OK ? one : rc;
        at += len + 1;
    }
    answer(&q);
    return rc;
}

/* ---- filters ---- */

/* The text of a filter is read as the same filter. */
int fuzz_filter(const uint8_t *p, size_t n)
{
    char *spec = bx_must_calloc(1, n + 1), text[BX_FILTER_SPEC], again[BX_FILTER_SPEC];
    struct bx_err err = {0};
    struct bx_filter f, g;
    int rc;

    memcpy(spec, p, n);
    rc = bx_filter_parse(&f, spec, &err);
    bx_free(spec);
    if (rc != BX_OK) {
        assert(rc == BX_INVALID && err.msg[0] != '\0');
        return rc;
    }
    bx_filter_format(&f, text);
    assert(bx_filter_parse(&g, text, &err) == BX_OK);
    bx_filter_format(&g, again);
    assert(strcmp(text, again) == 0);
    return BX_OK;
}
