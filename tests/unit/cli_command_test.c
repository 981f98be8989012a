/* command: the tables are consistent, and words find the command that they name. */
#include "lib/testlib.h"

#include "command.h"

#include <string.h>

static struct bx_err err;

static const struct command *find(const char *a, const char *b, const char *c)
{
    const char *words[] = {a, b, c};

    return command_find(words, c != NULL ? 3 : b != NULL ? 2 : a != NULL ? 1 : 0);
}

static const char *unknown(const char *a, const char *b, const char *c)
{
    const char *words[] = {a, b, c};

    memset(&err, 0, sizeof err);
    assert_int_equal(command_unknown(words,
                                     c != NULL   ? 3
                                     : b != NULL ? 2
                                     : a != NULL ? 1
                                                 : 0,
                                     &err),
                     BX_INVALID);
    assert_true(err.hint[0] != '\0');
    return err.msg;
}

/* ---- the tables ---- */

TEST(each_command_is_complete)
{
    const struct command *c;

    for (unsigned i = 0; (c = command_at(i)) != NULL; i++) {
        bool optional = false;

        if (c->run == NULL || c->help == NULL || strlen(c->help) > 70 || strlen(c->name) > 40)
            fail_msg("%s is not complete", c->name);
        for (const struct argument *a = c->arguments; a->name != NULL; a++) {
            if (optional && !a->optional)
                fail_msg("%s: a required argument follows an optional one", c->name);
            optional = a->optional;
        }
        if (c->destructive && (strchr(c->name, ' ') == NULL || c->arguments[0].name == NULL))
            fail_msg("%s destroys, but names no object", c->name);
    }
    assert_true(command_at(0) != NULL);
}

TEST(no_name_begins_with_another)
{
    for (unsigned i = 0; command_at(i) != NULL; i++) {
        for (unsigned k = 0; command_at(k) != NULL; k++) {
            const char *a = command_at(i)->name, *b = command_at(k)->name;
            size_t n = strlen(a);

            if (i != k && strncmp(a, b, n) == 0 && (b[n] == ' ' || b[n] == '\0'))
                fail_msg("%s and %s", a, b);
        }
    }
}

TEST(what_is_planned_does_not_exist)
{
    for (const struct planned *p = planned_commands; p->name != NULL; p++) {
        for (unsigned i = 0; command_at(i) != NULL; i++) {
            if (strncmp(command_at(i)->name, p->name, strlen(p->name)) == 0)
                fail_msg("%s exists: take %s off the list of planned commands", command_at(i)->name,
                         p->name);
        }
    }
}

static void check_completes(const char *where, const char *completes)
{
    if (completes != NULL && find(completes, "list", NULL) == NULL)
        fail_msg("%s: there is no command \"%s list\"", where, completes);
}

/* The words of a command line are found before its command is known. */
static void check_same_kind(const struct command *c, const struct flag *f)
{
    const struct flag *tables[FLAG_TABLES_MAX + 1], *other;

    for (unsigned i = 0; command_at(i) != NULL; i++) {
        command_flags(command_at(i), tables);
        for (unsigned t = 0; tables[t] != NULL; t++) {
            other = flag_find(tables[t], f->name, strlen(f->name));
            if (other != NULL && (other->value == NULL) != (f->value == NULL))
                fail_msg("--%s takes a value in only one of %s and %s", f->name, c->name,
                         command_at(i)->name);
        }
    }
}

TEST(each_flag_is_complete_and_of_one_kind)
{
    const struct flag *tables[FLAG_TABLES_MAX + 1];
    const struct command *c;

    for (unsigned i = 0; (c = command_at(i)) != NULL; i++) {
        for (const struct argument *a = c->arguments; a->name != NULL; a++)
            check_completes(c->name, a->completes);
        command_flags(c, tables);
        for (unsigned t = 0; tables[t] != NULL; t++) {
            for (const struct flag *f = tables[t]; f->name != NULL; f++) {
                if (f->help == NULL && !f->planned)
                    fail_msg("%s: --%s has no help", c->name, f->name);
                if (f->value == NULL && (f->completes != NULL || f->choices != NULL))
                    fail_msg("%s: --%s takes no value", c->name, f->name);
                check_completes(c->name, f->completes);
                check_same_kind(c, f);
            }
        }
    }
}

TEST(columns_have_titles_keys_and_room)
{
    const struct command *c;

    for (unsigned i = 0; (c = command_at(i)) != NULL; i++) {
        unsigned n = 0;

        for (const struct column *k = c->columns; k != NULL && k->title != NULL; k++, n++) {
            if (k->key == NULL || k->format >= VALUE__FORMATS)
                fail_msg("%s: column %s", c->name, k->title);
        }
        assert_true(n <= COLUMNS_MAX);
    }
}

