/* recfile: what is written is read back without the program that wrote it, and damage is told while
 * the rest is shown. */
#include "lib/testlib.h"

#include "codec/header.h"
#include "mem/buf.h"
#include "rec/recfile.h"

#include <string.h>

#define EVENTS 400u

static struct bx_rec_thread thread;
static uint64_t words[BX_REC_RING];
static struct bx_recfile_writer writer;

static uint64_t clock_ns(void)
{
    static uint64_t now = 1000;

    return now++;
}

static int append(void *ctx, const void *p, size_t n)
{
    return bx_buf_append(ctx, p, n);
}

static int setup(void **state)
{
    struct bx_filter all;

    (void)state;
    if (bx_filter_parse(&all, "trace", NULL) != BX_OK ||
        bx_rec_thread_open(&thread, "test", 3, BX_REC_RING, 0, clock_ns) != BX_OK)
        return -1;
    bx_rec_filter_ring(&all);
    bx_rec_use(&thread);
    for (unsigned i = 0; i < EVENTS; i++) {
        BX_INFO("test", "counted", "i", i, "name", "some text that compresses");
        bx_rec_line(BX_LINE_RAFT, 4, "a line", 6);
    }
    bx_rec_use(NULL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    bx_rec_thread_close(&thread);
    return 0;
}

static void write_file(struct bx_buf *out, enum bx_recfile_form form)
{
    struct bx_recfile_meta meta = {.program = bx_str("rec_file_test"),
                                   .version = bx_str("1"),
                                   .reason = bx_str("asked for"),
                                   .node = 3,
                                   .pid = 77};
    struct bx_recfile_thread t = {.index = 3, .name = bx_str("test"), .events = 2 * EVENTS};
    size_t n = bx_ring_copy(&thread.ring, words, BX_REC_RING);

    writer = (struct bx_recfile_writer){.write = append, .ctx = out, .form = form};
    assert_int_equal(bx_recfile_begin(&writer, &meta), BX_OK);
    assert_int_equal(bx_recfile_put_thread(&writer, &t), BX_OK);
    for (size_t at = 0; at < n;) { /* items of about a hundred events */
        size_t run = 0;

        while (at + run < n && run < 700)
            run += bx_recevent_words(words[at + run]);
        assert_int_equal(bx_recfile_put_events(&writer, 3, words + at, run), BX_OK);
        at += run;
    }
    assert_int_equal(bx_recfile_end(&writer), BX_OK);
}

struct found {
    int open; /* what opening returned */
    uint64_t events, damaged, nameless;
    bool complete;
    char damage[100]; /* the first message */
};

static struct found read_file(const uint8_t *p, size_t n)
{
    struct found found = {0};
    struct bx_recfile f;
    struct bx_recevent e;
    struct bx_err err;
    int rc;

    found.open = bx_recfile_open(&f, p, n, &err);
    if (found.open != BX_OK)
        return found;
    while ((rc = bx_recfile_next(&f, &e, &err)) != BX_NOT_FOUND) {
        if (rc != BX_OK && found.damage[0] == '\0')
            snprintf(found.damage, sizeof found.damage, "%.99s", err.msg);
        found.events += rc == BX_OK;
    }
    found.damaged = f.damaged;
    found.nameless = f.nameless;
    found.complete = f.complete;
    bx_recfile_close(&f);
    return found;
}

static void check_events(const struct bx_buf *file)
{
    struct bx_recfile f;
    struct bx_recevent e;
    struct bx_err err;

    assert_int_equal(bx_recfile_open(&f, file->data, file->len, &err), BX_OK);
    for (unsigned i = 0; i < EVENTS; i++) {
        assert_int_equal(bx_recfile_next(&f, &e, &err), BX_OK);
        assert_string_equal(e.site->target, "test");
        assert_string_equal(e.site->message, "counted");
        assert_string_equal(e.site->fields[0].key, "i");
        assert_int_equal(e.args[0].u, i);
        assert_int_equal(e.thread, 3);
        assert_int_equal(bx_recfile_next(&f, &e, &err), BX_OK);
        assert_string_equal(e.site->target, "libraft");
        assert_null(e.site->message);
        assert_memory_equal(e.args[0].p, "a line", 6);
    }
    assert_int_equal(bx_recfile_next(&f, &e, &err), BX_NOT_FOUND);
    assert_true(f.complete);
    assert_memory_equal(f.meta.reason.p, "asked for", f.meta.reason.n);
    assert_int_equal(f.meta.pid, 77);
    assert_int_equal(f.n_threads, 1);
    assert_int_equal(f.threads[0].events, 2 * EVENTS);
    bx_recfile_close(&f);
}

static void check_whole(enum bx_recfile_form form)
{
    struct bx_buf file = {0};

    write_file(&file, form);
    check_events(&file);
    bx_buf_release(&file);
}

TEST(a_file_is_read_back)
{
    check_whole(BX_RECFILE_PLAIN);
    check_whole(BX_RECFILE_PACKED);
    check_whole(BX_RECFILE_ARCHIVE);
}

static void flip_bytes(enum bx_recfile_form form)
{
    struct bx_buf file = {0};

    write_file(&file, form);
    for (size_t i = 0; i < file.len; i++) {
        struct found found;

        file.data[i] ^= 0x20;
        found = read_file(file.data, file.len);
        file.data[i] ^= 0x20;
        assert_true(found.open == BX_OK || found.open == BX_UNSUPPORTED);
        assert_true(found.open != BX_OK || found.damaged > 0);
        assert_true(found.open != BX_OK || strstr(found.damage, "byte") != NULL);
        assert_false(found.complete);
        /* Lost are a block of events, or the names of those of an item of sites. */
        assert_true(found.open != BX_OK || found.events + found.nameless >= 2 * EVENTS - 200);
    }
    bx_buf_release(&file);
}

TEST(every_flipped_byte_is_told_and_the_rest_is_shown)
{
    flip_bytes(BX_RECFILE_PLAIN); /* as the handler of a crash writes it */
    flip_bytes(BX_RECFILE_PACKED);
    flip_bytes(BX_RECFILE_ARCHIVE);
}

static void cut(enum bx_recfile_form form)
{
    struct bx_buf file = {0};
    uint64_t events = 0;

    write_file(&file, form);
    for (size_t n = 0; n < file.len; n++) {
        struct found found = read_file(file.data, n);

        assert_false(found.complete);
        assert_true(found.open == BX_OK || found.open == BX_MALFORMED);
        assert_true(found.events >= events);
        events = found.events;
    }
    assert_int_equal(events, 2 * EVENTS); /* only the end is missing */
    bx_buf_release(&file);
}

TEST(a_file_that_was_cut_is_not_complete_and_shows_what_comes_before)
{
    cut(BX_RECFILE_PLAIN);
    cut(BX_RECFILE_PACKED);
    cut(BX_RECFILE_ARCHIVE);
}

TEST(what_is_no_such_file_is_refused)
{
    static const uint8_t text[64] __attribute__((aligned(8))) = "this is a text, nothing else";

    assert_int_equal(read_file(text, sizeof text).open, BX_MALFORMED);
    assert_int_equal(read_file(text, 0).open, BX_MALFORMED);
}

TEST(a_newer_version_is_told)
{
    struct bx_buf file = {0};
    struct bx_header h;

    write_file(&file, BX_RECFILE_PLAIN);
    assert_int_equal(bx_header_read(file.data, &h), BX_OK);
    bx_header_seal(file.data, BX_KIND_RECORDER, 3, BX_CODEC_FLAT, h.length);
    assert_int_equal(read_file(file.data, file.len).open, BX_UNSUPPORTED);
    bx_buf_release(&file);
}

/* Reads as the file that it was made of. */
TEST(an_archive_has_the_same_events_and_is_smaller)
{
    struct bx_buf file = {0}, archive = {0};
    struct bx_recfile_writer *w = &writer;
    struct found found;
    struct bx_err err;

    write_file(&file, BX_RECFILE_PACKED);
    writer = (struct bx_recfile_writer){.write = append, .ctx = &archive};
    assert_int_equal(bx_recfile_archive(file.data, file.len, w, &err), BX_OK);
    assert_true(archive.len < file.len / 2);
    assert_int_equal(archive.data[2], 2);
    found = read_file(archive.data, archive.len);
    assert_true(found.open == BX_OK && found.complete && found.damaged == 0);
    assert_int_equal(found.events, 2 * EVENTS);
    check_events(&archive);
    bx_buf_release(&file);
    bx_buf_release(&archive);
}

TEST(what_is_damaged_or_has_no_end_is_not_archived)
{
    struct bx_buf file = {0}, archive = {0};
    struct bx_err err;

    write_file(&file, BX_RECFILE_PACKED);
    for (size_t i = 0; i < file.len; i += 61) {
        writer = (struct bx_recfile_writer){.write = append, .ctx = &archive};
        assert_true(bx_recfile_archive(file.data, i, &writer, &err) != BX_OK);
        file.data[i] ^= 0x20;
        assert_true(bx_recfile_archive(file.data, file.len, &writer, &err) != BX_OK);
        assert_true(err.msg[0] != '\0');
        file.data[i] ^= 0x20;
    }
    bx_buf_release(&file);
    bx_buf_release(&archive);
}

/* A reader of version 1 knows no such content. */
TEST(what_only_an_archive_may_have_is_damage_elsewhere)
{
    struct bx_buf file = {0};
    struct bx_header h;
    struct found found;

    write_file(&file, BX_RECFILE_ARCHIVE);
    for (size_t at = 0; at < file.len; at += BX_HEADER_SIZE + h.length) {
        assert_int_equal(bx_header_read(file.data + at, &h), BX_OK);
        bx_header_seal(file.data + at, BX_KIND_RECORDER, 1, h.codec, h.length);
    }
    found = read_file(file.data, file.len);
    assert_true(found.open == BX_OK && found.events == 0 && found.damaged > 0);
    bx_buf_release(&file);
}

struct hooked {
    unsigned asked, steps, allowed;
};

static bool want_lines(void *ctx, const struct bx_site *site, const uint64_t *head)
{
    struct hooked *h = ctx;

    assert_int_equal(head[0] >> 32, site->id);
    h->asked++;
    return site->message == NULL;
}

static bool step(void *ctx, size_t at)
{
    struct hooked *h = ctx;

    (void)at;
    return h->steps++ < h->allowed;
}

TEST(what_nobody_wants_is_passed_over_and_reading_can_be_ended)
{
    struct hooked h = {.allowed = 10000};
    struct bx_buf file = {0};
    struct bx_recfile f;
    struct bx_recevent e;
    struct bx_err err;

    write_file(&file, BX_RECFILE_PACKED);
    assert_int_equal(bx_recfile_open(&f, file.data, file.len, &err), BX_OK);
    f.hooks = (struct bx_recfile_hooks){want_lines, step, &h};
    for (unsigned i = 0; i < EVENTS; i++) {
        assert_int_equal(bx_recfile_next(&f, &e, &err), BX_OK);
        assert_null(e.site->message);
    }
    assert_int_equal(bx_recfile_next(&f, &e, &err), BX_NOT_FOUND);
    assert_true(f.complete);
    assert_int_equal(f.events, 2 * EVENTS);
    assert_int_equal(h.asked, 2 * EVENTS);
    assert_int_equal(h.steps, f.items);
    bx_recfile_close(&f);

    h = (struct hooked){.allowed = 2};
    assert_int_equal(bx_recfile_open(&f, file.data, file.len, &err), BX_OK);
    f.hooks = (struct bx_recfile_hooks){NULL, step, &h};
    assert_int_equal(bx_recfile_next(&f, &e, &err), BX_INTERRUPTED);
    bx_recfile_close(&f);
    bx_buf_release(&file);
}

static int refuse(void *ctx, const void *p, size_t n)
{
    (void)p, (void)n;
    return --*(int *)ctx < 0 ? BX_NO_SPACE : BX_OK;
}

TEST(a_write_that_fails_ends_the_file)
{
    struct bx_recfile_meta meta = {.program = bx_str("x")};
    int left = 1;

    writer = (struct bx_recfile_writer){.write = refuse, .ctx = &left};
    assert_int_equal(bx_recfile_begin(&writer, &meta), BX_NO_SPACE);
    assert_int_equal(bx_recfile_end(&writer), BX_NO_SPACE);
    assert_int_equal(left, -1); /* it was not asked again */
}

int main(void)
{
    return test_run(setup, teardown);
}
