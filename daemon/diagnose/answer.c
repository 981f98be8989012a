#include "diagnose/send.h"

#include <string.h>
#include <strings.h>

/* The value of a header's line, without the end of the line. What does not fit is left out: of a
 * list, whole members. */
static void keep(char *to, size_t room, const char *p, size_t n)
{
    size_t used = 0;

    while (used < n && p[used] != '\r' && p[used] != '\n' && p[used] != '\0')
        used++;
    if (used >= room) {
        used = room - 1;
        while (used > 0 && p[used] != ',')
            used--;
    }
    memcpy(to, p, used);
    to[used] = '\0';
}

bool send_answer_line(struct send_answer *a, const char *p, size_t n)
{
    static const char limits[] = "X-Sentry-Rate-Limits:", retry_after[] = "Retry-After:";
    const size_t n_limits = sizeof limits - 1, n_retry = sizeof retry_after - 1;

    a->bytes += n;
    if (n > n_limits && strncasecmp(p, limits, n_limits) == 0)
        keep(a->limits, sizeof a->limits, p + n_limits, n - n_limits);
    else if (n > n_retry && strncasecmp(p, retry_after, n_retry) == 0)
        keep(a->retry_after, sizeof a->retry_after, p + n_retry, n - n_retry);
    return a->bytes <= SEND_ANSWER_BYTES;
}
