#include "options_value.h"

#include "model/node.h"
#include "model/vm.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POOL_MAX 1000000
#define U32_MAX 3600000
#define EXPECTED_MAX 128u
#define BALLAST_MIN (16ull << 20)
#define BALLAST_MAX (1ull << 40)

static bool parse_number(const char *text, uint64_t max, uint64_t *out)
{
    char *end;

    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    *out = strtoull(text, &end, 10);
    return errno == 0 && *end == '\0' && *out > 0 && *out <= max;
}

/* The functions below read a value into the member at `at`. BX_OK, or BX_INVALID, with a message
 * unless "not WHAT WAS EXPECTED" is enough. */

static int read_text(const struct options_flag *f, const char *text, void *at, struct bx_err *err)
{
    if (strlen(text) >= f->size)
        return bx_err_set(err, BX_INVALID, "longer than %zu bytes", f->size - 1);
    if (f->kind == VALUE_TEXT && *text == '\0')
        return bx_err_set(err, BX_INVALID, "requires a value, %s", f->argument);
    snprintf(at, f->size, "%s", text);
    if (f->kind == VALUE_LABEL && *text != '\0')
        return bx_name_check(bx_str(text), f->argument, err);
    return BX_OK;
}

static int read_dirs(const struct options_flag *f, const char *text, void *at, struct bx_err *err)
{
    for (const char *dir = text; dir != NULL; dir = strchr(dir, ':')) {
        dir += dir > text; /* behind the colon */
        if (*dir != '/')
            return BX_INVALID;
    }
    return read_text(f, text, at, err);
}

static int read_word(const struct options_flag *f, const char *text, void *at, struct bx_err *err)
{
    (void)err;
    for (const struct word *w = f->words; w->name != NULL; w++) {
        if (strcmp(w->name, text) == 0) {
            memcpy(at, &w->value, sizeof w->value);
            return BX_OK;
        }
    }
    return BX_INVALID;
}

static int read_u32(const struct options_flag *f, const char *text, void *at, struct bx_err *err)
{
    uint64_t n;
    uint32_t small;

    (void)f, (void)err;
    if (!parse_number(text, U32_MAX, &n))
        return BX_INVALID;
    small = (uint32_t)n;
    memcpy(at, &small, sizeof small);
    return BX_OK;
}

/* Digits, and at most two of them behind a point. */
static int read_ratio(const struct options_flag *f, const char *text, void *at, struct bx_err *err)
{
    size_t n = strspn(text, "0123456789"), behind = 0;
    uint32_t hundredths;

    (void)f, (void)err;
    if (n == 0 || n > 4)
        return BX_INVALID;
    hundredths = 100 * (uint32_t)strtoul(text, NULL, 10);
    if (text[n] == '.') {
        behind = strspn(text + n + 1, "0123456789");
        if (behind == 0 || behind > 2)
            return BX_INVALID;
        hundredths += (uint32_t)strtoul(text + n + 1, NULL, 10) * (behind == 1 ? 10 : 1);
        behind++;
    }
    if (text[n + behind] != '\0' || hundredths < BX_OVERCOMMIT_MIN ||
        hundredths > BX_OVERCOMMIT_MAX)
        return BX_INVALID;
    memcpy(at, &hundredths, sizeof hundredths);
    return BX_OK;
}

static int read_range(const struct options_flag *f, const char *text, void *at, struct bx_err *err)
{
    struct options_range range;
    char first[16] = "";
    uint64_t from, to;
    size_t n = strcspn(text, "-");

    (void)f, (void)err;
    if (text[n] == '\0' || n >= sizeof first)
        return BX_INVALID;
    memcpy(first, text, n);
    if (!parse_number(first, UINT32_MAX - 2, &from) ||
        !parse_number(text + n + 1, UINT32_MAX - 2, &to) || to < from)
        return BX_INVALID;
    range = (struct options_range){(uint32_t)from, (uint32_t)to};
    memcpy(at, &range, sizeof range);
    return BX_OK;
}

static int read_u64(const struct options_flag *f, const char *text, void *at, struct bx_err *err)
{
    uint64_t n;

    (void)f, (void)err;
    if (!parse_number(text, UINT64_MAX - 1, &n))
        return BX_INVALID;
    memcpy(at, &n, sizeof n);
    return BX_OK;
}

/* A number with a unit, from 16MiB to 1TiB, or none. */
static int read_size(const struct options_flag *f, const char *text, void *at, struct bx_err *err)
{
    static const struct {
        const char *unit;
        unsigned shift;
    } units[] = {{"KiB", 10}, {"MiB", 20}, {"GiB", 30}, {"TiB", 40}};
    size_t digits = strspn(text, "0123456789");
    uint64_t n = 0, size = 0;
    char number[16];

    (void)err;
    if (f->kind != VALUE_SIZE_OR_NONE || strcmp(text, OPTIONS_NO_BALLAST) != 0) {
        if (digits >= sizeof number)
            return BX_INVALID;
        snprintf(number, digits + 1, "%s", text);
        for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
            if (strcmp(text + digits, units[i].unit) == 0 &&
                parse_number(number, BALLAST_MAX >> units[i].shift, &n))
                size = n << units[i].shift;
        }
        if (size < BALLAST_MIN)
            return BX_INVALID;
    }
    memcpy(at, &size, sizeof size);
    return BX_OK;
}

