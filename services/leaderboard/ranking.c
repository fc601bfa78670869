#include "services/leaderboard/ranking.h"

#include "common/domain/progress.h"

#include <stdlib.h>
#include <string.h>

typedef unsigned __int128 wide;

static const char *const METRIC_NAMES[] = {
	[METRIC_COUNTED] = "counted",
	[METRIC_PEOPLE] = "people",
	[METRIC_ENTERED] = "entered",
	[METRIC_PERCENT] = "percent",
};

const char *metric_name(enum board_metric metric)
{
	assert((size_t)metric < ARRAY_LENGTH(METRIC_NAMES));
	return METRIC_NAMES[metric];
}

bool metric_parse(const char *name, enum board_metric *metric)
{
	for (size_t i = 0; i < ARRAY_LENGTH(METRIC_NAMES); i++)
		if (strcmp(METRIC_NAMES[i], name) == 0) {
			*metric = (enum board_metric)i;
			return true;
		}
	return false;
}

static bool is_measured(const struct board_row *row)
{
	return row->has_target && row->target > 0;
}

static uint64_t done(const struct board_row *row)
{
	return row->target_of_people ? row->people : row->counted;
}

bool board_row_permille(const struct board_row *row, uint64_t *permille)
{
	return row->has_target && progress_permille(done(row), row->target, permille);
}

static int compare_numbers(wide a, wide b)
{
	return a > b ? -1 : a < b;
}

/* Negative: a stands before b. */
static int compare_merit(const struct board_row *a, const struct board_row *b, enum board_metric metric)
{
	switch (metric) {
	case METRIC_COUNTED:
		return compare_numbers(a->counted, b->counted);
	case METRIC_PEOPLE:
		return compare_numbers(a->people, b->people);
	case METRIC_ENTERED:
		return compare_numbers(a->entered, b->entered);
	case METRIC_PERCENT:
		break;
	}
	if (!is_measured(a) || !is_measured(b))
		return (int)is_measured(b) - (int)is_measured(a);
	return compare_numbers((wide)done(a) * b->target, (wide)done(b) * a->target);
}

static int compare_rows(const void *left, const void *right, void *context)
{
	const struct board_row *a = left, *b = right;
	int merit = compare_merit(a, b, *(const enum board_metric *)context);
	return merit != 0 ? merit : strcmp(a->unit->code, b->unit->code);
}

void ranking_sort(struct board_row *rows, size_t count, enum board_metric metric)
{
	if (count > 1)
		qsort_r(rows, count, sizeof(*rows), compare_rows, &metric);
	for (size_t i = 0; i < count; i++) {
		bool tied = i > 0 && compare_merit(&rows[i - 1], &rows[i], metric) == 0;
		rows[i].rank = tied ? rows[i - 1].rank : (uint32_t)i + 1;
	}
}

struct ranking_window ranking_window(size_t count, size_t limit, const size_t *around)
{
	struct ranking_window window = {.first = 0, .count = limit < count ? limit : count};
	if (!around)
		return window;
	size_t above = (window.count - 1) / 2;
	window.first = *around > above ? *around - above : 0;
	if (window.first > count - window.count)
		window.first = count - window.count;
	return window;
}
