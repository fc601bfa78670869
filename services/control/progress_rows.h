/* The answer of …/units/{unit}/progress as rows for a table or a CSV file. Pure. */
#ifndef SANGKIEN_CONTROL_PROGRESS_ROWS_H
#define SANGKIEN_CONTROL_PROGRESS_ROWS_H

#include "common/runtime/buffer.h"

enum progress_column {
	PROGRESS_UNIT,
	PROGRESS_NAME,
	PROGRESS_PERIOD, /* "all", "phase_1", "round_1" */
	PROGRESS_COUNTS,
	PROGRESS_TARGET,
	PROGRESS_PARTS,
	PROGRESS_MISMATCH,
	PROGRESS_COUNTED,
	PROGRESS_PEOPLE,
	PROGRESS_PERCENT,
	PROGRESS_MET,
	PROGRESS_DAYS_LEFT,
	PROGRESS_REQUIRED,
	PROGRESS_PACE,
	PROGRESS_PROJECTED,
	PROGRESS_COLUMNS
};
extern const char *const PROGRESS_COLUMN_NAMES[PROGRESS_COLUMNS]; /* as in the answer; of a CSV file's header */

struct progress_line {
	bool is_child;
	const char *cells[PROGRESS_COLUMNS]; /* "" where the answer has null */
};
struct progress_rows {
	struct progress_line *lines; /* the unit's periods, then each child's, in the answer's order */
	size_t count;
	char *texts; /* what the cells point into */
};
/* False: it is no such answer. */
bool progress_rows_read(struct bytes json, struct progress_rows *rows) MUST_CHECK;
void progress_rows_free(struct progress_rows *rows); /* tolerates zeroed memory */

/* The period by which the children stand in the answer: the first that is not over and in which one has a target. */
const char *progress_rows_focus(const struct progress_rows *rows);

/* RFC 4180; a text that a spreadsheet would take for a formula gets an apostrophe. */
void progress_rows_csv(const struct progress_rows *rows, struct buffer *out);
/* For people: the unit in every period, the children in one. */
void progress_rows_table(const struct progress_rows *rows, const char *period, struct buffer *out);

#endif
