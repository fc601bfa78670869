/* Would catch a wait of zero (a busy loop against a dead server), one beyond its bound, one that overflows after
 * a long night, and waits without jitter (all clients at once). */
#include "common/runtime/backoff.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void waits_double_within_bounds(void **state)
{
	(void)state;
	struct backoff backoff = {.least_ms = 100, .most_ms = 5000};
	static const uint32_t ceilings[] = {200, 400, 800, 1600, 3200, 5000, 5000};
	for (size_t i = 0; i < ARRAY_LENGTH(ceilings); i++) {
		struct backoff twin = backoff;
		assert_int_equal(backoff_next_ms(&twin, 0), 100);
		assert_int_equal(backoff_next_ms(&backoff, UINT32_MAX), ceilings[i]);
		assert_int_equal(backoff.attempts, i + 1);
	}
	backoff_reset(&backoff);
	assert_int_equal(backoff_next_ms(&backoff, UINT32_MAX), 200);
}

static void a_long_night_does_not_overflow(void **state)
{
	(void)state;
	struct backoff backoff = {.least_ms = UINT32_MAX, .most_ms = UINT32_MAX, .attempts = UINT32_MAX};
	assert_int_equal(backoff_next_ms(&backoff, UINT32_MAX), UINT32_MAX);
	assert_int_equal(backoff.attempts, UINT32_MAX);
	backoff = (struct backoff){.least_ms = 1, .most_ms = UINT32_MAX, .attempts = 100};
	assert_int_equal(backoff_next_ms(&backoff, 0), 1);
	backoff = (struct backoff){0}; /* no wait asked for */
	assert_int_equal(backoff_next_ms(&backoff, UINT32_MAX), 0);
}

static void jitter_spreads(void **state)
{
	(void)state;
	struct backoff low = {.least_ms = 0, .most_ms = 1000, .attempts = 20}, middle = low;
	low.least_ms = middle.least_ms = 1;
	assert_true(backoff_next_ms(&low, UINT32_MAX / 4) < 300);
	uint32_t half = backoff_next_ms(&middle, UINT32_MAX / 2);
	assert_true(half > 450 && half < 550);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(waits_double_within_bounds),
		cmocka_unit_test(a_long_night_does_not_overflow),
		cmocka_unit_test(jitter_spreads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
