/* The state machine when things go wrong under it: a state.db that is cut or has a flipped bit, and
 * memory that runs out in apply. The state is disposable, so anything may be thrown away, but what
 * is there must be right: a wrong state would travel on in every answer, and in every snapshot. */
#include "lib/testlib.h"

#include "lib/testfsm.h"
#include "lib/testfsm_random.h"

#include "codec/header.h"
#include "mem/alloc.h"

#include <sqlite3.h>
#include <string.h>
#include <unistd.h>

#define ENTRIES 150
#define FLIPS 1000

/* A database as a clean stop leaves it, and what belongs to it. */
struct world {
    struct test_fsm t;
    struct test_commands g;
    struct test_batch next; /* the entry after the last applied */
    struct bx_buf file;
    uint64_t digest, revision, time_ms;
    uint64_t dump;  /* sum of the hashes of its rows */
    uint64_t after; /* the digest when next was applied */
};

static struct bx_cluster_info info_of(const struct test_fsm *t)
{
    struct bx_cluster_info info;

    bx_view_cluster(bx_fsm_view(t->fsm), &info);
    return info;
}

/* Of everything there is, events and outcomes too, whatever the order: a key that is no key any
 * more for a flip in the schema mixes it. BX_CORRUPT: nothing of it may be used. */
static int sum_dump(const struct test_fsm *t, uint64_t *out)
{
    struct bx_buf chunk = {0};
    struct bx_dump *d = NULL;
    int rc = bx_dump_open(&d, t->fsm, NULL);

    *out = 0;
    while (rc == BX_OK) {
        rc = bx_dump_next(d, &chunk, NULL);
        if (rc != BX_OK || chunk.len == 0)
            break;
        for (size_t at = 0; at < chunk.len; at += bx_get32(chunk.data + at))
            *out += bx_hash(chunk.data + at, bx_get32(chunk.data + at));
    }
    bx_dump_close(d);
    bx_buf_release(&chunk);
    return rc;
}

static void read_file(const char *path, struct bx_buf *out)
{
    FILE *f = fopen(path, "rb");
    uint8_t block[4096];
    size_t n;

    assert_non_null(f);
    while ((n = fread(block, 1, sizeof block, f)) > 0)
        assert_int_equal(bx_buf_append(out, block, n), BX_OK);
    fclose(f);
}

static void write_file(const struct world *w, const uint8_t *p, size_t n)
{
    static const char *const suffixes[] = {"-wal", "-shm"};
    char name[300];
    FILE *f = fopen(w->t.path, "wb");

    assert_non_null(f);
    assert_int_equal(fwrite(p, 1, n, f), n);
    fclose(f);
    for (int i = 0; i < 2; i++) {
        snprintf(name, sizeof name, "%s%s", w->t.path, suffixes[i]);
        unlink(name);
    }
}

/* Opens and closes the database that stands there now; the test goes on with files alone. */
static int setup(void **state)
{
    struct world *w = bx_must_calloc(1, sizeof *w);

    w->g.seed = 6;
    test_fsm_open(&w->t);
    while (w->t.index < ENTRIES) {
        test_commands_fill(&w->g, &w->t, &w->next, 3);
        test_fsm_feed(&w->t, &w->next);
        test_fsm_commit(&w->t);
    }
    test_fsm_reopen(&w->t); /* what is written ahead goes into the file */
    w->digest = test_fsm_digest(&w->t);
    w->revision = test_fsm_revision(&w->t);
    w->time_ms = info_of(&w->t).time_ms;
    assert_int_equal(sum_dump(&w->t, &w->dump), BX_OK);
    test_commands_fill(&w->g, &w->t, &w->next, 60);
    bx_fsm_close(w->t.fsm);
    read_file(w->t.path, &w->file);
    assert_int_equal(bx_fsm_open(&w->t.fsm, &w->t.options, NULL), BX_OK);
    test_fsm_feed(&w->t, &w->next);
    test_fsm_commit(&w->t);
    w->after = test_fsm_digest(&w->t);
    assert_true(w->after != w->digest);
    w->t.index = ENTRIES;
    bx_fsm_close(w->t.fsm);
    w->t.fsm = NULL;
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    test_fsm_close(&w->t);
    test_commands_close(&w->g);
    bx_buf_release(&w->next.buf);
    bx_buf_release(&w->file);
    bx_free(w);
    return 0;
}

