/* recread - reading a file of events. Every number in it may be wrong. */
#include "codec/flat.h"
#include "codec/lz.h"
#include "codec/zst.h"
#include "rec/recfile_priv.h"

#include <assert.h>

struct item {
    enum bx_recfile_item type;
    uint8_t codec, version;
    uint16_t thread;
    uint32_t count;
    const uint8_t *p; /* the content */
    size_t n, whole;  /* bytes of it; of the item */
};

/* The first item of these bytes. BX_OK, BX_CORRUPT, BX_UNSUPPORTED. */
static int first_item(const uint8_t *p, size_t n, struct item *out)
{
    struct bx_header h;
    int rc = bx_header_check(p, n < BX_RECFILE_BUF ? n : BX_RECFILE_BUF, BX_KIND_RECORDER,
                             BX_RECFILE_VERSION, &h);

    if (rc == BX_UNSUPPORTED)
        return rc;
    if (rc != BX_OK || h.length < BX_RECFILE_PREFIX)
        return BX_CORRUPT;
    p += BX_HEADER_SIZE;
    *out = (struct item){.type = p[0],
                         .codec = h.codec,
                         .version = h.version,
                         .thread = bx_get16(p + 2),
                         .count = bx_get32(p + 4),
                         .p = p + BX_RECFILE_PREFIX,
                         .n = h.length - BX_RECFILE_PREFIX,
                         .whole = BX_HEADER_SIZE + h.length};
    return BX_OK;
}

static int item_at(const struct bx_recfile *f, size_t at, struct item *out)
{
    return first_item(f->p + at, f->n - at, out);
}

/* The records of a writer are 8-aligned in memory, as flat records have to be; those of a file may
 * follow an odd number of bytes. Copied, so that views stay. */
static const uint8_t *aligned(struct bx_recfile *f, const struct item *item)
{
    uint8_t *p = bx_arena_alloc(&f->arena, item->n == 0 ? 1 : item->n);

    if (p != NULL && item->n > 0)
        memcpy(p, item->p, item->n);
    return p;
}

static int read_record(struct bx_recfile *f, const struct item *item, const struct bx_schema *s,
                       void *out)
{
    const uint8_t *p = aligned(f, item);

    return p == NULL ? BX_NO_MEMORY : bx_flat_read(s, p, item->n, out, &f->arena, NULL, NULL);
}

/* Names are printed as they are, so they have nothing that would need an escape anywhere. */
static bool is_plain(struct bx_str s)
{
    for (uint32_t i = 0; i < s.n; i++)
        if (s.p[i] < ' ' || s.p[i] > '~' || s.p[i] == '"' || s.p[i] == '\\')
            return false;
    return true;
}

/* ---- sites ---- */

static const char *text_of(struct bx_recfile *f, struct bx_str s)
{
    return bx_arena_strndup(&f->arena, s.p == NULL ? "" : s.p, s.n);
}

/* BX_OK, BX_CORRUPT, BX_NO_MEMORY. */
static int make_site(struct bx_recfile *f, const struct bx_recfile_site *from, struct bx_site *out)
{
    if (from->keys.n != from->types.n || (from->text && from->keys.n == 0) ||
        !is_plain(from->target) || !is_plain(from->file))
        return BX_CORRUPT;
    *out = (struct bx_site){.target = text_of(f, from->target),
                            .message = from->text ? NULL : text_of(f, from->message),
                            .file = text_of(f, from->file),
                            .line = from->line,
                            .id = from->id,
                            .level = from->level,
                            .n = (uint8_t)from->keys.n};
    if (out->target == NULL || out->file == NULL || (!from->text && out->message == NULL))
        return BX_NO_MEMORY;
    for (uint8_t i = 0; i < out->n; i++) {
        out->fields[i].key = text_of(f, from->keys.v[i]);
        out->fields[i].type = (uint8_t)from->types.p[i];
        if (out->fields[i].key == NULL)
            return BX_NO_MEMORY;
        if (out->fields[i].type == BX_ARG_NONE || out->fields[i].type >= BX__ARG_TYPES ||
            !is_plain(from->keys.v[i]))
            return BX_CORRUPT;
    }
    if (from->text && out->fields[0].type != BX_ARG_STR)
        return BX_CORRUPT;
    return BX_OK;
}

