/* Formats are pinned: what this build writes is what stands in golden.txt, byte for byte, what
 * stands there is read by this build, and damage to any of it is refused or stays within bounds.
 *
 * `golden_test --write` prints what golden.txt lacks of this build: `>> tests/unit/golden.txt`.
 * `golden_test --seeds DIR` writes the seeds of the fuzzers, a folder for each target. */
#include "lib/testlib.h"

#include "codec/flat.h"
#include "codec/json.h"
#include "codec/pack.h"
#include "fuzz/targets.h"
#include "lib/testfsm.h"
#include "mem/alloc.h"
#include "unit/golden.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define TEXT_MAX (1u << 20)

/* ---- the three forms of a record ---- */

static void to_flat(const struct golden_sample *s, struct bx_buf *out)
{
    size_t size = bx_flat_size(s->schema, s->object);

    assert_int_equal(bx_flat_write(s->schema, s->object, bx_buf_extend(out, size)), size);
}

static void to_msgpack(const struct golden_sample *s, struct bx_buf *out)
{
    assert_int_equal(bx_pw_map(out, bx_pack_fields(s->schema, s->object)), BX_OK);
    assert_int_equal(bx_pack_write(out, s->schema, s->object), BX_OK);
}

static void to_json(const struct golden_sample *s, struct bx_buf *out)
{
    struct bx_pack *pack = bx_pack_create();
    struct bx_buf b = {0};

    to_msgpack(s, &b);
    assert_int_equal(bx_json_write(out, bx_pack_parse(pack, b.data, b.len, TEXT_MAX, NULL), 0),
                     BX_OK);
    bx_buf_release(&b);
    bx_pack_destroy(pack);
}

static const struct form {
    const char *prefix;
    void (*write)(const struct golden_sample *s, struct bx_buf *out);
} forms[] = {{"flat/", to_flat}, {"msgpack/", to_msgpack}, {"json/", to_json}};
#define FORMS (sizeof forms / sizeof forms[0])

/* ---- --write ---- */

static void print_missing(FILE *out, const char *prefix, const char *name, const struct bx_buf *b)
{
    char full[80];
    size_t n;

    snprintf(full, sizeof full, "%s%s", prefix, name);
    if (golden_find(full, &n) != NULL)
        return;
    fputs(full, out);
    for (size_t i = 0; i < b->len; i++) {
        if (strcmp(prefix, "json/") == 0)
            fprintf(out, "%s%c", i == 0 ? " " : "", b->data[i]);
        else
            fprintf(out, "%s%02x", i == 0 ? " " : i % 48 == 0 ? "\n  " : "", b->data[i]);
    }
    fputc('\n', out);
}

static void write_missing(FILE *out)
{
    size_t n;
    const struct golden_sample *samples = golden_samples(&n);

    for (size_t f = 0; f < FORMS; f++) {
        for (size_t i = 0; i < n; i++) {
            struct bx_buf b = {0};

            forms[f].write(&samples[i], &b);
            print_missing(out, forms[f].prefix, samples[i].name, &b);
            bx_buf_release(&b);
        }
    }
    for (size_t i = 0; i < golden_items_n; i++) {
        struct bx_buf b = {0};

        if (golden_items[i].make(&b) != BX_OK)
            abort();
        print_missing(out, "", golden_items[i].name, &b);
        bx_buf_release(&b);
    }
}

/* ---- --seeds ---- */

static void write_seed(void *ctx, const char *name, const uint8_t *p, size_t n)
{
    const char *dir = ctx, *base = strrchr(name, '/');
    char path[4096];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", dir, base == NULL ? name : base + 1);
    f = fopen(path, "we");
    if (f == NULL || fwrite(p, 1, n, f) != n || fclose(f) != 0) {
        perror(path);
        exit(1);
    }
}

static void write_seeds(const char *dir)
{
    char path[4096];

    mkdir(dir, 0777);
    for (size_t i = 0; i < fuzz_targets_n; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, fuzz_targets[i].name);
        mkdir(path, 0777);
        fuzz_each_seed(&fuzz_targets[i], write_seed, path);
    }
}

/* ---- the bytes are the golden ones ---- */

static void same_as_golden(const char *prefix, const char *name, const struct bx_buf *b)
{
    char full[80];
    const uint8_t *p;
    size_t n;

    snprintf(full, sizeof full, "%s%s", prefix, name);
    p = golden_find(full, &n);
    if (p == NULL)
        fail_msg("%s: golden.txt does not have it", full);
    if (n != b->len || memcmp(p, b->data, n) != 0)
        fail_msg("%s: its bytes have changed: this is a new format", full);
}

TEST(records_are_written_as_ever)
{
    size_t n;
    const struct golden_sample *samples = golden_samples(&n);

    for (size_t f = 0; f < FORMS; f++) {
        for (size_t i = 0; i < n; i++) {
            struct bx_buf b = {0};

            forms[f].write(&samples[i], &b);
            same_as_golden(forms[f].prefix, samples[i].name, &b);
            bx_buf_release(&b);
        }
    }
}

