/* Where and from which day on a person is, or ceases to be, one of a unit's people. Pure: no I/O.
 * A unit's people are the distinct persons with at least one counted submission in its subtree, for a phase or the
 * whole. Only the leaf is stored (participation), so what an ancestor gains follows from the person's rows: it is one
 * more where the person had nothing below it before, one less where nothing is left. The day is that of the first one:
 * an earlier one that comes late, or a first one revoked, moves the person from one day to another. */
#ifndef SANGKIEN_QUOTA_PEOPLE_H
#define SANGKIEN_QUOTA_PEOPLE_H

#include "common/domain/reference.h"
#include "common/runtime/arena.h"

/* Counted submissions of one person in one unit, of one phase (0: in none), received on one day in Vietnam. */
struct participation {
	uint32_t unit, phase;
	int32_t day;
	int64_t counted;
};

enum { PEOPLE_ROUND_FIRST = 100 };
struct people_move {
	uint32_t unit, period; /* 0 is the whole campaign, else it is a phase, or PEOPLE_ROUND_FIRST + a round */
	uint32_t phase;        /* that of the submission by which the person is there; of two of one day the lesser */
	int32_t day;           /* its day */
	int by;                /* 1 or -1 */
};

/* `before` are all rows of one person; `rounds` those of the campaign; `moves` what is added to them, in any order,
 * also several for one row. False: the arena is full. */
struct people_grounds {
	const struct unit_tree *tree;
	const struct reference_round *rounds;
	size_t round_count;
};
bool people_moves(const struct people_grounds *grounds, const struct participation *before, size_t before_count,
	const struct participation *moves, size_t move_count, struct arena *arena, struct people_move **result,
	size_t *result_count) MUST_CHECK;

#endif
