#include "fuzz/targets.h"

#include "mem/alloc.h"
#include "rec/recfile.h"
#include "rec/text.h"

#include <assert.h>

/* What the tools do with an event: select it, and make text of it in each form. */
static void use(const struct bx_recevent *e)
{
    struct bx_filter filter;
    struct bx_buf text = {0};

    assert(bx_filter_parse(&filter, "trace,node=trace,node=2", NULL) == BX_OK);
    bx_filter_event(&filter, e);
    for (int form = BX_TEXT_CONSOLE; form <= BX_TEXT_JSON; form++) {
        size_t before = text.len;

        bx_text_event(&text, (enum bx_text_form)form, e);
        assert(!text.failed && text.len > before && text.data[text.len - 1] == '\n');
        assert(memchr(text.data + before, '\n', text.len - before) == text.data + text.len - 1);
    }
    bx_buf_release(&text);
}

static int read_events(struct bx_recfile *f)
{
    struct bx_recevent e;
    struct bx_err err;
    uint64_t events = 0, damaged = 0;
    int rc;

    while ((rc = bx_recfile_next(f, &e, &err)) != BX_NOT_FOUND) {
        assert(rc == BX_OK || rc == BX_CORRUPT);
        damaged += rc == BX_CORRUPT;
        assert(rc == BX_OK || err.msg[0] != '\0');
        if (rc == BX_OK && events++ < 64)
            use(&e);
    }
    assert(events == f->events && damaged == f->damaged);
    assert(f->at == f->n && !(f->complete && damaged > 0));
    return f->complete ? BX_OK : BX_CORRUPT;
}

int fuzz_recorder(const uint8_t *p, size_t n)
{
    static struct bx_recfile f;
    uint8_t *src = fuzz_copy(p, n);
    int rc = bx_recfile_open(&f, src, n, NULL);

    if (rc == BX_OK) {
        rc = read_events(&f);
        bx_recfile_close(&f);
    }
    bx_free(src);
    return rc;
}
