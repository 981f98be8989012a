#include "log_merge.h"

static bx_val head(struct log_stream *s)
{
    while (s->page < s->n && s->at == bx_val_len(s->pages[s->page])) {
        s->page++;
        s->at = 0;
    }
    return s->page < s->n ? bx_val_at(s->pages[s->page], s->at) : NULL;
}

bool log_merge_is_over(struct log_stream *s)
{
    return head(s) == NULL;
}

static uint64_t time_of(bx_val event)
{
    uint64_t ns = 0;

    bx_val_u64(bx_val_get(event, "time_ns"), &ns);
    return ns;
}

static uint64_t revision_of(const struct log_stream *s, bx_val event)
{
    uint64_t revision = 0;

    bx_val_u64(bx_val_get(bx_val_get(event, "fields"), "revision"), &revision);
    return revision > s->revision ? revision : s->revision;
}

bx_val log_merge_next(struct log_stream *const *v, uint32_t n, bool by_revision, uint32_t *from)
{
    uint64_t best_revision = 0, best_time = 0;
    bx_val best = NULL;

    for (uint32_t i = 0; i < n; i++) {
        bx_val event = head(v[i]);
        uint64_t time = time_of(event);
        uint64_t revision = by_revision ? revision_of(v[i], event) : 0;

        if (event == NULL)
            continue;
        if (best == NULL || revision < best_revision ||
            (revision == best_revision && time < best_time)) {
            best = event;
            best_revision = revision;
            best_time = time;
            *from = i;
        }
    }
    if (best != NULL) {
        v[*from]->revision = best_revision;
        v[*from]->at++;
    }
    return best;
}
