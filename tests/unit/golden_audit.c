#include "unit/golden_priv.h"

#include "wire/refusal.h"

int golden_refusals(struct bx_buf *out)
{
    uint8_t hash[BX_SHA256] = {0}, before[BX_SHA256];
    struct bx_str previous = {(const char *)before, BX_SHA256};
    struct bx_refusals_head head = {1, 1, previous};
    struct bx_refusal records[] = {
        {.number = 1,
         .time = 1700000000456,
         .type = BX_REFUSAL_BEGAN,
         .message = bx_str("the daemon was not ended; records may be missing")},
        {.number = 2,
         .time = 1700000000789,
         .principal = bx_str("user:eve"),
         .source = bx_str("10.0.0.5"),
         .method = bx_str("vm.delete"),
         .object = bx_str("web-1"),
         .code = bx_str("denied"),
         .message = bx_str("permission denied: vm.delete (user:eve)"),
         .trace = {0x71, 0x11, 0x22}},
        {.number = 3,
         .time = 1700000000999,
         .type = BX_REFUSAL_UNTOLD,
         .principal = bx_str("user:eve"),
         .source = bx_str("10.0.0.5"),
         .message = bx_str("refusals that were not recorded"),
         .count = 77},
    };
    int rc;

    memcpy(before, hash, sizeof before);
    rc = bx_refusals_head_write(out, &head);
    for (size_t i = 0; rc == BX_OK && i < sizeof records / sizeof records[0]; i++) {
        memcpy(before, hash, sizeof before);
        records[i].previous = previous;
        rc = bx_refusal_write(out, &records[i]);
        bx_refusal_hash(&records[i], hash);
    }
    return rc;
}
