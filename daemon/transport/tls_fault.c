/* Why TLS failed, for people. */
#include "transport/tls_priv.h"

#include "pki/openssl_log.h"

#include <openssl/err.h>
#include <stdio.h>
#include <string.h>

#define NOT_TLS "not TLS"
#define OLD "protocol version: TLS 1.3 is required"
#define NO_PROTOCOL "the two sides have no protocol in common"

/* What the peer said before it closed. */
static void fault_of_alert(int alert, char *out, size_t size)
{
    switch (alert) {
    case SSL_AD_PROTOCOL_VERSION:
        snprintf(out, size, "refused by the peer: " OLD);
        return;
    case SSL_AD_NO_APPLICATION_PROTOCOL:
        snprintf(out, size, "refused by the peer: " NO_PROTOCOL);
        return;
    default:
        snprintf(out, size, "refused by the peer: %s", SSL_alert_desc_string_long(alert));
    }
}

static enum tls_fault kind_of(int reason)
{
    switch (reason) {
    case SSL_R_HTTP_REQUEST:
    case SSL_R_HTTPS_PROXY_REQUEST:
    case SSL_R_WRONG_VERSION_NUMBER:
        return TLS_FAULT_NOT_TLS;
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_WRONG_SSL_VERSION:
    case SSL_R_VERSION_TOO_LOW:
        return TLS_FAULT_VERSION;
    case SSL_R_NO_APPLICATION_PROTOCOL:
        return TLS_FAULT_PROTOCOL;
    default:
        return TLS_FAULT_OTHER;
    }
}

void tls_explain(struct tls_stream *t, char *out, size_t size)
{
    static const char *const texts[] = {[TLS_FAULT_NOT_TLS] = NOT_TLS,
                                        [TLS_FAULT_VERSION] = OLD,
                                        [TLS_FAULT_PROTOCOL] = NO_PROTOCOL};
    unsigned long code = ERR_peek_error();
    bool ours = ERR_GET_LIB(code) == ERR_LIB_SSL;
    int reason = ERR_GET_REASON(code);
    const char *text = ERR_reason_error_string(code);

    if (t->refusal[0] != '\0') {
        snprintf(out, size, "%s", t->refusal);
    } else if (ours && reason > SSL_AD_REASON_OFFSET && reason < SSL_AD_REASON_OFFSET + 256) {
        t->fault = TLS_FAULT_REFUSED;
        fault_of_alert(reason - SSL_AD_REASON_OFFSET, out, size);
    } else {
        t->fault = ours ? kind_of(reason) : TLS_FAULT_OTHER;
        if (t->fault != TLS_FAULT_OTHER)
            text = texts[t->fault];
        snprintf(out, size, "%s", text == NULL ? "out of memory" : text);
    }
    openssl_log(BX_LEVEL_DEBUG);
}
