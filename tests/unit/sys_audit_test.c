/* DATA/audit: what is refused is kept, in order, over restarts, kills and full files; and nobody
 * can displace what is kept of others. */
#include "lib/testlib.h"

#include "lib/testclock.h"
#include "sys/audit.h"
#include "wire/chain.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char *data;
static uv_loop_t loop;
static struct test_clock at;
static struct audit *audit;
static struct bx_err err;

static int setup(void **state)
{
    (void)state;
    test_clock_init(&at);
    data = test_make_dir();
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_int_equal(audit_open(&audit, &loop, &at.base, data, &err), BX_OK);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    audit_close(audit);
    audit = NULL;
    assert_int_equal(uv_loop_close(&loop), 0);
    test_remove_dir(data);
    return 0;
}

static void reopen(void)
{
    audit_close(audit);
    assert_int_equal(audit_open(&audit, &loop, &at.base, data, &err), BX_OK);
}

static void refuse(const char *who, const char *from, bool stranger)
{
    struct bx_refusal r = {.principal = bx_str(who),
                           .source = bx_str(from),
                           .method = bx_str("vm.delete"),
                           .object = bx_str("web-1"),
                           .code = bx_str("denied"),
                           .message = bx_str("permission denied")};

    audit_refused(audit, &r, stranger);
}

/* Run the loop until this record is on disk. */
static void wait_for(uint64_t number)
{
    while (audit_head(audit).number < number)
        uv_run(&loop, UV_RUN_ONCE);
    assert_int_equal(audit_head(audit).number, number);
}

/* ---- what is on disk ---- */

struct found {
    uint32_t records, faults, damage;
    uint32_t types[BX__REFUSALS];
    uint32_t of_bob;
    uint64_t first, last, untold;
    char began[200]; /* the message of the last one */
};

static void on_fault(void *ctx, const struct bx_chain_fault *f)
{
    (void)f;
    ((struct found *)ctx)->faults++;
}

static void look(struct found *f)
{
    struct bx_chain c = {.fault = on_fault, .ctx = f};
    struct audit_files files;

    memset(f, 0, sizeof *f);
    assert_int_equal(audit_read(data, &files, &err), BX_OK);
    for (int i = 0; i < 2; i++) {
        struct bx_refusals r = {.p = files.file[i].data, .n = files.file[i].len};
        enum bx_refusals_found found;
        uint8_t hash[BX_SHA256];

        while ((found = bx_refusals_next(&r)) != BX_REFUSALS_END) {
            f->damage += found == BX_REFUSALS_DAMAGE;
            if (found != BX_REFUSALS_RECORD)
                continue;
            bx_refusal_hash(&r.record, hash);
            bx_chain_step(&c, r.record.number, r.record.previous, hash);
            f->first = f->records++ == 0 ? r.record.number : f->first;
            f->last = r.record.number;
            f->types[r.record.type]++;
            f->untold += r.record.count;
            f->of_bob += bx_str_eq(r.record.principal, bx_str("user:bob"));
            if (r.record.type == BX_REFUSAL_BEGAN)
                snprintf(f->began, sizeof f->began, BX_STR_FMT, BX_STR_ARG(r.record.message));
        }
        bx_refusals_close(&r);
    }
    bx_chain_end(&c, 0, NULL);
    audit_files_close(&files);
}

static void path_of(char out[300], unsigned file)
{
    snprintf(out, 300, "%s/audit/refusals-%u.bxa", data, file);
}

/* ---- tests ---- */

TEST(what_is_refused_is_kept_in_order)
{
    struct found f;

    for (int i = 0; i < 10; i++)
        refuse("user:bob", "unix", false);
    wait_for(11);
    look(&f);
    assert_int_equal(f.records, 11);
    assert_int_equal(f.types[BX_REFUSAL_BEGAN], 1);
    assert_int_equal(f.of_bob, 10);
    assert_int_equal(f.faults + f.damage, 0);
}

TEST(nobody_else_may_read_the_files)
{
    struct stat st;
    char path[300];

    refuse("user:bob", "unix", false);
    wait_for(2);
    path_of(path, 1);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    snprintf(path, sizeof path, "%s/audit", data);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
}

TEST(the_chain_goes_on_after_a_restart)
{
    struct found f;

    refuse("user:bob", "unix", false);
    reopen();
    refuse("user:bob", "unix", false);
    wait_for(5); /* began, bob, ended, began, bob */
    look(&f);
    assert_int_equal(f.records, 5);
    assert_int_equal(f.types[BX_REFUSAL_ENDED], 1);
    assert_string_equal(f.began, "");
    assert_int_equal(f.faults + f.damage, 0);
}

