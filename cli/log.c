/* log - recorded events: are the files of them sound, and what is in them. */
#include "log.h"

#include "mapped.h"
#include "rec/text.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PROGRESS_MS 100u

static int log_verify(struct run *r);

const struct command log_commands[] = {
    {.name = "log verify",
     .arguments = {{.name = "FILE"}},
     .help = "check a file of recorded events, such as DATA/recorder/crash-*.bxr",
     .offline = true,
     .run = log_verify},
    {.name = "log tail",
     .help = "print the newest events of all nodes, and new ones with --follow",
     .flags = log_tail_flags,
     .run = log_tail},
    {.name = "log query",
     .arguments = {{.name = "FILE", .optional = true, .many = true}},
     .help = "print events of all nodes, or of files, one in a line",
     .flags = log_query_flags,
     .run = log_query},
    {.name = "log agg",
     .arguments = {{.name = "FILE", .optional = true, .many = true}},
     .help = "count such events by groups, with percentiles of a field",
     .flags = log_agg_flags,
     .run = log_agg},
    {.name = "log snapshot",
     .arguments = {{.name = "FILE", .optional = true}},
     .help = "write a daemon's recorder to a file there, and here if one is named",
     .flags = log_snapshot_flags,
     .columns = log_snapshot_columns,
     .run = log_snapshot},
    {0},
};

/* ---- the question ---- */

