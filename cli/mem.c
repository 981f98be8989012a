/* mem - what the memory of a node's process is used for. */
#include "command.h"

#include "mem/alloc.h"

#include <stdio.h>
#include <string.h>

static const struct flag sites_flags[] = {
    {"scope", "NAME", "only what happened since it was started", NULL},
    {"start", NULL, "begin the scope", NULL},
    {"finish", NULL, "end the scope, after a last report", NULL},
    {0},
};

static const struct column pool_columns[] = {
    {"POOL", "name", 0, 0},
    {"IN USE", "in_use", 0, COLUMN_RIGHT},
    {"AVAILABLE", "available", 0, COLUMN_RIGHT},
    {"HIGH WATER", "high_water", 0, COLUMN_RIGHT},
    {"MAX", "max", 0, COLUMN_RIGHT},
    {"CREATED", "created", 0, COLUMN_RIGHT},
    {"HITS", "hits", 0, COLUMN_RIGHT},
    {"MISSES", "misses", 0, COLUMN_RIGHT},
    {0},
};
static const struct column owner_columns[] = {
    {"OWNER", "name", 0, 0},
    {"ALLOCATIONS", "allocations", 0, COLUMN_RIGHT},
    {"FREES", "frees", 0, COLUMN_RIGHT},
    {"BYTES", "bytes", 0, COLUMN_RIGHT},
    {"LIVE", "live", 0, COLUMN_RIGHT},
    {"LIVE BYTES", "live_bytes", 0, COLUMN_RIGHT},
    {0},
};
static const struct column scope_columns[] = {
    {"SCOPE", "name", 0, 0},
    {"ENTERED", "entered", 0, COLUMN_RIGHT},
    {"ALLOCATIONS", "allocations", 0, COLUMN_RIGHT},
    {"FREES", "frees", 0, COLUMN_RIGHT},
    {"BYTES", "bytes", 0, COLUMN_RIGHT},
    {"LIVE BYTES", "live_bytes", 0, COLUMN_RIGHT},
    {0},
};
static const struct column site_columns[] = {
    {"ALLOCATIONS", "allocations", 0, COLUMN_RIGHT},
    {"BYTES", "bytes", 0, COLUMN_RIGHT},
    {"LIVE", "live", 0, COLUMN_RIGHT},
    {"LIVE BYTES", "live_bytes", 0, COLUMN_RIGHT},
    {"OWNER", "owner", 0, 0},
    {"SITE", "site", 0, 0},
    {0},
};

static bool has(bx_val map, const char *key)
{
    return bx_val_get(map, key) != NULL;
}

static int put_row(struct bx_buf *b, bx_val name, bx_val map)
{
    int rc = bx_pw_map(b, bx_val_len(map) + 1);

    if (rc == BX_OK)
        rc = bx_pw_str(b, "name");
    if (rc == BX_OK)
        rc = bx_pw_val(b, name);
    for (uint32_t i = 0; rc == BX_OK && i < bx_val_len(map); i++) {
        rc = bx_pw_val(b, bx_val_key(map, i));
        if (rc == BX_OK)
            rc = bx_pw_val(b, bx_val_value(map, i));
    }
    return rc;
}

/* The maps of a map as a table, those which have one key and do not have another. */
static void print_maps(const struct run *r, bx_val map, const char *with, const char *without,
                       const struct column *columns)
{
    struct bx_pack *pack = bx_pack_create();
    struct bx_buf b = {0};
    uint32_t n = 0;
    int rc = BX_OK;

    for (uint32_t pass = 0; pass < 2; pass++) {
        if (pass == 1)
            rc = bx_pw_array(&b, n);
        for (uint32_t i = 0; rc == BX_OK && i < bx_val_len(map); i++) {
            bx_val v = bx_val_value(map, i);

            if (!has(v, with) || has(v, without))
                continue;
            if (pass == 0)
                n++;
            else
                rc = put_row(&b, bx_val_key(map, i), v);
        }
    }
    if (rc != BX_OK || pack == NULL)
        bx_oom(b.len);
    if (n > 0)
        print_table(r, bx_pack_parse(pack, b.data, b.len, SIZE_MAX, NULL), columns);
    bx_buf_release(&b);
    bx_pack_destroy(pack);
}

