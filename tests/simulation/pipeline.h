/* The services that are simulated, with settings as deploy/ gives them, and shorter leases. */
#ifndef SANGKIEN_SIMULATION_PIPELINE_H
#define SANGKIEN_SIMULATION_PIPELINE_H

#include "tests/simulation/world.h"

void pipeline_warm_up(void);           /* what all seeds share */
void pipeline_begin(const char *keys); /* a random number of each, booted at random moments */
struct machine *pipeline_add_any(void);
struct machine *pipeline_add_index(const struct machine *of); /* of the same shard */

#endif
