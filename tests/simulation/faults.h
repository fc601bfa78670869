/* What goes wrong, by chance: each seed has some of it and not the rest, so that one fault does not hide another. */
#ifndef SANGKIEN_SIMULATION_FAULTS_H
#define SANGKIEN_SIMULATION_FAULTS_H

#include "tests/simulation/world.h"

void faults_begin(int64_t until);
void faults_end(void); /* nothing new goes wrong, and who is wanted is there again */
uint32_t faults_crashes(void);

#endif
