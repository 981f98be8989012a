#include "diag/limits.h"

#include "codec/digits.h"

#define X(id, text) {text, sizeof text - 1},
const struct bx_str bx_category_names[BX__CATEGORIES] = {BX_CATEGORIES(X)};
#undef X

enum bx_category bx_category_of(enum bx_item_type type)
{
#define X(id, text, category) [BX_ITEM_##id] = BX_CATEGORY_##category,
    static const uint8_t of[BX__ITEM_TYPES] = {BX_ITEM_TYPES(X)};
#undef X

    return (enum bx_category)of[type];
}

/* The part before the separator; *s begins after it. */
static struct bx_str take(struct bx_str *s, char separator)
{
    const char *end = s->n == 0 ? NULL : memchr(s->p, separator, s->n);
    struct bx_str part = {s->p, end == NULL ? s->n : (uint32_t)(end - s->p)};
    uint32_t used = part.n + (end != NULL);

    s->p += used;
    s->n -= used;
    while (part.n > 0 && (*part.p == ' ' || *part.p == '\t')) {
        part.p++;
        part.n--;
    }
    while (part.n > 0 && (part.p[part.n - 1] == ' ' || part.p[part.n - 1] == '\t'))
        part.n--;
    return part;
}

/* Whole seconds; a fraction counts as one more. False: no number. */
static bool read_seconds(struct bx_str s, uint64_t *out)
{
    uint32_t i = 0;

    *out = 0;
    for (; i < s.n && s.p[i] >= '0' && s.p[i] <= '9'; i++)
        if (*out <= BX_LIMITS_MAX_S)
            *out = *out * 10 + (uint64_t)(s.p[i] - '0');
    if (i == 0 || (i < s.n && s.p[i] != '.'))
        return false;
    *out += i < s.n;
    for (i++; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    if (*out > BX_LIMITS_MAX_S)
        *out = BX_LIMITS_MAX_S;
    return true;
}

static void limit(struct bx_limits *l, enum bx_category c, uint64_t until_s)
{
    if (c != BX_CATEGORY_INTERNAL && until_s > l->until_s[c])
        l->until_s[c] = until_s;
}

static void limit_all(struct bx_limits *l, uint64_t until_s)
{
    for (int c = 0; c < BX__CATEGORIES; c++)
        limit(l, (enum bx_category)c, until_s);
}

static void limit_named(struct bx_limits *l, struct bx_str name, uint64_t until_s)
{
    for (int c = 0; c < BX__CATEGORIES; c++)
        if (bx_str_eq(bx_category_names[c], name))
            limit(l, (enum bx_category)c, until_s);
}

void bx_limits_read(struct bx_limits *l, struct bx_str value, uint64_t now_s)
{
    while (value.n > 0) {
        struct bx_str entry = take(&value, ','), seconds = take(&entry, ':'),
                      names = take(&entry, ':');
        uint64_t s;

        if (!read_seconds(seconds, &s))
            continue;
        if (names.n == 0)
            limit_all(l, now_s + s);
        while (names.n > 0)
            limit_named(l, take(&names, ';'), now_s + s);
    }
}

/* ---- dates, as "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110, section 5.6.7) ---- */

static uint64_t read_date(struct bx_str s)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    char text[] = "yyyy-mm-ddThh:mm:ssZ";

    if (s.n != 29 || memcmp(s.p + 25, " GMT", 4) != 0)
        return 0;
    for (unsigned m = 0; m < 12; m++) {
        if (memcmp(months + 3 * m, s.p + 8, 3) != 0)
            continue;
        memcpy(text, s.p + 12, 4);
        text[5] = (char)('0' + (m + 1) / 10);
        text[6] = (char)('0' + (m + 1) % 10);
        memcpy(text + 8, s.p + 5, 2);
        memcpy(text + 11, s.p + 17, 8);
        return bx_digits_time_read(text, sizeof text - 1) / 1000000000u;
    }
    return 0;
}

void bx_limits_retry_after(struct bx_limits *l, struct bx_str value, uint64_t now_s)
{
    struct bx_str s = take(&value, '\n');
    uint64_t seconds, date = read_date(s);

    if (read_seconds(s, &seconds))
        limit_all(l, now_s + seconds);
    else if (date > now_s)
        limit_all(l, date - now_s > BX_LIMITS_MAX_S ? now_s + BX_LIMITS_MAX_S : date);
    else
        limit_all(l, now_s + (date == 0 ? BX_LIMITS_DEFAULT_S : 0));
}

uint64_t bx_limits_wait(const struct bx_limits *l, enum bx_category c, uint64_t now_s)
{
    return l->until_s[c] > now_s ? l->until_s[c] - now_s : 0;
}
