/* Code scopes count what is allocated while a block of code runs. Each thread keeps a list of the
 * marks it is inside, innermost first, on its stack; each allocation is added to all of them. A
 * scope is listed once it has been entered. */
#include "mem/track_priv.h"

#ifdef BX_TRACK_ALLOCATIONS

#include <string.h>

static struct bx_track_code
    *codes; /* all scopes that were entered; guarded by the lock, like their counts */
static _Thread_local struct bx_track_mark *innermost;

struct bx_track_mark bx_track_enter(struct bx_track_code *code, struct bx_track_mark *at)
{
    struct bx_track_mark *outer = innermost;

    pthread_mutex_lock(&bx_track_lock);
    if (code->count.entered++ == 0) {
        code->next = codes;
        codes = code;
    }
    pthread_mutex_unlock(&bx_track_lock);
    innermost = at;
    return (struct bx_track_mark){code, outer};
}

void bx_track_leave(struct bx_track_mark *at)
{
    innermost = at->outer;
}

/* A scope that is entered recursively counts once, by its outermost mark. */
static bool is_outermost(const struct bx_track_mark *m)
{
    for (const struct bx_track_mark *o = m->outer; o != NULL; o = o->outer) {
        if (o->code == m->code)
            return false;
    }
    return true;
}

void bx_track_count_code(const struct bx_track_count *more)
{
    for (const struct bx_track_mark *m = innermost; m != NULL; m = m->outer) {
        if (is_outermost(m))
            bx_track_sum(&m->code->count.count, more);
    }
}

/* Several places may use the same name; they form one scope. */
static struct bx_track_code_count *named(struct bx_track_code_count *list, uint32_t n,
                                         const char *name)
{
    for (uint32_t i = 0; i < n; i++) {
        if (strcmp(list[i].name, name) == 0)
            return &list[i];
    }
    return NULL;
}

static void insert(struct bx_track_code_count *list, uint32_t n,
                   const struct bx_track_code_count *c)
{
    uint32_t at = n;

    for (; at > 0 && strcmp(list[at - 1].name, c->name) > 0; at--)
        list[at] = list[at - 1];
    list[at] = *c;
}

uint32_t bx_track_codes(struct bx_track_code_count *out, uint32_t max)
{
    uint32_t n = 0;

    pthread_mutex_lock(&bx_track_lock);
    for (const struct bx_track_code *c = codes; c != NULL; c = c->next) {
        struct bx_track_code_count *same = named(out, n, c->count.name);

        if (same != NULL) {
            same->entered += c->count.entered;
            bx_track_sum(&same->count, &c->count.count);
        } else if (n < max) {
            insert(out, n++, &c->count);
        }
    }
    pthread_mutex_unlock(&bx_track_lock);
    return n;
}

#endif
