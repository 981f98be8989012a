/* spool: its bounds, its names, damage; and the DSN of the sender. */
#include "lib/testlib.h"

#include "diagnose/send.h"
#include "codec/header.h"
#include "diag/envread.h"
#include "mem/alloc.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NS 1000000000ull
#define T0 (1764421200 * NS)

static char *dir;
static struct spool spool;

static int set_up(void **state)
{
    (void)state;
    dir = test_make_dir();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    test_remove_dir(dir);
    return 0;
}

static void open_spool(uint32_t files, uint64_t bytes)
{
    struct bx_err err = {0};
    struct spool_entry all[SPOOL_FILES];
    uint32_t n;

    if (spool_open(&spool, dir, files, bytes, &err) != BX_OK)
        fail_msg("%s", err.msg);
    n = spool_list(&spool, all, SPOOL_FILES);
    for (uint32_t i = 0; i < n; i++)
        assert_int_equal(spool_delete(&spool, &all[i], &err), BX_OK);
}

/* Number i, of n bytes. */
static int put(uint8_t i, size_t n)
{
    uint8_t id[16] = {0xab, i}, *bytes = bx_must_calloc(1, n);
    struct bx_err err = {0};
    int rc = spool_put(&spool, T0 + i * NS, id, i % 2 == 0 ? BX_ITEM_EVENT : BX_ITEM_SESSION, bytes,
                       n, NULL, &err);

    assert_true(rc == BX_OK || err.msg[0] != '\0');
    bx_free(bytes);
    return rc;
}

TEST(what_is_stored_is_listed_found_and_read)
{
    struct spool_entry all[SPOOL_FILES], e;
    struct bx_err err = {0};
    struct bx_buf b = {0};

    open_spool(0, 0);
    for (uint8_t i = 0; i < 3; i++)
        assert_int_equal(put(i, 100u + i), BX_OK);
    assert_int_equal(spool_list(&spool, all, SPOOL_FILES), 3);
    assert_true(all[1].time_ns == T0 + NS && all[1].bytes == 117);
    assert_int_equal(all[1].type, BX_ITEM_SESSION);
    assert_int_equal(spool_find(&spool, bx_str("ab02"), &e, &err), BX_OK);
    assert_string_equal(e.name, "20251129T130002.000000-ab020000000000000000000000000000.event");
    assert_int_equal(spool_read(&spool, &e, &b, &err), BX_OK);
    assert_int_equal(b.len, 102);
    assert_int_equal(spool_find(&spool, bx_str("ab"), &e, &err), BX_CONFLICT);
    assert_int_equal(spool_find(&spool, bx_str("ac"), &e, &err), BX_NOT_FOUND);
    assert_int_equal(spool_find(&spool, bx_str(""), &e, &err), BX_NOT_FOUND);
    assert_int_equal(spool_delete(&spool, &all[0], &err), BX_OK);
    assert_int_equal(spool_delete(&spool, &all[0], &err), BX_NOT_FOUND);
    bx_buf_release(&b);
    spool_close(&spool);
}

TEST(the_oldest_go_when_there_are_too_many)
{
    struct spool_entry all[SPOOL_FILES];
    uint64_t dropped[BX__ITEM_TYPES];

    open_spool(4, 0);
    for (uint8_t i = 0; i < 10; i++)
        assert_int_equal(put(i, 10), BX_OK);
    assert_int_equal(spool_list(&spool, all, SPOOL_FILES), 4);
    assert_true(all[0].time_ns == T0 + 6 * NS);
    spool_take_dropped(&spool, dropped);
    assert_int_equal(dropped[BX_ITEM_EVENT] + dropped[BX_ITEM_SESSION], 6);
    assert_int_equal(dropped[BX_ITEM_EVENT], 3);
    spool_take_dropped(&spool, dropped);
    assert_int_equal(dropped[BX_ITEM_EVENT], 0);
    spool_close(&spool);
}

TEST(the_oldest_go_when_they_have_too_many_bytes)
{
    struct spool_entry all[SPOOL_FILES];
    uint64_t sum = 0;
    uint32_t n;

    open_spool(0, 10000);
    for (uint8_t i = 0; i < 20; i++)
        assert_int_equal(put(i, 1500), BX_OK);
    n = spool_list(&spool, all, SPOOL_FILES);
    for (uint32_t i = 0; i < n; i++)
        sum += all[i].bytes;
    assert_true(sum <= 10000 && n == 6);
    assert_int_equal(put(30, 20000), BX_TOO_LARGE);
    assert_int_equal(spool_list(&spool, all, SPOOL_FILES), 6);
    spool_close(&spool);
}