/* ---- damaged files ---- */

enum { AS_IT_WAS = 10, EMPTY, NEITHER };

static int what_opens(struct world *w)
{
    struct bx_cluster_info info;
    struct bx_err err = {0};
    int rc = bx_fsm_open(&w->t.fsm, &w->t.options, &err), what = NEITHER;
    uint64_t dump;

    if (rc != BX_OK) {
        fprintf(stderr, "# not opened: %s\n", err.msg);
        return NEITHER;
    }
    info = info_of(&w->t);
    if (bx_fsm_applied(w->t.fsm) == 0)
        what = info.revision == 0 && bx_view_vms(bx_fsm_view(w->t.fsm)) == 0 ? EMPTY : NEITHER;
    else if (bx_fsm_applied(w->t.fsm) == ENTRIES && info.digest == w->digest &&
             info.revision == w->revision && info.time_ms == w->time_ms &&
             (sum_dump(&w->t, &dump) != BX_OK || dump == w->dump))
        what = AS_IT_WAS;
    else
        fprintf(stderr, "# applied %llu revision %llu time %llu\n",
                (unsigned long long)bx_fsm_applied(w->t.fsm), (unsigned long long)info.revision,
                (unsigned long long)info.time_ms);
    return what;
}

/* No sink: its checks would send the child on through the parent's tests. */
static void become_child(struct world *w)
{
    memset(&w->t.options.sink, 0, sizeof w->t.options.sink);
}

/* In a child, which may end itself when SQLite finds the damage only while it writes. */
static void live_on(void *ctx)
{
    struct world *w = ctx;
    int what;

    become_child(w);
    what = what_opens(w);
    if (what == AS_IT_WAS) {
        if (bx_fsm_apply(w->t.fsm, ENTRIES + 1, w->next.buf.data, w->next.buf.len, NULL) == BX_OK)
            bx_fsm_commit(w->t.fsm, NULL);
        if (test_fsm_digest(&w->t) != w->after)
            what = NEITHER;
    }
    _exit(what);
}

static int lives_on(struct world *w)
{
    return test_in_child(live_on, w);
}

/* Opens as it was or empty, and goes on from there: at once, or after one more start. */
static int survives(struct world *w, const uint8_t *p, size_t n, bool further)
{
    int what;

    write_file(w, p, n);
    what = what_opens(w);
    bx_fsm_close(w->t.fsm);
    w->t.fsm = NULL;
    if (what != AS_IT_WAS || !further)
        return what;
    write_file(w, p, n);
    what = lives_on(w);
    return what == 70 ? lives_on(w) : what;
}

static int flip(struct world *w, size_t at, uint8_t bit, bool further)
{
    int what;

    w->file.data[at] ^= bit;
    what = survives(w, w->file.data, w->file.len, further);
    w->file.data[at] ^= bit;
    if (what != AS_IT_WAS && what != EMPTY)
        fail_msg("byte %zu, bit %02x: %d", at, bit, what);
    return what;
}

TEST(a_flipped_bit_is_survived)
{
    struct world *w = *state;
    uint64_t seed = 7, as_it_was = 0, empty = 0;

    for (int i = 0; i < FLIPS; i++) {
        /* The headers of pages are small: every other flip goes there. */
        size_t page = test_random(&seed) % (w->file.len / 4096) * 4096;
        size_t at = page + test_random(&seed) % (i % 2 == 0 ? 128 : 4096);
        int what = flip(w, at, (uint8_t)(1u << test_random(&seed) % 8), i % 8 == 0);

        as_it_was += what == AS_IT_WAS;
        empty += what == EMPTY;
    }
    assert_true(as_it_was > 0 && empty > FLIPS / 10);
}

