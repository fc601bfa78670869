/* Which line of a unit tree makes that it is none. Pure. */
#ifndef SANGKIEN_CONTROL_UNITS_FAULT_H
#define SANGKIEN_CONTROL_UNITS_FAULT_H

#include "common/domain/unit_tree.h"

/* For rows of which each has an id of its own and a parent that is there (0: the root). The first row that stands below
 * itself, or too deep, with what is wrong and how to mend it; `count`: none does, or there is no memory. */
size_t units_faulty_row(const struct unit_row *rows, size_t count, const char **what) MUST_CHECK;

#endif
