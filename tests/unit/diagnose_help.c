#include "unit/diagnose_help.h"

#include "diagnose/spool.h"

#include <string.h>

char *diagnose_dir;
uv_loop_t diagnose_loop;
struct diag *diag;

static uint64_t zero(struct bx_clock *c)
{
    (void)c;
    return 0;
}

static void number(struct bx_clock *c, void *p, size_t n)
{
    static uint8_t next;

    (void)c;
    memset(p, ++next, n);
}

static const struct bx_clock_ops clock_ops = {.boot_ms = zero, .wall_ms = zero, .random = number};
static struct bx_clock clock_zero = {&clock_ops};

int diagnose_setup(void **state)
{
    (void)state;
    diagnose_dir = test_make_dir();
    return uv_loop_init(&diagnose_loop);
}

int diagnose_teardown(void **state)
{
    (void)state;
    diag_close(diag); /* of a test that failed */
    diag = NULL;
    while (uv_run(&diagnose_loop, UV_RUN_DEFAULT) != 0)
        ;
    assert_int_equal(uv_loop_close(&diagnose_loop), 0);
    test_remove_dir(diagnose_dir);
    return 0;
}

void diagnose_open(struct diag_options o)
{
    struct bx_err err = {0};

    o.loop = &diagnose_loop;
    o.clock = &clock_zero;
    o.data = diagnose_dir;
    o.about.node = "host-7";
    o.about.environment = "test";
    o.dsn = o.dsn == NULL ? "" : o.dsn;
    if (diag_open(&diag, &o, &err) != BX_OK)
        fail_msg("%s", err.msg);
}

struct diag_stats diagnose_stats(void)
{
    struct diag_stats s;

    diag_stats(diag, &s);
    return s;
}

struct bx_buf diagnose_stored(void)
{
    static struct spool_entry all[SPOOL_FILES];
    struct bx_err err = {0};
    struct bx_buf text = {0};
    struct spool spool;
    uint32_t n;

    diag_close(diag);
    diag = NULL;
    assert_int_equal(spool_open(&spool, diagnose_dir, 0, 0, &err), BX_OK);
    n = spool_list(&spool, all, SPOOL_FILES);
    for (uint32_t i = 0; i < n; i++)
        assert_int_equal(spool_read(&spool, &all[i], &text, &err), BX_OK);
    spool_close(&spool);
    return text;
}

uint32_t diagnose_times(const struct bx_buf *text, const char *part)
{
    const uint8_t *at = text->data, *end = text->data + text->len;
    uint32_t n = 0;

    while (text->len > 0 && (at = memmem(at, (size_t)(end - at), part, strlen(part))) != NULL) {
        n++;
        at += strlen(part);
    }
    return n;
}
