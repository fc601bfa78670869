/* Would catch: a person counted per submission or per unit instead of once for an ancestor, one who leaves a phase but
 * not the whole, a revoked last submission that leaves its person behind. */
#include "services/quota/people.h"

#include "services/quota/tally.h"
#include "tests/unit/quota/world.h"

enum { ARENA_BYTES = 16 << 20, PERSONS = 25, PHASES = 3, UNITS = 30, STEPS = 400 };

struct world {
	uint64_t seed;
	struct unit_tree *tree;
	struct arena *arena;
	int64_t counted[PERSONS][UNITS + 1][PHASES]; /* participation */
	int64_t people[UNITS + 1][PHASES];           /* as the moves add up */
};

static size_t rows_of(const struct world *world, size_t person, struct participation *rows)
{
	size_t count = 0;

	for (uint32_t unit = 1; unit <= UNITS; unit++)
		for (uint32_t phase = 0; phase < PHASES; phase++)
			if (world->counted[person][unit][phase] > 0 || below((uint64_t[]){unit}, 3) == 0)
				rows[count++] =
					(struct participation){unit, phase, world->counted[person][unit][phase]};
	return count;
}

/* One person's submissions of one batch: some begin to count, some cease to. */
static void step(struct world *world)
{
	struct participation before[UNITS * PHASES], moves[8];
	size_t person = below(&world->seed, PERSONS), before_count = rows_of(world, person, before), count = 0;
	struct people_move *result;
	size_t result_count;

	for (size_t i = 1 + below(&world->seed, ARRAY_LENGTH(moves)); i > 0; i--) {
		uint32_t unit = 1 + below(&world->seed, UNITS), phase = below(&world->seed, PHASES);
		int64_t *counted = &world->counted[person][unit][phase];
		int by = *counted > 0 && below(&world->seed, 5) < 3 ? -1 : 1;

		*counted += by;
		moves[count++] = (struct participation){unit, phase, by};
	}
	assert_true(
		people_moves(world->tree, before, before_count, moves, count, world->arena, &result, &result_count));
	for (size_t i = 0; i < result_count; i++) {
		assert_true(result[i].by == 1 || result[i].by == -1);
		world->people[result[i].unit][result[i].phase] += result[i].by;
	}
	arena_reset(world->arena);
}

static bool is_there(const struct world *world, size_t person, uint32_t unit, uint32_t phase)
{
	for (uint32_t at = 1; at <= UNITS; at++)
		for (uint32_t in = 0; in < PHASES; in++)
			if (world->counted[person][at][in] > 0 && unit_is_below(world->tree, at, unit) &&
				(phase == TALLY_WHOLE || in == phase))
				return true;
	return false;
}

static void expect_recount(const struct world *world)
{
	for (uint32_t unit = 1; unit <= UNITS; unit++) {
		for (uint32_t phase = 0; phase < PHASES; phase++) {
			int64_t wanted = 0;

			for (size_t person = 0; person < PERSONS; person++)
				wanted += is_there(world, person, unit, phase);
			assert_int_equal(world->people[unit][phase], wanted);
		}
	}
}

/* What must hold of any board: nobody is invented above, nobody is lost. */
static void expect_between_greatest_and_sum(const struct world *world)
{
	for (uint32_t unit = 1; unit <= UNITS; unit++) {
		size_t count;
		const struct unit *const *children = unit_children(world->tree, unit, &count);

		for (uint32_t phase = 0; phase < PHASES; phase++) {
			int64_t sum = 0, greatest = 0, own = 0;

			for (size_t i = 0; i < count; i++) {
				int64_t people = world->people[children[i]->id][phase];
				sum += people;
				greatest = people > greatest ? people : greatest;
			}
			for (size_t person = 0; person < PERSONS; person++)
				for (uint32_t in = 0; in < PHASES; in++)
					own += world->counted[person][unit][in] > 0;
			assert_true(world->people[unit][phase] >= greatest);
			assert_true(world->people[unit][phase] <= sum + own);
		}
		assert_true(world->people[unit][TALLY_WHOLE] >= world->people[unit][1]);
	}
}

static void test_people_equal_a_recount(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 6; seed++) {
		struct world *world = calloc(1, sizeof(*world));

		world->seed = seed;
		world->tree = random_tree(&world->seed, UNITS);
		world->arena = arena_new(ARENA_BYTES);
		for (size_t i = 0; i < STEPS; i++) {
			step(world);
			if (i % 40 == 39)
				expect_recount(world);
		}
		expect_between_greatest_and_sum(world);
		unit_tree_free(&world->tree);
		arena_free(&world->arena);
		free(world);
	}
}

static void test_several_submissions_are_one_person(void **state)
{
	CLEANUP(arena_free) struct arena *arena = arena_new(ARENA_BYTES);
	uint64_t seed = 1;
	CLEANUP(unit_tree_free) struct unit_tree *tree = random_tree(&seed, 2);
	const struct participation moves[] = {{2, 1, 1}, {2, 1, 1}, {2, 2, 1}}, before[] = {{2, 1, 3}};
	struct people_move *result;
	size_t count;

	(void)state;
	assert_true(people_moves(tree, NULL, 0, moves, ARRAY_LENGTH(moves), arena, &result, &count));
	assert_int_equal(count, 2 * 3); /* the unit and the root, each in the whole and both phases, once */
	assert_true(people_moves(tree, before, 1, moves, ARRAY_LENGTH(moves), arena, &result, &count));
	assert_int_equal(count, 2); /* only phase 2 is new */
	assert_int_equal(result[0].phase, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_people_equal_a_recount),
		cmocka_unit_test(test_several_submissions_are_one_person),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
