#include "unit/sink_help.h"

#include "sys/sink_file.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

char *sink_dir;

int sink_setup(void **state)
{
    (void)state;
    sink_dir = test_make_dir();
    return 0;
}

int sink_teardown(void **state)
{
    (void)state;
    test_remove_dir(sink_dir);
    return 0;
}

void sink_open_log(const char *filter, const char *sinks)
{
    struct sink_spec specs[SINKS_MAX];
    struct log_options o = {.thread = "test", .node = "n1", .sinks = specs};
    struct bx_err err = {0};
    char text[1024], *rest = text, *one;

    snprintf(text, sizeof text, "%s", sinks);
    while ((one = strtok_r(rest, " ", &rest)) != NULL)
        assert_int_equal(sink_spec_parse(&specs[o.n_sinks++], one, &err), BX_OK);
    assert_int_equal(bx_filter_parse(&o.filter, filter, &err), BX_OK);
    assert_int_equal(log_open(&o, &err), BX_OK);
    sink_file_directory(sink_dir);
}

void sink_counts_of(const char *name, struct bx_sink_counts *out)
{
    struct router_report report;

    router_report(&report);
    for (uint32_t i = 0; i < report.n; i++)
        if (strcmp(report.v[i].sink->name, name) == 0) {
            router_sink_counts(report.v[i].sink, out);
            return;
        }
    fail_msg("no sink %s", name);
}

void sink_wait_taken(void)
{
    uint64_t until = uv_hrtime() + DEADLINE_NS;

    while (bx_ring_used(&bx_rec_used()->queue) > 0 && uv_hrtime() < until)
        router_drain(1000000);
}

void sink_record(unsigned from, unsigned n)
{
    uint64_t seed = from;

    for (unsigned i = from; i < from + n; i++) {
        BX_INFO("test", "counted", "i", i, "a", test_random(&seed), "b", test_random(&seed));
        if (i % 500 == 499)
            sink_wait_taken();
    }
    sink_wait_taken();
}

static void read_one(struct sink_files *out, const char *dir, const char *name)
{
    static struct bx_recfile f;
    static uint64_t bytes[(12u << 20) / sizeof(uint64_t)];
    struct bx_recevent e;
    struct bx_err err;
    char path[512];
    FILE *in;
    size_t n;
    int rc;

    snprintf(path, sizeof path, "%s/%s/%s", sink_dir, dir, name);
    in = fopen(path, "r");
    n = fread(bytes, 1, sizeof bytes, in);
    fclose(in);
    assert_int_equal(bx_recfile_open(&f, (const uint8_t *)bytes, n, &err), BX_OK);
    while ((rc = bx_recfile_next(&f, &e, &err)) != BX_NOT_FOUND) {
        if (rc != BX_OK || strcmp(e.site->target, "test") != 0)
            continue;
        if (out->events++ == 0)
            out->first = e.args[0].u;
        else
            out->in_order &= e.args[0].u == out->last + 1;
        out->last = e.args[0].u;
    }
    out->n++;
    out->whole += f.complete;
    out->archives += ((const uint8_t *)bytes)[2] == 2;
    out->told += f.meta.program.n > 0 && f.meta.version.n > 0 && f.meta.build.n >= 16;
    out->damaged += f.damaged;
    out->bytes += n;
    bx_recfile_close(&f);
}

static int is_log(const struct dirent *e)
{
    return strncmp(e->d_name, "log-", 4) == 0;
}

void sink_read_files_in(const char *dir, struct sink_files *out)
{
    struct dirent **names;
    char path[512];
    int n;

    *out = (struct sink_files){.in_order = true};
    snprintf(path, sizeof path, "%s/%s", sink_dir, dir);
    n = scandir(path, &names, is_log, alphasort);
    for (int i = 0; i < n; i++) {
        read_one(out, dir, names[i]->d_name);
        free(names[i]);
    }
    if (n >= 0)
        free(names);
}

void sink_read_files(struct sink_files *out)
{
    sink_read_files_in("recorder", out);
}

/* ---- a file in memory ---- */

struct sink_sample sink_sample;

static int add(void *ctx, const void *p, size_t n)
{
    (void)ctx;
    assert_true(sink_sample.n + n <= sizeof sink_sample.p);
    memcpy(sink_sample.p + sink_sample.n, p, n);
    if (sink_sample.n == 0)
        sink_sample.first = n;
    sink_sample.n += n;
    return BX_OK;
}

void sink_make_sample(void)
{
    static struct bx_site site = {.target = "test", .message = "m", .file = "f.c", .id = 0};
    static struct bx_site *sites[] = {&site};
    static struct bx_recfile_writer w;
    const struct bx_recfile_meta m = {.program = bx_str("p"), .host = bx_str("h")};

    w = (struct bx_recfile_writer){.write = add, .sites = {sites, 1}};
    sink_sample.n = 0;
    assert_int_equal(bx_recfile_begin(&w, &m), BX_OK);
    assert_int_equal(bx_recfile_end(&w), BX_OK);
}
