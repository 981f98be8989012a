/* notes - the small files of DATA/diag: `session`, the run under way, and `crashes`, a line for
 * each crash file that was looked at. */
#include "diagnose/priv.h"

#include "codec/digits.h"
#include "diag/envread.h"

#include <string.h>

#define ID 32u /* digits */

/* "ID NANOSECONDS\n" */
size_t diag_session_write(char text[DIAG_SESSION_TEXT], const struct bx_session *s)
{
    size_t n = bx_digits_hex(text, s->id, sizeof s->id);

    text[n++] = ' ';
    n += bx_digits_u64(text + n, s->started_ns);
    text[n++] = '\n';
    return n;
}

static bool read_number(const char *p, size_t n, uint64_t *out)
{
    *out = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned digit = (unsigned)(unsigned char)p[i] - '0';

        if (digit > 9 || __builtin_mul_overflow(*out, 10, out) ||
            __builtin_add_overflow(*out, digit, out))
            return false;
    }
    return n > 0;
}

bool diag_session_read(struct bx_session *out, const char *text, size_t n)
{
    struct bx_session s = {.status = BX_SESSION_OK};
    bool ok = n > ID + 2 && text[ID] == ' ' && text[n - 1] == '\n' &&
              bx_id_parse((struct bx_str){text, ID}, s.id) &&
              read_number(text + ID + 1, n - ID - 2, &s.started_ns);

    if (ok)
        *out = s;
    return ok;
}

bool diag_was_seen(const char *seen, const char *line)
{
    const char *at = seen;

    while ((at = strstr(at, line)) != NULL && at != seen && at[-1] != '\n')
        at++;
    return at != NULL;
}
