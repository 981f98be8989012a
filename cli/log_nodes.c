/* log_nodes - the recorders of the nodes, asked in turn, as one log.
 *
 * Each node's answers are copied, and then merged (log_merge.h). One that has more than LOG_PAGES
 * of them is asked for the rest when these are printed. A node that can not be asked is named on
 * standard error, and is an error only when no node can be asked. */
#include "log.h"

#include "build.h"
#include "log_merge.h"
#include "mem/alloc.h"
#include "mem/map.h"
#include "wire/logquery.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#define NODES_MAX 256u
#define NAME_MAX_BYTES 255u
#define PAUSE_MS 500
#define PRINTED 8u         /* events that are remembered with one hash, */
#define PRINTED_SETS 2048u /* of so many */

struct node {
    char name[NAME_MAX_BYTES + 1];
    char after[BX_LOG_AFTER_MAX + 1];
    struct log_stream stream; /* of the answers that came */
    struct bx_buf pages[LOG_PAGES];
    struct bx_pack *packs[LOG_PAGES];
    bool more;                          /* it has more than these */
    bool lost;                          /* it could not be asked the last time */
    char damage[BX_LOG_DAMAGE_MAX + 1]; /* told of its log files */
};

/* Events of one hash, the last ones. */
struct printed {
    struct {
        uint64_t time_ns, sequence;
    } v[PRINTED];
    uint32_t next;
};

struct nodes {
    struct log_reader *l;
    const char *of;          /* the one whose log others have; NULL: their own */
    struct printed *printed; /* with `of`: several nodes may have an event, sooner or later */
    struct node *v[NODES_MAX];
    uint32_t n, answered, left_out;
    uint64_t limit; /* the newest so many; 0: all */
    uint64_t skip;  /* events of the first round: there are so many of each node */
};

/* ---- which nodes ---- */

static void add_node(struct nodes *nodes, struct bx_str name)
{
    struct node *n;

    if (nodes->n == NODES_MAX) {
        nodes->left_out++;
        return;
    }
    n = bx_must_calloc(1, sizeof *n);
    snprintf(n->name, sizeof n->name, BX_STR_FMT, BX_STR_ARG(name));
    nodes->v[nodes->n++] = n;
}

static bool add_page(void *ctx, bx_val items)
{
    for (uint32_t i = 0; i < bx_val_len(items); i++) {
        struct bx_str name;

        if (bx_val_str(bx_val_get(bx_val_at(items, i), "name"), &name))
            add_node(ctx, name);
    }
    return true;
}

/* Those of the cluster, as the member that is asked knows them; the one that was named; or, where
 * there is no cluster, the daemon that is asked. */
static int choose(struct nodes *nodes)
{
    struct run *r = nodes->l->r;
    const char *name = args_get(&r->args, "node", NULL);
    struct params p = {0};
    int rc;

    if (name != NULL) {
        add_node(nodes, bx_str(name));
        return BX_OK;
    }
    params_str(&p, "consistency", "stale");
    rc = client_list(&r->client, "node.list", &p, r->timeout_ms, add_page, nodes, &r->err);
    params_close(&p);
    if (rc == BX_OK && nodes->left_out > 0)
        fprintf(stderr, "warning: %u nodes beyond the first %u are not asked; --node names one\n",
                nodes->left_out, NODES_MAX);
    if (rc == BX_CONFLICT) { /* of no cluster yet */
        add_node(nodes, bx_str(""));
        return BX_OK;
    }
    return rc;
}

/* ---- asking ---- */

static void forget(struct node *n)
{
    for (uint32_t i = 0; i < n->stream.n; i++) {
        bx_pack_destroy(n->packs[i]);
        bx_buf_release(&n->pages[i]);
    }
    n->stream.n = n->stream.page = n->stream.at = 0;
}

static void set_conditions(struct run *r, struct params *p, const struct bx_recquery *q)
{
    const char *filter = args_get(&r->args, "filter", NULL);
    const char *trace = args_get(&r->args, "trace", NULL), *text;
    uint32_t n = 0;

    if (filter != NULL)
        params_str(p, "filter", filter);
    if (trace != NULL)
        params_str(p, "trace", trace);
    if (q->since_ns > 0)
        params_u64(p, "since_ns", q->since_ns);
    if (q->until_ns > 0)
        params_u64(p, "until_ns", q->until_ns);
    while (args_nth(&r->args, "where", n) != NULL)
        n++;
    if (n == 0)
        return;
    params_key(p, "where");
    build_array(&p->b, n);
    for (uint32_t i = 0; (text = args_nth(&r->args, "where", i)) != NULL; i++)
        build_str(&p->b, text);
}

