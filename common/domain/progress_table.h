/* Units against their targets, in every phase, round and the whole of a campaign: what an answer, or a notice to an
 * officer, is made of. */
#ifndef SANGKIEN_DOMAIN_PROGRESS_TABLE_H
#define SANGKIEN_DOMAIN_PROGRESS_TABLE_H

#include "common/domain/progress.h"

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
	struct progress_row *rows; /* in the order of the units given */
	size_t row_count;
	struct progress_figures *figures;
	struct progress_row **by_unit; /* ascending by the unit's id */
};

/* Without figures; each unit once. NULL: no memory. */
struct progress_table *progress_table_new(const struct reference_campaign *campaign, const struct targets *targets,
	const struct unit *const *units, size_t unit_count, int64_t now) MUST_CHECK;
/* The unit and then its children. NULL too where there is no such unit. */
struct progress_table *progress_table_of_unit(const struct reference_campaign *campaign, const struct targets *targets,
	uint32_t unit, int64_t now) MUST_CHECK;
void progress_table_free(struct progress_table **table);                           /* tolerates NULL */
size_t progress_table_period(const struct progress_table *table, uint32_t number); /* SIZE_MAX: none */

/* All figures from PostgreSQL: one statement, one moment. `moved`: they are those of another tree than the table's. */
enum pg_status progress_table_read(
	struct progress_table *table, struct pg *pg, bool *moved, int64_t deadline_ms) MUST_CHECK;

/* A row in a period; its first target, where it has one. */
struct progress_ranked {
	const struct progress_row *row;
	struct progress progress;
	bool of_people;
};
struct progress_ranked progress_table_at(
	const struct progress_table *table, const struct progress_row *row, size_t period);
/* The phase that runs, or is to come, where one of these rows has a target in it; else the whole. */
size_t progress_table_interest(const struct progress_table *table, const struct progress_row *rows, size_t count);
/* Who lags most comes first. `ranked` has `count` places. */
void progress_table_rank(const struct progress_table *table, const struct progress_row *rows, size_t count,
	size_t period, struct progress_ranked *ranked);

#endif
