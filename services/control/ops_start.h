#ifndef SANGKIEN_CONTROL_OPS_START_H
#define SANGKIEN_CONTROL_OPS_START_H

#include "services/control/rundir.h"

/* Has s6 run `sangkien ops`, at SANGKIEN_OPS_LISTEN where that is set; `restart` where the program is another. False:
 * the setting is none, or s6 does not take it. */
bool ops_start(const struct rundir *run, bool restart) MUST_CHECK;

#endif