static int set_time(struct run *r, const char *flag, uint64_t *out)
{
    const char *text = args_get(&r->args, flag, NULL);
    struct timespec now;

    if (text == NULL)
        return BX_OK;
    clock_gettime(CLOCK_REALTIME, &now);
    if (bx_recquery_time(text, (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec, out,
                         &r->err) != BX_OK)
        return bx_err_wrap(&r->err, "--%s", flag);
    return BX_OK;
}

int log_query_of(struct run *r, struct bx_recquery *q)
{
    const char *filter = args_get(&r->args, "filter", NULL);
    const char *trace = args_get(&r->args, "trace", NULL), *text;
    int rc = BX_OK;

    bx_recquery_init(q);
    if (filter != NULL && bx_recquery_filter(q, filter, &r->err) != BX_OK)
        return bx_err_wrap(&r->err, "--filter");
    for (unsigned i = 0; (text = args_nth(&r->args, "where", i)) != NULL; i++)
        if (bx_recquery_where(q, text, &r->err) != BX_OK)
            return bx_err_wrap(&r->err, "--where");
    if (trace != NULL && bx_recquery_trace(q, trace, &r->err) != BX_OK)
        return bx_err_wrap(&r->err, "--trace");
    for (unsigned i = 0; i < 2 && log_of_files(r); i++) {
        const char *flag = i == 0 ? "node" : "of";

        if (!args_has(&r->args, flag))
            continue;
        bx_err_set(&r->err, BX_INVALID, "--%s: a file is read, and no node is asked", flag);
        bx_err_hint(&r->err, "leave out --%s or FILE", flag);
        return BX_INVALID;
    }
    rc = set_time(r, "since", &q->since_ns);
    if (rc == BX_OK)
        rc = set_time(r, "until", &q->until_ns);
    if (rc == BX_OK && q->until_ns != 0 && q->since_ns >= q->until_ns) {
        bx_err_set(&r->err, BX_INVALID, "--since: not before the time of --until");
        bx_err_hint(&r->err, "times are UTC; 5m is five minutes ago");
        return BX_INVALID;
    }
    return rc;
}

/* ---- a file ---- */

struct file {
    struct run *r;
    const char *path;
    struct mapped bytes;
    struct bx_recfile f;
    uint64_t shown_ms; /* when progress was shown; 0: never */
};

static int open_file(struct file *x, struct run *r, const char *path)
{
    int rc;

    *x = (struct file){.r = r, .path = path};
    rc = mapped_open(&x->bytes, path, &r->err);
    if (rc != BX_OK)
        return rc;
    rc = bx_recfile_open(&x->f, x->bytes.p, x->bytes.n, &r->err);
    if (rc == BX_OK)
        return rc;
    if (r->err.hint[0] == '\0')
        bx_err_hint(&r->err, rc == BX_UNSUPPORTED
                                 ? "use the blixardctl of the release that wrote it"
                                 : "pass a file of recorded events, such as "
                                   "DATA/recorder/crash-*.bxr");
    bx_err_wrap(&r->err, "%s", path);
    mapped_close(&x->bytes);
    return rc;
}

static void close_file(struct file *x)
{
    bx_recfile_close(&x->f);
    mapped_close(&x->bytes);
}

/* Say that a place is damaged, and go on. */
static void tell_damage(const struct file *x)
{
    fprintf(stderr, "warning: %s: %s\n", x->path, x->r->err.msg);
}

/* The exit code of a file that was read to its end. */
static int judge(struct file *x)
{
    size_t from;

    if (mapped_lost(&x->bytes, &from))
        return run_fail_with(x->r, BX_IO, "it was truncated, or its disk fails: read a copy of it",
                             "%s cannot be read from byte %zu on", x->path, from);
    if (x->f.damaged > 0)
        return run_fail_with(x->r, BX_CORRUPT, "what could be read was shown",
                             "%s is damaged in %llu places", x->path,
                             (unsigned long long)x->f.damaged);
    if (!x->f.complete)
        return run_fail_with(x->r, BX_CORRUPT, "it was cut, or is still being written",
                             "%s has no end", x->path);
    return 0;
}

/* ---- reading ---- */

static void show_progress(struct file *x)
{
    uint64_t now = client_now();

    if (now - x->shown_ms < PROGRESS_MS && x->shown_ms != 0)
        return;
    x->shown_ms = now;
    fprintf(stderr, "\r%s: %3zu %%", x->path, x->f.at * 100 / x->bytes.n);
}

static void end_progress(struct file *x)
{
    if (x->shown_ms != 0)
        fprintf(stderr, "\r\033[K");
    x->shown_ms = 0;
}

struct reading {
    struct log_reader *l;
    struct file *x;
};

static bool want(void *ctx, const struct bx_site *site, const uint64_t *head)
{
    const struct reading *now = ctx;

    return bx_recscan_head(&now->l->scan, site, head);
}

static bool step(void *ctx, size_t at)
{
    const struct reading *now = ctx;

    mapped_pass(&now->x->bytes, at);
    if (now->l->progress)
        show_progress(now->x);
    return !client_interrupted;
}

/* BX_OK at the end of the file, or what ended it. */
static int read_events(struct log_reader *l, struct file *x)
{
    struct reading now = {l, x};
    struct bx_recevent e;
    int rc;

    x->f.hooks = (struct bx_recfile_hooks){want, step, &now};
    while ((rc = bx_recfile_next(&x->f, &e, &l->r->err)) != BX_NOT_FOUND) {
        if (rc == BX_CORRUPT && !l->quiet) {
            end_progress(x);
            tell_damage(x);
        } else if (rc == BX_OK && bx_recscan_event(&l->scan, &e)) {
            rc = l->each(l->ctx, &e);
        }
        if (rc != BX_OK && rc != BX_CORRUPT)
            return rc;
    }
    return BX_OK;
}

static int read_file(struct log_reader *l, const char *path)
{
    static struct file x;
    int rc = open_file(&x, l->r, path), code = 0;

    if (rc != BX_OK)
        return l->quiet ? 0 : run_fail(l->r);
    bx_recscan_reset(&l->scan);
    if (l->others != NULL)
        l->others(l->ctx);
    rc = read_events(l, &x);
    end_progress(&x);
    if (rc != BX_OK)
        code = run_fail(l->r);
    else if (!l->quiet)
        code = judge(&x);
    close_file(&x);
    return code;
}

int log_read_files(struct log_reader *l)
{
    int code = 0;

    for (unsigned i = 0; i < l->r->n_arguments && !client_interrupted; i++) {
        int one = read_file(l, l->r->arguments[i]);

        if (code == 0)
            code = one;
    }
    return code;
}

/* ---- verify ---- */

static void print_about(const struct bx_recfile *f)
{
    const struct bx_recfile_meta *m = &f->meta;
    char time[BX_TEXT_TIME];
    size_t n = bx_text_time(time, m->time_ns, 3);

    printf("program   " BX_STR_FMT " " BX_STR_FMT ", process %u\n", BX_STR_ARG(m->program),
           BX_STR_ARG(m->version), m->pid);
    printf("written   %.*s on " BX_STR_FMT ", node %llu: " BX_STR_FMT "\n", (int)n, time,
           BX_STR_ARG(m->host), (unsigned long long)m->node, BX_STR_ARG(m->reason));
    printf("build id  ");
    for (uint32_t i = 0; i < m->build.n; i++)
        printf("%02x", (uint8_t)m->build.p[i]);
    printf("\n");
    for (uint32_t i = 0; i < f->n_threads; i++)
        printf("thread    " BX_STR_FMT ": %llu events, %llu overwritten, %llu not logged\n",
               BX_STR_ARG(f->threads[i].name), (unsigned long long)f->threads[i].events,
               (unsigned long long)f->threads[i].overwritten,
               (unsigned long long)f->threads[i].dropped);
    printf("events    %llu\n", (unsigned long long)f->events);
}

static int log_verify(struct run *r)
{
    static struct file x;
    struct bx_recevent e;
    int rc;

    if (open_file(&x, r, r->arguments[0]) != BX_OK)
        return run_fail(r);
    while ((rc = bx_recfile_next(&x.f, &e, &r->err)) != BX_NOT_FOUND && rc != BX_NO_MEMORY)
        if (rc == BX_CORRUPT)
            tell_damage(&x);
    if (!r->quiet)
        print_about(&x.f);
    rc = rc == BX_NO_MEMORY ? run_fail(r) : judge(&x);
    close_file(&x);
    return rc;
}
