/* mem - what the memory of a daemon is used for. */
#include "result.h"

#include "build.h"

#include <stdio.h>
#include <string.h>

static int mem_stats(struct run *r);
static int mem_sites(struct run *r);

static const struct flag sites_flags[] = {
    {.name = "scope", .value = "NAME", .help = "only allocations since this scope was started"},
    {.name = "start", .help = "start the scope"},
    {.name = "finish", .help = "finish the scope, after a last report"},
    {0},
};

static const struct column pool_columns[] = {
    {.title = "POOL", .key = "name"},
    {.title = "IN USE", .key = "in_use", .format = VALUE_NUMBER},
    {.title = "AVAILABLE", .key = "available", .format = VALUE_NUMBER},
    {.title = "HIGH WATER", .key = "high_water", .format = VALUE_NUMBER},
    {.title = "MAX", .key = "max", .format = VALUE_NUMBER},
    {.title = "CREATED", .key = "created", .format = VALUE_NUMBER},
    {.title = "HITS", .key = "hits", .format = VALUE_NUMBER},
    {.title = "MISSES", .key = "misses", .format = VALUE_NUMBER},
    {0},
};
static const struct column owner_columns[] = {
    {.title = "OWNER", .key = "name"},
    {.title = "ALLOCATIONS", .key = "allocations", .format = VALUE_NUMBER},
    {.title = "FREES", .key = "frees", .format = VALUE_NUMBER},
    {.title = "BYTES", .key = "bytes", .format = VALUE_NUMBER},
    {.title = "LIVE", .key = "live", .format = VALUE_NUMBER},
    {.title = "LIVE BYTES", .key = "live_bytes", .format = VALUE_NUMBER},
    {0},
};
static const struct column scope_columns[] = {
    {.title = "SCOPE", .key = "name"},
    {.title = "ENTERED", .key = "entered", .format = VALUE_NUMBER},
    {.title = "ALLOCATIONS", .key = "allocations", .format = VALUE_NUMBER},
    {.title = "FREES", .key = "frees", .format = VALUE_NUMBER},
    {.title = "BYTES", .key = "bytes", .format = VALUE_NUMBER},
    {.title = "LIVE BYTES", .key = "live_bytes", .format = VALUE_NUMBER},
    {0},
};
static const struct column site_columns[] = {
    {.title = "ALLOCATIONS", .key = "allocations", .format = VALUE_NUMBER},
    {.title = "BYTES", .key = "bytes", .format = VALUE_NUMBER},
    {.title = "LIVE", .key = "live", .format = VALUE_NUMBER},
    {.title = "LIVE BYTES", .key = "live_bytes", .format = VALUE_NUMBER},
    {.title = "OWNER", .key = "owner"},
    {.title = "SITE", .key = "site"},
    {0},
};

const struct command mem_commands[] = {
    {.name = "mem stats",
     .help = "show pools, buffers and interned names of a daemon",
     .watch = true,
     .run = mem_stats},
    {.name = "mem sites",
     .help = "show where a daemon allocates (tracking build)",
     .flags = sites_flags,
     .columns = site_columns,
     .run = mem_sites},
    {0},
};

/* ---- parts of the answers ---- */

static bool has(bx_val map, const char *key)
{
    return bx_val_get(map, key) != NULL;
}

/* A map, with its key in the map above it as its name. */
static void build_row(struct bx_buf *b, bx_val name, bx_val map)
{
    build_map(b, bx_val_len(map) + 1);
    build_str(b, "name");
    build_val(b, name);
    for (uint32_t i = 0; i < bx_val_len(map); i++) {
        build_val(b, bx_val_key(map, i));
        build_val(b, bx_val_value(map, i));
    }
}

/* The maps in a map as a table: those that have the key `with` and not the key `without`. */
static void print_maps(const struct run *r, bx_val map, const char *with, const char *without,
                       const struct column *columns)
{
    struct bx_buf rows = {0}, b = {0};
    uint32_t n = 0;

    for (uint32_t i = 0; i < bx_val_len(map); i++) {
        bx_val v = bx_val_value(map, i);

        if (!has(v, with) || has(v, without))
            continue;
        build_row(&rows, bx_val_key(map, i), v);
        n++;
    }
    build_array(&b, n);
    build_bytes(&b, rows.data, rows.len);
    if (n > 0)
        output_table(&r->out, build_parse(&b), columns);
    bx_buf_release(&rows);
    bx_buf_release(&b);
}

