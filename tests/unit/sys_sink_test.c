/* sinks: what the journal and a collector get, and that none of them stops the others. */
#include "unit/sink_help.h"

#include "options.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

/* ---- specifications ---- */

TEST(a_sink_is_described_by_a_text)
{
    struct sink_spec s;
    struct bx_err err;

    assert_int_equal(sink_spec_parse(&s, "console", &err), BX_OK);
    assert_false(s.filtered);
    assert_int_equal(sink_spec_parse(&s, "console:json,filter=info,raft=off,vm=a", &err), BX_OK);
    assert_true(s.filtered && s.filter.n_targets == 1 && s.filter.n_fields == 1);
    assert_int_equal(
        sink_spec_parse(&s, "file,size=1MiB,age=2h,count=3,total=5MiB,filter=debug", &err), BX_OK);
    assert_true(s.size == 1 << 20 && s.age_s == 7200 && s.count == 3 && s.total == 5 << 20);
    assert_int_equal(sink_spec_parse(&s, "journald:/run/x", &err), BX_OK);
    assert_string_equal(s.where, "/run/x");
    assert_int_equal(sink_spec_parse(&s, "net:127.0.0.1:99", &err), BX_OK);
}

TEST(what_describes_no_sink_is_refused)
{
    static const char *const bad[] = {"",
                                      "stderr",
                                      "console:xml",
                                      "console:json,size=1MiB",
                                      "file:/tmp",
                                      "file,size=1",
                                      "file,size=99TiB",
                                      "file,age=0s",
                                      "file,age=1",
                                      "file,count=0",
                                      "file,count=1001",
                                      "file,color=red",
                                      "file,",
                                      "journald:x",
                                      "net",
                                      "net:127.0.0.1",
                                      "net:1.2:3",
                                      "net:10.0.0.1:514",
                                      "console,filter=xx",
                                      "net:127.0.0.1:0"};

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct sink_spec s;
        struct bx_err err = {0};

        if (sink_spec_parse(&s, bad[i], &err) != BX_INVALID || err.msg[0] == '\0')
            fail_msg("%s", bad[i]);
    }
}

static int parse_options(struct options *o, char *flag, char *value)
{
    char *argv[] = {"blixardd", "--data", "/d", "--name", "n", flag, value, NULL};
    struct bx_err err = {0};

    return options_parse(o, 7, argv, &err);
}

TEST(a_file_lists_sinks)
{
    static struct options o;
    char path[256];
    FILE *f;

    snprintf(path, sizeof path, "%s/config.yaml", sink_dir);
    f = fopen(path, "w");
    fputs("log-sink: [file, 'net:127.0.0.1:1,filter=error']\n", f);
    fclose(f);
    assert_int_equal(parse_options(&o, "--config", path), BX_OK);
    assert_true(o.log_sinks.n == 2 && o.log_sinks.v[0].ops == &sink_file);
    assert_true(o.log_sinks.v[1].ops == &sink_net && o.log_sinks.v[1].filtered);
    assert_int_equal(parse_options(&o, "--log-sink", "console:json"), BX_OK);
    assert_true(o.log_sinks.n == 1 && o.log_sinks.v[0].ops == &sink_console);
    assert_int_equal(parse_options(&o, "--log-sink", "paper"), BX_INVALID);
}

/* ---- the journal ---- */

