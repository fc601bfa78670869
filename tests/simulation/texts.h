/* What clients write: new texts, copies and near copies of what was written before, each numbered by its capitals. */
#ifndef SANGKIEN_SIMULATION_TEXTS_H
#define SANGKIEN_SIMULATION_TEXTS_H

#include "tests/simulation/oracle.h"

/* Writes its description and says of what, and where from. `related`: it resembles the one before. Kept, not copied. */
void texts_write(struct meant *meant, bool related);
size_t texts_count(void);

#endif
