/* match - the flags that narrow a list. */
#ifndef CLI_MATCH_H
#define CLI_MATCH_H

#include "run.h"

/* Whether a flag was given that narrows a list. */
bool match_given(const struct run *r);
/* Add the parameter `match` of the flags that were given, if any. BX_OK, or r->err is set: a value
 * that is none of the flag's choices, not KEY=VALUE, or two values for one field. */
int match_params(struct run *r, struct params *p);

#endif