static int bind_journal(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    struct timeval patience = {.tv_sec = 20};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
    unlink(path);
    assert_int_equal(bind(fd, (const struct sockaddr *)&a, sizeof a), 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    return fd;
}

/* The next entry, with a NUL. */
static const char *receive(int fd)
{
    static char entry[65536];
    ssize_t n = recv(fd, entry, sizeof entry - 1, 0);

    assert_true(n > 0);
    entry[n] = '\0';
    return entry;
}

TEST(the_journal_gets_fields_and_more_than_its_socket_holds)
{
    struct bx_sink_counts counts;
    char path[512], spec[600];
    int fd;

    snprintf(path, sizeof path, "%s/journal", sink_dir);
    snprintf(spec, sizeof spec, "journald:%s", path);
    fd = bind_journal(path);
    sink_open_log("info", spec);
    sink_record(0, 600);
    for (unsigned i = 0; i < 600; i++) {
        char expected[32];
        const char *entry = receive(fd);

        snprintf(expected, sizeof expected, "\nBLIXARD_I=%u\n", i);
        assert_non_null(strstr(entry, expected));
        assert_non_null(strstr(entry, "\nPRIORITY=6\nSYSLOG_IDENTIFIER=blixardd\n"));
        assert_ptr_equal(strstr(entry, "MESSAGE=test: counted i="), entry);
    }
    sink_counts_of("journald", &counts);
    assert_true(counts.events == 600 && counts.dropped == 0);
    log_close();
    close(fd);
}

TEST(events_wait_for_a_journal_that_is_restarted)
{
    char path[512], spec[600];
    int fd;

    snprintf(path, sizeof path, "%s/journal", sink_dir);
    snprintf(spec, sizeof spec, "journald:%s", path);
    fd = bind_journal(path);
    sink_open_log("info", spec);
    BX_INFO("test", "before");
    assert_non_null(strstr(receive(fd), "before"));
    close(fd);
    BX_INFO("test", "between");
    fd = bind_journal(path);
    assert_non_null(strstr(receive(fd), "between"));
    log_close();
    close(fd);
}

/* ---- a collector ---- */

static int listen_at(const char *address)
{
    struct sockaddr_in a = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    char host[64];

    snprintf(host, sizeof host, "%.*s", (int)strcspn(address, ":"), address);
    a.sin_addr.s_addr = inet_addr(host);
    a.sin_port = htons((uint16_t)strtoul(strchr(address, ':') + 1, NULL, 10));
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    assert_int_equal(bind(fd, (const struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(fd, 4), 0);
    return fd;
}

static FILE *accept_one(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    struct timeval patience = {.tv_sec = 20};
    int c;

    assert_int_equal(poll(&p, 1, 20000), 1);
    c = accept(fd, NULL, NULL);
    setsockopt(c, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    return fdopen(c, "r");
}

TEST(a_collector_gets_lines_and_is_found_again)
{
    char address[64], spec[80], line[512];
    FILE *in;
    int fd;

    test_free_address(address);
    snprintf(spec, sizeof spec, "net:%s", address);
    sink_open_log("info", spec);
    BX_INFO("test", "first", "n", 1);
    fd = listen_at(address);
    in = accept_one(fd);
    assert_non_null(fgets(line, sizeof line, in));
    assert_ptr_equal(strstr(line, "{\"host\":\"n1\",\"time\":\"2"), line);
    assert_non_null(strstr(line, "\"msg\":\"first\",\"n\":1}\n"));
    fclose(in);
    close(fd);
    fd = listen_at(address);
    BX_INFO("test", "second");
    sink_wait_taken();
    BX_INFO("test", "third");
    in = accept_one(fd);
    assert_non_null(fgets(line, sizeof line, in));
    assert_non_null(strstr(line, "\"msg\":\"second\"}\n"));
    log_close();
    fclose(in);
    close(fd);
}

TEST(a_collector_that_does_not_read_stops_nobody)
{
    struct bx_sink_counts net, file;
    char address[64], spec[160];
    uint64_t until;
    FILE *in;
    int fd;

    test_free_address(address);
    snprintf(spec, sizeof spec, "net:%s file,size=1MiB", address);
    fd = listen_at(address);
    sink_open_log("info", spec);
    BX_INFO("test", "counted", "i", 0, "text", "hello");
    in = accept_one(fd);
    sink_record(1, 80000);
    until = uv_hrtime() + DEADLINE_NS;
    do {
        sink_counts_of("file", &file);
    } while (file.events < 80001 && file.dropped == 0 && uv_hrtime() < until);
    sink_counts_of("net", &net);
    log_close();
    fclose(in);
    close(fd);
    assert_true(net.dropped > 0 && net.queued_bytes <= 1 << 20);
    assert_true(file.dropped == 0 && file.events >= 80001);
}

static void *talk(void *arg)
{
    static const char words[65536];

    while (send(*(int *)arg, words, sizeof words, MSG_NOSIGNAL) > 0)
        ;
    return NULL;
}

TEST(a_collector_that_talks_all_the_time_stops_nobody)
{
    struct bx_sink_counts file = {0};
    char address[64], spec[160];
    uint64_t until = uv_hrtime() + DEADLINE_NS;
    pthread_t talkers[4];
    FILE *in;
    int fd, c;

    test_free_address(address);
    snprintf(spec, sizeof spec, "net:%s file,size=1MiB", address);
    fd = listen_at(address);
    sink_open_log("info", spec);
    BX_INFO("test", "first");
    in = accept_one(fd);
    c = fileno(in);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&talkers[i], NULL, talk, &c), 0);
    sink_record(1, 20000);
    while (file.events < 20001 && uv_hrtime() < until)
        sink_counts_of("file", &file);
    shutdown(c, SHUT_RDWR);
    for (int i = 0; i < 4; i++)
        pthread_join(talkers[i], NULL);
    log_close();
    fclose(in);
    close(fd);
    assert_true(file.events >= 20001);
}

/* ---- filters ---- */

TEST(each_sink_has_a_filter_which_can_be_changed)
{
    struct bx_filter f;
    struct bx_err err;
    struct sink_files before, after;
    char path[512], spec[700];
    int fd;

    snprintf(path, sizeof path, "%s/journal", sink_dir);
    snprintf(spec, sizeof spec, "file journald:%s,filter=off,other=info", path);
    fd = bind_journal(path);
    sink_open_log("off", spec);
    sink_record(0, 10);
    sink_read_files(&before);
    BX_INFO("other", "seen");
    assert_non_null(strstr(receive(fd), "MESSAGE=other: seen\n"));
    bx_filter_parse(&f, "info,i=12", NULL);
    assert_int_equal(router_set_filter("", &f, &err), BX_OK);
    sink_record(10, 10);
    bx_filter_parse(&f, "off", NULL);
    assert_int_equal(router_set_filter("file", &f, &err), BX_OK);
    sink_record(12, 10);
    assert_int_equal(router_set_filter("nobody", &f, &err), BX_NOT_FOUND);
    assert_non_null(strstr(err.hint, "ring, file, journald"));
    log_close();
    sink_read_files(&after);
    assert_int_equal(before.n, 0);
    assert_true(after.events == 1 && after.first == 12);
    close(fd);
}

TEST(the_filter_of_the_rings_can_be_changed)
{
    struct bx_rec_thread *all[LOG_THREADS];
    struct bx_filter f;
    uint64_t n;

    sink_open_log("off", "file");
    log_threads(all);
    BX_DEBUG("test", "taken");
    n = all[0]->ring.in.records;
    bx_filter_parse(&f, "info", NULL);
    assert_int_equal(router_set_filter(ROUTER_RING, &f, NULL), BX_OK);
    BX_DEBUG("test", "not taken");
    assert_int_equal(all[0]->ring.in.records, n);
    log_close();
}

int main(void)
{
    return test_run(sink_setup, sink_teardown);
}
