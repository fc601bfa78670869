/* Catches: a tie that takes no place or two, rows of equal rank in chance's order, a percent rounded into another
 * place, a unit without a target above one with a target, a window that leaves the unit it was to show outside. */
#include "services/leaderboard/ranking.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct unit UNITS[] = {{.id = 1, .code = "a"}, {.id = 2, .code = "b"}, {.id = 3, .code = "c"},
	{.id = 4, .code = "d"}, {.id = 5, .code = "e"}};

static void assert_order(const struct board_row *rows, const char *codes, const uint32_t *ranks)
{
	for (size_t i = 0; i < strlen(codes); i++) {
		assert_int_equal(rows[i].unit->code[0], codes[i]);
		assert_int_equal(rows[i].rank, ranks[i]);
	}
}

static void test_ties_share_a_rank_and_take_its_places(void **state)
{
	(void)state;
	struct board_row rows[5];
	static const uint64_t COUNTED[] = {5, 7, 5, 9, 1};
	for (size_t i = 0; i < 5; i++) /* given backwards: the order must come from the code */
		rows[4 - i] = (struct board_row){.unit = &UNITS[i], .counted = COUNTED[i], .people = 5 - i};
	ranking_sort(rows, 5, METRIC_COUNTED);
	assert_order(rows, "dbace", (uint32_t[]){1, 2, 3, 3, 5});
	ranking_sort(rows, 5, METRIC_PEOPLE);
	assert_order(rows, "abcde", (uint32_t[]){1, 2, 3, 4, 5});
	ranking_sort(rows, 5, METRIC_ENTERED);
	assert_order(rows, "abcde", (uint32_t[]){1, 1, 1, 1, 1});
	ranking_sort(rows, 0, METRIC_COUNTED);
}

static void test_percent_by_exact_ratio_and_none_last(void **state)
{
	(void)state;
	struct board_row rows[] = {
		{.unit = &UNITS[0]}, /* no target */
		{.unit = &UNITS[1], .counted = 10000, .has_target = true, .target = 30000},
		{.unit = &UNITS[2], .counted = 10001, .has_target = true, .target = 30000}, /* 33.3 too, yet more */
		{.unit = &UNITS[3],
			.counted = 0,
			.people = 1,
			.target_of_people = true,
			.has_target = true,
			.target = 3},
		{.unit = &UNITS[4], .counted = 9, .has_target = true, .target = 0}, /* nothing to measure by */
	};
	ranking_sort(rows, 5, METRIC_PERCENT);
	assert_order(rows, "cbdae", (uint32_t[]){1, 2, 2, 4, 4});
}

static void test_numbers_as_large_as_they_come(void **state)
{
	(void)state;
	struct board_row rows[] = {
		{.unit = &UNITS[0], .counted = INT64_MAX - 1, .has_target = true, .target = INT64_MAX},
		{.unit = &UNITS[1], .counted = INT64_MAX, .has_target = true, .target = INT64_MAX},
	};
	uint64_t permille;
	ranking_sort(rows, 2, METRIC_PERCENT);
	assert_order(rows, "ba", (uint32_t[]){1, 2});
	assert_true(board_row_permille(&rows[1], &permille));
	assert_int_equal(permille, 1000);
}

static void test_percent_has_one_decimal(void **state)
{
	(void)state;
	static const struct {
		uint64_t counted, target, permille;
	} CASES[] = {{1892577, 1000000, 1893}, {1, 3, 333}, {2, 3, 667}, {1, 2000, 1}, {1, 2001, 0}, {0, 5, 0},
		{7, 7, 1000}};
	for (size_t i = 0; i < ARRAY_LENGTH(CASES); i++) {
		struct board_row row = {.counted = CASES[i].counted, .has_target = true, .target = CASES[i].target};
		uint64_t permille;
		assert_true(board_row_permille(&row, &permille));
		assert_int_equal(permille, CASES[i].permille);
	}
	uint64_t unused;
	assert_false(board_row_permille(&(struct board_row){.counted = 3}, &unused));
	assert_false(board_row_permille(&(struct board_row){.counted = 3, .has_target = true}, &unused));
}

static void test_windows(void **state)
{
	(void)state;
	struct ranking_window window = ranking_window(10, 3, NULL);
	assert_int_equal(window.first, 0);
	assert_int_equal(window.count, 3);
	for (size_t count = 1; count < 12; count++)
		for (size_t limit = 1; limit < 14; limit++)
			for (size_t around = 0; around < count; around++) {
				window = ranking_window(count, limit, &around);
				assert_int_equal(window.count, limit < count ? limit : count);
				assert_true(window.first <= around && around < window.first + window.count);
				assert_true(window.first + window.count <= count);
			}
	size_t around = 5;
	assert_int_equal(ranking_window(11, 5, &around).first, 3);
	assert_int_equal(ranking_window(0, 5, NULL).count, 0);
}

static void test_metrics_by_name(void **state)
{
	(void)state;
	enum board_metric metric;
	for (int i = METRIC_COUNTED; i <= METRIC_PERCENT; i++) {
		assert_true(metric_parse(metric_name((enum board_metric)i), &metric));
		assert_int_equal(metric, i);
	}
	assert_false(metric_parse("awarded", &metric));
	assert_false(metric_parse("", &metric));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ties_share_a_rank_and_take_its_places),
		cmocka_unit_test(test_percent_by_exact_ratio_and_none_last),
		cmocka_unit_test(test_numbers_as_large_as_they_come),
		cmocka_unit_test(test_percent_has_one_decimal),
		cmocka_unit_test(test_windows),
		cmocka_unit_test(test_metrics_by_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
