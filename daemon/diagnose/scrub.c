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

static uint64_t hash_of(const struct bx_crumb *c)
{
    return bx_hash(c->category.p, c->category.n) * 31 + bx_hash(c->message.p, c->message.n);
}

static bool is_power_of_ten(uint32_t n)
{
    while (n % 10 == 0)
        n /= 10;
    return n == 1;
}

bool diag_crumb_is_news(struct diag_repeats *r, struct bx_crumb *c, char text[BX_CRUMB_TEXT])
{
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
