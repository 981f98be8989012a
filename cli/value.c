#include "value.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define KEY_MAX 64u

/* ---- formats ---- */

/* Bytes in the largest unit that divides n; units ends with NULL. */
static void write_size(uint64_t n, const char *const *units, char *out, size_t size)
{
    while (n >= 1024 && n % 1024 == 0 && units[1] != NULL) {
        n /= 1024;
        units++;
    }
    snprintf(out, size, "%llu%s", (unsigned long long)n, units[0]);
}

static void write_mib(uint64_t n, char *out, size_t size)
{
    static const char *const units[] = {"MiB", "GiB", "TiB", NULL};

    write_size(n, units, out, size);
}

static void write_gib(uint64_t n, char *out, size_t size)
{
    static const char *const units[] = {"GiB", "TiB", "PiB", NULL};

    write_size(n, units, out, size);
}

/* Percent as a ratio: 4.0, 1.25. */
static void write_ratio(uint64_t pct, char *out, size_t size)
{
    bool tenths = pct % 10 == 0;

    snprintf(out, size, "%llu.%0*llu", (unsigned long long)pct / 100, tenths ? 1 : 2,
             (unsigned long long)(tenths ? pct % 100 / 10 : pct % 100));
}

static uint64_t now_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec;
}

static void write_duration(const char *before, uint64_t s, char *out, size_t size)
{
    static const struct {
        uint64_t s;
        char unit;
    } steps[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
    size_t i = 0;

    while (i < 3 && s < steps[i].s)
        i++;
    snprintf(out, size, "%s%llu%c", before, (unsigned long long)(s / steps[i].s), steps[i].unit);
}

static void write_age(uint64_t then_ms, char *out, size_t size)
{
    uint64_t now = now_s();

    write_duration("", now * 1000 < then_ms ? 0 : now - then_ms / 1000, out, size);
}

static void write_until(uint64_t then_ms, char *out, size_t size)
{
    uint64_t now = now_s(), then = (then_ms + 999) / 1000;

    if (then <= now)
        snprintf(out, size, "now");
    else
        write_duration("in ", then - now, out, size);
}

static void write_time(uint64_t ms, char *out, size_t size)
{
    time_t s = (time_t)(ms / 1000);
    struct tm tm;
    char day[32];

    if (gmtime_r(&s, &tm) == NULL || strftime(day, sizeof day, "%FT%T", &tm) == 0)
        day[0] = '\0';
    snprintf(out, size, "%s.%03uZ", day, (unsigned)(ms % 1000));
}

static void write_labels(bx_val v, char *out, size_t size)
{
    size_t at = 0;

    snprintf(out, size, "-");
    for (uint32_t i = 0; i < bx_val_len(v) && at < size; i++) {
        struct bx_str key = {"", 0}, value = {"", 0};

        bx_val_str(bx_val_key(v, i), &key);
        bx_val_str(bx_val_value(v, i), &value);
        at += (size_t)snprintf(out + at, size - at, "%s" BX_STR_FMT "=" BX_STR_FMT,
                               i == 0 ? "" : ",", BX_STR_ARG(key), BX_STR_ARG(value));
    }
}

static const struct {
    void (*number)(uint64_t n, char *out, size_t size); /* NULL: in decimal */
    const char *zero;                                   /* NULL: as any other number */
    bool right, labels;
} formats[VALUE__FORMATS] = {
    [VALUE_TEXT] = {.right = false},
    [VALUE_NUMBER] = {.right = true},
    [VALUE_MIB] = {.number = write_mib, .right = true},
    [VALUE_GIB] = {.number = write_gib, .right = true},
    [VALUE_RATIO] = {.number = write_ratio, .right = true},
    [VALUE_AGE] = {.number = write_age, .right = true},
    [VALUE_UNTIL] = {.number = write_until, .right = true},
    [VALUE_TIME] = {.number = write_time},
    [VALUE_LABELS] = {.labels = true},
    [VALUE_STATE] = {.right = false},
    [VALUE_LIMIT] = {.zero = "unlimited", .right = true},
    [VALUE_LIMIT_MIB] = {.number = write_mib, .zero = "unlimited", .right = true},
    [VALUE_LIMIT_GIB] = {.number = write_gib, .zero = "unlimited", .right = true},
};

bool value_is_right_aligned(enum value_format format)
{
    return formats[format].right;
}

/* ---- values ---- */

void value_make_printable(char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < ' ' || *text == 0x7f)
            *text = '?';
    }
}

void value_text(bx_val v, enum value_format format, char *out, size_t size)
{
    struct bx_str s;
    uint64_t n;
    int64_t i;
    double d;
    bool b;

    if (bx_val_u64(v, &n) && n == 0 && formats[format].zero != NULL)
        snprintf(out, size, "%s", formats[format].zero);
    else if (bx_val_u64(v, &n) && formats[format].number != NULL)
        formats[format].number(n, out, size);
    else if (bx_val_u64(v, &n))
        snprintf(out, size, "%llu", (unsigned long long)n);
    else if (bx_val_i64(v, &i))
        snprintf(out, size, "%lld", (long long)i);
    else if (bx_val_type(v) == BX_V_FLOAT && bx_val_f64(v, &d))
        snprintf(out, size, "%.15g", d);
    else if (bx_val_str(v, &s))
        snprintf(out, size, BX_STR_FMT, BX_STR_ARG(s));
    else if (bx_val_bool(v, &b))
        snprintf(out, size, "%s", b ? "yes" : "no");
    else if (formats[format].labels && bx_val_type(v) == BX_V_MAP)
        write_labels(v, out, size);
    else
        snprintf(out, size, "-");
    value_make_printable(out);
}

bx_val value_at(bx_val v, const char *path)
{
    const char *dot = strchr(path, '.');
    char key[KEY_MAX];

    if (dot == NULL)
        return bx_val_get(v, path);
    snprintf(key, sizeof key, "%.*s", (int)(dot - path), path);
    return value_at(bx_val_get(v, key), dot + 1);
}
