#include "cli_tls_help.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct pki_test_ca ca, other, twin;
char *dir;
struct bx_err err;

/* ---- certificates ---- */

static uint64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000;
}

struct pki_issue cli_tls_issue(const struct pki_test_ca *by, const char *user, int from_day,
                               int to_day)
{
    struct pki_issue i = user == NULL ? pki_test_node(by, 1) : pki_test_user(by, user);

    i.not_before_ms = now_ms() + (uint64_t)((int64_t)PKI_TEST_DAY * from_day);
    i.not_after_ms = now_ms() + (uint64_t)((int64_t)PKI_TEST_DAY * to_day);
    return i;
}

/* ---- files ---- */

const char *path_of(const char *name)
{
    static char paths[8][4096];
    static unsigned next;
    char *path = paths[next++ % 8];

    snprintf(path, sizeof paths[0], "%s/%s", dir, name);
    return path;
}

void put_file(const char *name, mode_t mode, const void *p, size_t n)
{
    int fd = open(path_of(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_int_equal(write(fd, p, n), n);
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

void put_pem(const char *name, mode_t mode, enum pki_pem what, const void *p, size_t n)
{
    struct bx_buf text = {0};

    assert_int_equal(pki_pem_write(what, p, n, &text, NULL), BX_OK);
    put_file(name, mode, text.data, text.len);
    bx_buf_release(&text);
}

void put_user(const char *crt, const char *key_file)
{
    struct pki_issue i = cli_tls_issue(&ca, "alice", -1, 1);
    struct bx_buf der = {0};
    uint8_t pkcs8[PKI_KEY_MAX];
    struct pki_key *key;
    size_t n;

    pki_test_issue(&ca, &i, &key, &der);
    assert_int_equal(pki_key_write(key, pkcs8, &n, NULL), BX_OK);
    put_pem(crt, 0644, PKI_PEM_CERTIFICATE, der.data, der.len);
    put_pem(key_file, 0600, PKI_PEM_KEY, pkcs8, n);
    pki_key_destroy(key);
    bx_buf_release(&der);
}

int cli_tls_setup(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN); /* of the server's */
    pki_test_ca_open(&ca, 0xc1);
    pki_test_ca_open(&other, 0xc2);
    pki_test_ca_open(&twin, 0xc1);
    dir = test_make_dir();
    put_pem("ca.pem", 0644, PKI_PEM_CERTIFICATE, ca.der.data, ca.der.len);
    put_pem("twin.pem", 0644, PKI_PEM_CERTIFICATE, twin.der.data, twin.der.len);
    put_pem("other.pem", 0644, PKI_PEM_CERTIFICATE, other.der.data, other.der.len);
    put_user("alice.crt", "alice.key");
    memset(&err, 0, sizeof err);
    return 0;
}

int cli_tls_teardown(void **state)
{
    (void)state;
    test_remove_dir(dir);
    pki_test_ca_close(&ca);
    pki_test_ca_close(&other);
    pki_test_ca_close(&twin);
    return 0;
}