TEST(what_is_too_old_goes_and_what_others_put_there_stays)
{
    struct spool_entry all[SPOOL_FILES];
    char path[512];
    int fd;

    open_spool(0, 0);
    snprintf(path, sizeof path, "%s/diag/readme", dir);
    fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    close(fd);
    put(1, 10);
    put(2, 10);
    spool_expire(&spool, T0 + 2 * NS + SPOOL_DAYS * 86400 * NS);
    assert_int_equal(spool_list(&spool, all, SPOOL_FILES), 1);
    assert_int_equal(all[0].id[3], '2');
    spool_close(&spool);
    assert_int_equal(access(path, F_OK), 0);
}

TEST(an_interrupted_write_leaves_nothing)
{
    char path[512];
    int fd;

    open_spool(0, 0);
    spool_close(&spool);
    snprintf(path, sizeof path, "%s/diag/tmp-20251129T130002.000000-x.event", dir);
    fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    close(fd);
    open_spool(0, 0);
    assert_int_not_equal(access(path, F_OK), 0);
    spool_close(&spool);
}

static void flip(const char *path, size_t at)
{
    int fd = open(path, O_RDWR);
    uint8_t c;

    assert_int_equal(pread(fd, &c, 1, (off_t)at), 1);
    c ^= 0x20;
    assert_int_equal(pwrite(fd, &c, 1, (off_t)at), 1);
    close(fd);
}

/* ---- damage ---- */

/* An envelope as the daemon makes it, in the spool; its bytes also in *whole. */
static void put_envelope(struct bx_buf *whole, struct spool_entry *entry, char path[512])
{
    static const uint8_t id[16] = {0xcd, 1};
    struct bx_envelope_head head = {.event = id};
    struct bx_envelope e = {.items = 0};
    struct bx_report r = {.time_ns = T0, .level = BX_SEVERITY_ERROR, .message = bx_str("no disk")};
    struct bx_log_line line = {.time_ns = T0, .body = bx_str("slow")};
    struct bx_err err = {0};

    memcpy(r.id, id, sizeof id);
    bx_envelope_begin(&e, &head);
    bx_envelope_report(&e, &r);
    bx_envelope_logs_begin(&e);
    bx_envelope_log(&e, &line);
    bx_envelope_logs_end(&e);
    bx_envelope_attach(&e, bx_str("a.bin"), bx_str("application/octet-stream"), "\0\n\xff", 3);
    bx_envelope_item(&e, bx_str("{\"type\":\"of tomorrow\"}"), bx_str("kept"));
    assert_int_equal(spool_put(&spool, T0, id, BX_ITEM_EVENT, e.out.data, e.out.len, NULL, &err),
                     BX_OK);
    bx_buf_move(whole, &e.out);
    bx_envelope_close(&e);
    assert_int_equal(spool_find(&spool, bx_str("cd01"), entry, &err), BX_OK);
    snprintf(path, 512, "%s/diag/%s", dir, entry->name);
}

/* The items that can be read of it. */
static uint32_t items_of(const struct bx_buf *b)
{
    struct bx_envread_item item;
    struct bx_envread r;
    uint32_t n = 0;

    if (bx_envread_open(&r, b->data, b->len, NULL) == BX_OK)
        while (bx_envread_next(&r, &item, NULL) == BX_OK)
            n++;
    bx_envread_close(&r);
    return n;
}

/* It is told, and is not sent; what was left of it is shown. */
static uint32_t check_damaged(const struct spool_entry *e, const struct bx_buf *whole, size_t bytes,
                              size_t flipped)
{
    struct bx_err err = {0};
    struct bx_buf b = {0};
    uint64_t end;
    uint32_t n;
    int fd;

    assert_int_equal(spool_read(&spool, e, &b, &err), BX_CORRUPT);
    assert_non_null(strstr(err.msg, "damaged"));
    assert_non_null(strstr(err.msg, e->name));
    assert_int_equal(b.len, bytes > BX_HEADER_SIZE ? bytes - BX_HEADER_SIZE : 0);
    for (size_t i = 0; i < b.len; i++)
        assert_int_equal(b.data[i], whole->data[i] ^ (i + BX_HEADER_SIZE == flipped ? 0x20 : 0));
    assert_int_equal(spool_stream(&spool, e, &fd, &end, &err), BX_CORRUPT);
    assert_int_equal(fd, -1);
    n = items_of(&b);
    bx_buf_release(&b);
    return n;
}

