#include "lib/testlib.h"

#include "sys/address.h"
#include "sys/data.h"
#include "options.h"

#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WORDS 16

static int parse(struct options *o, struct bx_err *err, const char *line)
{
    static char text[1024];
    char *argv[WORDS + 1] = {"blixardd"}, *save = NULL;
    int argc = 1;

    snprintf(text, sizeof text, "%s", line);
    for (char *w = strtok_r(text, " ", &save); w != NULL; w = strtok_r(NULL, " ", &save)) {
        assert_true(argc < WORDS);
        argv[argc++] = w;
    }
    memset(err, 0, sizeof *err);
    return options_parse(o, argc, argv, err);
}

TEST(defaults_are_what_the_manual_says)
{
    struct options o;
    struct bx_err err;

    assert_int_equal(parse(&o, &err, "--data /d --name n1"), BX_OK);
    assert_int_equal(o.ask, OPTIONS_RUN);
    assert_string_equal(o.data, "/d");
    assert_string_equal(o.name, "n1");
    assert_string_equal(o.listen, "127.0.0.1:7411");
    assert_string_equal(o.api, "");
    assert_int_equal(o.admin_gid, 0); /* this host has no such groups */
    assert_int_equal(o.operator_gid, 0);
    assert_string_equal(o.socket, "/d/blixard.sock");
    assert_string_equal(o.qemu, "");
    assert_string_equal(o.zone, "");
    assert_int_equal(o.driver, OPTIONS_DRIVER_AUTO);
    assert_int_equal(o.log.level, BX_LEVEL_INFO);
    assert_int_equal(o.election_ms, 1000);
    assert_int_equal(o.heartbeat_ms, 100);
    assert_int_equal(o.snapshot_bytes, 0);
    assert_non_null(strstr(o.shim, "/blixard-vm"));
    assert_int_equal(o.shim[0], '/');
}

TEST(forgetting_a_cluster_needs_the_directory)
{
    struct options o;
    struct bx_err err;

    assert_int_equal(parse(&o, &err, "--data /d --forget-cluster"), BX_OK);
    assert_int_equal(o.ask, OPTIONS_FORGET);
    assert_string_equal(o.data, "/d");
    assert_false(o.force);
    assert_int_equal(parse(&o, &err, "--force --data /d --forget-cluster"), BX_OK);
    assert_true(o.force);
    assert_int_equal(parse(&o, &err, "--forget-cluster"), BX_INVALID);
    assert_non_null(strstr(err.msg, "--data"));
    assert_int_equal(parse(&o, &err, "--data /d --force"), BX_INVALID);
    assert_int_equal(parse(&o, &err, "--data /d --forget-cluster=yes"), BX_INVALID);
}

TEST(the_ballast_has_a_size_or_there_is_none)
{
    static const char *const wrong[] = {"0",     "64",     "MiB",   "15MiB", "2TiB",
                                        "64mib", "1.5GiB", "-1GiB", "no",    ""};
    static const struct {
        const char *text;
        uint64_t bytes;
    } right[] = {{"16MiB", 16ull << 20},
                 {"1GiB", 1ull << 30},
                 {"1TiB", 1ull << 40},
                 {"65536KiB", 64ull << 20},
                 {"none", 0}};
    struct options o;
    struct bx_err err;
    char line[80];

    assert_int_equal(parse(&o, &err, "--data /d --name n"), BX_OK);
    assert_int_equal(o.ballast, 64u << 20);
    for (size_t i = 0; i < sizeof right / sizeof right[0]; i++) {
        snprintf(line, sizeof line, "--data /d --name n --ballast %s", right[i].text);
        assert_int_equal(parse(&o, &err, line), BX_OK);
        assert_int_equal(o.ballast, right[i].bytes);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        snprintf(line, sizeof line, "--data /d --name n --ballast=%s", wrong[i]);
        assert_int_equal(parse(&o, &err, line), BX_INVALID);
        assert_non_null(strstr(err.msg, "--ballast"));
    }
}

