#include "command.h"

#include "codec/json.h"
#include "mem/alloc.h"

#include <libsmartcols.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

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

static void time_text(uint64_t ms, char *out, size_t size)
{
    time_t s = (time_t)(ms / 1000);
    struct tm tm;
    char day[32];

    if (gmtime_r(&s, &tm) == NULL || strftime(day, sizeof day, "%FT%T", &tm) == 0)
        day[0] = '\0';
    snprintf(out, size, "%s.%03uZ", day, (unsigned)(ms % 1000));
}

/* "app=web,tier=front" */
static void labels_text(bx_val v, char *out, size_t size)
{
    size_t at = 0;

    snprintf(out, size, "-");
    for (uint32_t i = 0; i < bx_val_len(v) && at < size; i++) {
        struct bx_str key = {"", 0}, value = {"", 0};

        bx_val_str(bx_val_key(v, i), &key);
        bx_val_str(bx_val_value(v, i), &value);
        at += (size_t)snprintf(out + at, size - at, "%s" BX_STR_FMT "=" BX_STR_FMT,
                               i == 0 ? "" : ",", BX_STR_ARG(key), BX_STR_ARG(value));
    }
    printable(out);
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
        else if (as == 't')
            time_text(n, out, size);
        else
            snprintf(out, size, "%llu", (unsigned long long)n);
    } else if (bx_val_i64(v, &i)) {
        snprintf(out, size, "%lld", (long long)i);
    } else if (bx_val_str(v, &s)) {
        snprintf(out, size, "%.*s", (int)s.n, s.p);
        printable(out);
    } else if (bx_val_bool(v, &b)) {
        snprintf(out, size, "%s", b ? "yes" : "no");
    } else if (as == 'l') {
        labels_text(v, out, size);
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

/* libsmartcols prints nothing at all without lines. */
static void print_titles(struct libscols_table *t)
{
    for (size_t c = 0; c < scols_table_get_ncols(t); c++) {
        struct libscols_column *column = scols_table_get_column(t, c);

        printf("%s%s", c == 0 ? "" : " ", scols_cell_get_data(scols_column_get_header(column)));
    }
    printf("\n");
}

static void finish_table(struct libscols_table *t)
{
    if (scols_table_get_nlines(t) > 0)
        scols_print_table(t);
    else if (!scols_table_is_noheadings(t))
        print_titles(t);
    scols_unref_table(t);
    fflush(stdout);
}

/* Good, bad, or on the way. */
static const char *state_color(const char *s)
{
    static const char *const good[] = {"running", "up", "ok"};
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

static void set_cell(struct libscols_line *line, size_t c, bx_val v, const struct column *column)
{
    char text[4096];

    value_text(v, column == NULL ? 0 : column->as, text, sizeof text);
    if (column != NULL && text[0] == '\0')
        snprintf(text, sizeof text, "-"); /* so that every line has as many words */
    if (scols_line_set_data(line, c, text) != 0)
        bx_oom(0);
    if (column != NULL && column->as == 's')
        scols_cell_set_color(scols_line_get_cell(line, c), state_color(text));
}

void print_table(const struct run *r, bx_val rows, const struct column *columns)
{
    struct libscols_table *t = new_table(r);
    bool several = bx_val_type(rows) == BX_V_ARRAY;

    for (size_t c = 0; columns[c].title != NULL; c++)
        add_column(t, columns[c].title, columns[c].flags & COLUMN_RIGHT);
    for (uint32_t i = 0; i < (several ? bx_val_len(rows) : 1); i++) {
        struct libscols_line *line = add_line(t);
        bx_val row = several ? bx_val_at(rows, i) : rows;

        for (size_t c = 0; columns[c].title != NULL; c++)
            set_cell(line, c, value_at(row, columns[c].key), &columns[c]);
    }
    finish_table(t);
}

void print_rows(const struct run *r, bx_val columns, bx_val rows)
{
    struct libscols_table *t = new_table(r);
    char text[4096];

    for (uint32_t c = 0; c < bx_val_len(columns); c++) {
        value_text(bx_val_at(columns, c), 0, text, sizeof text);
        add_column(t, text, false);
    }
    for (uint32_t i = 0; i < bx_val_len(rows); i++) {
        struct libscols_line *line = add_line(t);

        for (uint32_t c = 0; c < bx_val_len(columns); c++)
            set_cell(line, c, bx_val_at(bx_val_at(rows, i), c), NULL);
    }
    finish_table(t);
}

void print_line(const struct column *columns, bx_val v)
{
    for (const struct column *c = columns; c->title != NULL; c++) {
        int width = c[1].title == NULL ? 0 : (int)(c->flags >> 8);
        char text[512];

        if (v == NULL)
            snprintf(text, sizeof text, "%s", c->title);
        else
            value_text(value_at(v, c->key), c->as, text, sizeof text);
        if (text[0] == '\0')
            snprintf(text, sizeof text, "-");
        printf("%s%-*s", c == columns ? "" : " ", width, text);
    }
    printf("\n");
    fflush(stdout);
}

/* Times are for people here; the formats for programs have them as they are. */
static bool is_time(struct bx_str key)
{
    return bx_str_eq(key, bx_str("created_ms")) || bx_str_eq(key, bx_str("modified_ms"));
}

/* All of it, however long; JSON has no control characters. */
static void print_container(struct bx_str key, bx_val v)
{
    struct bx_buf b = {0};

    if (bx_json_write(&b, v, 0) == BX_NO_MEMORY)
        bx_oom(0);
    printf("%-16.*s %.*s\n", (int)key.n, key.p, (int)b.len, (const char *)b.data);
    bx_buf_release(&b);
}

void print_fields(bx_val v)
{
    for (uint32_t i = 0; i < bx_val_len(v); i++) {
        bx_val value = bx_val_value(v, i);
        struct bx_str key = {"", 0};
        char text[8192];

        bx_val_str(bx_val_key(v, i), &key);
        if (bx_val_type(value) == BX_V_MAP || bx_val_type(value) == BX_V_ARRAY) {
            print_container(key, value);
            continue;
        }
        value_text(value, is_time(key) ? 't' : 0, text, sizeof text);
        key.n -= is_time(key) ? 3 : 0;
        if (text[0] != '\0')
            printf("%-16.*s %s\n", (int)key.n, key.p, text);
    }
    fflush(stdout);
}