/* ---- finding ---- */

TEST(a_command_is_found_by_its_words)
{
    assert_string_equal(find("vm", "create", "web-1")->name, "vm create");
    assert_string_equal(find("events", NULL, NULL)->name, "events");
    assert_string_equal(find("events", "x", NULL)->name, "events");
    assert_string_equal(find("cluster", "token", "create")->name, "cluster token create");
    assert_null(find("cluster", "token", NULL));
    assert_null(find("vm", NULL, NULL));
    assert_null(find("vm", "creat", NULL));
    assert_null(find("vm", "createx", NULL));
    assert_null(find("v", NULL, NULL));
    assert_null(find(NULL, NULL, NULL));
    assert_null(find("", "create", NULL));
}

TEST(words_that_name_no_command_are_explained)
{
    assert_string_equal(unknown(NULL, NULL, NULL), "missing command");
    assert_string_equal(unknown("vm", NULL, NULL), "vm: missing subcommand");
    assert_string_equal(err.hint, "blixardctl help vm lists them");
    assert_string_equal(unknown("cluster", "token", NULL), "cluster token: missing subcommand");
    assert_string_equal(unknown("vm", "crate", "x"), "unknown command \"vm crate\"");
    assert_string_equal(err.hint, "did you mean \"vm create\"?");
    assert_string_equal(unknown("evnets", NULL, NULL), "unknown command \"evnets\"");
    assert_string_equal(err.hint, "did you mean \"events\"?");
    assert_string_equal(unknown("vmm", "list", NULL), "unknown command \"vmm\"");
    assert_string_equal(err.hint, "did you mean \"vm\"?");
    assert_string_equal(unknown("cluster", "token", "crate"),
                        "unknown command \"cluster token crate\"");
    assert_string_equal(err.hint, "did you mean \"cluster token create\"?");
    assert_string_equal(unknown("vm", "juggle", NULL), "unknown command \"vm juggle\"");
    assert_string_equal(err.hint, "blixardctl help vm lists the commands");
}

TEST(a_word_of_other_tools_names_what_is_meant)
{
    unknown("vm", "ls", NULL);
    assert_string_equal(err.hint, "did you mean \"vm list\"?");
    unknown("vm", "rm", "web");
    assert_string_equal(err.hint, "did you mean \"vm delete\"?");
    unknown("node", "rm", "n1");
    assert_string_equal(err.hint, "did you mean \"node remove\"?");
    unknown("vm", "get", "web");
    assert_string_equal(err.hint, "did you mean \"vm show\"?");
    unknown("tenant", "describe", "x");
    assert_string_equal(err.hint, "did you mean \"tenant show\"?");
    unknown("vm", "mv", "a");
    assert_string_equal(err.hint, "did you mean \"vm rename\"?");
}

TEST(a_planned_command_is_named_with_what_to_do_meanwhile)
{
    assert_string_equal(unknown("node", "fence", "n1"), "node fence is not supported yet");
    assert_non_null(strstr(err.hint, "node remove"));
    assert_string_equal(unknown("image", "list", NULL), "image is not supported yet");
    assert_string_equal(unknown("cluster", "set", "x"), "cluster set is not supported yet");
}

TEST(a_very_long_word_is_cut)
{
    char longer[5000];

    memset(longer, 'x', sizeof longer);
    longer[sizeof longer - 1] = '\0';
    assert_true(strlen(unknown(longer, NULL, NULL)) < 100);
    assert_true(strlen(unknown("vm", longer, longer)) < 100);
}

TEST(the_words_are_found_among_the_flags)
{
    char *argv[] = {"blixardctl", "-o",   "json", "vm", "--no-headers", "create",
                    "--label",    "a=vm", "web",  "-q", "--vcpus=2",    "more"};
    const char *words[3];

    assert_int_equal(command_words(12, argv, words, 3), 3);
    assert_string_equal(words[0], "vm");
    assert_string_equal(words[1], "create");
    assert_string_equal(words[2], "web");
    assert_int_equal(command_words(3, argv, words, 3), 0);
}

TEST(the_usage_shows_what_is_optional)
{
    struct command c = {.name = "vm try", .arguments = {{.name = "NAME"}}};
    char usage[64];

    c.arguments[1] = (struct argument){.name = "NEW", .optional = true};
    command_usage(&c, usage, sizeof usage);
    assert_string_equal(usage, "vm try NAME [NEW]");
}

int main(void)
{
    return test_run(NULL, NULL);
}
