/* completion - scripts for shells, made from the tables of commands and flags.
 *
 * A script knows the commands, their flags and the choices of values. Names of objects are asked
 * for when the user presses tab, of whatever node answers first, by `NOUN list -o name`. */
#include "run.h"

#include "parse.h"

#include <stdio.h>
#include <string.h>

static int completion(struct run *r);

static const char *const shells[] = {"bash", "zsh", "fish", NULL};

const struct command completion_commands[] = {
    {.name = "completion",
     .arguments = {{.name = "bash|zsh|fish", .choices = shells}},
     .help = "print a completion script; source it",
     .offline = true,
     .run = completion},
    {0},
};

#define LIST_FLAGS "list -o name --consistency stale --timeout 1s 2>/dev/null"

/* ---- bash ----
 *
 * What completes a value or an argument is its source: "vm" for the names of VMs, "=a b c" for one
 * of these words, "," for columns of the command with commas between, nothing for whatever the
 * shell does by default, which is files. */

static void print_source(const char *completes, const char *const *choices)
{
    if (completes != NULL)
        printf("%s", completes);
    for (unsigned i = 0; choices != NULL && choices[i] != NULL; i++)
        printf("%s%s", i == 0 ? "=" : " ", choices[i]);
}

/* "--output|-o" or, with a space between, "--output -o". */
static void print_names(const struct flag *f, char between)
{
    printf("--%s", f->name);
    if (f->letter != 0)
        printf("%c-%c", between, f->letter);
}

/* Whether an earlier command has the same table of flags. */
static bool is_repeated_table(unsigned at, const struct flag *table)
{
    const struct flag *tables[FLAG_TABLES_MAX + 1];

    for (unsigned i = 0; i < at; i++) {
        command_flags(command_at(i), tables);
        for (unsigned t = 0; tables[t] != NULL; t++) {
            if (tables[t] == table)
                return true;
        }
    }
    return false;
}

static void bash_value_flag(const struct flag *f)
{
    if (f->planned || f->value == NULL)
        return;
    printf("      ");
    print_names(f, '|');
    printf(") source='%s", f->columns ? "," : "");
    print_source(f->completes, f->choices);
    printf("'; i=$((i + 1)) ;;\n");
}

/* Every flag that takes a value, of any command: the word after it is not one of the command. */
static void bash_value_flags(void)
{
    const struct flag *tables[FLAG_TABLES_MAX + 1];

    for (unsigned i = 0; command_at(i) != NULL; i++) {
        command_flags(command_at(i), tables);
        for (unsigned t = 0; tables[t] != NULL; t++) {
            for (const struct flag *f = tables[t];
                 f->name != NULL && !is_repeated_table(i, tables[t]); f++)
                bash_value_flag(f);
        }
    }
}

/* Whether an earlier command begins with the same n bytes, which end a word. */
static bool is_repeated(unsigned at, size_t n)
{
    const char *name = command_at(at)->name;

    for (unsigned i = 0; i < at; i++) {
        const char *other = command_at(i)->name;

        if (strncmp(other, name, n) == 0 && (other[n] == ' ' || other[n] == '\0'))
            return true;
    }
    return false;
}

/* The words that may follow the first n bytes of the name of command `at`, which end a word. */
static void bash_next_words(unsigned at, size_t n)
{
    const char *prefix = command_at(at)->name;

    printf("    '%.*s') words='", (int)n, prefix);
    for (unsigned i = at; command_at(i) != NULL; i++) {
        const char *name = command_at(i)->name;
        size_t skip = n == 0 ? 0 : n + 1;
        size_t length = strncmp(name, prefix, n) == 0 ? strcspn(name + skip, " ") : 0;

        if (length > 0 && (n == 0 || name[n] == ' ') && !is_repeated(i, skip + length))
            printf("%.*s ", (int)length, name + skip);
    }
    printf("%s' ;;\n", n == 0 ? "help" : "");
}

