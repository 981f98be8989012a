/* An envelope with an item of each kind. */
#include "unit/golden_priv.h"

#include "diag/envelope.h"

#include <string.h>

#define TIME 1764421200123456789u
#define S(text) ((struct bx_str){"" text, sizeof(text) - 1})

int golden_envelope(struct bx_buf *out)
{
    static const uint8_t id[16] = {0x9e, 0xc7, 0x9c, 0x33, 0xec, 0x99, 0x42, 0xab,
                                   0x83, 0x53, 0x58, 0x9f, 0xcb, 0x2e, 0x04, 0xdc};
    struct bx_envelope_head head = {id, TIME};
    struct bx_envelope e = {.items = 0};
    struct bx_report r = {
        .time_ns = TIME, .level = BX_SEVERITY_FATAL, .message = S("it \"ended\"")};
    struct bx_session session = {.started_ns = TIME, .time_ns = TIME, .release = S("r")};
    struct bx_session_count sessions = {TIME, 1, 2, 3, 4};
    struct bx_check_in check = {.monitor = S("snapshot"), .status = BX_CHECK_OK};
    struct bx_discarded gone = {S("cache_overflow"), S("error"), 3};
    struct bx_log_line line = {.time_ns = TIME, .body = S("slow")};

    memcpy(r.id, id, sizeof id);
    bx_envelope_begin(&e, &head);
    bx_envelope_report(&e, &r);
    r.start_ns = TIME;
    bx_envelope_report(&e, &r);
    bx_envelope_session(&e, &session);
    bx_envelope_sessions(&e, &sessions, 1, S("r"), S("test"));
    bx_envelope_check_in(&e, &check);
    bx_envelope_client_report(&e, TIME, &gone, 1);
    bx_envelope_logs_begin(&e);
    bx_envelope_log(&e, &line);
    bx_envelope_logs_end(&e);
    bx_envelope_attach(&e, S("a.bin"), S("application/octet-stream"), "\0\n\xff", 3);
    bx_envelope_item(&e, S("{\"type\":\"unknown\"}"), S("kept"));
    bx_buf_move(out, &e.out);
    bx_envelope_close(&e);
    return BX_OK;
}

int golden_dsn(struct bx_buf *out)
{
    static const char text[] = "https://k1:secret@o1.example.org:8443/pre/42";

    return bx_buf_append(out, text, sizeof text - 1);
}

int golden_answer(struct bx_buf *out)
{
    static const char text[] = "HTTP/1.1 429 Too Many Requests\r\n"
                               "Retry-After: Sat, 29 Nov 2025 13:00:07 GMT\r\n"
                               "X-Sentry-Rate-Limits: 60:error;log_item:key, 2700::organization\r\n"
                               "Retry-After: 1.5\r\n\r\n";

    return bx_buf_append(out, text, sizeof text - 1);
}

int golden_notes(struct bx_buf *out)
{
    static const char text[] = "9ec79c33ec9942ab8353589fcb2e04dc 1764421200123456789\n";

    return bx_buf_append(out, text, sizeof text - 1);
}