static void print_counts(const char *title, bx_val map)
{
    printf("%s:", title);
    for (uint32_t i = 0; i < bx_val_len(map); i++) {
        struct bx_str key = {"", 0};
        char text[64];

        bx_val_str(bx_val_key(map, i), &key);
        value_text(bx_val_value(map, i), VALUE_NUMBER, text, sizeof text);
        printf("%s " BX_STR_FMT " %s", i == 0 ? "" : ",", BX_STR_ARG(key), text);
    }
    printf("\n");
    fflush(stdout);
}

static void print_keys(bx_val map)
{
    for (uint32_t i = 0; i < bx_val_len(map); i++) {
        char text[64];

        value_text(bx_val_key(map, i), VALUE_TEXT, text, sizeof text);
        printf("%s\n", text);
    }
}

static void print_stacks(bx_val sites)
{
    for (uint32_t i = 0; i < bx_val_len(sites); i++) {
        bx_val site = bx_val_at(sites, i), frames = bx_val_get(site, "frames");
        char text[160];

        value_text(bx_val_get(site, "bytes"), VALUE_NUMBER, text, sizeof text);
        printf("\n%s bytes at ", text);
        value_text(bx_val_get(site, "site"), VALUE_TEXT, text, sizeof text);
        printf("%s\n", text);
        for (uint32_t f = 0; f < bx_val_len(frames); f++) {
            value_text(bx_val_at(frames, f), VALUE_TEXT, text, sizeof text);
            printf("  %s\n", text);
        }
    }
    fflush(stdout);
}

/* ---- the commands ---- */

static int mem_stats(struct run *r)
{
    static const struct {
        const char *title, *key;
    } counts[] = {
        {"buffer", "buffer"}, {"intern", "intern"},
        {"rows", "row"},      {"shared configurations", "shared_config"},
        {"heap", "heap"},
    };
    struct params p = {0};
    bx_val result;
    int rc = run_call(r, "mem.stats", &p, &result);

    params_close(&p);
    if (rc != BX_OK)
        return run_fail(r);
    if (r->out.format == OUTPUT_NAME) {
        print_keys(result);
        return 0;
    }
    if (!result_is_for_people(r))
        return result_print(r, result);
    print_maps(r, result, "created", "live", pool_columns);
    printf("\n");
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        print_counts(counts[i].title, bx_val_get(result, counts[i].key));
    if (has(result, "raft")) {
        printf("\n");
        fflush(stdout);
        print_maps(r, result, "bytes", "failures", owner_columns);
    }
    return 0;
}

static int print_sites(struct run *r, bx_val result)
{
    bool stacks = false;

    if (!result_is_for_people(r))
        return result_print_part(r, result, "sites");
    print_maps(r, bx_val_get(result, "owners"), "bytes", "failures", owner_columns);
    printf("\n");
    fflush(stdout);
    print_maps(r, bx_val_get(result, "scopes"), "entered", "failures", scope_columns);
    printf("\n");
    fflush(stdout);
    output_table(&r->out, bx_val_get(result, "sites"), site_columns);
    bx_val_bool(bx_val_get(result, "stacks"), &stacks);
    if (stacks)
        print_stacks(bx_val_get(result, "sites"));
    return 0;
}

static int mem_sites(struct run *r)
{
    bool start = args_has(&r->args, "start"), finish = args_has(&r->args, "finish");
    const char *scope = args_get(&r->args, "scope", NULL);
    struct params p = {0};
    bx_val result;
    int rc;

    if ((start || finish) && (scope == NULL || (start && finish)))
        return run_fail_with(r, BX_INVALID, "blixardctl mem sites --scope NAME --start",
                             "--start and --finish require --scope, and are mutually exclusive");
    if (scope != NULL)
        params_str(&p, "scope", scope);
    if (start || finish)
        params_str(&p, "action", start ? "start" : "finish");
    rc = run_call(r, "mem.sites", &p, &result);
    params_close(&p);
    return rc == BX_OK ? print_sites(r, result) : run_fail(r);
}
