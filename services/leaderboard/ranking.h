/* Places on a board: standard competition ranking (1, 2, 2, 4), ties in the order of unit codes. Pure. */
#ifndef SANGKIEN_LEADERBOARD_RANKING_H
#define SANGKIEN_LEADERBOARD_RANKING_H

#include "common/domain/unit_tree.h"

enum board_metric { METRIC_COUNTED, METRIC_PEOPLE, METRIC_ENTERED, METRIC_PERCENT };
const char *metric_name(enum board_metric metric);
bool metric_parse(const char *name, enum board_metric *metric) MUST_CHECK;

struct board_row {
	const struct unit *unit;
	uint32_t rank; /* 1… */
	uint64_t entered, counted, people, awarded;
	bool has_target, target_of_people; /* of people rather than initiatives (R19) */
	uint64_t target;
};

/* As progress_permille(). False: no target to measure by. */
bool board_row_permille(const struct board_row *row, uint64_t *permille) MUST_CHECK;

/* Sorts, best first, and gives ranks. By percent the exact ratio decides, and rows without a target come last. */
void ranking_sort(struct board_row *rows, size_t count, enum board_metric metric);

/* The rows to show: `limit` of them from the first, or with `around` (an index) in their middle. */
struct ranking_window {
	size_t first, count;
};
struct ranking_window ranking_window(size_t count, size_t limit, const size_t *around);

#endif
