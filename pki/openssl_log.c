#include "pki/openssl_log.h"

#include "rec/rec.h"

#include <openssl/err.h>
#include <string.h>

unsigned openssl_log(enum bx_level level)
{
    char text[256]; /* what ERR_error_string asks for */
    unsigned n = 0;
    unsigned long code;

    while ((code = ERR_get_error()) != 0) {
        ERR_error_string_n(code, text, sizeof text);
        bx_rec_line(BX_LINE_OPENSSL, (int)level, text, strlen(text));
        n++;
    }
    return n;
}

void openssl_forget(void)
{
    if (ERR_peek_error() != 0)
        ERR_clear_error();
}