static void print_counts(const char *title, bx_val map)
{
    printf("%s:", title);
    for (uint32_t i = 0; i < bx_val_len(map); i++) {
        struct bx_str key = {"", 0};
        char text[64];

        bx_val_str(bx_val_key(map, i), &key);
        value_text(bx_val_value(map, i), 0, text, sizeof text);
        printf("%s %.*s %s", i == 0 ? "" : ",", (int)key.n, key.p, text);
    }
    printf("\n");
    fflush(stdout);
}

static void print_names(bx_val map)
{
    for (uint32_t i = 0; i < bx_val_len(map); i++) {
        char text[64];

        value_text(bx_val_key(map, i), 0, text, sizeof text);
        printf("%s\n", text);
    }
}

static int stats(struct run *r)
{
    struct params p = {0};
    bx_val result;
    int rc = run_call(r, "mem.stats", &p, &result);

    params_close(&p);
    if (rc != BX_OK)
        return run_fail(r);
    if (r->format == FORMAT_NAME) {
        print_names(result);
        return 0;
    }
    if (!result_is_for_people(r))
        return result_print(r, result);
    print_maps(r, result, "created", "live", pool_columns);
    printf("\n");
    print_counts("buffer", bx_val_get(result, "buffer"));
    print_counts("intern", bx_val_get(result, "intern"));
    print_counts("rows", bx_val_get(result, "row"));
    print_counts("shared configurations", bx_val_get(result, "shared_config"));
    print_counts("heap", bx_val_get(result, "heap"));
    if (has(result, "raft")) {
        printf("\n");
        fflush(stdout);
        print_maps(r, result, "bytes", "failures", owner_columns);
    }
    return 0;
}

static void print_stacks(bx_val sites)
{
    for (uint32_t i = 0; i < bx_val_len(sites); i++) {
        bx_val site = bx_val_at(sites, i), frames = bx_val_get(site, "frames");
        char text[160];

        value_text(bx_val_get(site, "bytes"), 0, text, sizeof text);
        printf("\n%s bytes at ", text);
        value_text(bx_val_get(site, "site"), 0, text, sizeof text);
        printf("%s\n", text);
        for (uint32_t f = 0; f < bx_val_len(frames); f++) {
            value_text(bx_val_at(frames, f), 0, text, sizeof text);
            printf("  %s\n", text);
        }
    }
    fflush(stdout);
}

static int sites(struct run *r)
{
    bool start = args_has(&r->args, "start"), finish = args_has(&r->args, "finish"), stacks = false;
    const char *scope = args_get(&r->args, "scope", NULL);
    struct params p = {0};
    bx_val result;
    int rc;

    if ((start || finish) && (scope == NULL || (start && finish)))
        return run_fail_with(r, BX_INVALID, "blixardctl mem sites --scope NAME --start",
                             "--start and --finish go with --scope, one at a time");
    if (scope != NULL)
        params_str(&p, "scope", scope);
    if (start || finish)
        params_str(&p, "action", start ? "start" : "finish");
    rc = run_call(r, "mem.sites", &p, &result);
    params_close(&p);
    if (rc != BX_OK)
        return run_fail(r);
    if (!result_is_for_people(r))
        return result_print_part(r, result, "sites");
    print_maps(r, bx_val_get(result, "owners"), "bytes", "failures", owner_columns);
    printf("\n");
    fflush(stdout);
    print_maps(r, bx_val_get(result, "scopes"), "entered", "failures", scope_columns);
    printf("\n");
    fflush(stdout);
    print_table(r, bx_val_get(result, "sites"), site_columns);
    bx_val_bool(bx_val_get(result, "stacks"), &stacks);
    if (stacks)
        print_stacks(bx_val_get(result, "sites"));
    return 0;
}

const struct command mem_commands[] = {
    {"mem", "stats", "", 0, 0, "pools, buffers and names of a node", read_flags, stats, NULL},
    {"mem", "sites", "", 0, 0, "where a node allocates (tracking build)", sites_flags, sites,
     site_columns},
    {0},
};