TEST(a_flipped_bit_in_the_header_is_survived)
{
    struct world *w = *state;

    for (size_t bit = 0; bit < 800; bit++)
        flip(w, bit / 8, (uint8_t)(1u << bit % 8), bit % 32 == 0);
}

struct reading {
    uint64_t next;
    bool wrong;
};

static void next_event(void *ctx, const struct bx_event *e)
{
    struct reading *r = ctx;

    r->wrong |= e->index != r->next++;
}

/* In a child, which ends itself when it finds damage. */
static void read_events(void *ctx)
{
    struct world *w = ctx;
    struct reading r = {.next = 1};
    uint32_t n;

    become_child(w);
    if (bx_fsm_events(w->t.fsm, 0, UINT32_MAX, next_event, &r, &n, NULL) != BX_OK)
        _exit(NEITHER);
    _exit(r.wrong || r.next != w->revision + 1 ? NEITHER : AS_IT_WAS);
}

static int events_read(struct world *w)
{
    return test_in_child(read_events, w);
}

static FILE *open_anew(struct world *w)
{
    FILE *f;

    bx_fsm_close(w->t.fsm);
    write_file(w, w->file.data, w->file.len);
    assert_int_equal(what_opens(w), AS_IT_WAS);
    f = fopen(w->t.path, "r+b");
    assert_non_null(f);
    setvbuf(f, NULL, _IONBF, 0);
    return f;
}

static void put_byte(FILE *f, long at, int byte)
{
    assert_int_equal(fseek(f, at, SEEK_SET), 0);
    assert_int_equal(fputc(byte, f), byte);
}

/* A file that rots while it is in use: what is read of it later, for a snapshot or for a user who
 * asks for events, is right or refused. */
TEST(what_rots_under_an_open_file_is_read_right_or_refused)
{
    struct world *w = *state;
    uint64_t seed = 9, right = 0, refused = 0, dump;
    FILE *f = open_anew(w);

    for (int i = 0; i < FLIPS; i++) {
        long at = (long)(test_random(&seed) % w->file.len);
        uint8_t byte = w->file.data[at], bit = (uint8_t)(1u << test_random(&seed) % 8);
        int rc, ended = AS_IT_WAS;

        put_byte(f, at, byte ^ bit);
        rc = sum_dump(&w->t, &dump);
        if (rc == BX_OK && dump != w->dump)
            fail_msg("byte %ld, bit %02x: a wrong dump", at, bit);
        right += rc == BX_OK;
        refused += rc == BX_CORRUPT;
        if (i % 10 == 0)
            ended = events_read(w);
        if (ended != AS_IT_WAS && ended != 70)
            fail_msg("byte %ld, bit %02x: wrong events", at, bit);
        put_byte(f, at, byte);
        if (ended == 70) { /* it took the file with it */
            fclose(f);
            f = open_anew(w);
        }
    }
    fclose(f);
    assert_true(right > 0 && refused > FLIPS / 10);
}

/* Damage that SQLite finds while it writes, here by a trigger: the file goes, for the next start.
 */
