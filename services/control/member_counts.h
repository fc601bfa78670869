/* How many members units have, by date: data that come late and change (R19). Pure. */
#ifndef SANGKIEN_CONTROL_MEMBER_COUNTS_H
#define SANGKIEN_CONTROL_MEMBER_COUNTS_H

#include "common/domain/unit_tree.h"

struct member_count {
	uint32_t unit;
	int32_t from; /* the first day on which it holds; until the next one of the unit */
	uint64_t members;
};
struct member_counts {
	struct member_count *rows; /* heap; by unit and day, one each */
	size_t count;
};
void member_counts_free(struct member_counts *counts); /* tolerates zeroed memory */

/* By unit and day. False: a unit has two counts from the same day, and *twice is one of them. */
bool member_counts_sort(struct member_counts *counts, const struct member_count **twice) MUST_CHECK;

/* Those of a unit on a day: its own count, else the sum of its children's where every one of them has one.
 * False: nobody has said. */
bool member_counts_find(const struct member_counts *counts, const struct unit_tree *tree, uint32_t unit, int32_t day,
	uint64_t *members) MUST_CHECK;

/* The days on which something changes, ascending, each once; heap. NULL: no memory. */
int32_t *member_counts_days(const struct member_counts *counts, size_t *count) MUST_CHECK;

#endif
