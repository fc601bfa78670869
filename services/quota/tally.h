/* What a batch of changes does to the totals of units, added up in memory. Pure: no I/O. */
#ifndef SANGKIEN_QUOTA_TALLY_H
#define SANGKIEN_QUOTA_TALLY_H

#include "common/domain/unit_tree.h"
#include "common/runtime/arena.h"

enum { TALLY_WHOLE = 0 /* the phase that is the whole campaign */ };

enum tally_column {
	TALLY_ENTERED,
	TALLY_UNDER_REVIEW,
	TALLY_COUNTED,
	TALLY_REJECTED,
	TALLY_DUPLICATE,
	TALLY_REVOKED,
	TALLY_PEOPLE,
	TALLY_COLUMNS
};

/* The difference one row of unit_total gets. */
struct tally_row {
	uint32_t campaign, unit, phase;
	uint32_t parent; /* 0: the root */
	int64_t by[TALLY_COLUMNS];
};

struct tally; /* lives in its arena */

struct tally *tally_new(struct arena *arena) MUST_CHECK; /* NULL: the arena is full */

/* A submission of `unit` goes from one status to another (STATUS_RECEIVED: had no decision), for the unit and all
 * its ancestors, in its phase (0: in none) and the whole campaign. False: the arena is full, or no such unit. */
bool tally_change(struct tally *tally, uint32_t campaign, const struct unit_tree *tree, uint32_t unit, uint32_t phase,
	enum submission_status before, enum submission_status after) MUST_CHECK;

/* People of exactly this unit and phase, up or down. False: the arena is full, or no such unit. */
bool tally_people(struct tally *tally, uint32_t campaign, const struct unit_tree *tree, uint32_t unit, uint32_t phase,
	int by) MUST_CHECK;

/* The rows that differ, in the one order in which every writer takes their locks: by key, but roots last of all,
 * because everybody needs them. Valid until the arena's reset. NULL: the arena is full. */
const struct tally_row *tally_sorted(struct tally *tally, size_t *count) MUST_CHECK;

#endif
