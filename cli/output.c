#include "output.h"

#include "codec/json.h"
#include "mem/alloc.h"
#include "wire/suggest.h"

#include <ctype.h>
#include <libsmartcols.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

#define VARIED_MAX 80u
#define CELL_MAX 4096u
#define FIELD_MAX 8192u

const char *const output_format_names[OUTPUT__FORMATS + 1] = {
    [OUTPUT_TABLE] = "table", [OUTPUT_WIDE] = "wide", [OUTPUT_CSV] = "csv",
    [OUTPUT_JSON] = "json",   [OUTPUT_YAML] = "yaml", [OUTPUT_NAME] = "name",
};

/* ---- columns ---- */

static char fold(char c)
{
    return c == ' ' || c == '-' ? '_' : (char)tolower((unsigned char)c);
}

/* "HIGH WATER", "high-water" and "high_water" are the same name. */
static bool is_same_name(const char *name, const char *typed, size_t n)
{
    size_t i = 0;

    while (i < n && name[i] != '\0' && fold(name[i]) == fold(typed[i]))
        i++;
    return i == n && name[i] == '\0';
}

static int unknown_column(const struct column *all, const char *typed, size_t n, struct bx_err *err)
{
    const char *titles[COLUMNS_MAX], *close;
    char upper[64] = "", list[BX_ERR_HINT - 32] = "";
    size_t count = 0, at = 0;

    for (size_t i = 0; i < n && i + 1 < sizeof upper; i++)
        upper[i] = (char)toupper((unsigned char)typed[i]);
    for (; all[count].title != NULL; count++) {
        titles[count] = all[count].title;
        if (at < sizeof list)
            at += (size_t)snprintf(list + at, sizeof list - at, "%s%s", count == 0 ? "" : ",",
                                   titles[count]);
    }
    bx_err_set(err, BX_INVALID, "--columns: unknown column \"%.*s\"", (int)(n > 40 ? 40 : n),
               typed);
    close = n == 0 || n >= sizeof upper ? NULL : bx_suggest(upper, n, titles, count);
    if (close != NULL)
        bx_err_hint(err, "did you mean %s?", close);
    else
        bx_err_hint(err, "available columns: %s", list);
    return BX_INVALID;
}

static const struct column *find_column(const struct column *all, const char *typed, size_t n)
{
    for (; all->title != NULL; all++) {
        if (is_same_name(all->title, typed, n) || is_same_name(all->key, typed, n))
            return all;
    }
    return NULL;
}

static int choose_named(struct output *o, const struct column *all, const char *names,
                        struct bx_err *err)
{
    unsigned count = 0;

    for (const char *p = names;; p++) {
        size_t n = strcspn(p, ",");
        const struct column *c = find_column(all, p, n);

        if (c == NULL)
            return unknown_column(all, p, n, err);
        if (count == COLUMNS_MAX)
            return bx_err_set(err, BX_INVALID, "--columns: too many columns (at most %u)",
                              COLUMNS_MAX);
        o->columns[count++] = *c;
        p += n;
        if (*p == '\0')
            return BX_OK;
    }
}

int output_choose_columns(struct output *o, const struct column *all, const char *names,
                          struct bx_err *err)
{
    unsigned count = 0;

    memset(o->columns, 0, sizeof o->columns);
    o->chosen = names != NULL;
    if (names != NULL && all == NULL) {
        bx_err_set(err, BX_INVALID, "--columns: this command prints no columns");
        bx_err_hint(err, "omit --columns");
        return BX_INVALID;
    }
    if (names != NULL && o->format > OUTPUT_CSV) {
        bx_err_set(err, BX_INVALID, "--columns applies to table, wide and csv only");
        bx_err_hint(err, "omit --columns, or --output");
        return BX_INVALID;
    }
    if (names != NULL)
        return choose_named(o, all, names, err);
    for (; all != NULL && all->title != NULL; all++) {
        if (!all->wide || o->format != OUTPUT_TABLE)
            o->columns[count++] = *all;
    }
    return BX_OK;
}

/* ---- tables ---- */

/* libsmartcols measures text by the locale, and in the C locale it writes every byte beyond ASCII
 * as an escape. Text is UTF-8 here whatever the environment says. */
static void use_utf8(void)
{
    static locale_t utf8;

    if (utf8 == (locale_t)0)
        utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    if (utf8 != (locale_t)0)
        uselocale(utf8);
}

/* Columns that the text takes on the screen: of UTF-8, not of bytes. What is no text counts as
 * bytes. */
