/* recfile - the schemas of a file of events, and writing one; recread.c reads it. */
#include "rec/recfile.h"

#include "codec/flat.h"
#include "codec/header.h"
#include "codec/lz.h"
#include "codec/zst.h"
#include "rec/recfile_priv.h"

#include <assert.h>

#define PLAIN_BYTES 8192u /* of an item of events */
#define SITES_BYTES 1024u /* of an item, unless one alone has more */

static const struct bx_field meta_fields[] = {
    BX_FIELD(bx_recfile_meta, program, BX_T_STR, .max = 64),
    BX_FIELD(bx_recfile_meta, version, BX_T_STR, .max = 64),
    BX_FIELD(bx_recfile_meta, reason, BX_T_STR, .max = 255),
    BX_FIELD(bx_recfile_meta, host, BX_T_STR, .max = 255),
    BX_FIELD(bx_recfile_meta, build, BX_T_BYTES, .max = 64),
    BX_FIELD(bx_recfile_meta, node, BX_T_U64),
    BX_FIELD(bx_recfile_meta, time_ns, BX_T_U64),
    BX_FIELD(bx_recfile_meta, pid, BX_T_U32),
};
const struct bx_schema bx_recfile_meta_schema =
    BX_SCHEMA("recorder", BX_KIND_RECORDER, bx_recfile_meta, meta_fields);

static const struct bx_field thread_fields[] = {
    BX_FIELD(bx_recfile_thread, index, BX_T_U16),
    BX_FIELD(bx_recfile_thread, name, BX_T_STR, .max = 64),
    BX_FIELD(bx_recfile_thread, events, BX_T_U64),
    BX_FIELD(bx_recfile_thread, overwritten, BX_T_U64),
    BX_FIELD(bx_recfile_thread, dropped, BX_T_U64),
    BX_FIELD(bx_recfile_thread, cut, BX_T_U64),
};
const struct bx_schema bx_recfile_thread_schema =
    BX_SCHEMA("thread", BX_KIND_RECORDER, bx_recfile_thread, thread_fields);

static const struct bx_field site_fields[] = {
    BX_FIELD(bx_recfile_site, id, BX_T_U32),
    BX_FIELD(bx_recfile_site, level, BX_T_U8),
    BX_FIELD(bx_recfile_site, line, BX_T_U32),
    BX_FIELD(bx_recfile_site, text, BX_T_BOOL),
    BX_FIELD(bx_recfile_site, target, BX_T_STR, .max = 64),
    BX_FIELD(bx_recfile_site, message, BX_T_STR, .max = 255),
    BX_FIELD(bx_recfile_site, file, BX_T_STR, .max = 255),
    BX_FIELD(bx_recfile_site, keys, BX_T_STRS, .max = BX_SITE_FIELDS),
    BX_FIELD(bx_recfile_site, types, BX_T_BYTES, .max = BX_SITE_FIELDS),
};
const struct bx_schema bx_recfile_site_schema =
    BX_SCHEMA("site", BX_KIND_RECORDER, bx_recfile_site, site_fields);

/* ---- items ---- */

/* Seal and write what lies in the buffer: `n` bytes after header and prefix. */
static void put_item(struct bx_recfile_writer *w, enum bx_recfile_item type, uint16_t thread,
                     uint32_t count, uint8_t codec, size_t n)
{
    uint8_t *prefix = w->buf + BX_HEADER_SIZE;

    if (w->rc != BX_OK)
        return;
    prefix[0] = (uint8_t)type;
    prefix[1] = 0;
    prefix[2] = (uint8_t)thread;
    prefix[3] = (uint8_t)(thread >> 8);
    bx_put32(prefix + 4, count);
    bx_header_seal(w->buf, BX_KIND_RECORDER, w->form == BX_RECFILE_ARCHIVE ? 2 : 1, codec,
                   (uint32_t)(n + BX_RECFILE_PREFIX));
    w->rc = w->write(w->ctx, w->buf, BX_HEADER_SIZE + BX_RECFILE_PREFIX + n);
    w->items++;
}

static uint8_t *content(struct bx_recfile_writer *w)
{
    return w->buf + BX_HEADER_SIZE + BX_RECFILE_PREFIX;
}

static int put_record(struct bx_recfile_writer *w, enum bx_recfile_item type,
                      const struct bx_schema *s, const void *obj)
{
    assert(bx_flat_size(s, obj) <= BX_RECFILE_ROOM);
    put_item(w, type, 0, 0, BX_CODEC_FLAT, bx_flat_write(s, obj, content(w)));
    return w->rc;
}

/* ---- sites ---- */

static void describe(const struct bx_site *s, struct bx_recfile_site *out,
                     struct bx_str keys[BX_SITE_FIELDS], char types[BX_SITE_FIELDS])
{
    for (uint8_t i = 0; i < s->n; i++) {
        keys[i] = bx_str(s->fields[i].key);
        types[i] = (char)s->fields[i].type;
    }
    *out = (struct bx_recfile_site){.id = s->id,
                                    .level = s->level,
                                    .line = s->line,
                                    .text = s->message == NULL,
                                    .target = bx_str(s->target),
                                    .message = bx_str(s->message == NULL ? "" : s->message),
                                    .file = bx_str(s->file),
                                    .keys = {keys, s->n},
                                    .types = {types, s->n}};
}