TEST(items_are_written_as_ever)
{
    for (size_t i = 0; i < golden_items_n; i++) {
        struct bx_buf b = {0};

        assert_int_equal(golden_items[i].make(&b), BX_OK);
        if (!golden_items[i].loose)
            same_as_golden("", golden_items[i].name, &b);
        bx_buf_release(&b);
    }
}

/* ---- what is missing is printed ---- */

/* What --write prints beside this golden.txt; NULL: the one of the source tree, which stays open.
 */
static char *missing_from(const char *path)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    assert_non_null(out);
    golden_close();
    assert_true(golden_open(path));
    write_missing(out);
    fclose(out);
    return text;
}

static void write_golden_file(const char *path, const char *first, const char *second)
{
    FILE *f = fopen(path, "we");

    assert_non_null(f);
    assert_true(fprintf(f, "%s\n%s", first, second) > 0);
    fclose(f);
}

TEST(write_prints_what_golden_txt_lacks)
{
    char *dir = test_make_dir(), path[256], *all, *json, *rest, *lacks;

    snprintf(path, sizeof path, "%s/golden.txt", dir);
    write_golden_file(path, "# nothing", "");
    all = missing_from(path);
    json = strstr(all, "\njson/vm ");
    assert_non_null(json);
    *json++ = '\0';
    rest = strchr(json, '\n') + 1; /* JSON is one line */
    write_golden_file(path, all, rest);
    *rest = '\0';
    lacks = missing_from(path);
    assert_string_equal(lacks, json);
    free(lacks);
    lacks = missing_from(NULL);
    assert_string_equal(lacks, "");
    free(lacks);
    free(all);
    test_remove_dir(dir);
}

/* ---- and are read ---- */

static void count_event(void *ctx, const struct bx_event *e)
{
    uint64_t *newest = ctx;

    assert_int_equal(e->index, ++*newest);
}

/* Two nodes, three VMs, and what was told of them. */
TEST(an_old_dump_is_restored)
{
    struct test_fsm t = {.index = 0};
    uint64_t newest = 0;
    const uint8_t *p;
    uint32_t count;
    size_t n;

    test_fsm_open(&t);
    p = golden_find("dump", &n);
    assert_int_equal(test_fsm_restore(t.fsm, p, n, 7, UINT64_C(0xc838c1badaf128f2)), BX_OK);
    test_fsm_reopen(&t);
    assert_int_equal(bx_fsm_applied(t.fsm), 7);
    assert_int_equal(bx_fsm_events(t.fsm, 0, 100, count_event, &newest, &count, NULL), BX_OK);
    assert_int_equal(newest, 7);
    assert_int_equal(bx_view_vms(bx_fsm_view(t.fsm)), 3);
    test_fsm_close(&t);
}

struct reading {
    struct bx_arena arena;
    struct bx_pack *pack;
    struct bx_buf text;
    _Alignas(16) uint8_t object[4096];
};

static int read_form(struct reading *r, const struct bx_schema *s, size_t form, const uint8_t *p,
                     size_t n)
{
    if (form == 0)
        return bx_flat_read(s, p, n, r->object, &r->arena, NULL, NULL);
    if (form == 2) {
        assert_int_equal(bx_json_read(&r->text, (const char *)p, n, TEXT_MAX, NULL), BX_OK);
        p = r->text.data;
        n = r->text.len;
    }
    return bx_pack_read(s, bx_pack_parse(r->pack, p, n, TEXT_MAX, NULL), r->object, &r->arena,
                        NULL);
}

/* JSON knows no integer above 2^63 - 1 and no bytes; of those the sample that has all types. */
static bool has_form(const struct golden_sample *s, size_t form)
{
    for (uint32_t i = 0; i < s->schema->n; i++) {
        const struct bx_field *f = &s->schema->fields[i];
        const void *m = (const char *)s->object + f->offset;

        if (form == 2 &&
            (f->type == BX_T_BYTES || (f->type == BX_T_U64 && *(const uint64_t *)m > INT64_MAX)))
            return false;
    }
    return true;
}

TEST(every_form_gives_the_same_object)
{
    size_t n_samples;
    const struct golden_sample *samples = golden_samples(&n_samples);

    for (size_t i = 0; i < n_samples; i++) {
        for (size_t f = 0; f < FORMS; f++) {
            struct reading r = {.pack = bx_pack_create()};
            const struct bx_schema *s = samples[i].schema;
            struct bx_buf b = {0};
            char name[80];
            size_t n;
            const uint8_t *p;

            snprintf(name, sizeof name, "%s%s", forms[f].prefix, samples[i].name);
            p = golden_find(name, &n);
            assert_non_null(p);
            if (has_form(&samples[i], f)) {
                assert_int_equal(read_form(&r, s, f, p, n), BX_OK);
                to_flat(&(struct golden_sample){"", s, r.object}, &b);
                same_as_golden("flat/", samples[i].name, &b);
            }
            bx_buf_release(&b);
            bx_buf_release(&r.text);
            bx_arena_close(&r.arena);
            bx_pack_destroy(r.pack);
        }
    }
}

