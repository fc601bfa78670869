/* What a rehearsal came to, for people and for programs. */
#ifndef SANGKIEN_CONTROL_REHEARSAL_REPORT_H
#define SANGKIEN_CONTROL_REHEARSAL_REPORT_H

#include "services/control/rehearsal.h"

/* Sorts it; to standard output. */
void rehearsal_print(struct rehearsal *rehearsal, uint64_t undecided);
void rehearsal_print_json(struct rehearsal *rehearsal, uint64_t undecided);

#endif
