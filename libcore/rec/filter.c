#include "rec/filter.h"

#include "rec/text.h"

#include <stdio.h>
#include <string.h>

static int level_of(const char *s, size_t n, uint8_t *out)
{
    enum bx_level level;

    if (n == 3 && memcmp(s, "off", 3) == 0) {
        *out = 0;
        return BX_OK;
    }
    if (!bx_level_parse(s, n, &level))
        return BX_INVALID;
    *out = (uint8_t)level;
    return BX_OK;
}

static int no_level(const char *s, size_t n, struct bx_err *err)
{
    bx_err_set(err, BX_INVALID, "unknown log level \"%.*s\"", (int)n, s);
    bx_err_hint(err, "levels: off, error, warning, info, debug, trace; "
                     "a filter looks like info,raft=debug,vm=web1");
    return BX_INVALID;
}

static int copy_word(char *out, const char *s, size_t n, struct bx_err *err)
{
    if (n == 0 || n > BX_FILTER_WORD)
        return bx_err_set(err, BX_INVALID, "log filter: a word has 1 to %u bytes", BX_FILTER_WORD);
    memcpy(out, s, n);
    out[n] = '\0';
    return BX_OK;
}

/* key=value: of a target when the value is a level, otherwise of a field. */
static int parse_rule(struct bx_filter *f, const char *s, size_t n, const char *eq,
                      struct bx_err *err)
{
    size_t n_key = (size_t)(eq - s), n_value = n - n_key - 1;
    struct bx_filter_rule rule = {0};
    bool target = level_of(eq + 1, n_value, &rule.level) == BX_OK;
    uint32_t *count = target ? &f->n_targets : &f->n_fields;

    if (*count == BX_FILTER_RULES)
        return bx_err_set(err, BX_INVALID, "log filter: at most %u targets and %u fields",
                          BX_FILTER_RULES, BX_FILTER_RULES);
    if (copy_word(rule.key, s, n_key, err) != BX_OK ||
        copy_word(rule.value, eq + 1, n_value, err) != BX_OK)
        return BX_INVALID;
    (target ? f->targets : f->fields)[(*count)++] = rule;
    return BX_OK;
}

int bx_filter_parse(struct bx_filter *f, const char *spec, struct bx_err *err)
{
    *f = (struct bx_filter){.level = BX_LEVEL_INFO};
    while (*spec != '\0') {
        size_t n = strcspn(spec, ",");
        const char *eq = memchr(spec, '=', n);

        if (eq == NULL && level_of(spec, n, &f->level) != BX_OK)
            return no_level(spec, n, err);
        if (eq != NULL && parse_rule(f, spec, n, eq, err) != BX_OK)
            return BX_INVALID;
        spec += n;
        if (*spec == ',')
            spec++;
    }
    return BX_OK;
}

static const char *name_of(uint8_t level)
{
    return level == 0 ? "off" : bx_level_name(level);
}

void bx_filter_format(const struct bx_filter *f, char out[BX_FILTER_SPEC])
{
    size_t at = (size_t)snprintf(out, BX_FILTER_SPEC, "%s", name_of(f->level));

    for (uint32_t i = 0; i < f->n_targets; i++)
        at += (size_t)snprintf(out + at, BX_FILTER_SPEC - at, ",%s=%s", f->targets[i].key,
                               name_of(f->targets[i].level));
    for (uint32_t i = 0; i < f->n_fields; i++)
        at += (size_t)snprintf(out + at, BX_FILTER_SPEC - at, ",%s=%s", f->fields[i].key,
                               f->fields[i].value);
}

bool bx_filter_site(const struct bx_filter *f, const struct bx_site *s)
{
    uint8_t level = f->level;

    for (uint32_t i = 0; i < f->n_targets; i++)
        if (strcmp(f->targets[i].key, s->target) == 0)
            level = f->targets[i].level;
    return level != 0 && s->level <= level;
}

static bool field_is(const struct bx_recevent *e, const char *key, const char *value)
{
    char text[BX_FILTER_WORD + 2];

    for (uint8_t i = 0; i < e->n; i++)
        if (strcmp(e->site->fields[i].key, key) == 0) {
            bx_text_value(text, sizeof text, e->site->fields[i].type, &e->args[i]);
            return strcmp(text, value) == 0;
        }
    return false;
}

bool bx_filter_event(const struct bx_filter *f, const struct bx_recevent *e)
{
    if (!bx_filter_site(f, e->site))
        return false;
    for (uint32_t i = 0; i < f->n_fields; i++) {
        bool any = false;

        for (uint32_t j = 0; j < f->n_fields && !any; j++)
            any = strcmp(f->fields[j].key, f->fields[i].key) == 0 &&
                  field_is(e, f->fields[j].key, f->fields[j].value);
        if (!any)
            return false;
    }
    return true;
}