/* The last bytes of the file are those of a record that a crash has cut. */
TEST(an_incomplete_record_is_removed_and_that_is_told)
{
    struct found f;
    char path[300];
    struct stat st;

    for (int i = 0; i < 3; i++)
        refuse("user:bob", "unix", false);
    wait_for(4);
    audit_close(audit); /* which adds the end: it is the record that is cut */
    path_of(path, 1);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(truncate(path, st.st_size - 7), 0);
    assert_int_equal(audit_open(&audit, &loop, &at.base, data, &err), BX_OK);
    wait_for(5);
    look(&f);
    assert_int_equal(f.records, 5);
    assert_int_equal(f.faults + f.damage, 0);
    assert_non_null(strstr(f.began, "records may be missing"));
}

TEST(damage_between_records_stays_and_is_told)
{
    struct found f;
    char path[300];
    int fd;

    for (int i = 0; i < 3; i++)
        refuse("user:bob", "unix", false);
    wait_for(4);
    audit_close(audit);
    path_of(path, 1);
    fd = open(path, O_WRONLY);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, "\xff\xff\xff", 3, 500), 3);
    close(fd);
    assert_int_equal(audit_open(&audit, &loop, &at.base, data, &err), BX_OK);
    refuse("user:bob", "unix", false);
    wait_for(7);
    look(&f);
    assert_int_equal(f.damage, 1);
    assert_int_equal(f.faults, 1);
    assert_non_null(strstr(f.began, "can not be read"));
}

TEST(a_file_without_a_beginning_is_begun_anew)
{
    struct found f;
    char path[300];

    wait_for(1);
    audit_close(audit);
    path_of(path, 1);
    assert_int_equal(truncate(path, 9), 0);
    assert_int_equal(audit_open(&audit, &loop, &at.base, data, &err), BX_OK);
    wait_for(1);
    look(&f);
    assert_int_equal(f.records, 1);
    assert_non_null(strstr(f.began, "records may be missing"));
}

TEST(who_is_refused_all_the_time_displaces_nobody)
{
    struct found f;

    for (int i = 0; i < 5000; i++)
        refuse("user:eve", "10.0.0.5", false);
    refuse("user:bob", "10.0.0.6", false);
    wait_for(1 + AUDIT_BURST + 1);
    at.now += AUDIT_REFILL_MS;
    refuse("user:eve", "10.0.0.5", false);
    wait_for(1 + AUDIT_BURST + 3);
    look(&f);
    assert_int_equal(f.of_bob, 1);
    assert_int_equal(f.types[BX_REFUSAL_UNTOLD], 1);
    assert_int_equal(f.untold, 5000 - AUDIT_BURST);
    assert_int_equal(f.faults + f.damage, 0);
}

TEST(strangers_together_have_a_bound)
{
    struct found f;
    char from[32];

    for (int i = 0; i < 100; i++) {
        snprintf(from, sizeof from, "10.0.1.%d", i);
        for (int k = 0; k < 10; k++)
            refuse("", from, true);
        wait_for(1 + (i < 24 ? (uint64_t)10 * (i + 1) : AUDIT_STRANGERS_BURST));
    }
    reopen();
    look(&f);
    assert_int_equal(f.types[BX_REFUSAL_REFUSED], AUDIT_STRANGERS_BURST);
    assert_int_equal(f.untold, 1000 - AUDIT_STRANGERS_BURST);
}

TEST(two_files_are_kept_and_the_chain_goes_on_over_them)
{
    static char message[BX_REFUSAL_MESSAGE_MAX];
    uint64_t number = 1, n = 3 * (uint64_t)AUDIT_FILE_BYTES / 600;
    struct found f;
    struct stat st;
    char path[300], who[32];

    memset(message, 'x', sizeof message);
    for (uint64_t i = 0; i < n; i += 100) {
        for (int k = 0; k < 100; k++) {
            struct bx_refusal r = {.principal = bx_str(who), .message = {message, sizeof message}};

            snprintf(who, sizeof who, "user:u%llu", (unsigned long long)(i + (uint64_t)k));
            r.principal = bx_str(who);
            audit_refused(audit, &r, false);
        }
        number += 100;
        wait_for(number);
    }
    look(&f);
    assert_int_equal(f.faults + f.damage, 0);
    assert_true(f.first > 1);
    assert_int_equal(f.last, number);
    path_of(path, 1);
    assert_int_equal(stat(path, &st), -1);
    reopen();
    look(&f);
    assert_int_equal(f.faults + f.damage, 0);
}

int main(void)
{
    return test_run(setup, teardown);
}
