#include "rec/recevent.h"

#include <assert.h>
#include <string.h>

#define WORD 8u

static bool has_bytes(enum bx_arg_type type)
{
    return type == BX_ARG_STR || type == BX_ARG_UUID;
}

static size_t words_of(size_t bytes)
{
    return (bytes + WORD - 1) / WORD;
}

size_t bx_recevent_write(uint64_t *out, const struct bx_site *s, const struct bx_recevent *e,
                         const struct bx_arg *args)
{
    size_t at = BX_RECEVENT_HEADER, left = BX_RECEVENT_STR;
    uint64_t flags = 0;

    for (uint8_t i = 0; i < s->n; i++) {
        size_t bytes = args[i].n;

        if (!has_bytes(s->fields[i].type)) {
            out[at++] = args[i].u;
            continue;
        }
        if (bytes > left) {
            bytes = left;
            flags = BX_RECEVENT_CUT;
        }
        left -= bytes;
        out[at++] = bytes;
        if (bytes % WORD != 0)
            out[at + bytes / WORD] = 0;
        if (bytes > 0)
            memcpy(&out[at], args[i].p, bytes);
        at += words_of(bytes);
    }
    assert(at <= BX_RECEVENT_WORDS);
    out[0] = at | flags << 16 | (uint64_t)s->level << 24 | (uint64_t)s->id << 32;
    out[1] = e->time_ns;
    out[2] = e->thread | (uint64_t)s->n << 16 | (uint64_t)e->seq << 32;
    out[3] = e->trace;
    return at;
}

/* The fields, from word `at` on; exactly `n` words must be used. */
static bool read_args(const uint64_t *words, size_t at, size_t n, struct bx_recevent *out)
{
    for (uint8_t i = 0; i < out->n; i++) {
        if (at == n)
            return false;
        out->args[i] = (struct bx_arg){.u = words[at++]};
        if (!has_bytes(out->site->fields[i].type))
            continue;
        if (out->args[i].u > (n - at) * WORD)
            return false;
        out->args[i].n = (size_t)out->args[i].u;
        out->args[i].p = &words[at];
        at += words_of(out->args[i].n);
        if (out->site->fields[i].type == BX_ARG_UUID && out->args[i].n != 16)
            return false;
    }
    return at == n;
}

size_t bx_recevent_read(const uint64_t *words, size_t n, struct bx_sites sites,
                        struct bx_recevent *out)
{
    size_t size = n == 0 ? 0 : bx_recevent_words(words[0]);
    uint32_t id;

    if (size < BX_RECEVENT_HEADER || size > n || size > BX_RECEVENT_WORDS)
        return 0;
    id = (uint32_t)(words[0] >> 32);
    if (id >= sites.n || sites.v[id] == NULL)
        return 0;
    /* One by one: the arguments, most of the struct, are not to be zeroed for each of millions. */
    out->site = sites.v[id];
    out->origin = NULL;
    out->time_ns = words[1];
    out->trace = words[3];
    out->seq = (uint32_t)(words[2] >> 32);
    out->thread = (uint16_t)words[2];
    out->level = (uint8_t)(words[0] >> 24);
    out->cut = bx_recevent_cut(words[0]);
    out->n = (uint8_t)(words[2] >> 16);
    if (out->n != out->site->n || !read_args(words, BX_RECEVENT_HEADER, size, out))
        return 0;
    return size;
}
