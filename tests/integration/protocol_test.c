/* What docs/PROTOCOL.md shows, with a real daemon: the bytes of a request and its answer, and the
 * example client. */
#include "integration/api_hosts.h"

#include "lib/testlib.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *text;

static int read_doc(void **state)
{
    text = test_read_source("docs/PROTOCOL.md");
    return hosts_setup(state);
}

/* The bytes after the word, up to the two spaces that end them. */
static size_t bytes_after(const char *word, uint8_t *to, size_t max)
{
    const char *p = strstr(text, word);
    size_t n = 0;

    assert_non_null(p);
    for (p += strlen(word); strncmp(p, "  ", 2) != 0; p += strspn(p, " ") == 1) {
        char *end;

        assert_true(n < max);
        to[n++] = (uint8_t)strtoul(p, &end, 16);
        assert_ptr_equal(end, p + 2);
        p = end;
    }
    return n;
}

TEST(the_bytes_of_the_example_get_the_answer_of_the_example)
{
    uint8_t request[64], answer[64];
    size_t n = bytes_after("\n    send     ", request, sizeof request);
    size_t m = bytes_after("\n    receive  ", answer, sizeof answer);
    struct rpc c = host_dial(hosts[0].api);

    assert_true(rpc_write(&c, request, n));
    assert_non_null(rpc_read(&c));
    assert_int_equal(c.used, m);
    assert_memory_equal(c.in.data, answer, m);
    rpc_close(&c);
}

TEST(an_id_is_an_integer_and_anything_else_closes_the_connection)
{
    static const uint8_t largest[] = "\x94\x00\xcf\xff\xff\xff\xff\xff\xff\xff\xff"
                                     "\xa9sys.hello\x91\x80";
    static const uint8_t word[] = "\x94\x00\xa1x\xa9sys.hello\x91\x80";
    static const uint8_t answer[] = "\x94\x00\x01\xa9sys.hello\x90";
    struct rpc c = host_dial(hosts[0].local);
    uint64_t id = 0;
    bx_val v;

    assert_true(rpc_write(&c, largest, sizeof largest - 1));
    v = rpc_read(&c);
    assert_true(bx_val_u64(bx_val_at(v, 1), &id));
    assert_true(id == UINT64_MAX);
    assert_true(rpc_write(&c, answer, sizeof answer - 1)); /* without parameters */
    rpc_is_error(rpc_read(&c), 2, "one map");
    rpc_write(&c, word, sizeof word - 1);
    v = rpc_read(&c); /* why it is closed */
    assert_true(bx_val_u64(bx_val_at(v, 0), &id) && id == 2);
    assert_null(rpc_read(&c));
    rpc_close(&c);
}

/* ---- the example client ---- */

static void write_client(const char *path)
{
    static const char begin[] = "\n```python\n", end[] = "\n```\n";
    const char *p = strstr(text, begin), *q;
    FILE *f = fopen(path, "we");

    assert_non_null(p);
    p += sizeof begin - 1;
    q = strstr(p, end);
    assert_non_null(q);
    assert_non_null(f);
    assert_int_equal(fwrite(p, 1, (size_t)(q - p) + 1, f), (size_t)(q - p) + 1);
    assert_int_equal(fclose(f), 0);
}

/* Runs python3 with these arguments; its exit code, and what it printed. */
static int run_python(const char *script, const char *argument, char *printed, size_t size)
{
    int pipe_fds[2], status = -1;
    ssize_t got;
    size_t n = 0;
    pid_t pid;

    assert_int_equal(pipe(pipe_fds), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        dup2(pipe_fds[1], 1);
        dup2(pipe_fds[1], 2);
        close(pipe_fds[0]);
        close(pipe_fds[1]);
        execlp("python3", "python3", script, argument, (char *)NULL);
        _exit(127);
    }
    close(pipe_fds[1]);
    while (n + 1 < size && (got = read(pipe_fds[0], printed + n, size - n - 1)) > 0)
        n += (size_t)got;
    printed[n] = '\0';
    close(pipe_fds[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + status;
}

TEST(the_example_client_does_what_the_page_says)
{
    char script[600], printed[4096];
    int rc;

    if (run_python("-c", "import socket, struct, uuid", printed, sizeof printed) != 0)
        skip();
    snprintf(script, sizeof script, "%s.py", hosts[0].data);
    write_client(script);
    rc = run_python(script, hosts[0].local + strlen("unix:"), printed, sizeof printed);
    if (rc != 0)
        fail_msg("exit code %d: %s", rc, printed);
    assert_string_equal(printed, "protocol 1\nexample-1 stopped\nexample-2 stopped\n"
                                 "no VM \"example-3\"\n");
}

int main(void)
{
    return test_run(read_doc, hosts_teardown);
}
