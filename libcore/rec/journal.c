#include "rec/journal.h"

#include "codec/header.h"
#include "rec/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define OURS "BLIXARD_"
#define NAME 64u   /* bytes of a name, by the protocol */
#define VALUE 512u /* of a value that is not a string; a message is shorter than a record */

static void put_value(struct bx_buf *out, const char *value, size_t n)
{
    uint8_t size[8];

    if (n > 0 && memchr(value, '\n', n) != NULL) {
        bx_put64(size, n);
        bx_buf_append(out, "\n", 1);
        bx_buf_append(out, size, sizeof size);
    } else {
        bx_buf_append(out, "=", 1);
    }
    bx_buf_append(out, value, n);
    bx_buf_append(out, "\n", 1);
}

static void put(struct bx_buf *out, const char *name, const char *value)
{
    bx_buf_append(out, name, strlen(name));
    put_value(out, value, strlen(value));
}

static void put_number(struct bx_buf *out, const char *name, unsigned long value)
{
    char text[24];

    snprintf(text, sizeof text, "%lu", value);
    put(out, name, text);
}

/* Capitals, digits and underscores are all that a name may have. */
static void put_key(struct bx_buf *out, const char *key)
{
    char name[NAME + 1] = OURS;
    size_t n = sizeof OURS - 1;

    for (; *key != '\0' && n < NAME; key++) {
        char c = *key;

        if (c >= 'a' && c <= 'z')
            c = (char)(c - 'a' + 'A');
        name[n++] = (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ? c : '_';
    }
    bx_buf_append(out, name, n);
}

/* A line of a library is in the message already. */
static void put_fields(struct bx_buf *out, const struct bx_recevent *e)
{
    for (uint8_t i = e->site->message == NULL; i < e->n; i++) {
        const struct bx_site_field *f = &e->site->fields[i];
        char text[VALUE];

        put_key(out, f->key);
        if (f->type == BX_ARG_STR) {
            put_value(out, e->args[i].p, e->args[i].n);
            continue;
        }
        bx_text_value(text, sizeof text, f->type, &e->args[i]);
        put_value(out, text, strlen(text));
    }
}

static void put_message(struct bx_buf *out, const struct bx_recevent *e)
{
    struct bx_buf text = {0};

    bx_buf_append(&text, e->site->target, strlen(e->site->target));
    bx_buf_append(&text, ": ", 2);
    bx_text_message(&text, e);
    bx_text_fields(&text, e);
    bx_buf_append(out, "MESSAGE", 7);
    put_value(out, (const char *)text.data, text.len);
    out->failed |= text.failed;
    bx_buf_release(&text);
}

void bx_journal_event(struct bx_buf *out, const char *identifier, const struct bx_recevent *e)
{
    char time[BX_TEXT_TIME + 1], trace[17];

    put_message(out, e);
    put_number(out, "PRIORITY", e->level < BX_LEVEL_DEBUG ? e->level : BX_LEVEL_DEBUG);
    put(out, "SYSLOG_IDENTIFIER", identifier);
    put(out, "CODE_FILE", e->site->file);
    put_number(out, "CODE_LINE", e->site->line);
    put(out, OURS "TARGET", e->site->target);
    time[bx_text_time(time, e->time_ns, 9)] = '\0';
    put(out, OURS "TIME", time);
    if (e->trace != 0) {
        snprintf(trace, sizeof trace, "%016" PRIx64, e->trace);
        put(out, OURS "TRACE", trace);
    }
    put_fields(out, e);
}
