/* PostgreSQL as a server: sessions over a network, and its own end. */
#ifndef SANGKIEN_SIMULATION_POSTGRESQL_H
#define SANGKIEN_SIMULATION_POSTGRESQL_H

#include "tests/simulation/world.h"

/* Every session is lost and every open transaction gone; back after that time. What was committed stays. */
void postgresql_crash(int64_t us);

#endif
