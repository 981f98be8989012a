#include "command.h"

#include "wire/suggest.h"

#include <stdio.h>
#include <string.h>

#define SUGGESTIONS_MAX 64u

#define NOUN_TABLE(noun) noun##_commands,
static const struct command *const tables[] = {NOUNS(NOUN_TABLE)};

const struct planned planned_commands[] = {
    {.name = "vm set"},
    {.name = "vm move", .hint = "delete the VM and create it with --node"},
    {.name = "vm clone"},
    {.name = "vm console", .hint = "blixardctl vm logs NAME prints the end of the console"},
    {.name = "vm vnc"},
    {.name = "vm snapshot"},
    {.name = "vm protect"},
    {.name = "vm autostart", .hint = "blixardctl vm create --restart always"},
    {.name = "vm exec"},
    {.name = "vm ssh"},
    {.name = "vm export"},
    {.name = "vm import", .hint = "blixardctl vm create NAME --file FILE"},
    {.name = "node set"},
    {.name = "node drain"},
    {.name = "node cordon"},
    {.name = "node uncordon"},
    {.name = "node fence", .hint = "blixardctl node remove NAME --confirm-dead"},
    {.name = "cluster remove", .hint = "blixardctl node remove NAME"},
    {.name = "cluster transfer-leader"},
    {.name = "cluster rebalance"},
    {.name = "cluster maintenance"},
    {.name = "cluster snapshot"},
    {.name = "cluster recover"},
    {.name = "cluster set"},
    {.name = "image"},
    {.name = "volume"},
    {.name = "network"},
    {.name = "pool"},
    {.name = "backup"},
    {.name = "apply"},
    {.name = "diff"},
    {.name = "undo"},
    {.name = "export"},
    {.name = "edit"},
    {.name = "whatif", .hint = "blixardctl vm create NAME --dry-run"},
    {.name = "top", .hint = "blixardctl vm list --watch"},
    {0},
};

/* ---- flags ---- */

static const char *const consistencies[] = {"linearizable", "stale", NULL};

const struct flag global_flags[] = {
    {.name = "addr",
     .value = "ADDR",
     .help = "unix:PATH or HOST:PORT; several, separated by commas"},
    {.name = "output",
     .letter = 'o',
     .value = "FORMAT",
     .help = "table, wide (more columns), json, yaml, csv or name",
     .choices = output_format_names},
    {.name = "columns",
     .letter = 'c',
     .value = "COLS",
     .help = "columns of the table to print, separated by commas",
     .columns = true},
    {.name = "context",
     .value = "NAME",
     .help = "use the stored context of this name",
     .completes = "context"},
    {.name = "token-file",
     .value = "FILE",
     .help = "act as the user of the token in this file, of mode 0600"},
    {.name = "ca", .value = "FILE", .help = "the CA of the cluster, for TCP addresses (PEM)"},
    {.name = "cert", .value = "FILE", .help = "act as the user of this certificate (PEM)"},
    {.name = "key", .value = "FILE", .help = "private key of --cert, of mode 0600 (PEM)"},
    {.name = "no-headers", .help = "print a table without its header"},
    {.name = "wait", .help = "wait until the operation has finished (default)"},
    {.name = "no-wait", .help = "return as soon as the change is committed"},
    {.name = "timeout",
     .value = "D",
     .help = "timeout of the request (10s), and of the wait (60s)"},
    {.name = "consistency",
     .value = "C",
     .help = "of reads: linearizable or stale",
     .choices = consistencies},
    {.name = "quiet", .letter = 'q', .help = "print nothing but data"},
    {.name = "verbose", .letter = 'v', .help = "print the trace id and each failed attempt"},
    {.name = "no-color", .help = "do not colour output on a terminal"},
    {.name = "yes", .letter = 'y', .help = "do not ask for confirmation"},
    {.name = "help", .letter = 'h', .help = "show help"},
    {0},
};
static const struct flag watch_flags[] = {
    {.name = "watch", .letter = 'w', .help = "repeat every two seconds until Ctrl-C"},
    {0},
};
static const struct flag request_id_flags[] = {
    {.name = "request-id", .value = "HEX", .help = "32 hex digits: repeat a request safely"},
    {0},
};

