#include "lib/testrec.h"

#include "rec/rec.h"
#include "rec/text.h"

#include <stdio.h>
#include <string.h>

#define WORDS 4096u

struct test_rec test_rec;
static struct bx_rec_thread thread;
static bool is_open;

static uint64_t now_ns(void)
{
    return 0;
}

static void keep(const struct bx_recevent *e)
{
    struct bx_buf b = {0};
    const char *text;

    bx_text_event(&b, BX_TEXT_CONSOLE, e);
    assert_int_equal(bx_buf_append(&b, "", 1), BX_OK);
    text = strchr((const char *)b.data, ' ') + 1; /* behind the time */
    snprintf(test_rec.last, sizeof test_rec.last, "%.*s", (int)strcspn(text, "\n"), text);
    test_rec.lines++;
    if (e->level <= BX_LEVEL_WARNING) {
        test_rec.warnings++;
        memcpy(test_rec.warned, test_rec.last, sizeof test_rec.warned);
    }
    bx_buf_release(&b);
}

static void take(void)
{
    uint64_t words[WORDS];
    size_t n = bx_ring_take(&thread.queue, words, WORDS);

    for (size_t at = 0; at < n;) {
        struct bx_recevent e;
        size_t size = bx_recevent_read(words + at, n - at, bx_sites(), &e);

        assert_true(size > 0);
        keep(&e);
        at += size;
    }
}

void test_rec_open(const char *filter)
{
    struct bx_filter f;

    test_rec_close();
    assert_int_equal(bx_filter_parse(&f, filter, NULL), BX_OK);
    assert_int_equal(bx_rec_thread_open(&thread, "test", 0, WORDS, WORDS, now_ns), BX_OK);
    thread.wake = take;
    bx_rec_filter_queue((const struct bx_filter *[]){&f}, 1);
    bx_rec_use(&thread);
    memset(&test_rec, 0, sizeof test_rec);
    is_open = true;
}

void test_rec_close(void)
{
    if (!is_open)
        return;
    bx_rec_use(NULL);
    bx_rec_thread_close(&thread);
    is_open = false;
}

bool test_rec_said(const char *text)
{
    return strstr(test_rec.last, text) != NULL || strstr(test_rec.warned, text) != NULL;
}
