#include "services/control/unit_moves.h"

#include "common/runtime/clock.h"

#include <stdlib.h>
#include <string.h>

const char *const move_columns[] = {"valid_from", "code", "merged_into", "parent_code", "name", NULL};

struct move {
	const struct csv_row *row;
	int32_t day;
	size_t unit, other; /* places in the rows: what moves, and into or under what */
};

struct making {
	const struct move_grounds *grounds;
	struct move_plan *plan;
	struct buffer *faults;
	struct move *moves; /* by day, of a day in the order of the file */
	size_t move_count;
	struct unit_tree *tree;  /* as the day begins */
	struct unit_row *now;    /* the day's work; the plan's `after` */
	struct unit_row *start;  /* as the day began */
	const struct move **day; /* that of each unit on this day, NULL: none */
};

#define FAULT(it, move, ...)                                                                                           \
	do {                                                                                                           \
		buffer_format((it)->faults, "%s:%u: ", (it)->grounds->file, (move)->row->line);                        \
		buffer_format((it)->faults, __VA_ARGS__);                                                              \
		buffer_text((it)->faults, "\n");                                                                       \
	} while (0)

void move_plan_free(struct move_plan *plan)
{
	free(plan->after);
	free(plan->past);
	*plan = (struct move_plan){0};
}

static int compare_ids(const void *key, const void *row)
{
	uint32_t id = *(const uint32_t *)key, other = ((const struct unit_row *)row)->id;

	return (id > other) - (id < other);
}

const struct unit_row *move_row(const struct unit_row *rows, size_t count, uint32_t id)
{
	return count == 0 ? NULL : bsearch(&id, rows, count, sizeof(*rows), compare_ids);
}

static size_t place_of(const struct making *it, uint32_t id)
{
	const struct unit_row *row = move_row(it->now, it->plan->count, id);

	assert(row != NULL);
	return (size_t)(row - it->now);
}

static bool says(const struct move *move, enum move_column column)
{
	return move->row->cells[column][0] != '\0';
}

static bool changes_place(const struct move *move)
{
	return says(move, MOVE_INTO) || says(move, MOVE_PARENT);
}

/* Reading --------------------------------------------------------------------------------------------------------- */

static bool find_unit(struct making *it, const struct move *move, enum move_column column, size_t *place)
{
	const struct unit *unit = unit_by_code(it->tree, move->row->cells[column]);

	if (unit == NULL)
		FAULT(it, move, "there is no unit '%.40s' (%s); correct the code, or import the unit first",
			move->row->cells[column], move_columns[column]);
	else
		*place = place_of(it, unit->id);
	return unit != NULL;
}

static void read_day(struct making *it, struct move *move)
{
	char last[CLOCK_TEXT_SIZE];

	if (!clock_parse_day(move->row->cells[MOVE_FROM], &move->day)) {
		FAULT(it, move, "'%.40s' is no day; write it like 2025-07-01", move->row->cells[MOVE_FROM]);
	} else if (move->day > it->grounds->today) {
		FAULT(it, move, "%s has not come yet; import the file on that day", move->row->cells[MOVE_FROM]);
	} else if (move->day < it->grounds->moved_on) {
		clock_format_day(it->grounds->moved_on, last);
		FAULT(it, move,
			"moves of %s are in force already, so that none of an earlier day can come after them; date "
			"it %s or later",
			last, last);
	}
}

static void read_move(struct making *it, struct move *move)
{
	size_t ways = (size_t)says(move, MOVE_INTO) + (says(move, MOVE_PARENT) || says(move, MOVE_NAME));

	read_day(it, move);
	if (ways != 1)
		FAULT(it, move, "%s; a row has merged_into, or else parent_code, name or both",
			ways == 0 ? "nothing happens to the unit" : "a merged unit gets no other parent and no name");
	if (!find_unit(it, move, MOVE_CODE, &move->unit) || ways != 1)
		return;
	if (it->now[move->unit].parent == 0)
		FAULT(it, move, "'%.40s' is the root, which stays what it is; import a units file to rename it",
			it->now[move->unit].code);
	if (changes_place(move) && find_unit(it, move, says(move, MOVE_INTO) ? MOVE_INTO : MOVE_PARENT, &move->other) &&
		move->other == move->unit)
		FAULT(it, move, "'%.40s' cannot be %s itself; name another unit", it->now[move->unit].code,
			says(move, MOVE_INTO) ? "merged into" : "put under");
}

