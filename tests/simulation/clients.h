/* Submitters, reviewers and readers of boards, as the contract tells them to behave. */
#ifndef SANGKIEN_SIMULATION_CLIENTS_H
#define SANGKIEN_SIMULATION_CLIENTS_H

#include "tests/simulation/world.h"

/* Until then they begin new things; after it they finish what they began. */
void clients_begin(int64_t until);
size_t clients_waiting(void); /* requests that have no final answer yet */
size_t clients_receipts(void);
/* A board that was asked for since `since` said that it is current. */
bool clients_saw_current(int64_t since);

#endif
