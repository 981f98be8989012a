/* log - the recorder of a node, and its sinks.
 *
 * Answered by the node that is asked, without a barrier, or by the one that `node` names; works
 * without a quorum, and on a host that does not belong to a cluster. */
#include "api/priv.h"

#include "rec/rec.h"
#include "sys/router.h"
#include "wire/log.h"
#include "wire/suggest.h"

#include <string.h>

/* ---- level ---- */

static struct bx_str spec_of(struct api_call *c, const struct bx_filter *f)
{
    char spec[BX_FILTER_SPEC];

    bx_filter_format(f, spec);
    return api_copy(c, bx_str(spec));
}

#define TARGETS_MAX 64u

/* The targets of all sites; their number. */
static size_t find_targets(const char *out[TARGETS_MAX])
{
    struct bx_sites all = bx_sites();
    size_t n = 0;

    for (uint32_t i = 0; i < all.n && n < TARGETS_MAX; i++) {
        size_t k = 0;

        while (k < n && strcmp(out[k], all.v[i]->target) != 0)
            k++;
        if (k == n)
            out[n++] = all.v[i]->target;
    }
    return n;
}

static bool is_target(const char *name)
{
    const char *all[TARGETS_MAX];
    size_t n = find_targets(all);

    while (n > 0 && strcmp(all[n - 1], name) != 0)
        n--;
    return n > 0;
}

static bool is_field(const char *key)
{
    struct bx_sites all = bx_sites();

    for (uint32_t i = 0; i < all.n; i++)
        for (uint8_t k = 0; k < all.v[i]->n; k++)
            if (strcmp(all.v[i]->fields[k].key, key) == 0)
                return true;
    return false;
}

static int no_target(const char *name, struct bx_err *err)
{
    const char *all[TARGETS_MAX], *close = bx_suggest(name, strlen(name), all, find_targets(all));

    bx_err_set(err, BX_INVALID, "no event has the target \"%s\"", name);
    if (close != NULL)
        bx_err_hint(err, "did you mean \"%s\"?", close);
    else
        bx_err_hint(err, "blixardctl log agg --by target shows targets");
    return BX_INVALID;
}

/* A word that is misspelled would select nothing; a level that is, all events but those with a
 * field of the target's name: the log would be silent. */
static int check_words(const struct bx_filter *f, struct bx_err *err)
{
    for (uint32_t i = 0; i < f->n_targets; i++)
        if (!is_target(f->targets[i].key))
            return no_target(f->targets[i].key, err);
    for (uint32_t i = 0; i < f->n_fields; i++) {
        const struct bx_filter_rule *rule = &f->fields[i];

        if (is_field(rule->key))
            continue;
        if (is_target(rule->key))
            bx_err_set(err, BX_INVALID, "unknown log level \"%s\"", rule->value);
        else
            bx_err_set(err, BX_INVALID, "no event has the target or field \"%s\"", rule->key);
        bx_err_hint(err, "levels: off, error, warning, info, debug, trace; "
                         "a filter looks like info,raft=debug,vm=web1");
        return BX_INVALID;
    }
    return BX_OK;
}

static int change(const struct bx_log_level_params *p, struct bx_err *err)
{
    char spec[BX_LOG_SPEC_MAX + 1], sink[BX_LOG_SINK_MAX + 1];
    struct bx_filter f;

    if (p->spec.n == 0)
        return BX_OK;
    snprintf(spec, sizeof spec, BX_STR_FMT, BX_STR_ARG(p->spec));
    snprintf(sink, sizeof sink, BX_STR_FMT, BX_STR_ARG(p->sink));
    if (bx_filter_parse(&f, spec, err) != BX_OK || check_words(&f, err) != BX_OK ||
        router_set_filter(sink, &f, err) != BX_OK)
        return err->code;
    BX_INFO("log", "filter changed", "filter", spec, "sink", sink);
    return BX_OK;
}

static void show(struct api_call *c)
{
    struct router_report report;
    struct bx_log_level_reply r = {.node = bx_str(c->api->o.name)};
    struct bx_sink_reply *sinks;

    router_report(&report);
    router_recorder_counts(&r.recorder);
    sinks = api_alloc(c, (report.n + 1) * sizeof *sinks);
    for (uint32_t i = 0; i < report.n; i++) {
        const struct sink *s = report.v[i].sink;

        sinks[i] = (struct bx_sink_reply){.name = bx_str(s->name),
                                          .filter = spec_of(c, &report.v[i].filter),
                                          .state = bx_str(router_sink_state(s))};
        router_sink_counts(s, &sinks[i].counts);
    }
    r.ring = spec_of(c, &report.ring);
    r.sinks = (struct bx_list){sinks, report.n};
    api_reply(c, &bx_log_level_reply_schema, &r);
}

static void log_level(struct api_call *c)
{
    const struct bx_log_level_params *p = c->params;
    struct bx_err err;

    if (api_relay_named(c, p->node))
        return;
    if (change(p, &err) == BX_OK)
        show(c);
    else
        api_fail(c, &err);
}

/* ---- the methods ---- */

const struct api_method api_log_level = {.run = log_level, .expired = api_relay_over};