/* ---- damage ---- */

static void run_damaged(const struct fuzz_target *t, const char *name, const uint8_t *p, size_t n,
                        size_t at)
{
    if (t->run(p, n) == BX_OK && t->sealed)
        fail_msg("%s: %s with byte %zu changed was accepted", t->name, name, at);
}

/* What the byte at a place is changed to: everything where it is quick, else each bit and the ends,
 * or, where that takes long, too, some of them, in turn. */
static bool tries(const struct fuzz_target *t, size_t at, unsigned change)
{
    bool slow = t->run == fuzz_pack || t->run == fuzz_record || t->run == fuzz_wal ||
                t->run == fuzz_request || t->run == fuzz_node || t->run == fuzz_recorder ||
                t->run == fuzz_envelope || t->run == fuzz_csr;

#ifdef BX_DIAGNOSTICS
    slow |= t->run == fuzz_crash || t->run == fuzz_outgoing;
#endif

    if (t->run == fuzz_dump || t->run == fuzz_json || t->run == fuzz_certificate)
        return change == 1u << at % 8 || change == 0x80;
    return !slow || change == 0xff || (change & (change - 1)) == 0;
}

/* Seeds are found by the beginning of their names: a target whose prefix nothing has would seem to
 * be tested. */
struct seeds {
    const struct fuzz_target *target;
    uint32_t run;
};

static void damage(void *ctx, const char *name, const uint8_t *p, size_t n)
{
    struct seeds *seeds = ctx;
    const struct fuzz_target *t = seeds->target;
    uint8_t *copy = fuzz_copy(p, n);

    seeds->run++;
    if (t->run(p, n) != BX_OK && strcmp(name, "json/record") != 0)
        fail_msg("%s: %s is not accepted", t->name, name);
    for (size_t cut = 0; cut < n; cut++)
        run_damaged(t, name, p, cut, cut);
    for (size_t at = 0; at < n; at++) {
        for (unsigned change = 1; change < 256; change++) {
            if (!tries(t, at, change))
                continue;
            copy[at] = (uint8_t)(p[at] ^ change);
            run_damaged(t, name, copy, n, at);
        }
        copy[at] = p[at];
    }
    bx_free(copy);
}

/* The checksums are made right after the damage: what lies behind them must hold too. */
static void damage_resealed(void *ctx, const char *name, const uint8_t *p, size_t n)
{
    struct seeds *seeds = ctx;
    const struct fuzz_target *t = seeds->target;

    (void)name;
    seeds->run++;
    for (size_t at = 0; at < n; at++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            uint8_t *copy = fuzz_copy(p, n);

            copy[at] = (uint8_t)(p[at] ^ 1u << bit);
            t->reseal(copy, n);
            t->run(copy, n);
            bx_free(copy);
        }
    }
}

static void run_seeds(const struct fuzz_target *t,
                      void (*f)(void *ctx, const char *name, const uint8_t *p, size_t n))
{
    struct seeds seeds = {t, 0};

    fuzz_each_seed(t, f, &seeds);
    if (seeds.run == 0)
        fail_msg("%s: golden.txt has no seed whose name begins with %s", t->name, t->seeds);
}

/* found/TARGET-WHAT: an input that once broke the decoder. */
static void run_found(void *ctx, const char *name, const uint8_t *p, size_t n)
{
    unsigned *runs = ctx;

    for (size_t i = 0; i < fuzz_targets_n; i++) {
        const struct fuzz_target *t = &fuzz_targets[i];
        size_t len = strlen(t->name);

        if (strncmp(name, "found/", 6) != 0 || strncmp(name + 6, t->name, len) != 0 ||
            name[6 + len] != '-')
            continue;
        ++*runs;
        t->run(p, n);
        if (t->reseal != NULL) {
            uint8_t *copy = fuzz_copy(p, n);

            t->reseal(copy, n);
            t->run(copy, n);
            bx_free(copy);
        }
    }
}

TEST(what_was_found_stays_fixed)
{
    unsigned runs = 0;

    golden_each(run_found, &runs);
    assert_true(runs > 0);
}

TEST(damage_is_refused_or_harmless)
{
    for (size_t i = 0; i < fuzz_targets_n; i++)
        run_seeds(&fuzz_targets[i], damage);
}

TEST(damage_under_a_good_checksum_is_harmless)
{
    for (size_t i = 0; i < fuzz_targets_n; i++) {
        if (fuzz_targets[i].reseal != NULL)
            run_seeds(&fuzz_targets[i], damage_resealed);
    }
}

int main(int argc, char **argv)
{
    int rc = 0;

    if (!golden_open(NULL)) {
        fprintf(stderr, "golden.txt is not in $BLIXARD_SRC/tests/unit\n");
        return 99;
    }
    if (argc > 1 && strcmp(argv[1], "--write") == 0)
        write_missing(stdout);
    else if (argc > 2 && strcmp(argv[1], "--seeds") == 0)
        write_seeds(argv[2]);
    else
        rc = test_run(NULL, NULL);
    fuzz_node_close();
    golden_close();
    return rc;
}