TEST(pools_have_sizes)
{
    static const char *const wrong[] = {"0", "10/11", "x", "1/", "/1", "10/1x", "1000001", "-1"};
    struct options o;
    struct bx_err err;
    char line[80];

    assert_int_equal(parse(&o, &err, "--data /d --name n"), BX_OK);
    assert_int_equal(o.proposal_pool.max, 1000);
    assert_int_equal(o.proposal_pool.min, 100);
    assert_int_equal(o.vm_config_pool.max, 500);
    assert_int_equal(o.vm_config_pool.min, 50);
    assert_int_equal(o.metadata_pool.max, 200);
    assert_int_equal(o.metadata_pool.min, 20);
    assert_int_equal(o.intern_strings, 0);
    assert_int_equal(o.connection_pool.max, 1024);
    assert_int_equal(o.connection_pool.min, 0);
    assert_int_equal(parse(&o, &err,
                           "--data /d --name n --proposal-pool 70 --vm-config-pool 8/0 "
                           "--intern-strings 10 --intern-bytes 99"),
                     BX_OK);
    assert_int_equal(o.proposal_pool.max, 70);
    assert_int_equal(o.proposal_pool.min, 7);
    assert_int_equal(o.vm_config_pool.max, 8);
    assert_int_equal(o.vm_config_pool.min, 0);
    assert_int_equal(o.intern_strings, 10);
    assert_int_equal(o.intern_bytes, 99);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        snprintf(line, sizeof line, "--data /d --name n --metadata-pool %s", wrong[i]);
        assert_int_equal(parse(&o, &err, line), BX_INVALID);
    }
}

TEST(caches_have_sizes)
{
    static const char *const wrong[] = {"1,2,3,4",    "1,2,3,4,5,6", "1,2,3,4,x",       "1,,3,4,5",
                                        "1,2,3,4,5,", "-1,2,3,4,5",  "1,2,3,4,1000001", ""};
    struct options o;
    struct bx_err err;
    char line[80];

    assert_int_equal(parse(&o, &err, "--data /d --name n"), BX_OK);
    assert_int_equal(o.buffers[0], 512);
    assert_int_equal(o.buffers[4], 16);
    assert_int_equal(o.log_cache, 0);
    assert_int_equal(parse(&o, &err,
                           "--data=/d --name=n --buffers 1,2,3,0,5 --log-cache=1000 "
                           "--shared-configs=7 --call-pool=3 --answer-pool=4/4 --read-pool=5/1 "
                           "--connection-pool=6/2"),
                     BX_OK);
    for (uint32_t i = 0; i < BX_BUF_CLASSES; i++)
        assert_int_equal(o.buffers[i], i == 3 ? 0 : i + 1);
    assert_int_equal(o.log_cache, 1000);
    assert_int_equal(o.shared_configs, 7);
    assert_int_equal(o.call_pool.max, 3);
    assert_int_equal(o.answer_pool.min, 4);
    assert_int_equal(o.read_pool.min, 1);
    assert_int_equal(o.connection_pool.max, 6);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        snprintf(line, sizeof line, "--data /d --name n --buffers=%s", wrong[i]);
        assert_int_equal(parse(&o, &err, line), BX_INVALID);
    }
}

TEST(directories_of_kernels_are_absolute)
{
    static const char *const wrong[] = {"boot", "/a:b", "/a:", ":/a", "/a::/b"};
    struct options o;
    struct bx_err err;
    char line[80];

    assert_int_equal(parse(&o, &err, "--data /d --name n"), BX_OK);
    assert_string_equal(o.boot_dir, ""); /* the daemon knows the defaults */
    assert_int_equal(parse(&o, &err, "--data /d --name n --boot-dir /boot:/srv/a"), BX_OK);
    assert_string_equal(o.boot_dir, "/boot:/srv/a");
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        snprintf(line, sizeof line, "--data /d --name n --boot-dir %s", wrong[i]);
        assert_int_equal(parse(&o, &err, line), BX_INVALID);
        assert_non_null(strstr(err.msg, "--boot-dir"));
    }
}

TEST(users_are_a_range_of_numbers)
{
    static const char *const wrong[] = {"0-5", "5",    "9-8", "a-b",          "-5",
                                        "5-",  "5-5x", "5-",  "5-4294967295", "5--9"};
    struct options o;
    struct bx_err err;
    char line[80];

    assert_int_equal(parse(&o, &err, "--data /d --name n"), BX_OK);
    assert_int_equal(o.qemu_user.first, 0);
    assert_int_equal(parse(&o, &err, "--data /d --name n --qemu-user 100000-165535"), BX_OK);
    assert_int_equal(o.qemu_user.first, 100000);
    assert_int_equal(o.qemu_user.last, 165535);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        snprintf(line, sizeof line, "--data /d --name n --qemu-user=%s", wrong[i]);
        assert_int_equal(parse(&o, &err, line), BX_INVALID);
        assert_non_null(strstr(err.msg, "FIRST-LAST"));
    }
}

