/* Moves of units as data: from a day on a unit is merged into another one, stands under another parent, or has another
 * name. What a file of them makes of a tree, and why not. Pure: no I/O.
 *
 * A merged unit keeps its id, because submissions name it. It is closed and hangs below the unit that it was merged
 * into; what stood below it stands below that one. So the totals of all ancestors follow from parents alone. */
#ifndef SANGKIEN_CONTROL_UNIT_MOVES_H
#define SANGKIEN_CONTROL_UNIT_MOVES_H

#include "common/domain/unit_tree.h"
#include "common/runtime/buffer.h"
#include "services/control/csv.h"

/* The file's columns, for csv_read(). Of the last three a row has merged_into alone, or one or both of the others. */
enum move_column { MOVE_FROM, MOVE_CODE, MOVE_INTO, MOVE_PARENT, MOVE_NAME };
extern const char *const move_columns[];

struct unit_past { /* what a unit was until a day */
	int32_t held_until;
	struct unit_row row;
};

struct move_plan {
	struct unit_row *after; /* all units, ascending by id; texts are borrowed */
	size_t count;
	struct unit_past *past; /* one a unit and day on which it changed */
	size_t past_count;
	int32_t last_day; /* of the past; INT32_MIN: nothing changes */
};
void move_plan_free(struct move_plan *plan); /* tolerates zeroed memory */

struct move_grounds {
	const char *file;              /* for the faults */
	const struct unit_row *before; /* units in force, ascending by id; a tree */
	size_t count;
	int32_t today;    /* no move is of a later day */
	int32_t moved_on; /* nor of an earlier day than the latest in force; INT32_MIN: none is */
};
/* False with a line a fault "FILE:LINE: what; how to mend". The same file again changes nothing. */
bool move_plan_make(const struct move_grounds *grounds, const struct csv *file, struct move_plan *plan,
	struct buffer *faults) MUST_CHECK;

/* The row of that id; NULL: none. */
const struct unit_row *move_row(const struct unit_row *rows, size_t count, uint32_t id);

#endif
