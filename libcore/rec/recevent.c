#include "rec/pack.h"

#define WORD BX_WORD

size_t bx_recevent_write(uint64_t *out, const struct bx_site *s, const struct bx_recevent *e,
                         const struct bx_arg *args)
{
    struct bx_cursor c = {.words = out, .mask = UINT64_MAX};
    struct bx_packed p;

    bx_pack(s, args, &p);
    bx_pack_put(&c, s, e, args, &p, false);
    return p.words;
}

/* The fields, from word `at` on; exactly `n` words must be used. */
static bool read_args(const uint64_t *words, size_t at, size_t n, struct bx_recevent *out)
{
    for (uint8_t i = 0; i < out->n; i++) {
        if (at == n)
            return false;
        out->args[i] = (struct bx_arg){.u = words[at++]};
        if (!BX_ARG_HAS_BYTES(out->site->fields[i].type))
            continue;
        if (out->args[i].u > (n - at) * WORD)
            return false;
        out->args[i].n = (size_t)out->args[i].u;
        out->args[i].p = &words[at];
        at += bx_pack_words(out->args[i].n);
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
