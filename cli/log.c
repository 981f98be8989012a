/* log - files of recorded events: are they sound, and what is in them. */
#include "run.h"

#include "rec/filter.h"
#include "rec/recfile.h"
#include "rec/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int log_verify(struct run *r);
static int log_query(struct run *r);

static const struct flag query_flags[] = {
    {.name = "filter", .value = "SPEC", .help = "a level, levels of targets, values of fields"},
    {.name = "tail", .value = "N", .help = "only the last N events"},
    {0},
};

const struct command log_commands[] = {
    {.name = "log verify",
     .arguments = {{.name = "FILE"}},
     .help = "check a file of recorded events, such as DATA/recorder/crash-*.bxr",
     .offline = true,
     .run = log_verify},
    {.name = "log query",
     .arguments = {{.name = "FILE"}},
     .help = "print the events of a file, as text or as JSON, one in a line",
     .flags = query_flags,
     .offline = true,
     .run = log_query},
    {0},
};

/* ---- the file ---- */

static int read_all(int fd, struct bx_buf *out, size_t size)
{
    while (out->len < size) {
        size_t want = size - out->len;
        ssize_t got;

        if (bx_buf_reserve(out, want) != BX_OK)
            return BX_NO_MEMORY;
        got = read(fd, out->data + out->len, want);
        if (got == 0)
            break;
        if (got < 0 && errno != EINTR)
            return BX_IO;
        if (got > 0)
            out->len += (size_t)got;
    }
    return BX_OK;
}

/* Read the file of the first argument. BX_OK, or r->err is set. */
static int load(struct run *r, struct bx_buf *out)
{
    const char *path = r->arguments[0];
    int fd = open(path, O_RDONLY | O_CLOEXEC), rc;
    struct stat st;

    if (fd < 0)
        return bx_err_set(&r->err, errno == ENOENT ? BX_NOT_FOUND : BX_IO, "%s: %s", path,
                          strerror(errno));
    rc = fstat(fd, &st) == 0 ? read_all(fd, out, (size_t)st.st_size) : BX_IO;
    if (rc != BX_OK)
        bx_err_set(&r->err, rc, "%s: %s", path,
                   rc == BX_IO ? strerror(errno) : "the file does not fit into memory");
    close(fd);
    return rc;
}

static int open_file(struct run *r, struct bx_buf *bytes, struct bx_recfile *f)
{
    int rc = load(r, bytes);

    if (rc == BX_OK) {
        rc = bx_recfile_open(f, bytes->data, bytes->len, &r->err);
        if (rc != BX_OK)
            bx_err_wrap(&r->err, "%s", r->arguments[0]);
    }
    if (rc != BX_OK)
        bx_buf_release(bytes);
    return rc;
}

static void close_file(struct bx_buf *bytes, struct bx_recfile *f)
{
    bx_recfile_close(f);
    bx_buf_release(bytes);
}

/* Say that a place is damaged, and go on. */
static void tell_damage(struct run *r)
{
    fprintf(stderr, "warning: %s: %s\n", r->arguments[0], r->err.msg);
}

/* The exit code of a file that was read to its end. */
static int judge(struct run *r, const struct bx_recfile *f)
{
    if (f->damaged > 0)
        return run_fail_with(r, BX_CORRUPT, "what could be read was shown",
                             "%s is damaged in %llu places", r->arguments[0],
                             (unsigned long long)f->damaged);
    if (!f->complete)
        return run_fail_with(r, BX_CORRUPT, "it was cut, or is still being written",
                             "%s has no end", r->arguments[0]);
    return 0;
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
    struct bx_buf bytes = {0};
    static struct bx_recfile f;
    struct bx_recevent e;
    int rc;

    if (open_file(r, &bytes, &f) != BX_OK)
        return run_fail(r);
    while ((rc = bx_recfile_next(&f, &e, &r->err)) != BX_NOT_FOUND && rc != BX_NO_MEMORY)
        if (rc == BX_CORRUPT)
            tell_damage(r);
    if (!r->quiet)
        print_about(&f);
    rc = rc == BX_NO_MEMORY ? run_fail(r) : judge(r, &f);
    close_file(&bytes, &f);
    return rc;
}

/* ---- query ---- */

/* Print the events that pass, or only count them. */
static int each_event(struct run *r, struct bx_recfile *f, const struct bx_filter *filter,
                      uint64_t skip, bool print, uint64_t *count)
{
    enum bx_text_form form = r->out.format == OUTPUT_JSON ? BX_TEXT_JSON : BX_TEXT_CONSOLE;
    struct bx_buf line = {0};
    struct bx_recevent e;
    int rc;

    *count = 0;
    while ((rc = bx_recfile_next(f, &e, &r->err)) != BX_NOT_FOUND && rc != BX_NO_MEMORY) {
        if (rc == BX_CORRUPT && print)
            tell_damage(r);
        if (rc != BX_OK || !bx_filter_event(filter, &e) || (*count)++ < skip || !print)
            continue;
        line.len = 0;
        bx_text_event(&line, form, &e);
        fwrite(line.data, 1, line.len, stdout);
    }
    bx_buf_release(&line);
    return rc == BX_NO_MEMORY ? rc : BX_OK;
}

/* How many events to leave out, so that as many remain as --tail says. */
static int skipped(struct run *r, struct bx_buf *bytes, const struct bx_filter *filter,
                   uint64_t *out)
{
    static struct bx_recfile f;
    uint64_t n = 0, keep = 0;
    int rc;

    *out = 0;
    if (!args_has(&r->args, "tail"))
        return BX_OK;
    rc = args_number(&r->args, "tail", 0, UINT32_MAX, &keep, &r->err);
    if (rc == BX_OK)
        rc = bx_recfile_open(&f, bytes->data, bytes->len, &r->err);
    if (rc != BX_OK)
        return rc;
    rc = each_event(r, &f, filter, 0, false, &n);
    bx_recfile_close(&f);
    *out = n > keep ? n - keep : 0;
    return rc;
}

static int log_query(struct run *r)
{
    static struct bx_recfile f;
    struct bx_buf bytes = {0};
    struct bx_filter filter;
    uint64_t skip = 0, n;
    int rc;

    if (bx_filter_parse(&filter, args_get(&r->args, "filter", "trace"), &r->err) != BX_OK ||
        open_file(r, &bytes, &f) != BX_OK)
        return run_fail(r);
    rc = skipped(r, &bytes, &filter, &skip);
    if (rc == BX_OK)
        rc = each_event(r, &f, &filter, skip, true, &n);
    rc = rc != BX_OK ? run_fail(r) : judge(r, &f);
    close_file(&bytes, &f);
    return rc;
}
