#include "command.h"

#include "codec/json.h"
#include "mem/alloc.h"

#include <libsmartcols.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void print(bx_val v, unsigned indent)
{
    struct bx_buf b = {0};

    if (bx_json_write(&b, v, indent) == BX_OK) {
        fwrite(b.data, 1, b.len, stdout);
        fputc('\n', stdout);
    }
    bx_buf_release(&b);
    fflush(stdout);
}

void print_json(bx_val v)
{
    print(v, 2);
}

void print_json_line(bx_val v)
{
    print(v, 0);
}

/* ---- values as text ---- */

bx_val value_at(bx_val v, const char *path)
{
    const char *dot = strchr(path, '.');
    char key[64];

    if (dot == NULL)
        return bx_val_get(v, path);
    snprintf(key, sizeof key, "%.*s", (int)(dot - path), path);
    return value_at(bx_val_get(v, key), dot + 1);
}

static void size_text(uint64_t n, const char *const *units, char *out, size_t size)
{
    unsigned u = 0;

    while (n >= 1024 && n % 1024 == 0 && units[u + 1] != NULL) {
        n /= 1024;
        u++;
    }
    snprintf(out, size, "%llu%s", (unsigned long long)n, units[u]);
}

static void age_text(uint64_t then_ms, char *out, size_t size)
{
    static const struct {
        uint64_t s;
        char unit;
    } steps[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
    struct timespec t;
    uint64_t s;

    clock_gettime(CLOCK_REALTIME, &t);
    s = (uint64_t)t.tv_sec * 1000 < then_ms ? 0 : (uint64_t)t.tv_sec - then_ms / 1000;
    for (size_t i = 0; i < 4; i++) {
        if (s >= steps[i].s || i == 3) {
            snprintf(out, size, "%llu%c", (unsigned long long)(s / steps[i].s), steps[i].unit);
            return;
        }
    }
}

void value_text(bx_val v, char as, char *out, size_t size)
{
    static const char *const mib[] = {"MiB", "GiB", "TiB", NULL};
    static const char *const gib[] = {"GiB", "TiB", "PiB", NULL};
    struct bx_str s;
    uint64_t n;
    int64_t i;
    bool b;

    if (bx_val_u64(v, &n)) {
        if (as == 'm')
            size_text(n, mib, out, size);
        else if (as == 'g')
            size_text(n, gib, out, size);
        else if (as == 'a')
            age_text(n, out, size);
        else
            snprintf(out, size, "%llu", (unsigned long long)n);
    } else if (bx_val_i64(v, &i)) {
        snprintf(out, size, "%lld", (long long)i);
    } else if (bx_val_str(v, &s)) {
        snprintf(out, size, "%.*s", (int)s.n, s.p);
    } else if (bx_val_bool(v, &b)) {
        snprintf(out, size, "%s", b ? "yes" : "no");
    } else {
        snprintf(out, size, "-");
    }
}

/* ---- tables ---- */

static struct libscols_table *new_table(const struct run *r, const struct column *columns)
{
    struct libscols_table *t;

    scols_init_debug(0);
    t = scols_new_table();
    if (t == NULL)
        bx_oom(0);
    scols_table_enable_noheadings(t, !r->headers);
    if (!isatty(STDOUT_FILENO))
        scols_table_set_termforce(t, SCOLS_TERMFORCE_NEVER);
    for (; columns->title != NULL; columns++)
        scols_table_new_column(t, columns->title, 0, columns->right ? SCOLS_FL_RIGHT : 0);
    return t;
}

void print_table(const struct run *r, bx_val rows, const struct column *columns)
{
    struct libscols_table *t = new_table(r, columns);

    for (uint32_t i = 0; i < bx_val_len(rows); i++) {
        struct libscols_line *line = scols_table_new_line(t, NULL);

        for (size_t c = 0; columns[c].title != NULL; c++) {
            char text[4096];

            value_text(value_at(bx_val_at(rows, i), columns[c].key), columns[c].as, text,
                       sizeof text);
            scols_line_set_data(line, c, text);
        }
    }
    scols_print_table(t);
    scols_unref_table(t);
    fflush(stdout);
}

void print_fields(const struct run *r, bx_val v)
{
    for (uint32_t i = 0; i < bx_val_len(v); i++) {
        bx_val value = bx_val_value(v, i);
        struct bx_str key = {"", 0};
        char text[8192];

        bx_val_str(bx_val_key(v, i), &key);
        if (bx_val_type(value) == BX_V_MAP || bx_val_type(value) == BX_V_ARRAY) {
            struct bx_buf b = {0};

            bx_json_write(&b, value, 0);
            snprintf(text, sizeof text, "%.*s", (int)b.len, (const char *)b.data);
            bx_buf_release(&b);
        } else {
            value_text(value, 0, text, sizeof text);
        }
        if (text[0] != '\0')
            printf("%-16.*s %s\n", (int)key.n, key.p, text);
    }
    (void)r;
    fflush(stdout);
}
