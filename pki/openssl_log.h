/* openssl_log - what OpenSSL says of its own: into the recorder, as lines of the target openssl.
 *
 * OpenSSL keeps the errors of each thread in a queue until somebody takes them. Whoever calls it
 * takes them after a call that failed, or the next failure would be told with the texts of this
 * one. */
#ifndef OPENSSL_LOG_H
#define OPENSSL_LOG_H

#include "rec/site.h"

/* Take this thread's errors and record each; how many there were. The level is error when a call of
 * ours failed, and debug when a stranger's input did. Any thread. */
unsigned openssl_log(enum bx_level level);
/* Before a call whose errors will be asked for: drop what others have left. ERR_clear_error takes a
 * tenth of the time of a small message, also when there is nothing. */
void openssl_forget(void);

#endif
