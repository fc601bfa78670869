/* A unit and its children against their targets, in every phase, round and the whole, as the contract says it. Pure. */
#ifndef SANGKIEN_LEADERBOARD_PROGRESS_TABLE_H
#define SANGKIEN_LEADERBOARD_PROGRESS_TABLE_H

#include "common/domain/reference.h"
#include "common/runtime/buffer.h"
#include "services/leaderboard/progress.h"

struct progress_period {
	uint32_t number; /* 0: the whole, a phase, or TARGETS_ROUND_FIRST + the round */
	struct progress_window window;
	const char *name_vi, *name_en; /* borrowed; NULL: the whole has none */
};
struct progress_row {
	const struct unit *unit;
	struct progress_figures *figures; /* one a period */
};
struct progress_table {
	const struct reference_campaign *campaign; /* borrowed, as are the targets: they outlive the table */
	const struct targets *targets;
	int64_t now;
	uint64_t version;                /* of the board whose figures these are */
	struct progress_period *periods; /* the whole, the phases of the rules that hold now, the rounds */
	size_t period_count;
	struct progress_row *rows; /* the unit itself, then its children by code */
	size_t row_count;
	struct progress_figures *figures;
};

/* Without figures. NULL: no memory, or no such unit. */
struct progress_table *progress_table_new(const struct reference_campaign *campaign, const struct targets *targets,
	uint32_t unit, int64_t now) MUST_CHECK;
void progress_table_free(struct progress_table **table);

struct progress_figures *progress_table_figures(
	struct progress_table *table, uint32_t unit, size_t period);               /* NULL: not in it */
size_t progress_table_period(const struct progress_table *table, uint32_t number); /* SIZE_MAX: none */

/* The answer. Its children stand by their share in what runs now: the phase, where any has a target in it, else the
 * whole; who lags most comes first. */
void progress_table_json(const struct progress_table *table, bool english, struct buffer *json);

#endif
