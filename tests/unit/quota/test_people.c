/* Would catch: a person counted on a later day than the first, a person counted per submission or per unit instead of
 * once for an ancestor, one who leaves a phase but not the whole, a revoked last submission that leaves its person
 * behind. */
#include "services/quota/people.h"

#include "services/quota/tally.h"
#include "tests/unit/quota/world.h"

enum {
	ARENA_BYTES = 16 << 20,
	PERSONS = 25,
	PHASES = 3,
	DAYS = 4,
	UNITS = 30,
	STEPS = 400,
	ROUNDS = 2,
	PERIODS = PHASES + ROUNDS
};

/* They overlap on a day, and one is a day long. */
static const struct reference_round ROUND_DAYS[ROUNDS] = {{1, 1, 2}, {2, 2, 2}};

struct world {
	uint64_t seed;
	struct unit_tree *tree;
	struct arena *arena;
	int64_t counted[PERSONS][UNITS + 1][PHASES][DAYS]; /* participation */
	int64_t people[UNITS + 1][PERIODS];                /* as the moves add up; rounds behind the phases */
	int64_t first[UNITS + 1][PERIODS][DAYS][PHASES];   /* by period, day and phase of who is there from then on */
};

static size_t rows_of(const struct world *world, size_t person, struct participation *rows)
{
	size_t count = 0;

	for (uint32_t unit = 1; unit <= UNITS; unit++)
		for (uint32_t phase = 0; phase < PHASES; phase++)
			for (int32_t day = 0; day < DAYS; day++)
				if (world->counted[person][unit][phase][day] > 0 || below((uint64_t[]){unit}, 3) == 0)
					rows[count++] = (struct participation){
						unit, phase, day, world->counted[person][unit][phase][day]};
	return count;
}

static uint32_t place_of(uint32_t period)
{
	return period > PEOPLE_ROUND_FIRST ? PHASES + period - PEOPLE_ROUND_FIRST - 1 : period;
}

/* One person's submissions of one batch: some begin to count, some cease to. */
static void step(struct world *world)
{
	struct participation before[UNITS * PHASES * DAYS], moves[8];
	size_t person = below(&world->seed, PERSONS), before_count = rows_of(world, person, before), count = 0;
	struct people_move *result;
	size_t result_count;

	for (size_t i = 1 + below(&world->seed, ARRAY_LENGTH(moves)); i > 0; i--) {
		uint32_t unit = 1 + below(&world->seed, UNITS), phase = below(&world->seed, PHASES);
		int32_t day = (int32_t)below(&world->seed, DAYS);
		int64_t *counted = &world->counted[person][unit][phase][day];
		int by = *counted > 0 && below(&world->seed, 5) < 3 ? -1 : 1;

		*counted += by;
		moves[count++] = (struct participation){unit, phase, day, by};
	}
	const struct people_grounds grounds = {world->tree, ROUND_DAYS, ROUNDS};
	assert_true(people_moves(&grounds, before, before_count, moves, count, world->arena, &result, &result_count));
	for (size_t i = 0; i < result_count; i++) {
		assert_true(result[i].by == 1 || result[i].by == -1);
		world->people[result[i].unit][place_of(result[i].period)] += result[i].by;
		world->first[result[i].unit][place_of(result[i].period)][result[i].day][result[i].phase] +=
			result[i].by;
	}
	arena_reset(world->arena);
}

static bool is_there_on(const struct world *world, size_t person, uint32_t unit, int32_t day, uint32_t phase)
{
	for (uint32_t at = 1; at <= UNITS; at++)
		if (world->counted[person][at][phase][day] > 0 && unit_is_below(world->tree, at, unit))
			return true;
	return false;
}

static bool counts_in(uint32_t period, int32_t day, uint32_t phase)
{
	if (period < PHASES)
		return period == TALLY_WHOLE || period == phase;
	return ROUND_DAYS[period - PHASES].first_day <= day && day <= ROUND_DAYS[period - PHASES].last_day;
}

