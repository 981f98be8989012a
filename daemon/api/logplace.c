#include "api/logplace.h"

#include <stdio.h>
#include <string.h>

struct bx_str logplace_of_event(char *text, const struct logpage_key *k)
{
    snprintf(text, BX_LOG_AFTER_MAX + 1, "@%llu:%u:%u", (unsigned long long)k->time_ns, k->thread,
             k->seq);
    return bx_str(text);
}

struct bx_str logplace_of_file(char *text, const struct logplace *p)
{
    snprintf(text, BX_LOG_AFTER_MAX + 1, "#%s:%u:%llu", p->file, p->events,
             (unsigned long long)p->bytes);
    return bx_str(text);
}

bool logplace_is_event(struct bx_str text, struct logpage_key *out)
{
    char copied[BX_LOG_AFTER_MAX + 1];
    unsigned long long time;
    unsigned thread, seq;
    int end = 0;

    snprintf(copied, sizeof copied, BX_STR_FMT, BX_STR_ARG(text));
    if (sscanf(copied, "@%20llu:%5u:%10u%n", &time, &thread, &seq, &end) != 3 ||
        copied[end] != '\0' || thread > UINT16_MAX)
        return false;
    *out = (struct logpage_key){time, seq, (uint16_t)thread};
    return true;
}

bool logplace_is_file(struct bx_str text, struct logplace *out)
{
    char copied[BX_LOG_AFTER_MAX + 1];
    const char *colon;
    unsigned long long bytes;
    unsigned events;
    int end = 0;

    snprintf(copied, sizeof copied, BX_STR_FMT, BX_STR_ARG(text));
    colon = strchr(copied, ':');
    if (copied[0] != '#' || colon == NULL || colon - copied > (int)sizeof out->file ||
        sscanf(colon, ":%10u:%20llu%n", &events, &bytes, &end) != 2 || colon[end] != '\0')
        return false;
    *out = (struct logplace){.events = events, .bytes = bytes};
    memcpy(out->file, copied + 1, (size_t)(colon - copied) - 1);
    return true;
}
