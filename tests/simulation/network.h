/* ZeroMQ's ROUTER and DEALER over a network that delays, cuts, doubles and overtakes. */
#ifndef SANGKIEN_SIMULATION_NETWORK_H
#define SANGKIEN_SIMULATION_NETWORK_H

#include "tests/simulation/world.h"

bool network_is_readable(const void *socket);
size_t network_sockets(void);             /* that there ever were */
const char *network_bound(size_t number); /* where that one was bound, though it be closed; NULL: it was not */
/* Nothing passes between these two for that long; both notice only by heartbeats. */
void network_part(struct machine *a, struct machine *b, int64_t us);

#endif