/* MIN defaults to a tenth of MAX, as in the presets. */
static int read_pool(const struct options_flag *f, const char *text, void *at, struct bx_err *err)
{
    struct bx_pool_size size;
    char *end;
    unsigned long max, min;

    (void)f, (void)err;
    if (*text < '0' || *text > '9')
        return BX_INVALID;
    errno = 0;
    max = strtoul(text, &end, 10);
    min = max / 10;
    if (*end == '/' && end[1] >= '0' && end[1] <= '9')
        min = strtoul(end + 1, &end, 10);
    if (errno != 0 || *end != '\0' || max == 0 || max > POOL_MAX || min > max)
        return BX_INVALID;
    size = (struct bx_pool_size){(uint32_t)max, (uint32_t)min};
    memcpy(at, &size, sizeof size);
    return BX_OK;
}

static int read_buffers(const struct options_flag *f, const char *text, void *at,
                        struct bx_err *err)
{
    uint32_t keep[BX_BUF_CLASSES];
    char *end;

    (void)f, (void)err;
    for (uint32_t i = 0; i < BX_BUF_CLASSES; i++) {
        unsigned long n;

        if (*text < '0' || *text > '9')
            return BX_INVALID;
        errno = 0;
        n = strtoul(text, &end, 10);
        if (errno != 0 || n > POOL_MAX || *end != (i + 1 < BX_BUF_CLASSES ? ',' : '\0'))
            return BX_INVALID;
        keep[i] = (uint32_t)n;
        text = end + 1;
    }
    memcpy(at, keep, sizeof keep);
    return BX_OK;
}

static int read_yes(const struct options_flag *f, const char *text, void *at, struct bx_err *err)
{
    (void)f, (void)text, (void)err;
    *(bool *)at = true;
    return BX_OK;
}

static int read_filter(const struct options_flag *f, const char *text, void *at, struct bx_err *err)
{
    (void)f;
    return bx_filter_parse(at, text, err);
}

static int read_sink(const struct options_flag *f, const char *text, void *at, struct bx_err *err)
{
    struct options_sinks *sinks = at;
    int rc;

    (void)f;
    if (sinks->n == SINKS_MAX)
        return bx_err_set(err, BX_INVALID, "at most %u sinks", SINKS_MAX);
    rc = sink_spec_parse(&sinks->v[sinks->n], text, err);
    sinks->n += rc == BX_OK;
    return rc;
}

#define TEXT_OF(number) TEXT_OF_(number)
#define TEXT_OF_(number) #number

static const struct {
    int (*read)(const struct options_flag *f, const char *text, void *at, struct bx_err *err);
    const char *expected; /* NULL: the words of the flag */
} kinds[VALUE__KINDS] = {
    [VALUE_TEXT] = {read_text, "a text"},
    [VALUE_LABEL] = {read_text, "a name"},
    [VALUE_DIRS] = {read_dirs, "a list of absolute paths, separated by colons"},
    [VALUE_ADDRESS] = {read_text, "an address"},
    [VALUE_WORD] = {read_word, NULL},
    [VALUE_FILTER] = {read_filter, "a filter of the log"},
    [VALUE_SINK] = {read_sink, "a sink of the log"},
    [VALUE_U32] = {read_u32, "a number from 1 to " TEXT_OF(U32_MAX)},
    [VALUE_U64] = {read_u64, "a number of at least 1"},
    [VALUE_RATIO] = {read_ratio,
                     "a ratio from 0.1 to 64, with at most two digits behind the point"},
    [VALUE_SIZE] = {read_size, "a size from 16MiB to 1TiB, such as 64MiB"},
    [VALUE_SIZE_OR_NONE] = {read_size, "none, or a size from 16MiB to 1TiB, such as 64MiB"},
    [VALUE_RANGE] = {read_range, "a range of numbers of users, FIRST-LAST"},
    [VALUE_POOL] = {read_pool,
                    "MAX or MAX/MIN, MAX from 1 to " TEXT_OF(POOL_MAX) " and MIN at most that"},
    [VALUE_BUFFERS] = {read_buffers,
                       "five numbers up to " TEXT_OF(POOL_MAX) ", as 512,512,256,32,16"},
    [VALUE_ASK] = {NULL, NULL},
    [VALUE_YES] = {read_yes, "no value"},
};

/* The values that a flag accepts, for messages: "error, warning, info or debug". */
static void describe(const struct options_flag *f, char out[EXPECTED_MAX])
{
    size_t at = 0;

    if (kinds[f->kind].expected != NULL) {
        snprintf(out, EXPECTED_MAX, "%s", kinds[f->kind].expected);
        return;
    }
    out[0] = '\0';
    for (const struct word *w = f->words; w->name != NULL && at < EXPECTED_MAX; w++) {
        const char *before = w == f->words ? "" : w[1].name == NULL ? " or " : ", ";

        at += (size_t)snprintf(out + at, EXPECTED_MAX - at, "%s%s", before, w->name);
    }
}

int options_set_value(struct options *o, const struct options_flag *f, const char *text,
                      struct bx_err *err)
{
    struct bx_err own = {0};
    char expected[EXPECTED_MAX];
    int rc = kinds[f->kind].read(f, text, (char *)o + f->offset, &own);

    if (rc == BX_OK)
        return rc;
    if (own.msg[0] != '\0') {
        *err = own;
        return rc;
    }
    describe(f, expected);
    return bx_err_set(err, rc, "\"%.100s\" is not %s", text, expected);
}
