/* daemon_audit - what is refused at the door of the node, for the record (sys/audit.h). */
#include "daemon.h"

#include "sys/audit.h"

void daemon_on_refused(void *ctx, struct bx_str host, const char *why)
{
    struct daemon *d = ctx;
    struct bx_refusal r = {.source = host,
                           .method = bx_str("link"),
                           .code = bx_str(bx_code_name(BX_DENIED)),
                           .message = bx_str(why)};

    audit_refused(d->audit, &r, true);
}
