#include "services/quota/people.h"

#include "common/runtime/mutant.h"
#include "services/quota/tally.h"

#include <stdlib.h>

/* What a person has below one ancestor in one period, of one day and phase. */
struct presence {
	uint32_t unit, period;
	int32_t day;
	uint32_t phase;
	int64_t before, by;
};

struct presences {
	struct presence *rows;
	size_t count, capacity;
};

static void add_presence(
	struct presences *all, uint32_t unit, uint32_t period, const struct participation *row, bool moves)
{
	assert(all->count < all->capacity);
	all->rows[all->count++] = (struct presence){.unit = unit,
		.period = period,
		.day = row->day,
		.phase = row->phase,
		.before = moves ? 0 : row->counted,
		.by = moves ? row->counted : 0};
}

static bool lies_in(const struct reference_round *round, int32_t day)
{
	return round->first_day <= day && day <= round->last_day;
}

/* A unit that is not in the tree has no ancestors there: it changes nobody's people. */
static void spread(
	const struct people_grounds *grounds, const struct participation *row, bool moves, struct presences *all)
{
	uint32_t line[UNIT_DEPTH_MAX];
	size_t depth = unit_ancestors(grounds->tree, row->unit, line);

	for (size_t i = 0; i < depth; i++) {
		add_presence(all, line[i], TALLY_WHOLE, row, moves);
		if (row->phase != TALLY_WHOLE)
			add_presence(all, line[i], row->phase, row, moves);
		for (size_t k = 0; k < grounds->round_count; k++)
			if (lies_in(&grounds->rounds[k], row->day))
				add_presence(all, line[i], PEOPLE_ROUND_FIRST + grounds->rounds[k].number, row, moves);
	}
}

static size_t most_presences(const struct people_grounds *grounds, const struct participation *rows, size_t count)
{
	size_t periods = 2 * count;

	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < grounds->round_count; k++)
			periods += lies_in(&grounds->rounds[k], rows[i].day);
	return periods * UNIT_DEPTH_MAX;
}

#define COMPARE(a, b) (((a) > (b)) - ((a) < (b)))

static int compare_places(const struct presence *a, const struct presence *b)
{
	return a->unit != b->unit ? COMPARE(a->unit, b->unit) : COMPARE(a->period, b->period);
}

static int compare_days(const struct presence *a, const struct presence *b)
{
	return a->day != b->day ? COMPARE(a->day, b->day) : COMPARE(a->phase, b->phase);
}

static int compare_presence(const void *left, const void *right)
{
	const struct presence *a = left, *b = right;
	int order = compare_places(a, b);

	return order != 0 ? order : compare_days(a, b);
}

/* One ancestor and period from `from` on: its first rows with something before, and after. Gives where the next ones
 * begin. */
static size_t find_first(
	const struct presences *all, size_t from, const struct presence **before, const struct presence **after)
{
	size_t at = from;

	*before = *after = NULL;
	while (at < all->count && compare_places(&all->rows[at], &all->rows[from]) == 0) {
		const struct presence *day = &all->rows[at];
		int64_t had = 0, has = 0;

		for (; at < all->count && compare_presence(&all->rows[at], day) == 0; at++) {
			had += all->rows[at].before;
			has += all->rows[at].before + all->rows[at].by;
		}
		assert(had >= 0 && has >= 0);
		if (had > 0 && *before == NULL)
			*before = day;
		if (has > 0 && *after == NULL)
			*after = day;
	}
	return at;
}

static void add_move(struct people_move *moves, size_t *count, const struct presence *day, int by)
{
	if (day != NULL)
		moves[(*count)++] = (struct people_move){
			.unit = day->unit, .period = day->period, .phase = day->phase, .day = day->day, .by = by};
}

bool people_moves(const struct people_grounds *grounds, const struct participation *before, size_t before_count,
	const struct participation *moves, size_t move_count, struct arena *arena, struct people_move **result,
	size_t *result_count)
{
	struct presences all = {
		.capacity = most_presences(grounds, before, before_count) + most_presences(grounds, moves, move_count)};
	const struct presence *first_before, *first_after;

	*result_count = 0;
	if (MUTANT_PERSON_PER_SUBMISSION)
		before_count = 0;
	all.rows = arena_alloc(arena, all.capacity * sizeof(*all.rows));
	if (all.rows == NULL)
		return false;
	for (size_t i = 0; i < before_count; i++)
		spread(grounds, &before[i], false, &all);
	for (size_t i = 0; i < move_count; i++)
		spread(grounds, &moves[i], true, &all);
	qsort(all.rows, all.count, sizeof(*all.rows), compare_presence);
	/* At most two for each: a place with two has at least two rows. */
	*result = arena_alloc(arena, all.count * sizeof(**result));
	if (*result == NULL)
		return false;
	for (size_t at = 0; at < all.count;) {
		at = find_first(&all, at, &first_before, &first_after);
		if (first_before == first_after)
			continue;
		add_move(*result, result_count, first_before, -1);
		add_move(*result, result_count, first_after, 1);
	}
	return true;
}
