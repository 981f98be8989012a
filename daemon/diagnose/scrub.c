/* scrub - what is left out of reports: names, where they are not to be told, and breadcrumbs that
 * only repeat the one before. */
#include "diagnose/priv.h"

#include "mem/map.h"

#include <stdio.h>

/* An error's text may name anything; its code says what kind of error it is. */
static bool leave_out_names(void *ctx, struct bx_report *r)
{
    struct bx_str code = bx_bag_get(r->bags[BX_SCOPE_TAGS], bx_str("code"));

    (void)ctx;
    r->bags[BX_SCOPE_USER] = NULL;
    r->server = (struct bx_str){"", 0};
    if (code.n > 0)
        r->message = code;
    return true;
}

void diag_leave_out_names(struct bx_scope *s)
{
    bx_scope_add_processor(s, (struct bx_processor){leave_out_names, NULL});
}

static uint64_t add_hash(uint64_t hash, struct bx_str s)
{
    return hash * 31 + (s.n == 0 ? 0 : bx_hash(s.p, s.n));
}

/* With its data: steps of two requests are not the same. */
static uint64_t hash_of(const struct bx_crumb *c)
{
    uint64_t hash = add_hash(add_hash(0, c->category), c->message);

    for (uint32_t i = 0; i < c->n; i++)
        hash = add_hash(add_hash(hash, c->data[i].key), c->data[i].value);
    return hash;
}

static bool is_power_of_ten(uint32_t n)
{
    while (n % 10 == 0)
        n /= 10;
    return n == 1;
}

bool diag_before_crumb(void *text, struct bx_scope *s, struct bx_crumb *c)
{
    struct bx_repeats *r = &s->repeats;
    uint64_t hash = hash_of(c);

    r->n = r->hash == hash ? r->n + 1 : 1;
    r->hash = hash;
    if (r->n == 1)
        return true;
    if (!is_power_of_ten(r->n))
        return false;
    snprintf(text, BX_CRUMB_TEXT, "%.*s (%u times)", (int)c->message.n, c->message.p, r->n);
    c->message = bx_str(text);
    c->fixed = false;
    return true;
}
