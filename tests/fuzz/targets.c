#include "fuzz/targets.h"

#include "codec/header.h"
#include "config.h"
#include "log/record.h"
#include "mem/alloc.h"
#include "mem/map.h"
#include "unit/golden.h"

#include <string.h>

#define BODY_HASH 56  /* in a command */
#define BATCH_HEAD 32 /* before the commands */
#define RELAY_HEAD 8

const struct fuzz_target fuzz_targets[] = {
    {"head", fuzz_head, "head", false, true, fuzz_reseal_items},
    {"flat", fuzz_flat, "flat/", true, false, NULL},
    {"pack", fuzz_pack, "msgpack/", false, false, NULL},
    {"record", fuzz_record, "msgpack/", true, false, NULL},
    {"json", fuzz_json, "json/", false, false, NULL},
    {"lz", fuzz_lz, "lz-", false, false, NULL},
    {"hybrid", fuzz_hybrid, "hybrid-", false, true, fuzz_reseal_items},
    {"frame", fuzz_frame, "frame-", false, true, fuzz_reseal_commands},
    {"node", fuzz_node, "frame-", false, true, fuzz_reseal_commands},
    {"raft", fuzz_raft, "raft-", false, false, NULL},
    {"batch", fuzz_batch, "batch", false, true, fuzz_reseal_commands},
    {"request", fuzz_request, "request", false, false, NULL},
    {"http", fuzz_http, "http-", false, false, NULL},
    {"wal", fuzz_wal, "wal-file", false, false, fuzz_reseal_wal},
    {"segment", fuzz_segment, "wal-segment", false, true, fuzz_reseal_items},
    {"log-record", fuzz_log_record, "wal-record", false, true, fuzz_reseal_items},
    {"slots", fuzz_slots, "slots-", false, true, fuzz_reseal_items},
    {"snapshot", fuzz_snapshot, "snapshot-", false, true, fuzz_reseal_items},
    {"dump", fuzz_dump, "dump", false, false, NULL},
    {"refusals", fuzz_refusals, "refusals-", false, false, fuzz_reseal_items},
    {"recorder", fuzz_recorder, "recorder-", false, true, fuzz_reseal_items},
    {"log-query", fuzz_log_query, "log-query", false, false, NULL},
    {"filter", fuzz_filter, "filter-", false, false, NULL},
    {"envelope", fuzz_envelope, "envelope-", false, false, NULL},
    {"dsn", fuzz_dsn, "dsn-", false, false, NULL},
    {"answer", fuzz_answer, "answer-", false, false, NULL},
#ifdef BX_DIAGNOSTICS
    {"outgoing", fuzz_outgoing, "envelope-", false, false, NULL},
    {"crash", fuzz_crash, "crash-", false, false, fuzz_reseal_items},
    {"notes", fuzz_notes, "notes-", false, false, NULL},
#endif
    {"csr", fuzz_csr, "csr-", false, true, NULL},
    {"certificate", fuzz_certificate, "certificate-", false, false, NULL},
};
const size_t fuzz_targets_n = sizeof fuzz_targets / sizeof fuzz_targets[0];

struct seeding {
    const struct fuzz_target *target;
    void (*f)(void *ctx, const char *name, const uint8_t *p, size_t n);
    void *ctx;
};

static uint8_t selector_of(const char *name)
{
    size_t n;
    const struct golden_sample *s = golden_samples(&n);
    uint8_t i = 0;

    while (i < n && strcmp(s[i].name, name) != 0)
        i++;
    return i;
}

static void seed(void *ctx, const char *name, const uint8_t *p, size_t n)
{
    const struct seeding *s = ctx;
    size_t prefix = strlen(s->target->seeds);
    uint8_t *input;

    if (strncmp(name, s->target->seeds, prefix) != 0)
        return;
    if (!s->target->selector) {
        s->f(s->ctx, name, p, n);
        return;
    }
    input = bx_must_alloc(n + 1);
    input[0] = selector_of(name + prefix);
    memcpy(input + 1, p, n);
    s->f(s->ctx, name, input, n + 1);
    bx_free(input);
}

void fuzz_each_seed(const struct fuzz_target *t,
                    void (*f)(void *ctx, const char *name, const uint8_t *p, size_t n), void *ctx)
{
    struct seeding s = {t, f, ctx};

    golden_each(seed, &s);
}

uint8_t *fuzz_copy(const uint8_t *p, size_t n)
{
    uint8_t *copy = bx_must_alloc(n);

    if (n > 0)
        memcpy(copy, p, n);
    return copy;
}

/* The checksum over a header whose length is cut to what is there; the bytes it takes, 0: no
 * header. */
static size_t reseal(uint8_t *p, size_t n)
{
    struct bx_header h;

    if (n < BX_HEADER_SIZE || bx_header_read(p, &h) == BX_MALFORMED)
        return 0;
    if (h.length > n - BX_HEADER_SIZE) {
        h.length = (uint32_t)(n - BX_HEADER_SIZE);
        bx_put32(p + 8, h.length);
    }
    bx_put32(p + 12, bx_crc32c(bx_crc32c(0, p, 12), p + BX_HEADER_SIZE, h.length));
    return BX_HEADER_SIZE + (size_t)h.length;
}

void fuzz_reseal_items(uint8_t *p, size_t n)
{
    for (size_t at = 0, took; (took = reseal(p + at, n - at)) > 0; at += took)
        ;
}

/* The hash of each command's body, at its place in the command's header. */
static void rehash(uint8_t *p, size_t n)
{
    while (n >= 8) {
        size_t head = bx_get32(p), body;

        if (head < BODY_HASH + 8 || head % 8 != 0 || head > n - 8)
            return;
        body = bx_get32(p + head);
        if (body % 8 != 0 || body < 8 || body > n - head)
            return;
        bx_put64(p + BODY_HASH, bx_hash(p + head, body));
        p += head + body;
        n -= head + body;
    }
}

void fuzz_reseal_commands(uint8_t *p, size_t n)
{
    for (size_t at = 0; n - at >= BX_HEADER_SIZE;) {
        struct bx_header h;
        size_t before = 0, took;

        if (bx_header_read(p + at, &h) == BX_OK)
            before = h.kind == BX_KIND_BATCH                    ? BATCH_HEAD
                     : h.kind == BX_KIND_FRAME + BX_FRAME_RELAY ? RELAY_HEAD
                                                                : 0;
        took = BX_HEADER_SIZE + (size_t)h.length;
        if (took > n - at)
            took = n - at;
        if (before > 0 && took > BX_HEADER_SIZE + before)
            rehash(p + at + BX_HEADER_SIZE + before, took - BX_HEADER_SIZE - before);
        took = reseal(p + at, n - at);
        if (took == 0)
            return;
        at += took;
    }
}

void fuzz_reseal_wal(uint8_t *p, size_t n)
{
    size_t at = BX_SEGMENT_HEADER;
    uint32_t prev;

    if (n < BX_SEGMENT_HEADER || reseal(p, BX_SEGMENT_HEADER) == 0)
        return;
    prev = bx_get32(p + 32);
    while (n - at >= BX_RECORD_HEADER) {
        size_t took;

        bx_put32(p + at + 48, prev);
        took = reseal(p + at, n - at);
        if (took == 0)
            return;
        prev = bx_get32(p + at + 12);
        took = (took + 7) & ~(size_t)7;
        if (took > n - at)
            return;
        at += took;
    }
}