/* The first day, and of its phases the least. */
static bool find_first(
	const struct world *world, size_t person, uint32_t unit, uint32_t period, int32_t *day, uint32_t *phase)
{
	for (*day = 0; *day < DAYS; (*day)++)
		for (*phase = 0; *phase < PHASES; (*phase)++)
			if (counts_in(period, *day, *phase) && is_there_on(world, person, unit, *day, *phase))
				return true;
	return false;
}

static void expect_recount(const struct world *world)
{
	for (uint32_t unit = 1; unit <= UNITS; unit++) {
		for (uint32_t period = 0; period < PERIODS; period++) {
			int64_t wanted = 0, first[DAYS][PHASES] = {0};
			int32_t day;
			uint32_t phase;

			for (size_t person = 0; person < PERSONS; person++)
				if (find_first(world, person, unit, period, &day, &phase)) {
					wanted++;
					first[day][phase]++;
				}
			assert_int_equal(world->people[unit][period], wanted);
			assert_memory_equal(world->first[unit][period], first, sizeof(first));
		}
	}
}

/* What must hold of any board: nobody is invented above, nobody is lost. */
static void expect_between_greatest_and_sum(const struct world *world)
{
	for (uint32_t unit = 1; unit <= UNITS; unit++) {
		size_t count;
		const struct unit *const *children = unit_children(world->tree, unit, &count);

		for (uint32_t phase = 0; phase < PERIODS; phase++) {
			int64_t sum = 0, greatest = 0, own = 0;

			for (size_t i = 0; i < count; i++) {
				int64_t people = world->people[children[i]->id][phase];
				sum += people;
				greatest = people > greatest ? people : greatest;
			}
			for (size_t person = 0; person < PERSONS; person++)
				for (uint32_t in = 0; in < PHASES; in++)
					for (int32_t day = 0; day < DAYS; day++)
						own += world->counted[person][unit][in][day] > 0;
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
	const struct participation moves[] = {{2, 1, 9, 1}, {2, 1, 9, 1}, {2, 2, 9, 1}}, before[] = {{2, 1, 9, 3}};
	struct people_move *result;
	size_t count;

	(void)state;
	assert_true(people_moves(
		&(struct people_grounds){.tree = tree}, NULL, 0, moves, ARRAY_LENGTH(moves), arena, &result, &count));
	assert_int_equal(count, 2 * 3); /* the unit and the root, each in the whole and both phases, once */
	assert_true(people_moves(
		&(struct people_grounds){.tree = tree}, before, 1, moves, ARRAY_LENGTH(moves), arena, &result, &count));
	assert_int_equal(count, 2); /* only phase 2 is new */
	assert_int_equal(result[0].period, 2);
}

/* Nobody is gained or lost; the day of the first one changes. */
static void test_an_earlier_one_moves_the_day(void **state)
{
	CLEANUP(arena_free) struct arena *arena = arena_new(ARENA_BYTES);
	uint64_t seed = 1;
	CLEANUP(unit_tree_free) struct unit_tree *tree = random_tree(&seed, 1);
	const struct participation before[] = {{1, 1, 9, 1}}, earlier[] = {{1, 1, 7, 1}}, later[] = {{1, 1, 11, 1}};
	struct people_move *result;
	size_t count;

	(void)state;
	assert_true(people_moves(&(struct people_grounds){.tree = tree}, before, 1, later, 1, arena, &result, &count));
	assert_int_equal(count, 0);
	assert_true(
		people_moves(&(struct people_grounds){.tree = tree}, before, 1, earlier, 1, arena, &result, &count));
	assert_int_equal(count, 4);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(result[i].day, result[i].by == 1 ? 7 : 9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_people_equal_a_recount),
		cmocka_unit_test(test_several_submissions_are_one_person),
		cmocka_unit_test(test_an_earlier_one_moves_the_day),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
