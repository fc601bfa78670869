/* What a batch of changes does to the days of units (unit_day), added up in memory. Pure: no I/O. */
#ifndef SANGKIEN_QUOTA_DAYS_H
#define SANGKIEN_QUOTA_DAYS_H

#include "common/domain/unit_tree.h"
#include "common/runtime/arena.h"
#include "services/quota/people.h"

/* The difference one row of unit_day gets. */
struct day_row {
	uint32_t campaign, unit, phase;
	int32_t day;     /* of receipt, in Vietnam */
	uint32_t parent; /* of the unit; 0: the root */
	int64_t counted, people, newcomers;
};

struct days; /* lives in its arena */

struct days *days_new(struct arena *arena) MUST_CHECK; /* NULL: the arena is full */

/* A submission of `unit` begins (1) or ceases (-1) to count, for the unit and all its ancestors. False: the arena is
 * full, or no such unit. */
bool days_change(struct days *days, uint32_t campaign, const struct unit_tree *tree, uint32_t unit, uint32_t phase,
	int32_t day, int by) MUST_CHECK;
bool days_people(
	struct days *days, uint32_t campaign, const struct unit_tree *tree, const struct people_move *move) MUST_CHECK;

/* The rows that differ, each once, in the one order in which every writer takes their locks: by key, but roots last.
 * Valid until the arena's reset. */
const struct day_row *days_sorted(struct days *days, size_t *count);

#endif
