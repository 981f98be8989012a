/* ring: what is overwritten and what is dropped, and what a reader of another thread sees. */
#include "lib/testlib.h"

#include "rec/recevent.h"
#include "rec/ring.h"

#include <pthread.h>
#include <stdatomic.h>

#define WORDS 512u

static struct bx_ring ring;
static uint64_t out[WORDS];

static int open_ring(void **state)
{
    (void)state;
    return bx_ring_open(&ring, WORDS) ? 0 : -1;
}

/* A record whose words all tell its number, and whose length follows from that. */
static size_t make(uint64_t *record, uint64_t number)
{
    size_t n = 1 + number % 30;

    record[0] = n | number << 16;
    for (size_t i = 1; i < n; i++)
        record[i] = number;
    return n;
}

static void put(const uint64_t *record, size_t n)
{
    struct bx_cursor c = bx_ring_cursor(&ring);

    for (size_t i = 0; i < n; i++)
        bx_cursor_put(&c, record[i]);
    bx_ring_end(&ring, c);
}

static void put_over(const uint64_t *record, size_t n)
{
    bx_ring_room_over(&ring, n);
    put(record, n);
}

static bool put_if(const uint64_t *record, size_t n)
{
    bool room = bx_ring_room_if(&ring, n);

    if (room)
        put(record, n);
    return room;
}

static uint64_t number_of(const uint64_t *record)
{
    return record[0] >> 16;
}

/* Whether the words are whole records with ascending numbers; the first and the last of them. */
static bool sound(const uint64_t *words, size_t n, uint64_t *first, uint64_t *last)
{
    for (size_t at = 0; at < n;) {
        size_t size = bx_recevent_words(words[at]);
        uint64_t number = number_of(words + at);

        if (size != 1 + number % 30 || at + size > n || (at > 0 && number != *last + 1))
            return false;
        for (size_t i = 1; i < size; i++)
            if (words[at + i] != number)
                return false;
        if (at == 0)
            *first = number;
        *last = number;
        at += size;
    }
    return true;
}

TEST(the_newest_records_stay_and_the_others_are_counted)
{
    uint64_t record[BX_RECEVENT_WORDS], first = 0, last = 0;
    size_t n;

    bx_ring_close(&ring);
    assert_true(bx_ring_open(&ring, WORDS));
    for (uint64_t i = 1; i <= 1000; i++)
        put_over(record, make(record, i));
    n = bx_ring_copy(&ring, out, WORDS);
    assert_true(n > WORDS - 60);
    assert_true(sound(out, n, &first, &last));
    assert_int_equal(last, 1000);
    assert_int_equal(ring.in.lost, first - 1);
    assert_int_equal(ring.in.records, 1000);
}

TEST(a_full_queue_drops_the_newest_and_counts_them)
{
    uint64_t record[BX_RECEVENT_WORDS], first = 0, last = 0, kept = 0;
    size_t n;

    bx_ring_close(&ring);
    assert_true(bx_ring_open(&ring, WORDS));
    for (uint64_t i = 1; i <= 100; i++) {
        if (!put_if(record, make(record, i)))
            break;
        kept = i;
    }
    assert_true(kept > 20 && kept < 100);
    assert_int_equal(ring.in.lost, 1);
    n = bx_ring_take(&ring, out, WORDS);
    assert_true(sound(out, n, &first, &last));
    assert_int_equal(first, 1);
    assert_int_equal(last, kept);
    assert_int_equal(bx_ring_used(&ring), 0);
    assert_true(put_if(record, make(record, 5)));
}

TEST(whole_records_are_taken)
{
    uint64_t record[BX_RECEVENT_WORDS];

    bx_ring_close(&ring);
    assert_true(bx_ring_open(&ring, WORDS));
    put_if(record, make(record, 29)); /* 30 words */
    put_if(record, make(record, 29));
    assert_int_equal(bx_ring_take(&ring, out, 59), 30);
    assert_int_equal(bx_ring_take(&ring, out, 29), 0);
    assert_int_equal(bx_ring_take(&ring, out, 30), 30);
}

static atomic_bool stop;

static void *produce(void *arg)
{
    uint64_t record[BX_RECEVENT_WORDS], i = 1;
    bool over = arg != NULL;

    while (!atomic_load(&stop)) {
        size_t n = make(record, i);

        if (over)
            put_over(record, n);
        else if (!put_if(record, n))
            continue; /* the same again */
        i++;
    }
    return NULL;
}

static pthread_t start(bool over)
{
    pthread_t t;

    bx_ring_close(&ring);
    assert_true(bx_ring_open(&ring, WORDS));
    atomic_store(&stop, false);
    assert_int_equal(pthread_create(&t, NULL, produce, over ? &stop : NULL), 0);
    return t;
}

TEST(a_copy_is_sound_while_the_producer_overwrites)
{
    pthread_t t = start(true);
    int copies = 0;
    bool all = true;

    for (long tries = 0; copies < 2000 && tries < 20000000; tries++) {
        uint64_t first = 0, last = 0;
        size_t n = bx_ring_copy(&ring, out, WORDS);

        copies += n > 0;
        all = all && sound(out, n, &first, &last);
    }
    atomic_store(&stop, true);
    pthread_join(t, NULL);
    assert_true(all);
    assert_int_equal(copies, 2000);
}

TEST(a_consumer_gets_every_record_once_and_in_order)
{
    pthread_t t = start(false);
    uint64_t expected = 1;
    bool all = true;

    while (expected < 100000 && all) {
        uint64_t first = expected, last = expected - 1;
        size_t n = bx_ring_take(&ring, out, WORDS);

        all = sound(out, n, &first, &last) && first == expected;
        expected = last + 1;
    }
    atomic_store(&stop, true);
    pthread_join(t, NULL);
    assert_true(all);
}

static int close_ring(void **state)
{
    (void)state;
    bx_ring_close(&ring);
    return 0;
}

int main(void)
{
    return test_run(open_ring, close_ring);
}
