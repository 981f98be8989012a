/* json - text for answers whose keys are fixed and whose strings are our own or names. */
#include "http/priv.h"

#include <stdarg.h>
#include <stdio.h>

void http_put(struct bx_buf *b, const char *text)
{
    (void)bx_buf_append(b, text, strlen(text)); /* `failed` is checked before it is sent */
}

void http_putf(struct bx_buf *b, const char *fmt, ...)
{
    char text[256];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    http_put(b, text);
}

void http_put_string(struct bx_buf *b, const char *text)
{
    http_put(b, "\"");
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < 0x20)
            http_putf(b, "\\u%04x", (unsigned)*text);
        else if (*text == '"' || *text == '\\')
            http_putf(b, "\\%c", *text);
        else
            (void)bx_buf_append(b, text, 1);
    }
    http_put(b, "\"");
}
