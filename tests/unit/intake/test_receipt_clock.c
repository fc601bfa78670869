/* Would catch: receipts stamped by a clock that has jumped, until somebody compares it; one that never stamps again
 * after it was put right; an age that jumps with the clock (law 6, fault 21). */
#include "services/intake/receipt_clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define SECOND INT64_C(1000000)
#define DAY (86400 * SECOND)
#define WALL (1700000000 * SECOND)
#define MONOTONIC (5000 * SECOND)

static void test_not_before_it_was_compared(void **state)
{
	struct receipt_clock clock = {0};

	(void)state;
	assert_false(receipt_clock_holds(&clock, WALL, WALL, MONOTONIC));
	receipt_clock_compare(&clock, WALL, MONOTONIC, SECOND + 1);
	assert_false(receipt_clock_holds(&clock, WALL, WALL, MONOTONIC));
	receipt_clock_compare(&clock, WALL, MONOTONIC, -SECOND);
	assert_true(receipt_clock_holds(&clock, WALL, WALL, MONOTONIC));
}

static void test_a_jump_is_seen_at_once(void **state)
{
	struct receipt_clock clock = {0};
	const int64_t jumps[] = {2 * DAY, -2 * DAY, 2 * SECOND, -2 * SECOND};

	(void)state;
	receipt_clock_compare(&clock, WALL, MONOTONIC, 0);
	for (size_t i = 0; i < ARRAY_LENGTH(jumps); i++) {
		int64_t wall = WALL + SECOND + jumps[i];

		assert_false(receipt_clock_holds(&clock, wall, wall, MONOTONIC + SECOND));
		assert_int_equal(receipt_clock_now(&clock, wall, MONOTONIC + SECOND), WALL + SECOND);
	}
	assert_true(receipt_clock_holds(&clock, WALL + SECOND, WALL + SECOND, MONOTONIC + SECOND));
}

static void test_a_stamp_of_the_clock_before_is_none(void **state)
{
	struct receipt_clock clock = {0};

	(void)state;
	receipt_clock_compare(&clock, WALL, MONOTONIC, 0);
	assert_false(receipt_clock_holds(&clock, WALL + 2 * DAY, WALL, MONOTONIC));
	assert_false(receipt_clock_holds(&clock, WALL - 2 * DAY, WALL, MONOTONIC));
	assert_true(receipt_clock_holds(&clock, WALL - 30 * SECOND, WALL, MONOTONIC));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_not_before_it_was_compared),
		cmocka_unit_test(test_a_jump_is_seen_at_once),
		cmocka_unit_test(test_a_stamp_of_the_clock_before_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
