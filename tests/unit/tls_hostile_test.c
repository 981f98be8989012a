/* A listener with TLS, and clients that are mistaken or mean harm. */
#include "tls_help.h"

#include "mem/alloc.h"

#include <openssl/err.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- before it is ready ---- */

TEST(plain_text_is_not_tls)
{
    int fd = connect_tcp();

    put_bytes(fd, "GET / HTTP/1.1\r\n\r\n", 18);
    SPIN_UNTIL(accepted.gones == 1);
    assert_int_equal(accepted.readies, 0);
    assert_string_equal(accepted.why, "TLS handshake failed: not TLS");
    close(fd);
}

TEST(garbage_in_the_form_of_a_record_is_refused)
{
    int fd = connect_tcp();

    put_bytes(fd, "\x16\x03\x01\x00\x08garbage!", 13);
    SPIN_UNTIL(accepted.gones == 1);
    assert_int_equal(accepted.readies, 0);
    assert_non_null(strstr(accepted.why, "TLS handshake failed: "));
    close(fd);
}

TEST(an_older_version_is_refused)
{
    struct raw_client c;

    raw_open(&c, TLS1_2_VERSION);
    SPIN_UNTIL((raw_turn(&c), accepted.gones == 1));
    assert_string_equal(accepted.why,
                        "TLS handshake failed: protocol version: TLS 1.3 is required");
    SPIN_UNTIL((raw_turn(&c), ERR_peek_error() != 0));
    assert_int_equal(ERR_GET_REASON(ERR_peek_error()), SSL_R_TLSV1_ALERT_PROTOCOL_VERSION);
    ERR_clear_error();
    raw_close(&c);
}

static void refuse_protocol(const char *names, unsigned n)
{
    struct raw_client c;

    raw_open(&c, TLS1_3_VERSION);
    assert_int_equal(SSL_set_alpn_protos(c.ssl, (const unsigned char *)names, n), 0);
    SPIN_UNTIL((raw_turn(&c), accepted.gones == 1));
    assert_int_equal(accepted.readies, 0);
    assert_non_null(strstr(accepted.why, "no protocol in common"));
    ERR_clear_error();
    raw_close(&c);
}

TEST(another_protocol_is_refused)
{
    refuse_protocol("\x02h2\x08http/1.1", 12);
}

TEST(no_protocol_is_refused)
{
    refuse_protocol(NULL, 0);
}

TEST(a_half_open_handshake_ends_at_the_deadline)
{
    int fd = connect_tcp();

    put_bytes(fd, "\x16\x03\x01\x02\x00\x01\x00", 7); /* a hello of 512 bytes begins */
    SPIN_UNTIL(accepted.stream.tls != NULL);
    for (int i = 0; i < 5; i++)
        uv_run(&test_loop, UV_RUN_ONCE);
    stream_expire(&accepted.stream, test_loop_clock.ops->boot_ms(&test_loop_clock));
    assert_int_equal(accepted.closes, 0);
    test_loop_skew_ms = STALL_MS + 1000;
    stream_expire(&accepted.stream, test_loop_clock.ops->boot_ms(&test_loop_clock));
    assert_int_equal(accepted.closes, 1);
    assert_string_equal(accepted.why, "handshake timed out");
    assert_int_equal(accepted.readies, 0);
    close(fd);
}

TEST(a_connection_that_ends_in_the_handshake_says_so)
{
    int fd = connect_tcp();

    put_bytes(fd, "\x16\x03\x01\x02\x00\x01\x00", 7);
    shutdown(fd, SHUT_WR);
    SPIN_UNTIL(accepted.gones == 1);
    assert_string_equal(accepted.why, "TLS handshake failed: connection closed by the peer");
    close(fd);
}

static void flood(const uint8_t *record, size_t n)
{
    struct bx_alloc_stats before, now;
    int fd = connect_tcp();

    bx_alloc_stats(&before);
    SPIN_UNTIL((send(fd, record, n, MSG_NOSIGNAL), accepted.closes == 1));
    bx_alloc_stats(&now);
    assert_true(now.live_bytes < before.live_bytes + (512u << 10));
    assert_int_equal(accepted.readies, 0);
    close(fd);
}

/* One hello that never ends, in records that are each complete. */
TEST(a_flood_of_records_before_the_handshake_ends_is_bounded)
{
    static uint8_t record[5 + 4096] = {0x16, 0x03, 0x01, 0x10, 0x00, 0x01, 0x01, 0xff, 0xff};

    flood(record, sizeof record);
    assert_non_null(strstr(accepted.why, "too much data"));
}

/* Alerts that say nothing, and empty records. */
TEST(a_flood_of_warnings_before_the_handshake_ends_is_bounded)
{
    flood((const uint8_t *)"\x15\x03\x01\x00\x02\x01\x00", 7);
}

TEST(a_flood_of_empty_records_before_the_handshake_ends_is_bounded)
{
    flood((const uint8_t *)"\x16\x03\x01\x00\x00", 5);
}

/* ---- afterwards ---- */

