/* Would catch: an ancestor or a phase left out or added to twice, a status taken from the wrong column, an order of
 * rows that two instances would not share (deadlocks), a root that is not last. */
#include "services/quota/tally.h"

#include "tests/unit/quota/world.h"

enum { ARENA_BYTES = 16 << 20, SUBMISSIONS = 300, PHASES = 3, UNITS = 60 };

struct submission {
	uint32_t unit, phase;
	enum submission_status status;
};

struct world {
	uint64_t seed;
	struct unit_tree *tree;
	struct arena *arena;
	struct submission submissions[SUBMISSIONS];
	int64_t totals[UNITS + 1][PHASES][TALLY_COLUMNS]; /* as the tallies add up */
};

static void open_world(struct world *world, uint64_t seed)
{
	memset(world, 0, sizeof(*world));
	world->seed = seed;
	world->tree = random_tree(&world->seed, UNITS);
	world->arena = arena_new(ARENA_BYTES);
	assert_non_null(world->tree);
	assert_non_null(world->arena);
}

static void close_world(struct world *world)
{
	unit_tree_free(&world->tree);
	arena_free(&world->arena);
}

/* Some submissions get a first decision, some a further one. */
static void run_batch(struct world *world, size_t changes)
{
	struct tally *tally = tally_new(world->arena);
	const struct tally_row *rows;
	size_t count;

	for (size_t i = 0; i < changes; i++) {
		struct submission *at = &world->submissions[below(&world->seed, SUBMISSIONS)];
		enum submission_status before = at->status;

		if (before == STATUS_RECEIVED) {
			at->unit = 1 + below(&world->seed, UNITS);
			at->phase = below(&world->seed, PHASES);
		}
		at->status = 1 + below(&world->seed, STATUS_REVOKED);
		assert_true(tally_change(tally, 7, world->tree, at->unit, at->phase, before, at->status));
	}
	rows = tally_sorted(tally, &count);
	assert_non_null(rows);
	for (size_t i = 0; i < count; i++)
		for (size_t column = 0; column < TALLY_COLUMNS; column++)
			world->totals[rows[i].unit][rows[i].phase][column] += rows[i].by[column];
	arena_reset(world->arena);
}

static const enum tally_column COLUMN[] = {[STATUS_UNDER_REVIEW] = TALLY_UNDER_REVIEW,
	[STATUS_COUNTED] = TALLY_COUNTED,
	[STATUS_REJECTED] = TALLY_REJECTED,
	[STATUS_DUPLICATE] = TALLY_DUPLICATE,
	[STATUS_REVOKED] = TALLY_REVOKED};

static void expect_recount(const struct world *world)
{
	for (uint32_t unit = 1; unit <= UNITS; unit++) {
		for (uint32_t phase = 0; phase < PHASES; phase++) {
			int64_t wanted[TALLY_COLUMNS] = {0};

			for (size_t i = 0; i < SUBMISSIONS; i++) {
				const struct submission *at = &world->submissions[i];
				if (at->status == STATUS_RECEIVED || !unit_is_below(world->tree, at->unit, unit))
					continue;
				if (phase != 0 && phase != at->phase)
					continue;
				wanted[TALLY_ENTERED]++;
				wanted[COLUMN[at->status]]++;
			}
			assert_memory_equal(world->totals[unit][phase], wanted, sizeof(wanted));
		}
	}
}

static void test_totals_equal_a_recount(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct world *world = malloc(sizeof(*world));

		open_world(world, seed);
		for (size_t batch = 0; batch < 12; batch++) {
			run_batch(world, 1 + below(&world->seed, 100));
			expect_recount(world);
		}
		close_world(world);
		free(world);
	}
}

static void test_rows_come_in_the_order_of_locks(void **state)
{
	CLEANUP(arena_free) struct arena *arena = arena_new(ARENA_BYTES);
	uint64_t seed = 5;
	CLEANUP(unit_tree_free) struct unit_tree *tree = random_tree(&seed, UNITS);
	struct tally *tally = tally_new(arena);
	const struct tally_row *rows;
	size_t count;

	(void)state;
	for (size_t i = 0; i < 2000; i++)
		assert_true(tally_change(tally, 1 + below(&seed, 3), tree, 1 + below(&seed, UNITS),
			below(&seed, PHASES), STATUS_RECEIVED, STATUS_COUNTED));
	rows = tally_sorted(tally, &count);
	assert_in_range(count, 3 * UNITS, 3 * UNITS * PHASES);
	for (size_t i = 1; i < count; i++) {
		const struct tally_row *a = &rows[i - 1], *b = &rows[i];

		assert_true((a->parent == 0) <= (b->parent == 0));
		if ((a->parent == 0) == (b->parent == 0))
			assert_true(a->campaign < b->campaign ||
				    (a->campaign == b->campaign &&
					    (a->unit < b->unit || (a->unit == b->unit && a->phase < b->phase))));
		assert_int_equal(b->parent, unit_by_id(tree, b->unit)->parent);
	}
}

static void test_what_ends_where_it_began_takes_no_lock(void **state)
{
	CLEANUP(arena_free) struct arena *arena = arena_new(ARENA_BYTES);
	uint64_t seed = 6;
	CLEANUP(unit_tree_free) struct unit_tree *tree = random_tree(&seed, UNITS);
	struct tally *tally = tally_new(arena);
	size_t count;

	(void)state;
	assert_true(tally_change(tally, 1, tree, UNITS, 1, STATUS_COUNTED, STATUS_DUPLICATE));
	assert_true(tally_change(tally, 1, tree, UNITS, 1, STATUS_DUPLICATE, STATUS_COUNTED));
	assert_non_null(tally_sorted(tally, &count));
	assert_int_equal(count, 0);
	assert_false(tally_change(tally, 1, tree, UNITS + 1, 1, STATUS_RECEIVED, STATUS_COUNTED));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_totals_equal_a_recount),
		cmocka_unit_test(test_rows_come_in_the_order_of_locks),
		cmocka_unit_test(test_what_ends_where_it_began_takes_no_lock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
