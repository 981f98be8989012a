/* recparse - the texts that make a query. */
#include "rec/recquery.h"

#include <stdlib.h>
#include <string.h>

#define NS 1000000000u
#define DAY_S 86400u
#define TRACE_DIGITS 16u

/* ---- conditions ---- */

static const struct {
    const char *text;
    enum bx_recquery_op op;
} ops[] = {
    /* those of two characters first */
    {"!=", BX_RECQUERY_NE}, {"<=", BX_RECQUERY_LE}, {">=", BX_RECQUERY_GE}, {"==", BX_RECQUERY_EQ},
    {"=", BX_RECQUERY_EQ},  {"<", BX_RECQUERY_LT},  {">", BX_RECQUERY_GT},  {"~", BX_RECQUERY_HAS},
};

static int bad_condition(struct bx_err *err, const char *text, const char *why)
{
    bx_err_set(err, BX_INVALID, "condition \"%.80s\": %s", text, why);
    bx_err_hint(err, "a condition looks like vm=web1, ms>=250 or path~recorder");
    return BX_INVALID;
}

static void parse_number(struct bx_recquery_condition *c)
{
    const char *digits = c->value + (c->value[0] == '-');
    size_t n = strspn(digits, "0123456789");
    char *end;

    /* strtod also reads hexadecimal, nan and inf */
    if (digits[strspn(digits, "+-.0123456789eE")] != '\0' || strpbrk(digits, "0123456789") == NULL)
        return;
    c->number = strtod(c->value, &end);
    c->is_number = *end == '\0';
    c->negative = digits != c->value;
    c->is_integer = c->is_number && digits[n] == '\0' && n <= 19;
    if (c->is_integer)
        c->magnitude = strtoull(digits, NULL, 10);
}

/* Alternatives for one key are a group. */
static void join_group(struct bx_recquery *q, struct bx_recquery_condition *c)
{
    for (uint32_t i = 0; i < q->n && c->op == BX_RECQUERY_EQ; i++)
        if (q->conditions[i].op == BX_RECQUERY_EQ && strcmp(q->conditions[i].key, c->key) == 0) {
            c->group = q->conditions[i].group;
            return;
        }
    c->group = (uint8_t)q->groups++;
}

static int add(struct bx_recquery *q, const char *key, size_t n_key, enum bx_recquery_op op,
               const char *value, struct bx_err *err)
{
    struct bx_recquery_condition *c = &q->conditions[q->n];
    size_t n = strlen(value);
    bool ordered = op != BX_RECQUERY_EQ && op != BX_RECQUERY_NE && op != BX_RECQUERY_HAS;

    if (q->n == BX_RECQUERY_CONDITIONS)
        return bad_condition(err, key, "there are more than 16 of them");
    if (n_key == 0 || n_key > BX_FILTER_WORD)
        return bad_condition(err, key, "a key has 1 to 63 bytes");
    if (n > BX_FILTER_WORD || (n == 0 && op == BX_RECQUERY_HAS))
        return bad_condition(err, key, "a value has at most 63 bytes");
    *c = (struct bx_recquery_condition){.op = (uint8_t)op};
    memcpy(c->key, key, n_key);
    memcpy(c->value, value, n);
    parse_number(c);
    if (ordered && !c->is_number)
        return bad_condition(err, key, "< and > compare with a number");
    join_group(q, c);
    q->n++;
    return BX_OK;
}

int bx_recquery_where(struct bx_recquery *q, const char *text, struct bx_err *err)
{
    size_t n = strcspn(text, "=!<>~");

    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++) {
        size_t len = strlen(ops[i].text);

        if (strncmp(text + n, ops[i].text, len) == 0)
            return add(q, text, n, ops[i].op, text + n + len, err);
    }
    return bad_condition(err, text, "it has no operator");
}

int bx_recquery_filter(struct bx_recquery *q, const char *spec, struct bx_err *err)
{
    static struct bx_filter none;
    struct bx_filter f = none;
    int rc = bx_filter_parse(&f, spec, err);

    if (rc != BX_OK) {
        if (err != NULL && err->hint[0] == '\0')
            bx_err_hint(err, "a filter looks like info,raft=debug,vm=web1");
        return rc;
    }
    for (uint32_t i = 0; i < f.n_fields && rc == BX_OK; i++)
        rc = add(q, f.fields[i].key, strlen(f.fields[i].key), BX_RECQUERY_EQ, f.fields[i].value,
                 err);
    f.n_fields = 0;
    q->filter = f;
    return rc;
}