TEST(a_ratio_is_a_decimal_number)
{
    static const struct {
        const char *text;
        uint32_t pct; /* 0: refused */
    } cases[] = {{"4", 400},   {"4.0", 400}, {"1.5", 150}, {"1.25", 125}, {"0.1", 10}, {"64", 6400},
                 {"64.01", 0}, {"0.09", 0},  {"0", 0},     {"1.", 0},     {".5", 0},   {"1.255", 0},
                 {"-1", 0},    {"1x", 0},    {"", 0},      {"4,0", 0},    {"99999", 0}};
    struct options o;
    struct bx_err err;
    char line[96];

    assert_int_equal(parse(&o, &err, "--data /d --name n"), BX_OK);
    assert_int_equal(o.overcommit_vcpus_pct, 0); /* it depends on the level */
    assert_int_equal(o.overcommit_memory_pct, 100);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        snprintf(line, sizeof line, "--data /d --name n --overcommit-memory=%s", cases[i].text);
        assert_int_equal(parse(&o, &err, line), cases[i].pct > 0 ? BX_OK : BX_INVALID);
        if (cases[i].pct > 0)
            assert_int_equal(o.overcommit_memory_pct, cases[i].pct);
        else
            assert_non_null(strstr(err.msg, "a ratio from 0.1 to 64"));
    }
}

TEST(every_flag_arrives)
{
    struct options o;
    struct bx_err err;

    assert_int_equal(parse(&o, &err, "--data=/d --name n1 --listen [::1]:1 --api none --socket /s"),
                     BX_OK);
    assert_string_equal(o.listen, "[::1]:1");
    assert_string_equal(o.api, "");
    assert_string_equal(o.socket, "/s");
    assert_int_equal(
        parse(&o, &err, "--data /d --name n --driver qemu --shim /x --qemu /q --log debug"), BX_OK);
    assert_int_equal(o.driver, OPTIONS_DRIVER_QEMU);
    assert_string_equal(o.shim, "/x");
    assert_string_equal(o.qemu, "/q");
    assert_int_equal(o.log.level, BX_LEVEL_DEBUG);
    assert_int_equal(parse(&o, &err,
                           "--data /d --name n --datacenter d --zone z --rack r --election-ms 300 "
                           "--heartbeat-ms 30"),
                     BX_OK);
    assert_string_equal(o.datacenter, "d");
    assert_string_equal(o.zone, "z");
    assert_string_equal(o.rack, "r");
    assert_int_equal(o.election_ms, 300);
    assert_int_equal(o.heartbeat_ms, 30);
    assert_int_equal(parse(&o, &err, "--data /d --name n --snapshot-bytes 8589934592"), BX_OK);
    assert_int_equal(o.snapshot_bytes, UINT64_C(8589934592));
    assert_int_equal(parse(&o, &err, "--version"), BX_OK);
    assert_int_equal(o.ask, OPTIONS_VERSION);
    assert_int_equal(parse(&o, &err, "--help"), BX_OK);
    assert_int_equal(o.ask, OPTIONS_HELP);
}

TEST(groups_are_names_or_numbers)
{
    struct options o;
    struct bx_err err;

    assert_int_equal(
        parse(&o, &err, "--data /d --name n --admin-group 4711 --operator-group daemon"), BX_OK);
    assert_int_equal(o.admin_gid, 4711);
    assert_int_equal(o.operator_gid, getgrnam("daemon")->gr_gid);
    assert_int_equal(parse(&o, &err, "--data /d --name n --admin-group no-such-group"), BX_INVALID);
    assert_non_null(strstr(err.msg, "--admin-group: group \"no-such-group\""));
    assert_int_equal(parse(&o, &err, "--data /d --name n --operator-group root"), BX_INVALID);
    assert_non_null(strstr(err.msg, "--operator-group"));
}

