/* The tracker's reports. */
#include "mem/track.h"

#ifdef BX_TRACK_ALLOCATIONS

#include "err.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#define TOP 20u

void bx_track_frame_text(const void *frame, char *out, size_t size)
{
    Dl_info where;
    const char *file;

    if (dladdr(frame, &where) == 0) {
        snprintf(out, size, "%p", frame);
    } else if (where.dli_sname != NULL) {
        snprintf(out, size, "%s+0x%zx", where.dli_sname,
                 (size_t)((const char *)frame - (const char *)where.dli_saddr));
    } else {
        file = strrchr(where.dli_fname, '/');
        snprintf(out, size, "%s+0x%zx", file == NULL ? where.dli_fname : file + 1,
                 (size_t)((const char *)frame - (const char *)where.dli_fbase));
    }
}

/* In a scope, frees may exceed allocations. */
static void print_count(const struct bx_track_count *c)
{
    fprintf(stderr, "%12llu %14llu %10lld %12lld  ", (unsigned long long)c->allocations,
            (unsigned long long)c->bytes, (long long)(c->allocations - c->frees),
            (long long)(c->bytes - c->freed_bytes));
}

static void print_site(const struct bx_track_site *s)
{
    char text[160];

    print_count(&s->count);
    fprintf(stderr, "%-8s %s\n", bx_owner_names[s->owner], s->name);
    for (uint32_t i = 0; i < s->n_frames; i++) {
        bx_track_frame_text(s->frames[i], text, sizeof text);
        fprintf(stderr, "%56s%s\n", "", text);
    }
}

void bx_track_print(const char *scope)
{
    struct bx_track_site top[TOP];
    struct bx_track_report r;
    bool before = bx_track_inside(true);
    uint32_t n;

    if (bx_track_report(scope, &r) == BX_OK) {
        n = bx_track_top(scope, top, TOP);
        fprintf(stderr, "allocations of %s; peak of the process %llu bytes\n%12s %14s %10s %12s\n",
                scope == NULL ? "the process" : scope, (unsigned long long)r.peak_bytes,
                "allocations", "bytes", "live", "live bytes");
        print_count(&r.total);
        fprintf(stderr, "all\n");
        for (int i = 0; i < BX__OWNERS; i++) {
            print_count(&r.owners[i]);
            fprintf(stderr, "%s\n", bx_owner_names[i]);
        }
        fprintf(stderr, "most bytes:\n");
        for (uint32_t i = 0; i < n; i++)
            print_site(&top[i]);
    }
    bx_track_inside(before);
}

#endif
