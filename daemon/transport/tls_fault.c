/* Why TLS failed, for people. */
#include "transport/tls_priv.h"

#include "pki/openssl_log.h"

#include <openssl/err.h>
#include <stdio.h>
#include <string.h>

#define NOT_TLS "not TLS"
#define OLD "protocol version: TLS 1.3 is required"
#define NO_CERTIFICATE "the client has no certificate"
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
    case SSL_AD_CERTIFICATE_REQUIRED:
        snprintf(out, size, "refused by the peer: a certificate is required");
        return;
    default:
        snprintf(out, size, "refused by the peer: %s", SSL_alert_desc_string_long(alert));
    }
}

static const char *known(int reason)
{
    switch (reason) {
    case SSL_R_HTTP_REQUEST:
    case SSL_R_HTTPS_PROXY_REQUEST:
    case SSL_R_WRONG_VERSION_NUMBER:
        return NOT_TLS;
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_WRONG_SSL_VERSION:
    case SSL_R_VERSION_TOO_LOW:
        return OLD;
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
        return NO_CERTIFICATE;
    case SSL_R_NO_APPLICATION_PROTOCOL:
        return NO_PROTOCOL;
    default:
        return NULL;
    }
}

void tls_fault(const struct tls_stream *t, char *out, size_t size)
{
    unsigned long code = ERR_peek_error();
    int reason = ERR_GET_REASON(code);
    const char *text;

    if (t->refusal[0] != '\0') {
        snprintf(out, size, "%s", t->refusal);
    } else if (ERR_GET_LIB(code) == ERR_LIB_SSL && reason > SSL_AD_REASON_OFFSET &&
               reason < SSL_AD_REASON_OFFSET + 256) {
        fault_of_alert(reason - SSL_AD_REASON_OFFSET, out, size);
    } else {
        text = ERR_GET_LIB(code) == ERR_LIB_SSL ? known(reason) : NULL;
        if (text == NULL)
            text = ERR_reason_error_string(code);
        snprintf(out, size, "%s", text == NULL ? "out of memory" : text);
    }
    openssl_log(BX_LEVEL_DEBUG);
}