TEST(what_is_wrong_is_named)
{
    static const struct {
        const char *line, *named;
    } bad[] = {
        {"", "--data"},
        {"--data /d --nonsense", "--nonsense"},
        {"--data /d word", "word"},
        {"--data /d --zone", "--zone"},
        {"--data /d --name Big", "Big"},
        {"--data /d --name n --zone a/b", "zone"},
        {"--data /d --name n --listen 127.0.0.1", "--listen"},
        {"--data /d --name n --listen 0.0.0.0:7411", "connect to"},
        {"--data /d --name n --insecure-loopback --listen 10.0.0.1:7411", "loopback"},
        {"--data /d --name n --api 192.0.2.1:7410 --insecure-loopback", "--api"},
        {"--data /d --name n --api [::]:7410", "connect to"},
        {"--data /d --name n --api localhost:99999", "--api"},
        {"--data /d --name n --driver xen", "--driver"},
        {"--data /d --name n --log loud", "unknown log level \"loud\""},
        {"--data /d --name n --driver xen", "\"xen\" is not auto, qemu or sim"},
        {"--data /d --name n --election-ms -1", "--election-ms"},
        {"--data /d --name n --election-ms 0", "--election-ms"},
        {"--data /d --name n --election-ms 5s", "--election-ms"},
        {"--data /d --name n --election-ms 100 --heartbeat-ms 100", "--heartbeat-ms"},
        {"--data /d --name n --heartbeat-ms 2000", "--election-ms (1000)"},
        {"--data /d --name n --feature-level 99", "this build supports levels up to"},
        {"--data /d --name n --election-ms 100", "--heartbeat-ms"},
        {"--data /d --name n --listen 127.0.0.1:0", "no port"},
        {"--data /d --name n --config=", "--config: requires a value, FILE"},
        {"--data /d --name n --qemu=", "--qemu: requires a value, PATH"},
        {"--data /d --name n --heartbeat-ms x", "\"x\" is not a number from 1 to 3600000"},
        {"--data /d --name n --proposal-pool x", "MAX from 1 to 1000000"},
#ifdef BX_DIAGNOSTICS
        {"--data /d --name n --diag-spool none", "\"none\" is not a size from 16MiB"},
#endif
        {"--data /d --name n --intern-bytes 0", "\"0\" is not a number of at least 1"},
        {"--data /d --name n --snapshot-bytes 99999999999999999999", "--snapshot-bytes"},
    };
    struct options o;
    struct bx_err err;

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (parse(&o, &err, bad[i].line) != BX_INVALID || strstr(err.msg, bad[i].named) == NULL)
            fail_msg("\"%s\" was taken, or the message does not name it: %s", bad[i].line, err.msg);
        if (err.hint[0] == '\0')
            fail_msg("\"%s\": no hint", bad[i].line);
    }
}

static void write_file(const char *dir, const char *text, char path[256])
{
    FILE *f;

    snprintf(path, 256, "%s/config.yaml", dir);
    f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

TEST(a_file_has_the_names_of_flags_as_keys_and_flags_override_it)
{
    char *dir = test_make_dir();
    char path[256], line[512];
    struct options o;
    struct bx_err err;

    write_file(dir, "# a node\ndata: /d\nname: n7\nzone: 'z'\nelection-ms: 500\napi: none\n", path);
    snprintf(line, sizeof line, "--config %s --name n8", path);
    assert_int_equal(parse(&o, &err, line), BX_OK);
    assert_string_equal(o.data, "/d");
    assert_string_equal(o.name, "n8");
    assert_string_equal(o.zone, "z");
    assert_int_equal(o.election_ms, 500);
    assert_string_equal(o.api, "");
    test_remove_dir(dir);
}

TEST(the_environment_sets_the_default_of_the_log)
{
    struct options o;
    struct bx_err err;

    setenv("BLIXARD_LOG", "warning,raft=debug", 1);
    assert_int_equal(parse(&o, &err, "--data /d --name n"), BX_OK);
    assert_int_equal(o.log.level, BX_LEVEL_WARNING);
    assert_int_equal(o.log.n_targets, 1);
    assert_int_equal(parse(&o, &err, "--data /d --name n --log info,vm=web1"), BX_OK);
    assert_int_equal(o.log.level, BX_LEVEL_INFO);
    assert_int_equal(o.log.n_targets, 0);
    assert_int_equal(o.log.n_fields, 1);
    setenv("BLIXARD_LOG", "loud", 1);
    assert_int_equal(parse(&o, &err, "--data /d --name n"), BX_INVALID);
    assert_non_null(strstr(err.msg, "BLIXARD_LOG"));
    unsetenv("BLIXARD_LOG");
}

TEST(an_unusable_file_is_refused_by_name)
{
    static const char *const bad[][2] = {
        {"data: [1, 2]\n", "plain text"},
        {"nonsense: 1\n", "nonsense"},
        {"version: 1\n", "version"},
        {"log: loud\n", "log"},
        {"- data\n", "YAML map"},
        {"data: \"\n", "closing quote"},
        {"", "YAML map"},
        {"data: /d\ndata: /e\n", "duplicate"},
        {"config: /c\n", "config"},
        {"zone: A b\n", "zone: NAME: \"A b\""},
    };
    char *dir = test_make_dir();
    char path[256], line[512];
    struct options o;
    struct bx_err err;

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        write_file(dir, bad[i][0], path);
        snprintf(line, sizeof line, "--name n --config %s", path);
        if (parse(&o, &err, line) != BX_UNREACHABLE || strstr(err.msg, bad[i][1]) == NULL ||
            strstr(err.msg, path) == NULL || err.code != BX_UNREACHABLE)
            fail_msg("\"%s\": %s", bad[i][0], err.msg);
    }
    snprintf(line, sizeof line, "--config %s/missing", dir);
    assert_int_equal(parse(&o, &err, line), BX_UNREACHABLE);
    assert_non_null(strstr(err.msg, "No such file"));
    test_remove_dir(dir);
}