static int width_of(const char *text)
{
    int width = 0, w;
    mbstate_t state = {0};
    wchar_t c;

    use_utf8();
    for (size_t n; *text != '\0'; text += n) {
        n = mbrtowc(&c, text, strlen(text), &state);
        if (n == (size_t)-1 || n == (size_t)-2) {
            memset(&state, 0, sizeof state);
            n = 1;
            c = L'?';
        }
        w = wcwidth(c);
        width += w < 0 ? 0 : w;
    }
    return width;
}

static struct libscols_table *new_table(const struct output *o)
{
    struct libscols_table *t;

    use_utf8();
    scols_init_debug(0);
    t = bx_must(scols_new_table(), 0);
    scols_table_enable_noheadings(t, !o->headers);
    if (!isatty(STDOUT_FILENO))
        scols_table_set_termforce(t, SCOLS_TERMFORCE_NEVER);
    scols_table_enable_colors(t, o->color);
    return t;
}

static void add_column(struct libscols_table *t, const char *title, bool right)
{
    bx_must(scols_table_new_column(t, title, 0, right ? SCOLS_FL_RIGHT : 0), 0);
}

static struct libscols_line *add_line(struct libscols_table *t)
{
    return bx_must(scols_table_new_line(t, NULL), 0);
}

/* libsmartcols prints nothing at all without lines. */
static void print_titles(struct libscols_table *t)
{
    for (size_t c = 0; c < scols_table_get_ncols(t); c++) {
        struct libscols_column *column = scols_table_get_column(t, c);

        if (!scols_column_is_hidden(column))
            printf("%s%s", c == 0 ? "" : " ", scols_cell_get_data(scols_column_get_header(column)));
    }
    printf("\n");
}

static void print_and_free(struct libscols_table *t)
{
    if (scols_table_get_nlines(t) > 0)
        scols_print_table(t);
    else if (!scols_table_is_noheadings(t))
        print_titles(t);
    scols_unref_table(t);
    fflush(stdout);
}

/* Good, bad or neither; every other state is on its way somewhere. */
static const char *color_of_state(const char *state)
{
    static const struct {
        const char *state, *color;
    } colors[] = {
        {"running", "green"}, {"up", "green"}, {"ok", "green"},        {"failed", "red"},
        {"lost", "red"},      {"down", "red"}, {"unreachable", "red"}, {"unknown", "red"},
        {"backoff", "red"},   {"full", "red"}, {"stopped", NULL},      {"-", NULL},
    };

    for (size_t i = 0; i < sizeof colors / sizeof colors[0]; i++) {
        if (strcmp(state, colors[i].state) == 0)
            return colors[i].color;
    }
    return "yellow";
}

static void set_cell(struct libscols_line *line, size_t c, const char *text)
{
    bx_must_ok(scols_line_set_data(line, c, text) == 0 ? BX_OK : BX_NO_MEMORY);
}

static bool has_value(bx_val v)
{
    struct bx_str s;

    if (v == NULL || bx_val_type(v) == BX_V_NIL)
        return false;
    return bx_val_type(v) != BX_V_STR || (bx_val_str(v, &s) && s.n > 0);
}

/* An empty cell is "-", so that every line has as many words. */
static void set_value(struct libscols_line *line, size_t c, bx_val v, enum value_format format)
{
    char text[CELL_MAX];

    value_text(v, format, text, sizeof text);
    set_cell(line, c, text[0] == '\0' ? "-" : text);
    if (format == VALUE_STATE)
        scols_cell_set_color(scols_line_get_cell(line, c), color_of_state(text));
}

struct output_table {
    struct libscols_table *table;
    const struct output *output;
    const struct column *columns;
    bool filled[COLUMNS_MAX]; /* columns of which some cell has a value */
    bool varies[COLUMNS_MAX]; /* varied ones of which not all cells are the same */
    char first[COLUMNS_MAX][VARIED_MAX];
    uint32_t n; /* rows */
};

static void note_value(struct output_table *t, size_t c, bx_val v)
{
    char text[VARIED_MAX] = "";

    t->filled[c] |= has_value(v);
    if (!t->columns[c].varied)
        return;
    value_text(v, t->columns[c].format, text, sizeof text);
    if (t->n == 0)
        memcpy(t->first[c], text, sizeof text);
    t->varies[c] |= strcmp(t->first[c], text) != 0;
}

struct output_table *output_table_begin(const struct output *o, const struct column *columns)
{
    struct output_table *t = bx_must_calloc(1, sizeof *t);

