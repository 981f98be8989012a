/* log_query - recorded events, one in a line: text, JSON or CSV. */
#include "log.h"

#include "format.h"
#include "mem/alloc.h"
#include "rec/text.h"
#include "wire/logquery.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TAIL 20u

#define TAIL_FLAG                                                                                  \
    {                                                                                              \
        .name = "tail", .value = "N", .help = "only the last N events"                             \
    }
const struct flag log_query_flags[] = {LOG_QUERY_FLAGS, TAIL_FLAG, LOG_NODE_FLAGS, {0}};
const struct flag log_tail_flags[] = {
    {.name = "follow", .letter = 'f', .help = "go on with new events, until Ctrl-C"},
    LOG_QUERY_FLAGS,
    {.name = "tail", .value = "N", .help = "begin with the last N events (20)"},
    LOG_NODE_FLAGS,
    {0}};

struct printer {
    struct run *r;
    struct bx_buf line;
    uint64_t seen, skip; /* events; those to leave out first */
    bool count_only;
};

/* ---- lines ---- */

static void add_text(struct bx_buf *b, const char *text)
{
    bx_must_ok(format_csv_text(b, text, strlen(text)));
    bx_must_ok(bx_buf_append(b, ",", 1));
}

static void csv_line(struct bx_buf *b, const struct bx_recevent *e)
{
    struct bx_buf part = {0};
    char text[64];

    bx_must_ok(bx_buf_append(b, text, bx_text_time(text, e->time_ns, 9)));
    bx_must_ok(bx_buf_append(b, ",", 1));
    add_text(b, e->origin == NULL ? "" : e->origin);
    add_text(b, bx_level_name(e->level));
    add_text(b, e->site->target);
    bx_text_message(&part, e);
    bx_must_ok(format_csv_text(b, (const char *)part.data, part.len));
    bx_must_ok(bx_buf_append(b, ",", 1));
    snprintf(text, sizeof text, "%016llx", (unsigned long long)e->trace);
    add_text(b, e->trace == 0 ? "" : text);
    part.len = 0;
    bx_text_fields(&part, e);
    if (part.len > 0) /* without the blank before the first one */
        bx_must_ok(format_csv_text(b, (const char *)part.data + 1, part.len - 1));
    bx_must_ok(bx_buf_append(b, "\n", 1));
    bx_buf_release(&part);
}

static int print_event(void *ctx, const struct bx_recevent *e)
{
    struct printer *p = ctx;

    if (p->seen++ < p->skip || p->count_only)
        return BX_OK;
    p->line.len = 0;
    if (p->r->out.format == OUTPUT_CSV)
        csv_line(&p->line, e);
    else
        bx_text_event(&p->line, p->r->out.format == OUTPUT_JSON ? BX_TEXT_JSON : BX_TEXT_CONSOLE,
                      e);
    if (fwrite(p->line.data, 1, p->line.len, stdout) != p->line.len)
        return bx_err_set(&p->r->err, BX_IO, "cannot write to standard output");
    return BX_OK;
}

static int begin(struct run *r)
{
    if (r->out.format == OUTPUT_YAML || r->out.format == OUTPUT_NAME) {
        bx_err_set(&r->err, BX_INVALID, "--output: events are printed as table, json or csv");
        bx_err_hint(&r->err, "pass -o json for one object in a line");
        return BX_INVALID;
    }
    if (r->out.format == OUTPUT_CSV && r->out.headers)
        printf("time,origin,level,target,msg,trace,fields\n");
    return BX_OK;
}

/* ---- query ---- */

/* How many events to leave out, so that as many remain as --tail says. An exit code. */
static int count_skipped(struct log_reader *l, struct printer *p)
{
    uint64_t keep = 0;
    int code;

    if (!args_has(&l->r->args, "tail"))
        return 0;
    if (args_number(&l->r->args, "tail", 0, UINT32_MAX, &keep, &l->r->err) != BX_OK)
        return run_fail(l->r);
    p->count_only = l->quiet = true;
    code = log_read_files(l);
    p->count_only = l->quiet = false;
    p->skip = p->seen > keep ? p->seen - keep : 0;
    p->seen = 0;
    return code;
}

static int query_files(struct log_reader *l, struct printer *p)
{
    int code = count_skipped(l, p);

    return code == 0 ? log_read_files(l) : code;
}

/* The nodes give so many at once. */
static int query_nodes(struct log_reader *l, uint64_t limit, bool follow)
{
    if (args_number(&l->r->args, "tail", 1, BX_LOG_EVENTS_MAX, &limit, &l->r->err) != BX_OK)
        return run_fail(l->r);
    return follow ? log_follow_nodes(l, limit) : log_read_nodes(l, limit);
}

static int run_query(struct run *r, uint64_t limit, bool follow)
{
    struct printer p = {.r = r};
    struct log_reader l = {.r = r, .each = print_event, .ctx = &p};
    struct bx_recquery q;
    int code;

    l.progress = !r->quiet && isatty(STDERR_FILENO) && !isatty(STDOUT_FILENO);
    if (log_query_of(r, &q) != BX_OK || begin(r) != BX_OK)
        return run_fail(r);
    bx_must_ok(bx_recscan_open(&l.scan, &q));
    code = log_of_files(r) ? query_files(&l, &p) : query_nodes(&l, limit, follow);
    bx_recscan_close(&l.scan);
    bx_buf_release(&p.line);
    return code;
}

int log_query(struct run *r)
{
    return run_query(r, 0, false);
}

int log_tail(struct run *r)
{
    return run_query(r, TAIL, args_has(&r->args, "follow"));
}