static int compare_moves(const void *left, const void *right)
{
	const struct move *a = left, *b = right;

	if (a->day != b->day)
		return a->day < b->day ? -1 : 1;
	return (a->row->line > b->row->line) - (a->row->line < b->row->line);
}

static void read_moves(struct making *it, const struct csv *file)
{
	it->moves = calloc(file->count + 1, sizeof(*it->moves));
	assert(it->moves != NULL);
	it->move_count = file->count;
	for (size_t i = 0; i < file->count; i++) {
		it->moves[i].row = &file->rows[i];
		read_move(it, &it->moves[i]);
	}
	qsort(it->moves, it->move_count, sizeof(*it->moves), compare_moves);
	if (file->count == 0)
		buffer_format(it->faults, "%s:1: there are no moves in it\n", it->grounds->file);
}

/* One day: all its moves at once ---------------------------------------------------------------------------------- */

/* Merged on an earlier day. Into the same one: that is what the row says. */
static bool is_done(const struct making *it, const struct move *move)
{
	const struct unit_row *unit = &it->start[move->unit];

	return unit->merged && says(move, MOVE_INTO) && unit->parent == it->start[move->other].id;
}

static void check_merge(struct making *it, const struct move *move)
{
	const struct unit_row *unit = &it->now[move->unit], *into = &it->now[move->other];
	const struct move *same_day = it->day[move->other];

	if (into->merged || (same_day != NULL && says(same_day, MOVE_INTO)))
		FAULT(it, move, "'%s' is itself merged; name the unit that it is merged into", into->code);
	if (into->level != unit->level)
		FAULT(it, move, "'%s' is of level %d and '%s' of level %d; a unit is merged into one of its own level",
			unit->code, (int)unit->level, into->code, (int)into->level);
}

static void check_parent(struct making *it, const struct move *move)
{
	const struct unit_row *unit = &it->now[move->unit], *parent = &it->now[move->other];
	const struct move *same_day = it->day[move->other];

	if (parent->merged || (same_day != NULL && says(same_day, MOVE_INTO)))
		FAULT(it, move, "'%s' is merged and has nothing below it; name the unit that it is merged into",
			parent->code);
	if (parent->level > unit->level)
		FAULT(it, move, "'%s' is of level %d and '%s' of level %d; a parent is of the same or a higher level",
			unit->code, (int)unit->level, parent->code, (int)parent->level);
}

static void check_day(struct making *it, const struct move *moves, size_t count)
{
	memset(it->day, 0, it->plan->count * sizeof(const struct move *));
	for (size_t i = 0; i < count; i++) {
		const struct move *before = it->day[moves[i].unit];
		if (before != NULL)
			FAULT(it, &moves[i], "'%s' moves on this day already, by line %u; say it in one row",
				it->now[moves[i].unit].code, before->row->line);
		it->day[moves[i].unit] = &moves[i];
	}
	for (size_t i = 0; i < count; i++) {
		const struct move *move = &moves[i];
		if (is_done(it, move))
			continue;
		if (it->now[move->unit].merged)
			FAULT(it, move, "'%s' was merged before, into '%s', and moves no more; take the row out",
				it->now[move->unit].code, it->now[place_of(it, it->now[move->unit].parent)].code);
		else if (says(move, MOVE_INTO))
			check_merge(it, move);
		else if (says(move, MOVE_PARENT))
			check_parent(it, move);
	}
}

static void rename_and_put(struct making *it, const struct move *move)
{
	struct unit_row *unit = &it->now[move->unit];

	if (says(move, MOVE_NAME))
		unit->name = move->row->cells[MOVE_NAME];
	if (says(move, MOVE_PARENT))
		unit->parent = it->now[move->other].id;
}

/* Whatever stands below a merged unit follows it; of two that are merged on one day neither is below the other's. */
static void merge_all(struct making *it)
{
	for (size_t i = 0; i < it->plan->count; i++) {
		struct unit_row *unit = &it->now[i];
		const struct move *above = unit->parent == 0 ? NULL : it->day[place_of(it, unit->parent)];

		if (above != NULL && says(above, MOVE_INTO) && !is_done(it, above))
			unit->parent = it->now[above->other].id;
	}
	for (size_t i = 0; i < it->plan->count; i++) {
		const struct move *move = it->day[i];

		if (move == NULL || !says(move, MOVE_INTO) || is_done(it, move))
			continue;
		it->now[i].parent = it->now[move->other].id;
		it->now[i].merged = true;
		it->now[i].accepts_submissions = false;
	}
}

