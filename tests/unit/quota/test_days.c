/* Would catch: a day or an ancestor left out or added to twice, people of a phase taken for newcomers, an order of rows
 * that two instances would not share (deadlocks), a root that is not last. */
#include "services/quota/days.h"

#include "tests/unit/quota/world.h"

enum { ARENA_BYTES = 16 << 20, UNITS = 40, PHASES = 3, DAYS = 5, CHANGES = 3000 };

static void test_days_equal_a_recount(void **state)
{
	CLEANUP(arena_free) struct arena *arena = arena_new(ARENA_BYTES);
	uint64_t seed = 3;
	CLEANUP(unit_tree_free) struct unit_tree *tree = random_tree(&seed, UNITS);
	static int64_t wanted[UNITS + 1][DAYS][PHASES];
	struct days *days = days_new(arena);
	size_t count;

	(void)state;
	for (size_t i = 0; i < CHANGES; i++) {
		uint32_t unit = 1 + below(&seed, UNITS), phase = below(&seed, PHASES), line[UNIT_DEPTH_MAX];
		int32_t day = (int32_t)below(&seed, DAYS);
		int by = below(&seed, 3) == 0 ? -1 : 1;
		assert_true(days_change(days, 7, tree, unit, phase, day, by));
		for (size_t k = unit_ancestors(tree, unit, line); k-- > 0;)
			wanted[line[k]][day][phase] += by;
	}
	const struct day_row *rows = days_sorted(days, &count);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(rows[i].counted, wanted[rows[i].unit][rows[i].day][rows[i].phase]);
		assert_int_not_equal(rows[i].counted, 0);
		assert_int_equal(rows[i].parent, unit_by_id(tree, rows[i].unit)->parent);
		wanted[rows[i].unit][rows[i].day][rows[i].phase] = 0;
	}
	static const int64_t nothing[UNITS + 1][DAYS][PHASES];
	assert_memory_equal(wanted, nothing, sizeof(nothing));
}

static void test_people_and_newcomers(void **state)
{
	CLEANUP(arena_free) struct arena *arena = arena_new(ARENA_BYTES);
	uint64_t seed = 3;
	CLEANUP(unit_tree_free) struct unit_tree *tree = random_tree(&seed, 2);
	struct days *days = days_new(arena);
	size_t count;

	(void)state;
	assert_true(days_people(
		days, 1, tree, &(struct people_move){.unit = 2, .period = 0, .phase = 2, .day = 4, .by = 1}));
	assert_true(days_people(
		days, 1, tree, &(struct people_move){.unit = 2, .period = 2, .phase = 2, .day = 4, .by = 1}));
	assert_true(days_people(
		days, 1, tree, &(struct people_move){.unit = 2, .period = 2, .phase = 2, .day = 3, .by = -1}));
	assert_false(days_people(days, 1, tree, &(struct people_move){.unit = 9, .by = 1}));
	const struct day_row *rows = days_sorted(days, &count);
	assert_int_equal(count, 2);
	assert_int_equal(rows[0].day, 3);
	assert_int_equal(rows[0].people, -1);
	assert_int_equal(rows[0].newcomers, 0);
	assert_int_equal(rows[1].people, 1);
	assert_int_equal(rows[1].newcomers, 1);
}

static void test_rows_come_in_the_order_of_locks(void **state)
{
	CLEANUP(arena_free) struct arena *arena = arena_new(ARENA_BYTES);
	uint64_t seed = 5;
	CLEANUP(unit_tree_free) struct unit_tree *tree = random_tree(&seed, UNITS);
	struct days *days = days_new(arena);
	size_t count;

	(void)state;
	for (size_t i = 0; i < CHANGES; i++)
		assert_true(days_change(days, 1 + below(&seed, 3), tree, 1 + below(&seed, UNITS), below(&seed, PHASES),
			(int32_t)below(&seed, DAYS), 1));
	const struct day_row *rows = days_sorted(days, &count);
	for (size_t i = 1; i < count; i++) {
		const struct day_row *a = &rows[i - 1], *b = &rows[i];
		uint64_t left = (uint64_t)a->campaign << 32 | a->unit, right = (uint64_t)b->campaign << 32 | b->unit;

		assert_true((a->parent == 0) <= (b->parent == 0));
		if ((a->parent == 0) != (b->parent == 0))
			continue;
		assert_true(left <= right);
		if (left == right)
			assert_true(a->day < b->day || (a->day == b->day && a->phase < b->phase));
	}
}

static void test_what_ends_where_it_began_takes_no_lock(void **state)
{
	CLEANUP(arena_free) struct arena *arena = arena_new(ARENA_BYTES);
	uint64_t seed = 6;
	CLEANUP(unit_tree_free) struct unit_tree *tree = random_tree(&seed, UNITS);
	struct days *days = days_new(arena);
	size_t count;

	(void)state;
	assert_true(days_change(days, 1, tree, UNITS, 1, 4, 1));
	assert_true(days_change(days, 1, tree, UNITS, 1, 4, -1));
	days_sorted(days, &count);
	assert_int_equal(count, 0);
	assert_false(days_change(days, 1, tree, UNITS + 1, 1, 4, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_days_equal_a_recount),
		cmocka_unit_test(test_people_and_newcomers),
		cmocka_unit_test(test_rows_come_in_the_order_of_locks),
		cmocka_unit_test(test_what_ends_where_it_began_takes_no_lock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
