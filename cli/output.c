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

void printable(char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < ' ' || *text == 0x7f)
            *text = '?';
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
        printable(out);
    } else if (bx_val_bool(v, &b)) {
        snprintf(out, size, "%s", b ? "yes" : "no");
    } else {
        snprintf(out, size, "-");
    }
}

/* ---- tables ---- */

static struct libscols_table *new_table(const struct run *r)
{
    struct libscols_table *t;

    scols_init_debug(0);
    t = scols_new_table();
    if (t == NULL)
        bx_oom(0);
    scols_table_enable_noheadings(t, !r->headers);
    if (!isatty(STDOUT_FILENO))
        scols_table_set_termforce(t, SCOLS_TERMFORCE_NEVER);
    scols_table_enable_colors(t, r->color);
    return t;
}

static void add_column(struct libscols_table *t, const char *title, bool right)
{
    if (scols_table_new_column(t, title, 0, right ? SCOLS_FL_RIGHT : 0) == NULL)
        bx_oom(0);
}

static struct libscols_line *add_line(struct libscols_table *t)
{
    struct libscols_line *line = scols_table_new_line(t, NULL);

    if (line == NULL)
        bx_oom(0);
    return line;
}

static void finish_table(struct libscols_table *t)
{
    scols_print_table(t);
    scols_unref_table(t);
    fflush(stdout);
}

/* Good, bad, or on the way. */
static const char *state_color(const char *s)
{
    static const char *const good[] = {"running", "up"};
    static const char *const bad[] = {"failed", "lost", "down"};
    static const char *const calm[] = {"stopped", "-"};

    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        if (strcmp(s, good[i]) == 0)
            return "green";
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (strcmp(s, bad[i]) == 0)
            return "red";
    }
    for (size_t i = 0; i < sizeof calm / sizeof calm[0]; i++) {
        if (strcmp(s, calm[i]) == 0)
            return NULL;
    }
    return "yellow";
}

void print_table(const struct run *r, bx_val rows, const struct column *columns)
{
    struct libscols_table *t = new_table(r);

    for (size_t c = 0; columns[c].title != NULL; c++)
        add_column(t, columns[c].title, columns[c].right);
    for (uint32_t i = 0; i < bx_val_len(rows); i++) {
        struct libscols_line *line = add_line(t);

        for (size_t c = 0; columns[c].title != NULL; c++) {
            char text[4096];

            value_text(value_at(bx_val_at(rows, i), columns[c].key), columns[c].as, text,
                       sizeof text);
            if (scols_line_set_data(line, c, text) != 0)
                bx_oom(0);
            if (columns[c].as == 's')
                scols_cell_set_color(scols_line_get_cell(line, c), state_color(text));
        }
    }
    finish_table(t);
}

void print_rows(const struct run *r, bx_val result)
{
    bx_val columns = bx_val_get(result, "columns"), rows = bx_val_get(result, "rows");
    struct libscols_table *t = new_table(r);
    char text[4096];

    for (uint32_t c = 0; c < bx_val_len(columns); c++) {
        value_text(bx_val_at(columns, c), 0, text, sizeof text);
        add_column(t, text, false);
    }
    for (uint32_t i = 0; i < bx_val_len(rows); i++) {
        struct libscols_line *line = add_line(t);

        for (uint32_t c = 0; c < bx_val_len(columns); c++) {
            value_text(bx_val_at(bx_val_at(rows, i), c), 0, text, sizeof text);
            if (scols_line_set_data(line, c, text) != 0)
                bx_oom(0);
        }
    }
    finish_table(t);
}

void print_fields(bx_val v)
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
    fflush(stdout);
}
