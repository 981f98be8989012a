#include "codec/digits.h"

#include <stdbool.h>
#include <string.h>

#define NS 1000000000u
#define DAY 86400u

static const char pairs[] = "00010203040506070809101112131415161718192021222324"
                            "25262728293031323334353637383940414243444546474849"
                            "50515253545556575859606162636465666768697071727374"
                            "75767778798081828384858687888990919293949596979899";

size_t bx_digits_u64(char out[BX_DIGITS_U64], uint64_t v)
{
    char text[BX_DIGITS_U64];
    size_t at = sizeof text;

    while (v >= 100) {
        at -= 2;
        memcpy(text + at, pairs + v % 100 * 2, 2);
        v /= 100;
    }
    if (v >= 10) {
        at -= 2;
        memcpy(text + at, pairs + v * 2, 2);
    } else {
        text[--at] = (char)('0' + v);
    }
    memcpy(out, text + at, sizeof text - at);
    return sizeof text - at;
}

size_t bx_digits_hex(char *out, const uint8_t *p, size_t n)
{
    static const char hex[] = "0123456789abcdef";

    for (size_t i = 0; i < n; i++) {
        out[2 * i] = hex[p[i] >> 4];
        out[2 * i + 1] = hex[p[i] & 15];
    }
    return 2 * n;
}

static void put_digits(char *out, uint64_t v, unsigned n)
{
    while (n-- > 0) {
        out[n] = (char)('0' + v % 10);
        v /= 10;
    }
}

/* Howard Hinnant, "chrono-compatible low-level date algorithms", civil_from_days. */
static void put_date(char out[10], uint64_t days)
{
    uint64_t z = days + 719468, era = z / 146097, doe = z - era * 146097;
    uint64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    uint64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
    uint64_t month = mp < 10 ? mp + 3 : mp - 9;

    put_digits(out, yoe + era * 400 + (month <= 2), 4);
    out[4] = out[7] = '-';
    put_digits(out + 5, month, 2);
    put_digits(out + 8, doy - (153 * mp + 2) / 5 + 1, 2);
}

size_t bx_digits_time(char out[BX_DIGITS_TIME], uint64_t ns, unsigned digits)
{
    uint64_t seconds = ns / NS, day = seconds % DAY, rest = ns % NS;

    put_date(out, seconds / DAY);
    out[10] = 'T';
    memcpy(out + 11, pairs + day / 3600 * 2, 2);
    memcpy(out + 14, pairs + day / 60 % 60 * 2, 2);
    memcpy(out + 17, pairs + day % 60 * 2, 2);
    out[13] = out[16] = ':';
    out[19] = '.';
    for (unsigned i = digits; i < 9; i++)
        rest /= 10;
    put_digits(out + 20, rest, digits);
    out[20 + digits] = 'Z';
    return 21 + digits;
}

/* ---- reading ---- */

static bool take_digits(const char *s, unsigned n, uint64_t least, uint64_t most, uint64_t *out)
{
    *out = 0;
    for (unsigned i = 0; i < n; i++) {
        if (s[i] < '0' || s[i] > '9')
            return false;
        *out = *out * 10 + (uint64_t)(s[i] - '0');
    }
    return *out >= least && *out <= most;
}

/* days_from_civil of the same source. */
static uint64_t days_of(uint64_t year, uint64_t month, uint64_t day)
{
    uint64_t y = year - (month <= 2), era = y / 400, yoe = y - era * 400;
    uint64_t doy = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static bool is_utc(const char *s, size_t n)
{
    return (n == 1 && s[0] == 'Z') || (n == 6 && memcmp(s, "+00:00", 6) == 0);
}

uint64_t bx_digits_time_read(const char *s, size_t n)
{
    uint64_t year, month, day, hour, minute, second, ns = 0, scale = NS;
    size_t at = 19;

    if (n < 20 || s[4] != '-' || s[7] != '-' || s[10] != 'T' || s[13] != ':' || s[16] != ':' ||
        !take_digits(s, 4, 1970, 2500, &year) || !take_digits(s + 5, 2, 1, 12, &month) ||
        !take_digits(s + 8, 2, 1, 31, &day) || !take_digits(s + 11, 2, 0, 23, &hour) ||
        !take_digits(s + 14, 2, 0, 59, &minute) || !take_digits(s + 17, 2, 0, 60, &second))
        return 0;
    if (s[at] == '.')
        for (at++; at < n && s[at] >= '0' && s[at] <= '9'; at++) {
            scale /= 10;
            ns += (uint64_t)(s[at] - '0') * scale;
        }
    if (!is_utc(s + at, n - at))
        return 0;
    return (days_of(year, month, day) * DAY + hour * 3600 + minute * 60 + second) * NS + ns;
}
