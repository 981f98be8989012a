/* journal - events as entries of systemd's journal, in the form of its native protocol
 * (https://systemd.io/JOURNAL_NATIVE_PROTOCOL): fields, each with its name in capitals.
 *
 *     MESSAGE=node: connected node=2
 *     PRIORITY=6
 *     SYSLOG_IDENTIFIER=blixardd
 *     CODE_FILE, CODE_LINE
 *     BLIXARD_TARGET, BLIXARD_TIME, BLIXARD_TRACE
 *     BLIXARD_NODE=2                  each field of the event, under its key
 *
 * A value with a newline has its length before it, so any bytes are safe. */
#ifndef BX_JOURNAL_H
#define BX_JOURNAL_H

#include "mem/buf.h"
#include "rec/recevent.h"

/* Append an entry. out->failed tells of exhausted memory. */
void bx_journal_event(struct bx_buf *out, const char *identifier, const struct bx_recevent *e);

#endif
