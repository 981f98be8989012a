/* Lists that come in pages. */
#include "client.h"
#include "mem/alloc.h"

#include <string.h>

static int call_page(struct client *c, const char *method, const struct params *p,
                     const char *after, uint64_t timeout_ms, bx_val *items, struct bx_err *err)
{
    struct params all = {.n = p->n};
    int rc;

    bx_must_ok(bx_buf_append(&all.b, p->b.data, p->b.len));
    if (after[0] != '\0')
        params_str(&all, "after", after);
    rc = client_call(c, method, &all, timeout_ms, items, err);
    params_close(&all);
    return rc;
}

int client_list(struct client *c, const char *method, const struct params *p, uint64_t timeout_ms,
                bool (*page)(void *ctx, bx_val items), void *ctx, struct bx_err *err)
{
    char after[sizeof c->next] = "";
    bx_val items;
    int rc;

    for (;;) {
        rc = call_page(c, method, p, after, timeout_ms, &items, err);
        if (rc != BX_OK || !page(ctx, items) || c->next[0] == '\0')
            return rc;
        if (strcmp(c->next, after) == 0)
            return bx_err_set(err, BX_MALFORMED, "%s: the page after \"%.100s\" repeats", method,
                              after);
        memcpy(after, c->next, sizeof after);
    }
}
