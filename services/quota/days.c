#include "services/quota/days.h"

#include "services/quota/tally.h"

#include <stdlib.h>
#include <string.h>

enum { ROWS_FIRST = 2048 };

/* A batch is of few days, but of many units: rows are appended, and added up when they are sorted anyway. */
struct days {
	struct arena *arena;
	struct day_row *rows;
	size_t count, capacity;
};

struct days *days_new(struct arena *arena)
{
	struct days *days = arena_alloc(arena, sizeof(*days));

	if (days == NULL)
		return NULL;
	*days = (struct days){.arena = arena, .capacity = ROWS_FIRST};
	days->rows = arena_alloc(arena, days->capacity * sizeof(*days->rows));
	return days->rows == NULL ? NULL : days;
}

/* What is outgrown dies with the arena. */
static struct day_row *add_row(struct days *days)
{
	if (days->count == days->capacity) {
		struct day_row *grown = arena_alloc(days->arena, 2 * days->capacity * sizeof(*grown));
		if (grown == NULL)
			return NULL;
		memcpy(grown, days->rows, days->count * sizeof(*grown));
		days->rows = grown;
		days->capacity *= 2;
	}
	return &days->rows[days->count++];
}

bool days_change(struct days *days, uint32_t campaign, const struct unit_tree *tree, uint32_t unit, uint32_t phase,
	int32_t day, int by)
{
	uint32_t line[UNIT_DEPTH_MAX];
	size_t depth = unit_ancestors(tree, unit, line);

	for (size_t i = 0; i < depth; i++) {
		struct day_row *row = add_row(days);
		if (row == NULL)
			return false;
		*row = (struct day_row){.campaign = campaign,
			.unit = line[i],
			.phase = phase,
			.day = day,
			.parent = i + 1 < depth ? line[i + 1] : 0,
			.counted = by};
	}
	return depth > 0;
}

bool days_people(struct days *days, uint32_t campaign, const struct unit_tree *tree, const struct people_move *move)
{
	const struct unit *unit = unit_by_id(tree, move->unit);
	struct day_row *row = unit == NULL ? NULL : add_row(days);

	if (row == NULL)
		return false;
	*row = (struct day_row){.campaign = campaign,
		.unit = move->unit,
		.phase = move->phase,
		.day = move->day,
		.parent = unit->parent,
		.people = move->period == TALLY_WHOLE ? 0 : move->by,
		.newcomers = move->period == TALLY_WHOLE ? move->by : 0};
	return true;
}

#define COMPARE(a, b) (((a) > (b)) - ((a) < (b)))

static int compare_rows(const void *left, const void *right)
{
	const struct day_row *a = left, *b = right;
	int order = COMPARE(a->parent == 0, b->parent == 0);

	if (order == 0)
		order = COMPARE(a->campaign, b->campaign);
	if (order == 0)
		order = COMPARE(a->unit, b->unit);
	if (order == 0)
		order = COMPARE(a->day, b->day);
	return order == 0 ? COMPARE(a->phase, b->phase) : order;
}

const struct day_row *days_sorted(struct days *days, size_t *count)
{
	size_t kept = 0;

	qsort(days->rows, days->count, sizeof(*days->rows), compare_rows);
	for (size_t from = 0, to; from < days->count; from = to) {
		struct day_row sum = days->rows[from];

		for (to = from + 1; to < days->count && compare_rows(&sum, &days->rows[to]) == 0; to++) {
			sum.counted += days->rows[to].counted;
			sum.people += days->rows[to].people;
			sum.newcomers += days->rows[to].newcomers;
		}
		if (sum.counted != 0 || sum.people != 0 || sum.newcomers != 0)
			days->rows[kept++] = sum;
	}
	days->count = kept;
	*count = kept;
	return days->rows;
}