TEST(addresses_are_read)
{
    static const char *const good[] = {"127.0.0.1:7411", "[::1]:1", "127.255.0.9:65535"};
    static const char *const bad[] = {
        "",      ":1",          "127.0.0.1",       "127.0.0.1:",   "h:1",
        "::1:1", "[::1:1",      "127.0.0.1:65536", "127.0.0.1: 1", "127.0.0.1:+1",
        "[]:1",  "127.0.0.1:1x"};
    static const uint16_t ports[] = {7411, 1, 65535};
    union address a;

    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(address_parse(good[i], &a, NULL), BX_OK);
        assert_true(address_is_loopback(&a));
        assert_int_equal(ntohs(a.v4.sin_port), ports[i]);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (address_parse(bad[i], &a, NULL) != BX_INVALID)
            fail_msg("%s was taken for an address", bad[i]);
    }
    assert_int_equal(address_parse("128.0.0.1:1", &a, NULL), BX_OK);
    assert_false(address_is_loopback(&a));
    assert_int_equal(address_parse("[::ffff:127.0.0.1]:1", &a, NULL), BX_OK);
    assert_false(address_is_loopback(&a));
}

TEST(a_directory_has_one_daemon)
{
    char *top = test_make_dir();
    char dir[256], again[256];
    struct bx_err err = {0};
    struct stat st;
    int first, second;

    snprintf(dir, sizeof dir, "%s/data", top);
    assert_int_equal(data_open(dir, sizeof dir, &first, &err), BX_OK);
    assert_int_equal(stat(dir, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0711);
    snprintf(again, sizeof again, "%s/./data", top);
    assert_int_equal(data_open(again, sizeof again, &second, &err), BX_CONFLICT);
    assert_int_equal(second, -1);
    assert_non_null(strstr(err.msg, "another blixardd"));
    close(first);
    assert_int_equal(data_open(again, sizeof again, &second, &err), BX_OK);
    assert_string_equal(again, dir); /* the path without detours */
    close(second);
    snprintf(dir, sizeof dir, "%s/no/such", top);
    assert_int_equal(data_open(dir, sizeof dir, &first, &err), BX_IO);
    test_remove_dir(top);
}

static unsigned mode_after_opening(char *dir, mode_t mode)
{
    struct bx_err err = {0};
    struct stat st;
    int lock;

    assert_int_equal(chmod(dir, mode), 0);
    assert_int_equal(data_open(dir, 256, &lock, &err), BX_OK);
    assert_int_equal(stat(dir, &st), 0);
    close(lock);
    return st.st_mode & 0777;
}

TEST(others_may_pass_the_directory_and_read_nothing)
{
    char *top = test_make_dir();
    char dir[256], path[300];
    struct stat st;
    FILE *f;

    snprintf(dir, sizeof dir, "%s", top);
    snprintf(path, sizeof path, "%s/state.db", top);
    f = fopen(path, "w");
    assert_non_null(f);
    fclose(f);
    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(mode_after_opening(dir, 0755), 0711);
    assert_int_equal(mode_after_opening(dir, 0777), 0711);
    assert_int_equal(mode_after_opening(dir, 0750), 0710);
    assert_int_equal(mode_after_opening(dir, 0700), 0700);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    test_remove_dir(top);
}

int main(void)
{
    return test_run(NULL, NULL);
}
