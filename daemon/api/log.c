/* log - the recorder of a node, and its sinks.
 *
 * Answered by the node that is asked, without a barrier, or by the one that `node` names; works
 * without a quorum, and on a host that does not belong to a cluster. */
#include "api/priv.h"

#include "rec/rec.h"
#include "sys/router.h"
#include "wire/filter_check.h"
#include "wire/log.h"

#include <string.h>

/* ---- level ---- */

static struct bx_str spec_of(struct api_call *c, const struct bx_filter *f)
{
    char spec[BX_FILTER_SPEC];

    bx_filter_format(f, spec);
    return api_copy(c, bx_str(spec));
}

static int change(const struct bx_log_level_params *p, struct bx_err *err)
{
    char spec[BX_LOG_SPEC_MAX + 1], sink[BX_LOG_SINK_MAX + 1];
    struct bx_filter f;

    if (p->spec.n == 0)
        return BX_OK;
    snprintf(spec, sizeof spec, BX_STR_FMT, BX_STR_ARG(p->spec));
    snprintf(sink, sizeof sink, BX_STR_FMT, BX_STR_ARG(p->sink));
    if (bx_filter_parse(&f, spec, err) != BX_OK || bx_filter_check(&f, err) != BX_OK ||
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