static const struct flag tenant_flags[] = {
    {.name = "tenant", .value = "T", .help = "only what this tenant has", .completes = "tenant"},
    {.name = "all-tenants", .help = "what all tenants have, whatever the context says"},
    {0},
};

void command_flags(const struct command *c, const struct flag *all[FLAG_TABLES_MAX + 1])
{
    unsigned n = 0;

    if (c->flags != NULL)
        all[n++] = c->flags;
    if (c->watch)
        all[n++] = watch_flags;
    if (c->request_id)
        all[n++] = request_id_flags;
    if (c->of_tenants)
        all[n++] = tenant_flags;
    all[n++] = global_flags;
    all[n] = NULL;
}

/* ---- finding ---- */

const struct command *command_at(unsigned i)
{
    for (size_t t = 0; t < sizeof tables / sizeof tables[0]; t++) {
        for (const struct command *c = tables[t]; c->name != NULL; c++) {
            if (i-- == 0)
                return c;
        }
    }
    return NULL;
}

/* Length of the first n words of a name; those it does not have count as none. */
static size_t words_length(const char *name, unsigned n)
{
    size_t at = 0;

    for (; n > 0 && name[at] != '\0'; n--) {
        at += at > 0;
        at += strcspn(name + at, " ");
    }
    return at;
}

static unsigned count_words(const char *name)
{
    unsigned n = 1;

    for (; *name != '\0'; name++)
        n += *name == ' ';
    return n;
}

unsigned command_depth(const struct command *c)
{
    return count_words(c->name);
}

bool command_begins_with(const char *name, const char *const *words, unsigned n)
{
    size_t at = 0;

    for (unsigned i = 0; i < n; i++) {
        size_t length = strlen(words[i]);

        if (name[at] == '\0' || strncmp(name + at, words[i], length) != 0)
            return false;
        at += length;
        if (name[at] != '\0' && name[at++] != ' ')
            return false;
    }
    return true;
}

/* Whether the words begin with the name. */
static bool is_named(const char *name, const char *const *words, unsigned n)
{
    unsigned depth = count_words(name);

    return depth <= n && command_begins_with(name, words, depth);
}

const struct command *command_find(const char *const *words, unsigned n)
{
    const struct command *c;

    for (unsigned i = 0; (c = command_at(i)) != NULL && !is_named(c->name, words, n); i++)
        ;
    return c;
}

void command_usage(const struct command *c, char *out, size_t size)
{
    size_t at = (size_t)snprintf(out, size, "%s", c->name);

    for (const struct argument *a = c->arguments; a->name != NULL && at < size; a++)
        at += (size_t)snprintf(out + at, size - at, a->optional ? " [%s%s]" : " %s%s", a->name,
                               a->many ? "..." : "");
}

/* ---- words that name no command ---- */

/* How many of the words some command's name begins with. */
static unsigned known_depth(const char *const *words, unsigned n)
{
    unsigned depth = 0;

    for (unsigned i = 0; command_at(i) != NULL; i++) {
        while (depth < n && command_begins_with(command_at(i)->name, words, depth + 1))
            depth++;
    }
    return depth;
}

static const struct planned *find_planned(const char *const *words, unsigned n)
{
    for (const struct planned *p = planned_commands; p->name != NULL; p++) {
        if (is_named(p->name, words, n))
            return p;
    }
    return NULL;
}

/* What other tools call it. */
static const struct {
    const char *typed, *meant[3];
} synonyms[] = {
    {"ls", {"list"}},
    {"ps", {"list"}},
    {"get", {"show", "list"}},
    {"describe", {"show"}},
    {"info", {"show"}},
    {"status", {"show"}},
    {"rm", {"delete", "remove"}},
    {"del", {"delete", "remove"}},
    {"remove", {"delete"}},
    {"delete", {"remove"}},
    {"destroy", {"delete", "remove"}},
    {"mv", {"rename"}},
    {"add", {"create", "join"}},
    {"new", {"create"}},
    {"run", {"create"}},
    {"kill", {"stop"}},
    {"reboot", {"restart"}},
    {"shutdown", {"stop"}},
};