/* A circle that is new goes through a unit that has moved, or through one that another was merged into. */
static bool goes_round(const struct making *it, size_t from)
{
	size_t at = from;

	for (size_t steps = 0; steps <= (size_t)UNIT_DEPTH_MAX * 4 && it->now[at].parent != 0; steps++) {
		at = place_of(it, it->now[at].parent);
		if (at == from)
			return true;
	}
	return false;
}

static void check_circles(struct making *it, const struct move *moves, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (changes_place(&moves[i]) && (goes_round(it, moves[i].unit) || goes_round(it, moves[i].other)))
			FAULT(it, &moves[i], "'%s' would stand below itself, because '%s' is below it; move that first",
				it->now[moves[i].unit].code, it->now[moves[i].other].code);
}

static bool is_same(const struct unit_row *a, const struct unit_row *b)
{
	return a->parent == b->parent && a->merged == b->merged && a->accepts_submissions == b->accepts_submissions &&
	       strcmp(a->name, b->name) == 0;
}

static void keep_past(struct making *it, int32_t day)
{
	struct move_plan *plan = it->plan;
	size_t changed = 0;

	for (size_t i = 0; i < plan->count; i++)
		changed += !is_same(&it->start[i], &it->now[i]);
	plan->past = realloc(plan->past, (plan->past_count + changed + 1) * sizeof(*plan->past));
	assert(plan->past != NULL);
	for (size_t i = 0; i < plan->count; i++) {
		if (is_same(&it->start[i], &it->now[i]))
			continue;
		/* Below it, units without a place of their own of before follow. */
		if (it->now[i].parent != it->start[i].parent && it->now[i].scope_top == 0)
			it->now[i].scope_top = unit_top_of(it->tree, it->now[i].id);
		plan->past[plan->past_count++] = (struct unit_past){.held_until = day, .row = it->start[i]};
	}
	if (changed > 0)
		plan->last_day = day;
}

static void grow_tree(struct making *it, const struct move *moves)
{
	const char *fault = NULL;

	unit_tree_free(&it->tree);
	it->tree = unit_tree_new(it->now, it->plan->count, &fault);
	if (it->tree == NULL)
		FAULT(it, moves, "with the moves of this day the units are no tree any more: %s (at most %d deep)",
			fault, UNIT_DEPTH_MAX);
}

static void move_day(struct making *it, const struct move *moves, size_t count)
{
	memcpy(it->start, it->now, it->plan->count * sizeof(*it->now));
	check_day(it, moves, count);
	if (it->faults->size > 0)
		return;
	for (size_t i = 0; i < count; i++)
		rename_and_put(it, &moves[i]);
	merge_all(it);
	check_circles(it, moves, count);
	if (it->faults->size > 0)
		return;
	keep_past(it, moves[0].day);
	grow_tree(it, moves);
}

static void move_days(struct making *it)
{
	for (size_t from = 0, to; from < it->move_count && it->faults->size == 0; from = to) {
		for (to = from + 1; to < it->move_count && it->moves[to].day == it->moves[from].day; to++)
			;
		move_day(it, &it->moves[from], to - from);
	}
}

bool move_plan_make(
	const struct move_grounds *grounds, const struct csv *file, struct move_plan *plan, struct buffer *faults)
{
	const char *fault = NULL;
	struct making it = {.grounds = grounds, .plan = plan, .faults = faults};

	*plan = (struct move_plan){.count = grounds->count, .last_day = INT32_MIN};
	plan->after = it.now = calloc(grounds->count + 1, sizeof(*it.now));
	it.start = calloc(grounds->count + 1, sizeof(*it.start));
	it.day = calloc(grounds->count + 1, sizeof(const struct move *));
	it.tree = unit_tree_new(grounds->before, grounds->count, &fault);
	assert(it.now != NULL && it.start != NULL && it.day != NULL && it.tree != NULL);
	memcpy(it.now, grounds->before, grounds->count * sizeof(*it.now));
	read_moves(&it, file);
	if (faults->size == 0)
		move_days(&it);
	unit_tree_free(&it.tree);
	free(it.moves);
	free(it.start);
	free((void *)it.day);
	return faults->size == 0;
}