TEST(a_write_that_finds_damage_ends_the_process)
{
    struct world *w = *state;
    sqlite3 *db;

    write_file(w, w->file.data, w->file.len);
    assert_int_equal(sqlite3_open(w->t.path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db,
                                  "CREATE TRIGGER damage BEFORE INSERT ON events "
                                  "BEGIN SELECT RAISE(ABORT, 'damage'); END",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    sqlite3_close(db);
    assert_int_equal(lives_on(w), 70);
    assert_int_equal(what_opens(w), EMPTY);
    bx_fsm_close(w->t.fsm);
    w->t.fsm = NULL;
}

/* A page at the end that nothing is read from when the state is opened may be missed. */
TEST(a_cut_file_is_survived)
{
    struct world *w = *state;
    uint64_t seed = 8, empty = 0;

    for (int i = 0; i < 100; i++) {
        size_t n = test_random(&seed) % w->file.len;
        int what;

        if (i % 2 == 0)
            n = n / 4096 * 4096;
        what = survives(w, w->file.data, n, true);
        if (what != EMPTY && (what != AS_IT_WAS || n < w->file.len / 2))
            fail_msg("%zu of %zu bytes: %d", n, w->file.len, what);
        empty += what == EMPTY;
    }
    assert_true(empty > 50);
    assert_int_equal(survives(w, w->file.data, w->file.len, true), AS_IT_WAS);
}

/* ---- memory that runs out ---- */

enum { DONE = 20, REFUSED, NOT_REACHED };

/* Open, apply the next entry, commit; allocation number `n` fails: early, of those of open. */
struct poor { /* a child in which an allocation fails */
    struct world *w;
    struct test_countdown countdown;
    bool early;
};

static void apply_poorly(void *ctx)
{
    struct poor *p = ctx;
    struct world *w = p->w;
    int rc;

    become_child(w);
    if (p->early)
        bx_alloc_set_fault(test_fail_one, &p->countdown);
    rc = bx_fsm_open(&w->t.fsm, &w->t.options, NULL);
    if (rc != BX_OK)
        _exit(REFUSED);
    if (!p->early)
        bx_alloc_set_fault(test_fail_one, &p->countdown);
    if (!p->early)
        rc = bx_fsm_apply(w->t.fsm, ENTRIES + 1, w->next.buf.data, w->next.buf.len, NULL);
    if (rc == BX_OK && !p->early)
        rc = bx_fsm_commit(w->t.fsm, NULL);
    if (rc != BX_OK)
        _exit(REFUSED);
    _exit(p->countdown.calls <= p->countdown.fail_at ? NOT_REACHED : DONE);
}

static int child_applies(struct world *w, uint32_t n, bool early)
{
    struct poor p = {w, {.fail_at = n}, early};

    return test_in_child(apply_poorly, &p);
}

static void is_before_or_after(struct world *w, uint32_t n, int ended)
{
    uint64_t digest, applied;

    assert_int_equal(bx_fsm_open(&w->t.fsm, &w->t.options, NULL), BX_OK);
    digest = test_fsm_digest(&w->t);
    applied = bx_fsm_applied(w->t.fsm);
    bx_fsm_close(w->t.fsm);
    w->t.fsm = NULL;
    if (ended == 70 && (applied != ENTRIES || digest != w->digest))
        fail_msg("allocation %u: an entry was applied by half", n);
    if (ended != 70 && (applied != ENTRIES + 1 || digest != w->after))
        fail_msg("allocation %u: an entry was applied as on no other node", n);
}

/* Either the process ends before COMMIT, or the entry is applied as everywhere. A refusal for want
 * of memory would be this node's alone. */
TEST(an_apply_without_memory_ends_the_process_or_is_done)
{
    struct world *w = *state;
    uint32_t n = 0, ends = 0;
    int ended = DONE;

    for (; ended != NOT_REACHED; n++) {
        write_file(w, w->file.data, w->file.len);
        ended = child_applies(w, n, false);
        if (ended != 70 && ended != DONE && ended != NOT_REACHED)
            fail_msg("allocation %u: ended with %d", n, ended);
        is_before_or_after(w, n, ended);
        ends += ended == 70;
    }
    assert_true(ends >= 3);
}

/* A database must not be taken for damaged because memory was out while it was read. */
TEST(an_open_without_memory_keeps_the_database)
{
    struct world *w = *state;
    uint32_t n = 0;
    int ended = 70;

    for (; ended != NOT_REACHED; n++) {
        write_file(w, w->file.data, w->file.len);
        ended = child_applies(w, n, true);
        if (ended != 70 && ended != REFUSED && ended != NOT_REACHED && ended != DONE)
            fail_msg("allocation %u: ended with %d", n, ended);
        is_before_or_after(w, n, 70);
    }
    assert_true(n > 20);
}

int main(void)
{
    return test_run(setup, teardown);
}
