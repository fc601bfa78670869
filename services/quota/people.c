#include "services/quota/people.h"

#include "services/quota/tally.h"

#include <stdlib.h>

/* What a person has below one ancestor in one phase. */
struct presence {
	uint32_t unit, phase;
	int64_t before, by;
};

struct presences {
	struct presence *rows;
	size_t count, capacity;
};

static void add_presence(struct presences *all, uint32_t unit, uint32_t phase, int64_t before, int64_t by)
{
	assert(all->count < all->capacity);
	all->rows[all->count++] = (struct presence){.unit = unit, .phase = phase, .before = before, .by = by};
}

/* A unit that is not in the tree has no ancestors there: it changes nobody's people. */
static void spread(const struct unit_tree *tree, const struct participation *row, bool moves, struct presences *all)
{
	uint32_t line[UNIT_DEPTH_MAX];
	size_t depth = unit_ancestors(tree, row->unit, line);
	int64_t before = moves ? 0 : row->counted, by = moves ? row->counted : 0;

	for (size_t i = 0; i < depth; i++) {
		add_presence(all, line[i], TALLY_WHOLE, before, by);
		if (row->phase != TALLY_WHOLE)
			add_presence(all, line[i], row->phase, before, by);
	}
}

static int compare_presence(const void *left, const void *right)
{
	const struct presence *a = left, *b = right;

	if (a->unit != b->unit)
		return a->unit < b->unit ? -1 : 1;
	return (a->phase > b->phase) - (a->phase < b->phase);
}

/* Adds up the rows of one ancestor and phase from `from` on; gives where the next ones begin. */
static size_t add_up(const struct presences *all, size_t from, struct presence *sum)
{
	size_t to = from + 1;

	*sum = all->rows[from];
	for (; to < all->count && compare_presence(&all->rows[to], sum) == 0; to++) {
		sum->before += all->rows[to].before;
		sum->by += all->rows[to].by;
	}
	assert(sum->before >= 0 && sum->before + sum->by >= 0);
	return to;
}

bool people_moves(const struct unit_tree *tree, const struct participation *before, size_t before_count,
	const struct participation *moves, size_t move_count, struct arena *arena, struct people_move **result,
	size_t *result_count)
{
	struct presences all = {.capacity = (before_count + move_count) * UNIT_DEPTH_MAX * 2};
	struct presence sum;

	*result_count = 0;
	all.rows = arena_alloc(arena, all.capacity * sizeof(*all.rows));
	if (all.rows == NULL)
		return false;
	for (size_t i = 0; i < before_count; i++)
		spread(tree, &before[i], false, &all);
	for (size_t i = 0; i < move_count; i++)
		spread(tree, &moves[i], true, &all);
	qsort(all.rows, all.count, sizeof(*all.rows), compare_presence);
	*result = arena_alloc(arena, all.count * sizeof(**result));
	if (*result == NULL)
		return false;
	for (size_t at = 0; at < all.count;) {
		at = add_up(&all, at, &sum);
		if ((sum.before > 0) != (sum.before + sum.by > 0))
			(*result)[(*result_count)++] =
				(struct people_move){.unit = sum.unit, .phase = sum.phase, .by = sum.by > 0 ? 1 : -1};
	}
	return true;
}
