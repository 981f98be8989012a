/* completion - scripts for shells, made from the tables of commands and flags. Names of VMs and
 * nodes are asked for when somebody presses tab, of whatever node answers at once. */
#include "command.h"

#include <stdio.h>
#include <string.h>

static void bash_flags(const struct flag *flags, bool with_value)
{
    for (const struct flag *f = flags; f != NULL && f->name != NULL; f++) {
        if (f->about == NULL || (with_value && f->value == NULL))
            continue;
        printf(with_value ? "|%s%s" : " %s%s", strlen(f->name) > 1 ? "--" : "-", f->name);
    }
}

/* Every flag that takes a value: the word behind it is no noun and no verb. */
static void bash_values(void)
{
    printf("      -");
    bash_flags(global_flags, true);
    for (size_t t = 0; command_tables[t] != NULL; t++) {
        for (const struct command *c = command_tables[t]; c->noun != NULL; c++)
            bash_flags(c->flags, true);
    }
    printf(") i=$((i + 1)) ;;\n");
}

/* The verbs of each noun; each noun once, where its first command stands. */
static void bash_verbs(void)
{
    const char *last = "";

    for (size_t t = 0; command_tables[t] != NULL; t++) {
        for (const struct command *c = command_tables[t]; c->noun != NULL; c++) {
            if (c->fn == NULL || c->verb[0] == '\0')
                continue;
            if (strcmp(c->noun, last) != 0)
                printf("%s    %s) words='", last[0] ? "' ;;\n" : "", c->noun);
            printf("%s%s", strcmp(c->noun, last) != 0 ? "" : " ", c->verb);
            last = c->noun;
        }
    }
    printf("' ;;\n");
}

static void bash_nouns(void)
{
    const char *last = "";

    printf("help");
    for (size_t t = 0; command_tables[t] != NULL; t++) {
        for (const struct command *c = command_tables[t]; c->noun != NULL; c++) {
            if (c->fn != NULL && strcmp(c->noun, last) != 0)
                printf(" %s", c->noun);
            last = c->noun;
        }
    }
}

static void bash_commands(void)
{
    for (size_t t = 0; command_tables[t] != NULL; t++) {
        for (const struct command *c = command_tables[t]; c->noun != NULL; c++) {
            if (c->fn == NULL)
                continue;
            printf("    '%s %s') flags='", c->noun, c->verb);
            bash_flags(c->flags, false);
            printf("'");
            if (strcmp(c->words, "NAME") == 0 && strcmp(c->verb, "create") != 0)
                printf(" names=%s", c->noun);
            printf(" ;;\n");
        }
    }
}

static void bash(void)
{
    printf("_blixardctl()\n{\n"
           "  local cur=${COMP_WORDS[COMP_CWORD]} noun= verb= flags= names= words= i\n"
           "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
           "    case ${COMP_WORDS[i]} in\n");
    bash_values();
    printf("      -*) ;;\n"
           "      *) if [ -z \"$noun\" ]; then noun=${COMP_WORDS[i]}\n"
           "         elif [ -z \"$verb\" ]; then verb=${COMP_WORDS[i]}; fi ;;\n"
           "    esac\n"
           "  done\n"
           "  case $noun in\n"
           "    '') words='");
    bash_nouns();
    printf("' ;;\n");
    bash_verbs();
    printf("  esac\n"
           "  [ -z \"$verb\" ] || words=\n"
           "  case \"$noun $verb\" in\n");
    bash_commands();
    printf("  esac\n"
           "  if [[ $cur == -* ]]; then\n"
           "    words=\"$flags");
    bash_flags(global_flags, false);
    printf("\"\n"
           "  elif [ -n \"$names\" ]; then\n"
           "    words=$(blixardctl \"$names\" list -o name --consistency stale --timeout 1s"
           " 2>/dev/null)\n"
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

static void fish_flags(const struct flag *flags, const char *noun, const char *verb)
{
    for (const struct flag *f = flags; f != NULL && f->name != NULL; f++) {
        if (f->about == NULL)
            continue;
        printf("complete -c blixardctl");
        if (noun != NULL)
            printf(" -n '__fish_seen_subcommand_from %s'", verb[0] ? verb : noun);
        printf(" -%c %s%s -d ", strlen(f->name) > 1 ? 'l' : 's', f->name,
               f->value == NULL ? "" : " -r");
        fish_text(f->about);
        printf("\n");
    }
}

static void fish(void)
{
    const char *last = "";

    printf("complete -c blixardctl -f\n");
    fish_flags(global_flags, NULL, NULL);
    for (size_t t = 0; command_tables[t] != NULL; t++) {
        for (const struct command *c = command_tables[t]; c->noun != NULL; c++) {
            if (c->fn == NULL)
                continue;
            if (strcmp(c->noun, last) != 0)
                printf("complete -c blixardctl -n __fish_use_subcommand -a %s\n", c->noun);
            if (c->verb[0] != '\0')
                printf("complete -c blixardctl -n '__fish_seen_subcommand_from %s' -a %s\n",
                       c->noun, c->verb);
            fish_flags(c->flags, c->noun, c->verb);
            last = c->noun;
        }
    }
}

static int completion(struct run *r)
{
    static const char *const shells[] = {"bash", "zsh", "fish", NULL};
    uint8_t shell;

    if (parse_choice(r->words[0], "completion", shells, &shell, &r->err) != BX_OK)
        return run_fail(r);
    if (shell == 2) {
        fish();
        return 0;
    }
    if (shell == 1) /* zsh runs what is written for bash, but for one word */
        printf("autoload -U +X bashcompinit && bashcompinit\n");
    bash();
    return 0;
}

const struct command completion_commands[] = {
    {"completion", "", "bash|zsh|fish", 1, 1, "a script that completes words; source it", NULL,
     completion, NULL},
    {0},
};
