/* diag - the envelopes in the spool of this node. Reading and deleting them waits for the disk, so
 * a job of the pool does it. Answered without a barrier, and without a cluster. */
#include "api/priv.h"

#include "diagnose/diag.h"
#include "wire/diag.h"

#ifdef BX_DIAGNOSTICS
#include "diag/envread.h"
#include "mem/alloc.h"
#include "sys/pool.h"

struct job {
    uv_work_t work;
    struct api_call *call;
    int (*run)(struct job *j);
    void (*reply)(struct job *j);
    struct spool *spool;
    struct spool_entry *entries; /* SPOOL_FILES */
    uint32_t n;
    struct bx_buf bytes; /* the envelope */
    struct bx_diag_item_reply items[BX_DIAG_ITEMS];
    uint32_t n_items;
    char damage[BX_ERR_MSG];
    struct bx_err err;
    int rc;
};

static struct bx_str type_of(const struct spool_entry *e)
{
    return e->type == BX_ITEM_UNKNOWN ? bx_str("unknown") : bx_item_types[e->type];
}

/* ---- list ---- */

static int list(struct job *j)
{
    j->n = spool_list(j->spool, j->entries, SPOOL_FILES);
    return BX_OK;
}

static const void *list_item(void *ctx, uint32_t i)
{
    static struct bx_diag_reply r;
    const struct job *j = ctx;
    const struct spool_entry *e = &j->entries[i];

    r = (struct bx_diag_reply){bx_str(e->id), type_of(e), e->time_ns / 1000000, e->bytes};
    return &r;
}

static void reply_list(struct job *j)
{
    struct bx_items items = {j->n, true, list_item, j};

    api_reply_items(j->call, &bx_diag_reply_schema, &items);
}

/* ---- show ---- */

static bool is_shown(const struct bx_envread_item *item, size_t shown)
{
    return item->type != BX_ITEM_ATTACHMENT && shown + item->payload.n <= BX_DIAG_PAYLOAD &&
           bx_utf8_valid(item->payload.p, item->payload.n);
}

static void read_items(struct job *j, struct bx_envread *r)
{
    struct bx_envread_item item;
    struct bx_err err = {0};
    size_t shown = 0;
    int rc = BX_OK;

    while (j->n_items < BX_DIAG_ITEMS && (rc = bx_envread_next(r, &item, &err)) == BX_OK) {
        struct bx_diag_item_reply *to = &j->items[j->n_items++];

        *to = (struct bx_diag_item_reply){.type = api_copy(j->call, item.name),
                                          .filename = api_copy(j->call, item.filename),
                                          .length = item.payload.n,
                                          .count = item.count};
        if (is_shown(&item, shown))
            to->payload = item.payload;
        shown += to->payload.n;
    }
    if (rc != BX_OK && rc != BX_NOT_FOUND && j->damage[0] == '\0')
        snprintf(j->damage, sizeof j->damage, "%s", err.msg);
}

static int show(struct job *j)
{
    const struct bx_diag_params *p = j->call->params;
    struct bx_envread r;
    int rc = spool_find(j->spool, p->id, j->entries, &j->err);

    if (rc == BX_OK)
        rc = spool_read(j->spool, j->entries, &j->bytes, &j->err);
    if (rc == BX_CORRUPT)
        snprintf(j->damage, sizeof j->damage, "%s", j->err.msg);
    else if (rc != BX_OK)
        return rc;
    rc = bx_envread_open(&r, j->bytes.data, j->bytes.len, &j->err);
    if (rc == BX_OK)
        read_items(j, &r);
    else if (j->damage[0] == '\0')
        snprintf(j->damage, sizeof j->damage, "%s", j->err.msg);
    bx_envread_close(&r);
    return BX_OK;
}

static void reply_show(struct job *j)
{
    const struct spool_entry *e = j->entries;
    struct bx_diag_show_reply r = {.id = bx_str(e->id),
                                   .type = type_of(e),
                                   .time = e->time_ns / 1000000,
                                   .bytes = e->bytes,
                                   .damage = bx_str(j->damage),
                                   .items = {j->items, j->n_items}};

    api_reply(j->call, &bx_diag_show_reply_schema, &r);
}

