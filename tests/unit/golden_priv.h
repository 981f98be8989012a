/* golden_priv - the makers of golden items that have files of their own. */
#ifndef GOLDEN_PRIV_H
#define GOLDEN_PRIV_H

#include "unit/golden.h"

/* ---- golden_raft.c: the messages of Raft ---- */
int golden_raft_vote_request(struct bx_buf *out);
int golden_raft_vote_result(struct bx_buf *out);
int golden_raft_append(struct bx_buf *out);
int golden_raft_append_result(struct bx_buf *out);
int golden_raft_install(struct bx_buf *out);
int golden_raft_timeout_now(struct bx_buf *out);

/* ---- golden_audit.c: a file of refusals ---- */
int golden_refusals(struct bx_buf *out);

/* ---- golden_rec.c: files of the recorder ---- */
int golden_recorder_plain(struct bx_buf *out);
int golden_recorder_packed(struct bx_buf *out);
int golden_recorder_archive(struct bx_buf *out);
int golden_log_query(struct bx_buf *out); /* texts of a query */
int golden_filter(struct bx_buf *out);

/* ---- golden_diag.c: envelopes, and what their sender reads ---- */
int golden_envelope(struct bx_buf *out);
int golden_dsn(struct bx_buf *out);
int golden_answer(struct bx_buf *out); /* lines of a header */
int golden_notes(struct bx_buf *out);  /* of the run before */
int golden_crash(struct bx_buf *out);  /* the file that a crash has left */

#endif
