/* planted - the simulator over a libcore with one mistake put in (libcore/plant.h). */
#ifndef PLANTED_H
#define PLANTED_H

#include "sim/sim.h"

/* Choose the mistake by its name, "none" for none; false when there is no such. */
bool planted_choose(const char *name);
/* Print the names, one a line. */
void planted_list(void);
/* Whose hosts' clocks a mistake may look at. */
void planted_begin(struct sim *s);

#endif
