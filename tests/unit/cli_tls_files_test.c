/* The files that blixardctl proves itself with, and knows servers by. */
#include "cli_tls_help.h"

#include "tls.h"

#include <string.h>

static void is_no_use(const char *ca_file, const char *cert, const char *key, const char *words)
{
    struct client_tls_files f = {path_of(ca_file), cert == NULL ? NULL : path_of(cert),
                                 key == NULL ? NULL : path_of(key)};
    struct client_tls *t = NULL;

    memset(&err, 0, sizeof err);
    assert_int_equal(client_tls_create(&t, &f, &err), BX_INVALID);
    assert_null(t);
    if (strstr(err.msg, words) == NULL || strstr(err.msg, dir) == NULL)
        fail_msg("\"%s\" does not say \"%s\", or not of which file", err.msg, words);
    assert_int_not_equal(err.hint[0], '\0');
}

TEST(files_that_are_of_no_use_are_named)
{
    struct pki_issue i = cli_tls_issue(&ca, NULL, -1, 1);
    struct bx_buf der = {0};

    pki_test_issue(&ca, &i, NULL, &der);
    put_pem("node.crt", 0644, PKI_PEM_CERTIFICATE, der.data, der.len);
    bx_buf_release(&der);
    put_user("bob.crt", "bob.key");
    put_file("empty.pem", 0600, "", 0);
    put_file("text.pem", 0600, "-----BEGIN CERTIFICATE-----\nnothing\n", 36);
    is_no_use("none.pem", NULL, NULL, "No such file");
    is_no_use("empty.pem", NULL, NULL, "no CERTIFICATE in PEM form");
    is_no_use("text.pem", NULL, NULL, "no CERTIFICATE in PEM form");
    is_no_use("node.crt", NULL, NULL, "not one of a CA");
    is_no_use("alice.key", NULL, NULL, "no CERTIFICATE in PEM form");
    is_no_use("ca.pem", "none.crt", "alice.key", "No such file");
    is_no_use("ca.pem", "node.crt", "alice.key", "not the certificate of a user");
    is_no_use("ca.pem", "alice.crt", "none.key", "No such file");
    is_no_use("ca.pem", "alice.crt", "bob.key", "not the key of the certificate");
    is_no_use("ca.pem", "alice.crt", "alice.crt", "mode 0644");
    is_no_use("ca.pem", "alice.crt", "empty.pem", "no PRIVATE KEY in PEM form");
    assert_int_equal(chmod(path_of("alice.key"), 0640), 0);
    is_no_use("ca.pem", "alice.crt", "alice.key", "mode 0640");
    assert_non_null(strstr(err.hint, "chmod 600"));
}

int main(void)
{
    return test_run(cli_tls_setup, cli_tls_teardown);
}