TEST(each_flipped_byte_is_told_and_the_rest_is_read)
{
    struct bx_buf whole = {0};
    struct spool_entry e;
    uint32_t items, most = 0;
    char path[512];

    open_spool(0, 0);
    put_envelope(&whole, &e, path);
    assert_int_equal(items_of(&whole), 4);
    for (size_t at = 0; at < BX_HEADER_SIZE + whole.len; at++) {
        flip(path, at);
        items = check_damaged(&e, &whole, BX_HEADER_SIZE + whole.len, at);
        most = items > most ? items : most;
        flip(path, at);
    }
    assert_int_equal(most, 4); /* a letter of a text, say */
    bx_buf_release(&whole);
    spool_close(&spool);
}

TEST(an_envelope_of_any_length_is_told_and_has_the_items_before_its_end)
{
    struct bx_buf whole = {0};
    struct spool_entry e;
    uint32_t items, before = 4;
    char path[512];

    open_spool(0, 0);
    put_envelope(&whole, &e, path);
    for (size_t n = BX_HEADER_SIZE + whole.len; n-- > 0;) {
        assert_int_equal(truncate(path, (off_t)n), 0);
        items = check_damaged(&e, &whole, n, SIZE_MAX);
        assert_true(items <= before);
        before = items;
    }
    assert_int_equal(before, 0);
    bx_buf_release(&whole);
    spool_close(&spool);
}

TEST(a_file_is_streamed_into_the_envelope)
{
    char path[512], text[200000];
    uint8_t id[16] = {1};
    struct bx_err err = {0};
    struct spool_files files = {.n = 1};
    struct spool_entry e;
    struct bx_buf b = {0};

    open_spool(0, 0);
    memset(text, 'x', sizeof text);
    snprintf(path, sizeof path, "%s/attached", dir);
    files.v[0].fd = open(path, O_RDWR | O_CREAT, 0600);
    files.v[0].bytes = sizeof text;
    files.v[0].at = 5;
    assert_int_equal(write(files.v[0].fd, text, sizeof text), sizeof text);
    assert_int_equal(spool_put(&spool, T0, id, BX_ITEM_EVENT, "head\n", 5, &files, &err), BX_OK);
    files.v[0].bytes += 10; /* it has become shorter since it was looked at */
    id[0] = 2;
    assert_int_equal(spool_put(&spool, T0, id, BX_ITEM_EVENT, "head\n", 5, &files, &err), BX_OK);
    files.n = 2; /* the same one twice, and something after it */
    files.v[0].bytes = 3;
    files.v[1] = files.v[0];
    files.v[1].at = 10;
    id[0] = 3;
    assert_int_equal(
        spool_put(&spool, T0, id, BX_ITEM_EVENT, "head\nnext\nlast\n", 15, &files, &err), BX_OK);
    close(files.v[0].fd);
    assert_int_equal(spool_find(&spool, bx_str("01"), &e, &err), BX_OK);
    assert_int_equal(spool_read(&spool, &e, &b, &err), BX_OK);
    assert_int_equal(b.len, 5 + sizeof text + 1);
    assert_memory_equal(b.data, "head\nxxx", 8);
    assert_int_equal(b.data[b.len - 1], '\n');
    b.len = 0;
    assert_int_equal(spool_find(&spool, bx_str("02"), &e, &err), BX_OK);
    assert_int_equal(spool_read(&spool, &e, &b, &err), BX_OK);
    assert_int_equal(b.len, 5 + sizeof text + 11);
    b.len = 0;
    assert_int_equal(spool_find(&spool, bx_str("03"), &e, &err), BX_OK);
    assert_int_equal(spool_read(&spool, &e, &b, &err), BX_OK);
    assert_int_equal(b.len, 23);
    assert_memory_equal(b.data, "head\nxxx\nnext\nxxx\nlast\n", 23);
    bx_buf_release(&b);
    spool_close(&spool);
}

TEST(a_dsn_is_an_address_a_key_and_a_project)
{
    static const char *const bad[] = {"",
                                      "https://host/1",
                                      "https://key@host",
                                      "https://key@host/",
                                      "https://key@/1",
                                      "ftp://key@host/1",
                                      "key@host/1",
                                      "https://@host/1",
                                      "https://:secret@host/1",
                                      "https://key@host/1?x",
                                      "https://key\r\nX-Other: 1@host/1",
                                      "https://key@host /1",
                                      "https://k\xc3\xa9y@host/1"};
    struct send_dsn dsn;
    struct bx_err err = {0};

    assert_int_equal(send_dsn_parse(&dsn, "https://k1:secret@o1.example.org:8443/pre/42", &err),
                     BX_OK);
    assert_string_equal(dsn.url, "https://o1.example.org:8443/pre/api/42/envelope/");
    assert_non_null(strstr(dsn.auth, "sentry_key=k1"));
    assert_null(strstr(dsn.auth, "secret"));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(send_dsn_parse(&dsn, bad[i], &err), BX_INVALID);
}

int main(void)
{
    return test_run(set_up, tear_down);
}