/* Each beginning of a name once, where it first occurs. */
static void bash_words(void)
{
    bash_next_words(0, 0);
    for (unsigned i = 0; command_at(i) != NULL; i++) {
        const char *name = command_at(i)->name;

        for (size_t n = strcspn(name, " "); name[n] == ' '; n += 1 + strcspn(name + n + 1, " ")) {
            if (!is_repeated(i, n))
                bash_next_words(i, n);
        }
    }
}

/* Whether its last argument may be repeated. */
static bool is_many(const struct command *c)
{
    bool many = false;

    for (const struct argument *a = c->arguments; a->name != NULL; a++)
        many = a->many;
    return many;
}

static void print_columns(const struct command *c, char between)
{
    for (const struct column *k = c->columns; k != NULL && k->title != NULL; k++) {
        if (k != c->columns)
            putchar(between);
        printf("%s", k->key);
    }
}

static void bash_command(const struct command *c)
{
    const struct flag *tables[FLAG_TABLES_MAX + 1];

    command_flags(c, tables);
    printf("    '%s '*) depth=%u flags='", c->name, command_depth(c));
    for (unsigned t = 0; tables[t] != NULL; t++) {
        for (const struct flag *f = tables[t]; f->name != NULL; f++) {
            if (f->planned)
                continue;
            print_names(f, ' ');
            printf(" ");
        }
    }
    printf("' arguments=(");
    for (const struct argument *a = c->arguments; a->name != NULL; a++) {
        printf("'");
        print_source(a->completes, a->choices);
        printf("' ");
    }
    printf(")%s columns='", is_many(c) ? " many=1" : "");
    print_columns(c, ' ');
    printf("' ;;\n");
}

static void bash(void)
{
    printf("_blixardctl()\n{\n"
           "  local cur=${COMP_WORDS[COMP_CWORD]} path= source= words= flags= arguments=()\n"
           "  local depth=0 n=0 many= columns= i\n"
           "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
           "    source=\n"
           "    case ${COMP_WORDS[i]} in\n");
    bash_value_flags();
    printf("      -*) ;;\n"
           "      *) path=\"${path:+$path }${COMP_WORDS[i]}\" n=$((n + 1)) ;;\n"
           "    esac\n"
           "  done\n"
           "  [ \"$i\" -gt \"$COMP_CWORD\" ] || source=\n"
           "  case $path in\n"
           "    help) path= ;;\n"
           "    'help '*) path=${path#help } n=$((n - 1)) ;;\n"
           "  esac\n"
           "  case $path in\n");
    bash_words();
    printf("  esac\n"
           "  case \"$path \" in\n");
    for (unsigned i = 0; command_at(i) != NULL; i++)
        bash_command(command_at(i));
    printf(
        "  esac\n"
        "  if [ \"$i\" -le \"$COMP_CWORD\" ] && [ \"$depth\" -gt 0 ]; then\n"
        "    n=$((n - depth))\n"
        "    [ -z \"$many\" ] || [ \"$n\" -lt ${#arguments[@]} ] || n=$((${#arguments[@]} - 1))\n"
        "    source=${arguments[n]}\n"
        "  fi\n"
        "  if [[ $cur == -* ]]; then\n"
        "    words=$flags\n"
        "  elif [ \"$source\" = , ]; then\n"
        "    words=\n"
        "    for i in $columns; do words+=\" ${cur%%\"${cur##*,}\"}$i\"; done\n"
        "  elif [[ $source == =* ]]; then\n"
        "    words=${source#=}\n"
        "  elif [ -n \"$source\" ]; then\n"
        "    words=$(blixardctl \"$source\" " LIST_FLAGS ")\n"
        "  elif [ \"$i\" -gt \"$COMP_CWORD\" ]; then\n"
        "    words=\n"
        "  fi\n"
        "  mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n"
        "}\n"
        "complete -o default -F _blixardctl blixardctl\n");
}

/* ---- fish ---- */

