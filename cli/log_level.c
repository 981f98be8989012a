/* log_level - what the recorder of a node and its sinks take. */
#include "result.h"

#include <stdio.h>

static int log_level(struct run *r);

static const struct flag level_flags[] = {
    {.name = "node",
     .value = "NODE",
     .help = "of this node (default: the one that is asked)",
     .completes = "node"},
    {.name = "sink",
     .value = "SINK",
     .help = "change this sink, or ring (default: all that have no filter of their own)"},
    {0},
};
static const struct column sink_columns[] = {
    {.title = "SINK", .key = "name"},
    {.title = "FILTER", .key = "filter"},
    {.title = "STATE", .key = "state"},
    {.title = "EVENTS", .key = "events", .format = VALUE_NUMBER},
    {.title = "DROPPED", .key = "dropped", .format = VALUE_NUMBER},
    {.title = "ERRORS", .key = "errors", .format = VALUE_NUMBER},
    {.title = "BYTES", .key = "bytes", .format = VALUE_NUMBER},
    {.title = "WAITING", .key = "queued_bytes", .format = VALUE_NUMBER},
    {0},
};

const struct command log_level_commands[] = {
    {.name = "log level",
     .arguments = {{.name = "SPEC", .optional = true}},
     .help = "show or change which events a daemon logs, and what its sinks did",
     .flags = level_flags,
     .columns = sink_columns,
     .run = log_level},
    {0},
};

static void print_number(bx_val map, const char *key, const char *words)
{
    char text[64];

    value_text(bx_val_get(map, key), VALUE_NUMBER, text, sizeof text);
    printf("%s%s", text, words);
}

static void print_recorder(bx_val result)
{
    bx_val recorder = bx_val_get(result, "recorder");
    char text[256];

    value_text(bx_val_get(result, "node"), VALUE_TEXT, text, sizeof text);
    printf("node %s: ", text);
    print_number(recorder, "events", " events recorded, ");
    print_number(recorder, "overwritten", " overwritten, ");
    print_number(recorder, "dropped", " dropped, ");
    print_number(recorder, "cut", " cut; ");
    print_number(recorder, "threads", " threads, ");
    print_number(recorder, "memory_bytes", " bytes\n");
    value_text(bx_val_get(result, "ring"), VALUE_TEXT, text, sizeof text);
    printf("ring: %s\n\n", text);
    fflush(stdout);
}

static int log_level(struct run *r)
{
    const char *node = args_get(&r->args, "node", NULL), *sink = args_get(&r->args, "sink", NULL);
    struct params p = {0};
    bx_val result;
    int rc;

    if (sink != NULL && r->n_arguments == 0)
        return run_fail_with(r, BX_INVALID, "blixardctl log level SPEC --sink SINK",
                             "--sink requires a filter");
    if (r->n_arguments > 0)
        params_str(&p, "spec", r->arguments[0]);
    if (sink != NULL)
        params_str(&p, "sink", sink);
    if (node != NULL)
        params_str(&p, "node", node);
    rc = run_call(r, "log.level", &p, &result);
    params_close(&p);
    if (rc != BX_OK)
        return run_fail(r);
    if (result_is_for_people(r))
        print_recorder(result);
    return result_print_part(r, result, "sinks");
}
