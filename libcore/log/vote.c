#include "log/vote.h"

#include "mutant.h"

#define SIZE 16 /* term u64, voted_for u64 */

int bx_vote_open(struct bx_vote *v, struct bx_fs *fs, struct bx_err *err)
{
    uint8_t value[BX_DUALCOPY_MAX];
    size_t len;
    int rc;

    *v = (struct bx_vote){.term = 0};
    rc = bx_dualcopy_open(&v->copies, fs, "vote", BX_KIND_VOTE, value, &len, err);
    if (rc != BX_OK)
        return rc;
    if (len == SIZE) {
        v->term = bx_get64(value);
        v->voted_for = BX_MUTATED(FORGET_VOTE) ? 0 : bx_get64(value + 8);
    } else if (len != 0) {
        bx_vote_close(v);
        bx_err_set(err, BX_CORRUPT, "%s/vote: %zu bytes instead of %d", fs->dir, len, SIZE);
        bx_fs_hint_forget(fs, err);
        return BX_CORRUPT;
    }
    return BX_OK;
}

int bx_vote_save(struct bx_vote *v, uint64_t term, uint64_t voted_for, struct bx_err *err)
{
    uint8_t value[SIZE];
    int rc;

    bx_put64(value, term);
    bx_put64(value + 8, voted_for);
    rc = bx_dualcopy_save(&v->copies, value, sizeof value, err);
    if (rc == BX_OK) {
        v->term = term;
        v->voted_for = voted_for;
    }
    return rc;
}

void bx_vote_close(struct bx_vote *v)
{
    bx_dualcopy_close(&v->copies);
}