/* ---- delete ---- */

/* Others may delete at the same time: the sender does, and who makes room. */
static int delete_all(struct job *j)
{
    uint32_t deleted = 0;

    list(j);
    for (uint32_t i = 0; i < j->n; i++) {
        int rc = spool_delete(j->spool, &j->entries[i], &j->err);

        if (rc != BX_OK && rc != BX_NOT_FOUND)
            return rc;
        deleted += rc == BX_OK;
    }
    j->n = deleted;
    return BX_OK;
}

static int delete (struct job *j)
{
    const struct bx_diag_delete_params *p = j->call->params;
    int rc;

    if (p->all == (p->id.n > 0)) {
        bx_err_set(&j->err, BX_INVALID, "pass \"id\", or \"all\"");
        bx_err_hint(&j->err, "diag.list has the ids");
        return BX_INVALID;
    }
    if (p->all)
        return delete_all(j);
    j->n = 1;
    rc = spool_find(j->spool, p->id, j->entries, &j->err);
    return rc == BX_OK ? spool_delete(j->spool, j->entries, &j->err) : rc;
}

static void reply_done(struct job *j)
{
    struct bx_diag_done_reply r = {j->n};

    api_reply(j->call, &bx_diag_done_reply_schema, &r);
}

/* ---- jobs ---- */

static void work(uv_work_t *w)
{
    struct job *j = w->data;

    pool_yield_to_loop();
    j->rc = j->run(j);
}

static void done(uv_work_t *w, int status)
{
    struct job *j = w->data;
    struct api_call *c = j->call;

    api_party_remove(c->party, API_HELD_QUERIES, 1);
    if (status != 0)
        j->rc = bx_err_set(&j->err, BX_SHUTDOWN, "the daemon is stopping");
    if (j->rc == BX_OK)
        j->reply(j);
    else
        api_fail(c, &j->err);
    bx_buf_release(&j->bytes);
    bx_free(j->entries);
    bx_free(j);
}

static bool is_on(struct api_call *c)
{
    struct bx_err err;

    if (c->api->o.diag != NULL)
        return true;
    bx_err_set(&err, BX_CONFLICT, "this daemon keeps no envelopes");
    bx_err_hint(&err, "start blixardd with --diag on");
    api_fail(c, &err);
    return false;
}

static void begin(struct api_call *c, int (*run)(struct job *j), void (*reply)(struct job *j))
{
    struct job *j;

    if (!is_on(c))
        return;
    j = bx_must_calloc(1, sizeof *j);
    j->entries = bx_must_calloc(SPOOL_FILES, sizeof *j->entries);
    j->work.data = j;
    j->call = c;
    j->run = run;
    j->reply = reply;
    j->spool = diag_spool(c->api->o.diag);
    api_party_add(c->party, API_HELD_QUERIES, 1);
    uv_queue_work(c->api->loop, &j->work, work, done);
}

static void diag_list(struct api_call *c)
{
    begin(c, list, reply_list);
}

static void diag_show(struct api_call *c)
{
    begin(c, show, reply_show);
}

static void diag_delete(struct api_call *c)
{
    begin(c, delete, reply_done);
}

static void send_all(struct api_call *c)
{
    struct bx_err err;

    if (!is_on(c))
        return;
    if (diag_send(c->api->o.diag, &err) != BX_OK)
        api_fail(c, &err);
    else
        begin(c, list, reply_done);
}

#else

static void unsupported(struct api_call *c)
{
    struct bx_err err;

    bx_err_set(&err, BX_UNSUPPORTED, "this blixardd keeps no envelopes");
    bx_err_hint(&err, "build it without --disable-diagnostics");
    api_fail(c, &err);
}
#define diag_list unsupported
#define diag_show unsupported
#define diag_delete unsupported
#define send_all unsupported

#endif

/* ---- the methods ---- */

const struct api_method api_diag_list = {.run = diag_list};
const struct api_method api_diag_show = {.run = diag_show};
const struct api_method api_diag_send = {.run = send_all};
const struct api_method api_diag_delete = {.run = diag_delete};