/* The one of the words that `typed` is a synonym of; NULL: none. */
static const char *find_synonym(const char *typed, const char *const *words, unsigned n)
{
    for (size_t i = 0; i < sizeof synonyms / sizeof synonyms[0]; i++) {
        if (strcmp(synonyms[i].typed, typed) != 0)
            continue;
        for (const char *const *meant = synonyms[i].meant; *meant != NULL; meant++) {
            for (unsigned k = 0; k < n; k++) {
                if (strcmp(words[k], *meant) == 0)
                    return words[k];
            }
        }
    }
    return NULL;
}

/* A command that begins with the same `depth` words and goes on much like `typed`; *n is how much
 * of its name is meant. */
static const char *suggest(const char *const *words, unsigned depth, const char *typed, size_t *n)
{
    char next[SUGGESTIONS_MAX][32];
    const char *list[SUGGESTIONS_MAX], *names[SUGGESTIONS_MAX], *found;
    unsigned count = 0;

    for (unsigned i = 0; command_at(i) != NULL && count < SUGGESTIONS_MAX; i++) {
        const char *name = command_at(i)->name;
        size_t skip = words_length(name, depth);

        if (!command_begins_with(name, words, depth) || name[skip] == '\0')
            continue;
        skip += name[skip] == ' ';
        snprintf(next[count], sizeof next[0], "%.*s", (int)strcspn(name + skip, " "), name + skip);
        list[count] = next[count];
        names[count++] = name;
    }
    found = find_synonym(typed, list, count);
    if (found == NULL)
        found = bx_suggest(typed, strlen(typed), list, count);
    for (unsigned i = 0; found != NULL && i < count; i++) {
        if (found != list[i])
            continue;
        *n = words_length(names[i], depth + 1);
        return names[i];
    }
    return NULL;
}

/* The first n words with spaces between, cut when they are too long. */
static void join(const char *const *words, unsigned n, char *out, size_t size)
{
    size_t at = 0;

    out[0] = '\0';
    for (unsigned i = 0; i < n && at < size; i++)
        at += (size_t)snprintf(out + at, size - at, "%s%.60s", i == 0 ? "" : " ", words[i]);
}

int command_unknown(const char *const *words, unsigned n, struct bx_err *err)
{
    const struct planned *planned = find_planned(words, n);
    unsigned depth = known_depth(words, n);
    char known[96], all[160];
    const char *close;
    size_t length;

    join(words, depth, known, sizeof known);
    if (planned != NULL) {
        bx_err_set(err, BX_INVALID, "%s is not supported yet", planned->name);
        if (planned->hint != NULL)
            bx_err_hint(err, "%s", planned->hint);
        else
            bx_err_hint(err, "blixardctl help lists the commands that are supported");
    } else if (n == 0) {
        bx_err_set(err, BX_INVALID, "missing command");
        bx_err_hint(err, "blixardctl help lists the commands");
    } else if (depth == n) {
        bx_err_set(err, BX_INVALID, "%s: missing subcommand", known);
        bx_err_hint(err, "blixardctl help %s lists them", known);
    } else {
        join(words, depth + 1, all, sizeof all);
        close = suggest(words, depth, words[depth], &length);
        bx_err_set(err, BX_INVALID, "unknown command \"%s\"", all);
        if (close != NULL)
            bx_err_hint(err, "did you mean \"%.*s\"?", (int)length, close);
        else
            bx_err_hint(err, "blixardctl help%s%s lists the commands", depth == 0 ? "" : " ",
                        known);
    }
    return BX_INVALID;
}

/* ---- words among flags ---- */

static bool takes_value(const char *arg)
{
    const struct flag *all[FLAG_TABLES_MAX + 1], *f = NULL;
    const char *name = arg + strspn(arg, "-");

    for (unsigned i = 0; f == NULL && command_at(i) != NULL; i++) {
        command_flags(command_at(i), all);
        for (unsigned t = 0; f == NULL && all[t] != NULL; t++)
            f = flag_find(all[t], name, strlen(name));
    }
    return f != NULL && f->value != NULL;
}

unsigned command_words(int argc, char **argv, const char **words, unsigned max)
{
    unsigned n = 0;

    for (int i = 1; i < argc && n < max; i++) {
        if (argv[i][0] == '-')
            i += takes_value(argv[i]);
        else
            words[n++] = argv[i];
    }
    return n;
}
