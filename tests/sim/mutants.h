/* mutants - the simulator over a libcore with one mistake put in (libcore/mutant.h). */
#ifndef MUTANTS_H
#define MUTANTS_H

#include "sim/sim.h"

/* Choose the mistake by its name, "none" for none; false when there is no such. */
bool mutant_choose(const char *name);
/* Print the names, one a line. */
void mutant_list(void);
/* Whose hosts' clocks a mistake may look at. */
void mutant_begin(struct sim *s);

#endif