/* One answer of a node. */
static int ask(struct nodes *nodes, struct node *n, bx_val *result)
{
    struct run *r = nodes->l->r;
    struct params p = {0};
    int rc;

    if (n->name[0] != '\0')
        params_str(&p, "node", n->name);
    if (n->after[0] != '\0')
        params_str(&p, "after", n->after);
    if (nodes->limit > 0)
        params_u64(&p, "limit", nodes->limit);
    if (nodes->of != NULL)
        params_str(&p, "of", nodes->of);
    if (log_of_past(r))
        params_bool(&p, "files", true);
    params_str(&p, "consistency", "stale");
    set_conditions(r, &p, nodes->l->scan.query);
    rc = run_call(r, "log.query", &p, result);
    params_close(&p);
    return rc;
}

/* Once for each damage, not for each answer. */
static void tell_damage(struct node *n, bx_val result)
{
    struct bx_str damage = {"", 0};
    char text[BX_LOG_DAMAGE_MAX + 1];

    bx_val_str(bx_val_get(result, "damage"), &damage);
    snprintf(text, sizeof text, BX_STR_FMT, BX_STR_ARG(damage));
    if (text[0] != '\0' && strcmp(text, n->damage) != 0)
        fprintf(stderr, "warning: node %s: %s\n", n->name, text);
    snprintf(n->damage, sizeof n->damage, "%s", text);
}

/* Copy the answer; whether more is to be asked for. */
static bool keep(struct node *n, bx_val result)
{
    struct bx_str after = {"", 0}, name = {"", 0};
    bool more = false, skipped = false;
    uint32_t i = n->stream.n;
    struct bx_buf *page = &n->pages[i];

    /* It may have been asked for by its number. */
    if (n->name[0] != '\0' && bx_val_str(bx_val_get(result, "node"), &name) && name.n > 0)
        snprintf(n->name, sizeof n->name, BX_STR_FMT, BX_STR_ARG(name));
    bx_val_str(bx_val_get(result, "after"), &after);
    snprintf(n->after, sizeof n->after, BX_STR_FMT, BX_STR_ARG(after));
    bx_val_bool(bx_val_get(result, "more"), &more);
    bx_val_bool(bx_val_get(result, "skipped"), &skipped);
    if (skipped)
        fprintf(stderr, "warning: node %s: events were overwritten before they were read\n",
                n->name);
    tell_damage(n, result);
    bx_must_ok(bx_pw_val(page, bx_val_get(result, "events")));
    n->packs[i] = bx_must(bx_pack_create(), 0);
    n->stream.pages[i] = bx_pack_parse(n->packs[i], page->data, page->len, page->len, NULL);
    n->stream.n++;
    n->more = more;
    return more && n->stream.n < LOG_PAGES;
}

/* All that a node has to say for now. A refusal, such as of a role, is one of all nodes. */
static int ask_node(struct nodes *nodes, struct node *n)
{
    struct run *r = nodes->l->r;
    bx_val result;
    int rc;

    forget(n);
    n->more = false;
    do {
        rc = ask(nodes, n, &result);
    } while (rc == BX_OK && keep(n, result) && !client_interrupted);
    if (rc == BX_OK) {
        nodes->answered++;
        n->lost = false;
        return BX_OK;
    }
    if (rc == BX_INVALID || rc == BX_DENIED || rc == BX_INTERRUPTED || nodes->n == 1 ||
        (rc == BX_NOT_FOUND && nodes->of != NULL))
        return rc;
    if (!n->lost)
        fprintf(stderr, "warning: node %s was not asked: %s\n", n->name, r->err.msg);
    n->lost = true;
    return BX_OK;
}

static int ask_all(struct nodes *nodes)
{
    int rc = BX_OK;

    nodes->answered = 0;
    for (uint32_t i = 0; i < nodes->n && rc == BX_OK; i++)
        rc = ask_node(nodes, nodes->v[i]);
    return rc;
}

/* ---- merging ---- */

static bool was_printed(struct nodes *nodes, const struct bx_recevent *e)
{
    const uint64_t key[2] = {e->time_ns, e->seq};
    struct printed *set = &nodes->printed[bx_hash(key, sizeof key) % PRINTED_SETS];

    for (uint32_t i = 0; i < PRINTED; i++)
        if (set->v[i].time_ns == e->time_ns && set->v[i].sequence == e->seq)
            return true;
    set->v[set->next].time_ns = e->time_ns;
    set->v[set->next].sequence = e->seq;
    set->next = (set->next + 1) % PRINTED;
    return false;
}

static int print_one(struct nodes *nodes, const struct node *n, bx_val v)
{
    static struct bx_log_event event;
    struct run *r = nodes->l->r;

    if (!bx_log_event_read(v, &event)) {
        bx_err_set(&r->err, BX_MALFORMED, "node %s: an event has no sound form", n->name);
        bx_err_hint(&r->err, "does blixardctl have the release of the cluster?");
        return BX_MALFORMED;
    }
    event.e.origin = nodes->of != NULL ? nodes->of : n->name[0] == '\0' ? NULL : n->name;
    if (nodes->of != NULL && was_printed(nodes, &event.e))
        return BX_OK;
    if (nodes->skip == 0)
        return nodes->l->each(nodes->l->ctx, &event.e);
    nodes->skip--;
    return BX_OK;
}