    *t = (struct output_table){.table = new_table(o), .output = o, .columns = columns};
    for (size_t c = 0; columns[c].title != NULL; c++)
        add_column(t->table, columns[c].title, value_is_right_aligned(columns[c].format));
    return t;
}

void output_table_add(struct output_table *t, bx_val rows)
{
    bool several = bx_val_type(rows) == BX_V_ARRAY;

    for (uint32_t i = 0; i < (several ? bx_val_len(rows) : 1); i++) {
        struct libscols_line *line = add_line(t->table);
        bx_val row = several ? bx_val_at(rows, i) : rows;

        for (size_t c = 0; t->columns[c].title != NULL; c++) {
            bx_val v = value_at(row, t->columns[c].key);

            set_value(line, c, v, t->columns[c].format);
            note_value(t, c, v);
        }
        t->n++;
    }
}

static bool is_left_out(const struct output_table *t, size_t c)
{
    if (t->output->chosen)
        return false;
    return (t->columns[c].sparse && !t->filled[c]) ||
           (t->columns[c].varied && !t->varies[c] && t->output->format != OUTPUT_WIDE);
}

/* Leave out the columns that tell nothing. */
static void hide_empty(struct output_table *t)
{
    for (size_t c = 0; t->columns[c].title != NULL; c++) {
        if (is_left_out(t, c))
            scols_column_set_flags(scols_table_get_column(t->table, c), SCOLS_FL_HIDDEN);
    }
}

void output_table_end(struct output_table *t)
{
    hide_empty(t);
    print_and_free(t->table);
    bx_free(t);
}

void output_table_drop(struct output_table *t)
{
    if (t == NULL)
        return;
    scols_unref_table(t->table);
    bx_free(t);
}

void output_table(const struct output *o, bx_val rows, const struct column *columns)
{
    struct output_table *t = output_table_begin(o, columns);

    output_table_add(t, rows);
    output_table_end(t);
}

void output_rows(const struct output *o, bx_val titles, bx_val rows)
{
    struct libscols_table *t = new_table(o);
    char text[CELL_MAX];

    for (uint32_t c = 0; c < bx_val_len(titles); c++) {
        value_text(bx_val_at(titles, c), VALUE_TEXT, text, sizeof text);
        add_column(t, text, false);
    }
    for (uint32_t i = 0; i < bx_val_len(rows); i++) {
        struct libscols_line *line = add_line(t);

        for (uint32_t c = 0; c < bx_val_len(titles); c++) {
            value_text(bx_val_at(bx_val_at(rows, i), c), VALUE_TEXT, text, sizeof text);
            set_cell(line, c, text);
        }
    }
    print_and_free(t);
}

void output_line(const struct column *columns, bx_val v)
{
    for (const struct column *c = columns; c->title != NULL; c++) {
        int width = c[1].title == NULL ? 0 : (int)c->width;
        char text[512];

        if (v == NULL)
            snprintf(text, sizeof text, "%s", c->title);
        else
            value_text(value_at(v, c->key), c->format, text, sizeof text);
        if (text[0] == '\0')
            snprintf(text, sizeof text, "-");
        printf("%s%s%*s", c == columns ? "" : " ", text,
               width > width_of(text) ? width - width_of(text) : 0, "");
    }
    printf("\n");
    fflush(stdout);
}

/* ---- fields ---- */

/* Times are written for people here; the formats for programs keep the number. */
static bool is_time(struct bx_str key)
{
    static const char *const keys[] = {"created_ms",     "modified_ms",    "unknown_since_ms",
                                       "state_since_ms", "last_exited_ms", "next_try_ms",
                                       "last_reboot_ms"};
    size_t i = 0;

    while (i < sizeof keys / sizeof keys[0] && !bx_str_eq(key, bx_str(keys[i])))
        i++;
    return i < sizeof keys / sizeof keys[0];
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

static void print_scalar(struct bx_str key, bx_val v)
{
    char text[FIELD_MAX];

    value_text(v, is_time(key) ? VALUE_TIME : VALUE_TEXT, text, sizeof text);
    key.n -= is_time(key) ? 3 : 0;
    if (text[0] != '\0')
        printf("%-16.*s %s\n", (int)key.n, key.p, text);
}

void output_fields(bx_val v)
{
    for (uint32_t i = 0; i < bx_val_len(v); i++) {
        bx_val value = bx_val_value(v, i);
        struct bx_str key = {"", 0};

        bx_val_str(bx_val_key(v, i), &key);
        if (bx_val_type(value) == BX_V_MAP || bx_val_type(value) == BX_V_ARRAY)
            print_container(key, value);
        else
            print_scalar(key, value);
    }
    fflush(stdout);
}