static void fish_text(const char *s)
{
    putchar('\'');
    for (; *s != '\0'; s++) {
        if (*s == '\'' || *s == '\\')
            putchar('\\');
        putchar(*s);
    }
    putchar('\'');
}

/* -n 'the words of the name were typed'; n bytes of it. */
static void fish_condition(const char *name, size_t n)
{
    const char *and = "";

    printf(" -n '");
    for (size_t at = 0; at < n; at += 1 + strcspn(name + at, " ")) {
        printf("%s__fish_seen_subcommand_from %.*s", and, (int)strcspn(name + at, " "), name + at);
        and = "; and ";
    }
    printf("'");
}

static void fish_values(const char *completes, const char *const *choices)
{
    if (completes != NULL)
        printf(" -xa '(blixardctl %s " LIST_FLAGS ")'", completes);
    else if (choices == NULL)
        return;
    else
        printf(" -xa '");
    for (unsigned i = 0; choices != NULL && choices[i] != NULL; i++)
        printf("%s%s", i == 0 ? "" : " ", choices[i]);
    if (completes == NULL)
        printf("'");
}

/* Lists of columns differ from command to command, although the flag is of every command. */
static void fish_columns(const struct command *c)
{
    for (const struct flag *f = global_flags; c->columns != NULL && f->name != NULL; f++) {
        if (!f->columns)
            continue;
        printf("complete -c blixardctl");
        fish_condition(c->name, strlen(c->name));
        printf(" -l %s -s %c -r -xa \"(__fish_complete_list , 'string split , ", f->name,
               f->letter);
        print_columns(c, ',');
        printf("')\"\n");
    }
}

static void fish_flags(const struct flag *table, const char *name)
{
    for (const struct flag *f = table; f->name != NULL; f++) {
        if (f->planned)
            continue;
        printf("complete -c blixardctl");
        if (name != NULL)
            fish_condition(name, strlen(name));
        printf(" -l %s", f->name);
        if (f->letter != 0)
            printf(" -s %c", f->letter);
        if (f->value != NULL)
            printf(" -r");
        fish_values(f->completes, f->choices);
        printf(" -d ");
        fish_text(f->help);
        printf("\n");
    }
}

/* Each word of the name, where it is first met. */
static void fish_words(unsigned at)
{
    const char *name = command_at(at)->name;

    for (size_t n = 0; n == 0 || name[n] == ' ';) {
        size_t start = n == 0 ? 0 : n + 1, end = start + strcspn(name + start, " ");

        if (!is_repeated(at, end)) {
            printf("complete -c blixardctl");
            if (n == 0)
                printf(" -n __fish_use_subcommand");
            else
                fish_condition(name, n);
            printf(" -a %.*s\n", (int)(end - start), name + start);
        }
        n = end;
    }
}

static void fish(void)
{
    const struct flag *tables[FLAG_TABLES_MAX + 1];
    const struct command *c;

    printf("complete -c blixardctl -f\n");
    fish_flags(global_flags, NULL);
    for (unsigned i = 0; (c = command_at(i)) != NULL; i++) {
        fish_words(i);
        command_flags(c, tables);
        for (unsigned t = 0; tables[t] != global_flags; t++)
            fish_flags(tables[t], c->name);
        fish_columns(c);
        if (c->arguments[0].name != NULL &&
            (c->arguments[0].completes != NULL || c->arguments[0].choices != NULL)) {
            printf("complete -c blixardctl");
            fish_condition(c->name, strlen(c->name));
            fish_values(c->arguments[0].completes, c->arguments[0].choices);
            printf("\n");
        }
    }
}

static int completion(struct run *r)
{
    uint8_t shell;

    if (parse_choice(r->arguments[0], "completion", shells, &shell, &r->err) != BX_OK)
        return run_fail(r);
    if (strcmp(shells[shell], "fish") == 0) {
        fish();
        return 0;
    }
    if (strcmp(shells[shell], "zsh") == 0) /* zsh runs bash's script, after one line */
        printf("autoload -U +X bashcompinit && bashcompinit\n");
    bash();
    return 0;
}