/* Ids are given in ascending order; a site that is missing leaves a hole. */
static int add_site(struct bx_recfile *f, const struct bx_recfile_site *from)
{
    struct bx_site *s;
    int rc;

    if (from->id >= BX_RECFILE_SITES || from->id < f->sites.n)
        return BX_CORRUPT;
    s = bx_arena_alloc(&f->arena, sizeof *s);
    if (s == NULL)
        return BX_NO_MEMORY;
    rc = make_site(f, from, s);
    if (rc != BX_OK)
        return rc;
    while (f->sites.n < from->id)
        f->sites.v[f->sites.n++] = NULL;
    f->sites.v[f->sites.n++] = s;
    return BX_OK;
}

static int read_sites(struct bx_recfile *f, const struct item *item)
{
    const uint8_t *p = aligned(f, item);
    size_t at = 0;

    if (p == NULL)
        return BX_NO_MEMORY;
    for (uint32_t i = 0; i < item->count; i++) {
        struct bx_recfile_site site;
        size_t used = 0;
        int rc = at == item->n ? BX_CORRUPT
                               : bx_flat_read(&bx_recfile_site_schema, p + at, item->n - at, &site,
                                              &f->arena, &used, NULL);

        if (rc == BX_OK)
            rc = add_site(f, &site);
        if (rc != BX_OK)
            return rc;
        at += used;
    }
    return BX_OK;
}

/* ---- events ---- */

/* BX_OK: the block has so many bytes. */
static int unpack(struct bx_recfile *f, const struct item *item, size_t bytes)
{
    if (item->codec == BX_CODEC_LZ)
        return bx_lz_unpack(&f->block, item->p, item->n, bytes);
    if (item->codec == BX_CODEC_ZST && item->version >= 2)
        return bx_zst_unpack(&f->block, item->p, item->n, bytes);
    if (item->codec != BX_CODEC_FLAT || bytes != item->n)
        return BX_CORRUPT;
    return bx_buf_append(&f->block, item->p, bytes);
}

static int read_events(struct bx_recfile *f, const struct item *item)
{
    size_t bytes = (size_t)item->count * sizeof(uint64_t);
    int rc;

    if (bytes > BX_RECFILE_ROOM)
        return BX_CORRUPT;
    f->block.len = 0;
    rc = unpack(f, item, bytes);
    if (rc != BX_OK || f->block.len != bytes)
        return rc == BX_NO_MEMORY ? rc : BX_CORRUPT;
    f->words = (const uint64_t *)(const void *)f->block.data;
    f->n_words = item->count;
    f->word = 0;
    return BX_OK;
}

static int read_thread(struct bx_recfile *f, const struct item *item)
{
    struct bx_recfile_thread t;
    int rc = read_record(f, item, &bx_recfile_thread_schema, &t);

    if (rc == BX_OK && !is_plain(t.name))
        rc = BX_CORRUPT;
    if (rc == BX_OK && f->n_threads < BX_RECFILE_THREADS)
        f->threads[f->n_threads++] = t;
    return rc;
}

static int read_meta(struct bx_recfile *f, const struct item *item)
{
    struct bx_recfile_meta m;
    int rc = read_record(f, item, &bx_recfile_meta_schema, &m);

    if (rc == BX_OK &&
        !(is_plain(m.program) && is_plain(m.version) && is_plain(m.reason) && is_plain(m.host)))
        rc = BX_CORRUPT;
    if (rc == BX_OK)
        f->meta = m;
    return rc;
}

static int read_item(struct bx_recfile *f, const struct item *item)
{
    switch (item->type) {
    case BX_RECFILE_META:
        return read_meta(f, item);
    case BX_RECFILE_SITE_LIST:
        return read_sites(f, item);
    case BX_RECFILE_THREAD:
        return read_thread(f, item);
    case BX_RECFILE_EVENTS:
        return read_events(f, item);
    case BX_RECFILE_END:
        f->complete = f->damaged == 0 && item->count == f->items;
        return BX_OK;
    }
    return BX_OK; /* of a newer build of the same version: skipped */
}

/* The next place from `at` on where a sound item is, or the end of the file. */
static size_t next_sound(const struct bx_recfile *f, size_t at)
{
    struct item item;

    for (; at < f->n; at++) {
        const uint8_t *p = memchr(f->p + at, BX_HEADER_MAGIC0, f->n - at);

        if (p == NULL)
            return f->n;
        at = (size_t)(p - f->p);
        if (f->n - at >= BX_HEADER_SIZE && p[1] == BX_HEADER_MAGIC1 &&
            item_at(f, at, &item) == BX_OK)
            return at;
    }
    return f->n;
}

static int damaged(struct bx_recfile *f, size_t from, struct bx_err *err)
{
    f->damaged++;
    f->complete = false;
    return bx_err_set(err, BX_CORRUPT, "damaged from byte %zu to %zu", from, f->at);
}

