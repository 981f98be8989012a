/* What blixardctl records of itself, and when it records nothing. */
#include "unit/cli_capture.h"
#include "unit/cli_fake.h"

#include "client.h"
#include "context.h"
#include "rec/rec.h"
#include "record.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ID "00112233445566778899aabbccddeeff"
#define TRACE "4bf92f3577b34da6a3ce929d0e0e4736"
#define SECRET "the-planted-token"

static int setup(void **state)
{
    setenv("TRACEPARENT", "00-" TRACE "-00f067aa0ba902b7-01", 1);
    return fake_setup(state);
}

static int teardown(void **state)
{
    unsetenv("BLIXARD_LOG");
    capture_close();
    return fake_teardown(state);
}

static void open_with(const char *spec)
{
    struct bx_err err = {0};

    setenv("BLIXARD_LOG", spec, 1);
    if (record_open(&err) != BX_OK)
        fail_msg("%s", err.msg);
}

/* Call a method at this address, with a secret among the parameters; what standard error gets. */
static const char *call(const char *spec, const char *address, int expected)
{
    struct client client;
    struct params p = {0};
    struct bx_err err = {0};
    bx_val result;

    capture_begin(stderr);
    open_with(spec);
    assert_int_equal(client_init(&client, address, &err), BX_OK);
    params_str(&p, "token", SECRET);
    params_request_id(&p, ID);
    assert_int_equal(client_call(&client, "vm.create", &p, 5000, &result, &err), expected);
    assert_int_equal(bx_rec_traced(), 0);
    client_close(&client);
    params_close(&p);
    record_close();
    return capture_end(stderr);
}

static void expect(const char *text, const char *line)
{
    if (strstr(text, line) == NULL)
        fail_msg("\"%s\" is not in: %s", line, text);
}

/* Only builds that have events of this level. */
static void expect_debug(const char *text, const char *line)
{
    if (BX_LEVEL_COMPILED >= BX_LEVEL_DEBUG)
        expect(text, line);
}

TEST(a_request_is_recorded_within_its_trace)
{
    struct fake f;
    char line[300];
    const char *text;

    START(&f, ANSWER);
    text = call("debug", f.address, BX_OK);
    fake_stop(&f);
    snprintf(line, sizeof line, "debug client: connected address=%s duration_ns=", f.address);
    expect_debug(text, line);
    snprintf(line, sizeof line,
             "debug client: calling method=vm.create id=1 request_id=" ID " trace_id=" TRACE
             " address=%s trace=a3ce929d0e0e4736\n",
             f.address);
    expect_debug(text, line);
    expect_debug(text, "debug client: called method=vm.create id=1 request_id=" ID " code=ok "
                       "duration_ns=");
    assert_null(strstr(text, SECRET));
}

TEST(attempts_are_recorded_with_their_reason)
{
    struct fake dead, f;
    char two[450], line[300];
    const char *text;

    fake_name(&dead);
    START(&f, NO_LEADER, CLOSE, NOT_FOUND);
    snprintf(two, sizeof two, "%s,%s", dead.address, f.address);
    text = call("debug", two, BX_NOT_FOUND);
    fake_stop(&f);
    snprintf(line, sizeof line, "info client: not connected address=%s err=\"", dead.address);
    expect(text, line);
    snprintf(line, sizeof line,
             "info client: trying again method=vm.create code=unreachable address=%s sent=0 ",
             f.address);
    expect(text, line);
    expect(text, "info client: trying again method=vm.create code=no_leader address=");
    expect(text, "info client: connection lost address=");
    expect(text, " why=\"connection closed by the server\" ");
    expect_debug(text, " code=not_found duration_ns=");
    assert_null(strstr(text, "words of the server"));
    assert_null(strstr(text, SECRET));
}

TEST(the_filter_selects_by_target_level_and_field)
{
    struct fake f;

    START(&f, NO_LEADER, ANSWER);
    assert_string_equal(call("off,cli=debug", f.address, BX_OK), "");
    fake_stop(&f);
    START(&f, NO_LEADER, ANSWER);
    assert_string_equal(call("debug,method=vm.list", f.address, BX_OK), "");
    fake_stop(&f);
    START(&f, NO_LEADER, ANSWER);
    assert_null(strstr(call("info", f.address, BX_OK), " debug "));
    fake_stop(&f);
}

TEST(without_the_variable_nothing_is_recorded)
{
    struct fake f;
    struct bx_err err = {0};

    START(&f, NO_LEADER, ANSWER);
    assert_string_equal(call("", f.address, BX_OK), "");
    fake_stop(&f);
    unsetenv("BLIXARD_LOG");
    assert_int_equal(record_open(&err), BX_OK);
    assert_null(bx_rec_used());
    record_close();
}

TEST(the_file_of_contexts_is_recorded)
{
    char dir[] = "/tmp/blixard-record-XXXXXX", path[64], line[200];
    struct contexts c;
    const char *text;
    FILE *f;

    assert_non_null(mkdtemp(dir));
    setenv("XDG_CONFIG_HOME", dir, 1);
    snprintf(path, sizeof path, "%s/blixard", dir);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/blixard/config.yaml", dir);
    f = fopen(path, "w");
    assert_non_null(f);
    fputs("current: a\ncontexts:\n  a:\n    addr: h:1\n    token: " SECRET "\n", f);
    fclose(f);
    capture_begin(stderr);
    open_with("debug");
    assert_int_equal(contexts_load(&c, NULL), BX_OK);
    contexts_close(&c);
    record_close();
    text = capture_end(stderr);
    snprintf(line, sizeof line,
             "debug cli: read the contexts file=%s contexts=1 current=a code=ok\n", path);
    expect_debug(text, line);
    assert_null(strstr(text, SECRET));
    unlink(path);
    snprintf(path, sizeof path, "%s/blixard", dir);
    rmdir(path);
    rmdir(dir);
}

TEST(a_filter_that_is_none_is_an_error_and_an_unknown_word_a_warning)
{
    struct bx_err err = {0};
    const char *text;

    setenv("BLIXARD_LOG", "loud", 1);
    assert_int_equal(record_open(&err), BX_UNREACHABLE);
    assert_int_equal(err.code, BX_UNREACHABLE);
    expect(err.msg, "BLIXARD_LOG: ");
    assert_null(bx_rec_used());
    capture_begin(stderr);
    open_with("off,clent=debug");
    record_close();
    text = capture_end(stderr);
    if (BX_LEVEL_COMPILED >= BX_LEVEL_DEBUG)
        assert_string_equal(text, "warning: BLIXARD_LOG: no event has the target \"clent\"\n"
                                  "hint: did you mean \"client\"?\n");
    else
        assert_string_equal(text, "");
}

int main(void)
{
    return test_run(setup, teardown);
}