TEST(one_byte_at_a_time_is_enough)
{
    struct raw_client c;
    uint8_t bytes[4096], record[256];
    size_t n;
    int got;

    raw_open(&c, TLS1_3_VERSION);
    SPIN_UNTIL((got = (int)recv(c.fd, bytes, sizeof bytes, 0),
                got > 0 ? BIO_write(c.in, bytes, got) : 0, SSL_do_handshake(c.ssl),
                got = BIO_read(c.out, bytes, 1), got == 1 ? put_bytes(c.fd, bytes, 1) : (void)0,
                accepted.readies == 1));
    n = raw_encrypt(&c, "hello", 5, record, sizeof record);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(accepted.consumed, 0);
        put_bytes(c.fd, record + i, 1);
        uv_run(&test_loop, UV_RUN_ONCE);
    }
    SPIN_UNTIL(accepted.consumed == 5);
    raw_close(&c);
}

TEST(garbage_after_the_handshake_closes_the_stream)
{
    struct raw_client c;

    raw_open(&c, TLS1_3_VERSION);
    raw_handshake(&c);
    put_bytes(c.fd, "\x17\x03\x03\x00\x20this is not what the key makes of", 38);
    SPIN_UNTIL(accepted.gones == 1);
    assert_int_equal(accepted.inputs, 0);
    assert_non_null(strstr(accepted.why, "TLS: "));
    raw_close(&c);
}

TEST(a_changed_record_closes_the_stream)
{
    struct raw_client c;
    uint8_t record[256];
    size_t n;

    raw_open(&c, TLS1_3_VERSION);
    raw_handshake(&c);
    n = raw_encrypt(&c, "hello", 5, record, sizeof record);
    record[n - 1] ^= 1;
    put_bytes(c.fd, record, n);
    SPIN_UNTIL(accepted.gones == 1);
    assert_int_equal(accepted.inputs, 0);
    raw_close(&c);
}

/* Somebody cuts the connection: what has come may not be all. */
TEST(a_truncated_stream_is_no_orderly_end)
{
    struct raw_client c;
    uint8_t record[256];
    size_t n;

    raw_open(&c, TLS1_3_VERSION);
    raw_handshake(&c);
    n = raw_encrypt(&c, "hello", 5, record, sizeof record);
    put_bytes(c.fd, record, n);
    shutdown(c.fd, SHUT_WR);
    SPIN_UNTIL(accepted.gones == 1);
    assert_int_equal(accepted.consumed, 5);
    assert_string_equal(accepted.why,
                        "TLS: the connection ended without close_notify: data may be missing");
    raw_close(&c);
}

/* Data, close_notify, and then nothing: the socket stays open. */
TEST(close_notify_ends_the_stream_with_all_before_it)
{
    struct raw_client c;
    uint8_t record[512];
    size_t n;

    raw_open(&c, TLS1_3_VERSION);
    raw_handshake(&c);
    assert_int_equal(SSL_write(c.ssl, "hello", 5), 5);
    assert_int_equal(SSL_shutdown(c.ssl), 0);
    n = (size_t)BIO_read(c.out, record, sizeof record);
    put_bytes(c.fd, record, n);
    SPIN_UNTIL(accepted.gones == 1);
    assert_int_equal(accepted.consumed, 5);
    assert_string_equal(accepted.why, stream_peer_closed);
    raw_close(&c);
}

TEST(close_notify_waits_until_its_user_is_done)
{
    struct raw_client c;
    uint8_t record[512];
    size_t n;

    raw_open(&c, TLS1_3_VERSION);
    raw_handshake(&c);
    accepted.unready = true;
    assert_int_equal(SSL_write(c.ssl, "hello", 5), 5);
    assert_int_equal(SSL_shutdown(c.ssl), 0);
    n = (size_t)BIO_read(c.out, record, sizeof record);
    put_bytes(c.fd, record, n);
    SPIN_UNTIL(accepted.consumed == 5 && accepted.stream.paused);
    for (int i = 0; i < 5; i++)
        uv_run(&test_loop, UV_RUN_ONCE);
    assert_int_equal(accepted.closes, 0);
    accepted.unready = false;
    stream_resume(&accepted.stream);
    SPIN_UNTIL(accepted.gones == 1);
    assert_string_equal(accepted.why, stream_peer_closed);
    raw_close(&c);
}

/* Each asks for an answer: they do not pile up. */
TEST(a_flood_of_key_updates_is_bounded)
{
    struct raw_client c;
    uint8_t record[4096];

    raw_open(&c, TLS1_3_VERSION);
    raw_handshake(&c);
    for (int i = 0; i < 2000 && accepted.closes == 0; i++) {
        int n;

        assert_int_equal(SSL_key_update(c.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
        assert_int_equal(SSL_do_handshake(c.ssl), 1);
        n = BIO_read(c.out, record, sizeof record);
        assert_true(n > 0);
        send(c.fd, record, (size_t)n, MSG_NOSIGNAL);
        uv_run(&test_loop, UV_RUN_NOWAIT);
    }
    if (accepted.closes == 0) {
        size_t n = raw_encrypt(&c, "hello", 5, record, sizeof record);

        put_bytes(c.fd, record, n);
        SPIN_UNTIL(accepted.consumed == 5);
        assert_true(accepted.stream.queued == 0);
    }
    ERR_clear_error();
    raw_close(&c);
}

int main(void)
{
    return test_run(tls_setup, tls_teardown);
}