/* Read the next item. BX_OK, BX_NOT_FOUND, BX_CORRUPT, BX_INTERRUPTED, BX_NO_MEMORY. */
static int next_item(struct bx_recfile *f, struct bx_err *err)
{
    size_t from = f->at;
    struct item item;
    int rc;

    if (from == f->n)
        return BX_NOT_FOUND;
    if (f->hooks.step != NULL && !f->hooks.step(f->hooks.ctx, from))
        return bx_err_set(err, BX_INTERRUPTED, "interrupted");
    if (item_at(f, from, &item) != BX_OK) {
        f->at = next_sound(f, from + 1);
        return damaged(f, from, err);
    }
    f->at += item.whole;
    rc = read_item(f, &item);
    f->items++;
    if (rc == BX_NO_MEMORY)
        return bx_err_set(err, rc, "out of memory");
    return rc == BX_OK ? rc : damaged(f, from, err);
}

/* The words of the next event, whose site is not known because the item that had it is damaged; 0:
 * that is not the reason why it can not be read. */
static size_t without_site(const struct bx_recfile *f)
{
    const uint64_t *p = f->words + f->word;
    size_t size = bx_recevent_words(p[0]);
    uint32_t id = (uint32_t)(p[0] >> 32);

    if (f->damaged == 0 || size < BX_RECEVENT_HEADER || size > f->n_words - f->word)
        return 0;
    return id >= f->sites.n || f->sites.v[id] == NULL ? size : 0;
}

/* Pass over the events from here on that nobody wants. */
static void pass_over(struct bx_recfile *f)
{
    while (f->word < f->n_words) {
        const uint64_t *p = f->words + f->word;
        size_t size = bx_recevent_words(p[0]);
        uint32_t id = (uint32_t)(p[0] >> 32);

        if (size < BX_RECEVENT_HEADER || size > f->n_words - f->word || id >= f->sites.n ||
            f->sites.v[id] == NULL || f->hooks.want(f->hooks.ctx, f->sites.v[id], p))
            return;
        f->word += size;
        f->events++;
    }
}

/* The next event of the block. BX_OK, BX_CORRUPT, BX_NOT_FOUND. */
static int next_event(struct bx_recfile *f, struct bx_recevent *out, struct bx_err *err)
{
    if (f->hooks.want != NULL)
        pass_over(f);
    while (f->word < f->n_words) {
        size_t size = bx_recevent_read(f->words + f->word, f->n_words - f->word, f->sites, out);

        if (size > 0) {
            f->event = f->words + f->word;
            f->word += size;
            f->events++;
            return BX_OK;
        }
        size = without_site(f);
        if (size == 0) {
            f->n_words = 0;
            f->damaged++;
            f->complete = false;
            return bx_err_set(err, BX_CORRUPT, "an event before byte %zu has no sound form", f->at);
        }
        f->word += size;
        f->nameless++;
    }
    return BX_NOT_FOUND;
}

int bx_recfile_next(struct bx_recfile *f, struct bx_recevent *out, struct bx_err *err)
{
    for (;;) {
        int rc = next_event(f, out, err);

        if (rc != BX_NOT_FOUND)
            return rc;
        rc = next_item(f, err);
        if (rc != BX_OK)
            return rc;
    }
}

int bx_recfile_part(const uint8_t *p, size_t n, bool begins)
{
    struct item item;

    for (size_t at = 0; at < n; at += item.whole) {
        int rc = first_item(p + at, n - at, &item);

        if (rc != BX_OK)
            return rc;
        if ((item.type == BX_RECFILE_META) != (begins && at == 0))
            return BX_CORRUPT;
    }
    return n == 0 ? BX_CORRUPT : BX_OK;
}

int bx_recfile_open(struct bx_recfile *f, const uint8_t *p, size_t n, struct bx_err *err)
{
    struct item item;
    int rc;

    *f = (struct bx_recfile){.p = p, .n = n};
    rc = item_at(f, 0, &item);
    if (rc == BX_UNSUPPORTED)
        return bx_err_set(err, rc, "written by a newer version");
    if (rc == BX_OK && item.type != BX_RECFILE_META)
        rc = BX_CORRUPT;
    if (rc != BX_OK && next_sound(f, 0) == n)
        return bx_err_set(err, BX_MALFORMED, "not a file of recorded events");
    f->sites.v = bx_arena_alloc(&f->arena, BX_RECFILE_SITES * sizeof *f->sites.v);
    return f->sites.v == NULL ? bx_err_set(err, BX_NO_MEMORY, "out of memory") : BX_OK;
}

void bx_recfile_close(struct bx_recfile *f)
{
    bx_arena_close(&f->arena);
    bx_buf_release(&f->block);
}
