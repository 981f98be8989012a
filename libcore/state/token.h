/* token - the join tokens in the view. Only a hash of the secret is stored. Below feature level
 * 3 it is what a host sends to join, so it must not be shown either. A token is named by the
 * revision that created it. */
#ifndef BX_STATE_TOKEN_H
#define BX_STATE_TOKEN_H

#include "state/view.h"

#define BX_TOKENS_MAX 1024u

struct bx_fsm;

struct bx_token {
    uint8_t secret_hash[16];
    uint64_t expires_ms;    /* leader time; of tokens with ends_ms, to be shown only */
    uint64_t created_index; /* its id */
    /* When it expires, by the time that leaders measure, which a wrong clock does not move; it
     * admits one host. 0: created by a build that had only leader time; it admits any number. */
    uint64_t ends_ms;
    struct bx_str creator; /* principal of its command; views into the row */
    uint8_t role;          /* enum bx_role of the host that it admits */
};

/* The time that is left of it, in ms; 0: it has expired. */
uint64_t bx_token_left_ms(const struct bx_fsm *f, const struct bx_token *t);

#endif
