/* Would catch: two changes of one hour that do not meet in one row (the database refuses a row twice in a statement),
 * an hour of another campaign, and one that is over kept for ever. */
#include "services/quota/hours.h"

#include "tests/unit/quota/world.h"

enum { ARENA_BYTES = 4 << 20, CAMPAIGNS = 3, HOURS = 60, CHANGES = 5000 };

static const int64_t NOW_S = INT64_C(1700000000) / 3600 * 3600 + 1800;

static void test_hours_equal_a_recount(void **state)
{
	CLEANUP(arena_free) struct arena *arena = arena_new(ARENA_BYTES);
	struct hours *hours = hours_new(arena);
	static int64_t wanted[CAMPAIGNS][HOURS];
	uint64_t seed = 3;
	size_t count;

	(void)state;
	for (size_t i = 0; i < CHANGES; i++) {
		uint32_t campaign = below(&seed, CAMPAIGNS), ago = below(&seed, HOURS);
		int64_t received = NOW_S - (int64_t)ago * 3600 - (int64_t)below(&seed, 1800);
		int by = below(&seed, 4) == 0 ? -1 : 1;
		assert_true(hours_change(hours, campaign, received * 1000000 + 17, NOW_S * 1000000, by));
		if (NOW_S - received <= INT64_C(3600) * HOURS_TAKEN)
			wanted[campaign][ago] += by;
	}
	const struct hour_row *rows = hours_rows(hours, &count);
	for (size_t i = 0; i < count; i++) {
		int64_t ago = (NOW_S - 1800 - rows[i].hour) / 3600;
		assert_int_equal(rows[i].hour % 3600, 0);
		assert_in_range(ago, 0, HOURS_TAKEN);
		assert_int_equal(rows[i].counted, wanted[rows[i].campaign][ago]);
		wanted[rows[i].campaign][ago] = 0; /* each once */
	}
	static const int64_t nothing[CAMPAIGNS][HOURS];
	assert_memory_equal(wanted, nothing, sizeof(nothing));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_hours_equal_a_recount)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