/* One after the other in an item, a few in each: events of a site that is damaged can not be read.
 */
static void put_sites(struct bx_recfile_writer *w, struct bx_sites all)
{
    size_t at = 0;
    uint32_t count = 0;

    for (uint32_t i = 0; i < all.n; i++) {
        struct bx_str keys[BX_SITE_FIELDS];
        char types[BX_SITE_FIELDS];
        struct bx_recfile_site site;
        size_t size;

        if (all.v[i] == NULL) /* of a file that lacked it */
            continue;
        describe(all.v[i], &site, keys, types);
        size = bx_flat_size(&bx_recfile_site_schema, &site);
        assert(size <= BX_RECFILE_ROOM);
        if (at > 0 && at + size > SITES_BYTES) {
            put_item(w, BX_RECFILE_SITE_LIST, 0, count, BX_CODEC_FLAT, at);
            at = count = 0;
        }
        at += bx_flat_write(&bx_recfile_site_schema, &site, content(w) + at);
        count++;
    }
    if (count > 0)
        put_item(w, BX_RECFILE_SITE_LIST, 0, count, BX_CODEC_FLAT, at);
}

int bx_recfile_begin(struct bx_recfile_writer *w, const struct bx_recfile_meta *m)
{
    w->items = 0;
    w->rc = BX_OK;
    put_record(w, BX_RECFILE_META, &bx_recfile_meta_schema, m);
    put_sites(w, w->sites.n == 0 ? bx_sites() : w->sites);
    return w->rc;
}

struct bx_recfile_thread bx_recfile_thread_of(const struct bx_rec_thread *t)
{
    return (struct bx_recfile_thread){
        .index = t->index,
        .name = {t->name, (uint32_t)strnlen(t->name, BX_REC_NAME)},
        .events = __atomic_load_n(&t->ring.in.records, __ATOMIC_RELAXED),
        .overwritten = __atomic_load_n(&t->ring.in.lost, __ATOMIC_RELAXED),
        .dropped = __atomic_load_n(&t->queue.in.lost, __ATOMIC_RELAXED),
        .cut = __atomic_load_n(&t->cut, __ATOMIC_RELAXED)};
}

int bx_recfile_put_thread(struct bx_recfile_writer *w, const struct bx_recfile_thread *t)
{
    return put_record(w, BX_RECFILE_THREAD, &bx_recfile_thread_schema, t);
}

/* ---- events ---- */

/* As many whole records as an item may have: a plain one has few, since what is damaged or cut is
 * lost with all that is in it. What has no sound length ends them: memory may have
 * been overwritten before a crash. */
static size_t run_of(const uint64_t *words, size_t n, enum bx_recfile_form form)
{
    size_t at = 0, most = form == BX_RECFILE_PLAIN ? PLAIN_BYTES : BX_RECFILE_ROOM;

    while (at < n) {
        size_t size = bx_recevent_words(words[at]);

        if (size < BX_RECEVENT_HEADER || size > n - at || (at + size) * sizeof *words > most)
            break;
        at += size;
    }
    return at;
}

static void put_run(struct bx_recfile_writer *w, uint16_t thread, const uint64_t *words, size_t n)
{
    static const struct {
        uint8_t codec;
        int (*pack)(struct bx_buf *out, const void *src, size_t n);
    } forms[] = {[BX_RECFILE_PACKED] = {BX_CODEC_LZ, bx_lz_pack},
                 [BX_RECFILE_ARCHIVE] = {BX_CODEC_ZST, bx_zst_pack}};
    struct bx_buf packed = {0};

    if (w->form != BX_RECFILE_PLAIN &&
        forms[w->form].pack(&packed, words, n * sizeof *words) == BX_OK &&
        packed.len <= BX_RECFILE_ROOM) {
        memcpy(content(w), packed.data, packed.len);
        put_item(w, BX_RECFILE_EVENTS, thread, (uint32_t)n, forms[w->form].codec, packed.len);
    } else {
        for (size_t i = 0; i < n; i++)
            bx_put64(content(w) + i * sizeof *words, words[i]);
        put_item(w, BX_RECFILE_EVENTS, thread, (uint32_t)n, BX_CODEC_FLAT, n * sizeof *words);
    }
    if (w->form != BX_RECFILE_PLAIN)
        bx_buf_release(&packed);
}

int bx_recfile_put_events(struct bx_recfile_writer *w, uint16_t thread, const uint64_t *words,
                          size_t n)
{
    for (size_t at = 0; at < n && w->rc == BX_OK;) {
        size_t run = run_of(words + at, n - at, w->form);

        if (run == 0)
            break;
        put_run(w, thread, words + at, run);
        at += run;
    }
    return w->rc;
}

int bx_recfile_end(struct bx_recfile_writer *w)
{
    put_item(w, BX_RECFILE_END, 0, w->items, BX_CODEC_FLAT, 0);
    return w->rc;
}