/* Ask for the rest of those whose events are all printed: what comes next may be theirs. */
static int ask_for_rest(struct nodes *nodes)
{
    int rc = BX_OK;

    for (uint32_t i = 0; i < nodes->n && rc == BX_OK; i++)
        if (nodes->v[i]->more && log_merge_is_over(&nodes->v[i]->stream))
            rc = ask_node(nodes, nodes->v[i]);
    return rc;
}

static int merge(struct nodes *nodes)
{
    bool by_revision = nodes->l->scan.query->trace != 0;
    struct log_stream *streams[NODES_MAX];
    uint32_t from;
    int rc;
    bx_val v;

    for (uint32_t i = 0; i < nodes->n; i++)
        streams[i] = &nodes->v[i]->stream;
    while ((rc = ask_for_rest(nodes)) == BX_OK &&
           (v = log_merge_next(streams, nodes->n, by_revision, &from)) != NULL) {
        rc = print_one(nodes, nodes->v[from], v);
        if (rc != BX_OK)
            break;
    }
    return rc;
}

/* ---- reading ---- */

static void close_nodes(struct nodes *nodes)
{
    for (uint32_t i = 0; i < nodes->n; i++) {
        forget(nodes->v[i]);
        bx_free(nodes->v[i]);
    }
    bx_free(nodes->printed);
}

static uint64_t count(const struct nodes *nodes)
{
    uint64_t n = 0;

    for (uint32_t i = 0; i < nodes->n; i++)
        for (uint32_t k = 0; k < nodes->v[i]->stream.n; k++)
            n += bx_val_len(nodes->v[i]->stream.pages[k]);
    return n;
}

/* How many events there are, each once; then all are read again. */
static uint64_t count_distinct(struct nodes *nodes)
{
    struct log_stream *streams[NODES_MAX];
    static struct bx_log_event event;
    uint64_t n = 0;
    uint32_t from;
    bx_val v;

    for (uint32_t i = 0; i < nodes->n; i++)
        streams[i] = &nodes->v[i]->stream;
    while ((v = log_merge_next(streams, nodes->n, false, &from)) != NULL)
        n += bx_log_event_read(v, &event) && !was_printed(nodes, &event.e);
    for (uint32_t i = 0; i < nodes->n; i++)
        streams[i]->page = streams[i]->at = 0;
    memset(nodes->printed, 0, PRINTED_SETS * sizeof *nodes->printed);
    return n;
}

/* The first round: `limit`, or all that is in memory. */
static int begin(struct nodes *nodes)
{
    uint64_t n;
    int rc;

    nodes->printed = bx_must_calloc(PRINTED_SETS, sizeof *nodes->printed);
    nodes->l->r->stale = true; /* an answer's age is of no interest: its events have times */
    rc = choose(nodes);
    for (uint32_t i = 0; i < nodes->n && nodes->limit == 0; i++)
        snprintf(nodes->v[i]->after, sizeof nodes->v[i]->after, "%s", BX_LOG_START);
    if (rc == BX_OK)
        rc = ask_all(nodes);
    if (rc == BX_OK && nodes->answered == 0) {
        rc = bx_err_set(&nodes->l->r->err, BX_UNREACHABLE, "no node could be asked");
        bx_err_hint(&nodes->l->r->err,
                    "blixardctl node list --consistency stale shows their states");
    }
    n = nodes->of == NULL ? count(nodes) : count_distinct(nodes);
    if (nodes->limit > 0 && n > nodes->limit)
        nodes->skip = n - nodes->limit;
    return rc;
}

int log_read_nodes(struct log_reader *l, uint64_t limit)
{
    struct nodes nodes = {.l = l, .of = args_get(&l->r->args, "of", NULL), .limit = limit};
    int rc = begin(&nodes);

    if (rc == BX_OK)
        rc = merge(&nodes);
    close_nodes(&nodes);
    return rc == BX_OK ? 0 : run_fail(l->r);
}

int log_follow_nodes(struct log_reader *l, uint64_t limit)
{
    struct nodes nodes = {.l = l, .of = args_get(&l->r->args, "of", NULL), .limit = limit};
    int rc;

    rc = begin(&nodes);
    nodes.limit = 0;
    while (rc == BX_OK) {
        rc = merge(&nodes);
        if (rc != BX_OK || fflush(stdout) != 0)
            break;
        poll(NULL, 0, PAUSE_MS);
        if (client_interrupted)
            rc = bx_err_set(&l->r->err, BX_INTERRUPTED, "interrupted");
        else
            rc = ask_all(&nodes);
    }
    close_nodes(&nodes);
    if (client_interrupted)
        return bx_code_exit(BX_INTERRUPTED);
    return rc == BX_OK ? 0 : run_fail(l->r);
}