/* ---- trace ids ---- */

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int bx_recquery_trace(struct bx_recquery *q, const char *text, struct bx_err *err)
{
    uint64_t low = 0;
    unsigned n = 0;

    for (const char *p = text; *p != '\0' && n <= 2 * TRACE_DIGITS; p++) {
        if (*p == '-')
            continue;
        if (digit(*p) < 0) {
            n = 0;
            break;
        }
        low = low << 4 | (uint64_t)digit(*p);
        n++;
    }
    if ((n == TRACE_DIGITS || n == 2 * TRACE_DIGITS) && low != 0) {
        q->trace = low;
        return BX_OK;
    }
    bx_err_set(err, BX_INVALID, "\"%.64s\" is no trace id", text);
    bx_err_hint(err, "a trace id has 16 or 32 hex digits; log query -o json shows those of events");
    return BX_INVALID;
}

/* ---- points in time ---- */

/* Exactly n digits; the number, or -1. */
static int64_t digits(const char *s, unsigned n)
{
    int64_t v = 0;

    for (unsigned i = 0; i < n; i++) {
        if (s[i] < '0' || s[i] > '9')
            return -1;
        v = v * 10 + (s[i] - '0');
    }
    return v;
}

/* Howard Hinnant, "chrono-compatible low-level date algorithms", days_from_civil. */
static uint64_t days_of(int64_t year, int64_t month, int64_t day)
{
    uint64_t y = (uint64_t)(month <= 2 ? year - 1 : year), era = y / 400, yoe = y - era * 400;
    uint64_t doy =
        (uint64_t)(153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + (uint64_t)day - 1;

    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static int64_t days_in(int64_t year, int64_t month)
{
    uint64_t next = month == 12 ? days_of(year + 1, 1, 1) : days_of(year, month + 1, 1);

    return (int64_t)(next - days_of(year, month, 1));
}

static bool parse_date(const char *s, uint64_t *days)
{
    int64_t year = digits(s, 4), month, day;

    if (year < 1970 || s[4] != '-' || (month = digits(s + 5, 2)) < 1 || month > 12 || s[7] != '-' ||
        (day = digits(s + 8, 2)) < 1 || day > days_in(year, month))
        return false;
    *days = days_of(year, month, day);
    return true;
}

/* ".123" and so on, as nanoseconds; *end is what follows. */
static uint64_t parse_fraction(const char *s, const char **end)
{
    uint64_t ns = 0, unit = NS / 10;

    *end = s;
    if (*s != '.')
        return 0;
    for (s++; *s >= '0' && *s <= '9'; s++) {
        ns += (uint64_t)(*s - '0') * unit;
        unit /= 10;
    }
    *end = s;
    return ns;
}

static bool parse_clock(const char *s, uint64_t *ns)
{
    int64_t h, m, sec = 0;

    if ((h = digits(s, 2)) < 0 || h > 23 || s[2] != ':' || (m = digits(s + 3, 2)) < 0 || m > 59)
        return false;
    s += 5;
    if (*s == ':') {
        if ((sec = digits(s + 1, 2)) < 0 || sec > 60)
            return false;
        s += 3;
    }
    *ns = (uint64_t)(h * 3600 + m * 60 + sec) * NS + parse_fraction(s, &s);
    if (*s == 'Z' || *s == 'z')
        s++;
    return *s == '\0';
}

static bool parse_point(const char *s, uint64_t *out)
{
    uint64_t days, ns = 0;

    if (strlen(s) < 10 || !parse_date(s, &days) || days > UINT64_MAX / NS / DAY_S - 1)
        return false;
    s += 10;
    if (*s == 'Z' || *s == 'z')
        s++;
    if (*s != '\0' && ((*s != 'T' && *s != 't' && *s != ' ') || !parse_clock(s + 1, &ns)))
        return false;
    *out = days * DAY_S * NS + ns;
    return true;
}

static bool parse_ago(const char *s, uint64_t now_ns, uint64_t *out)
{
    static const struct {
        const char *unit;
        uint64_t ns;
    } units[] = {{"ms", NS / 1000},
                 {"s", NS},
                 {"m", 60ull * NS},
                 {"h", 3600ull * NS},
                 {"d", (uint64_t)DAY_S * NS}};
    size_t n = strspn(s, "0123456789");

    if (n == 0 || n > 9)
        return false;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (strcmp(s + n, units[i].unit) == 0) {
            uint64_t count = (uint64_t)digits(s, (unsigned)n);

            *out = count > now_ns / units[i].ns ? 0 : now_ns - count * units[i].ns;
            return true;
        }
    return false;
}

int bx_recquery_time(const char *text, uint64_t now_ns, uint64_t *out, struct bx_err *err)
{
    if (parse_point(text, out) || parse_ago(text, now_ns, out))
        return BX_OK;
    bx_err_set(err, BX_INVALID, "\"%.64s\" is no point in time", text);
    bx_err_hint(err, "for example 2026-11-29T13:00:00Z, 2026-11-29, or 5m for five minutes ago");
    return BX_INVALID;
}
