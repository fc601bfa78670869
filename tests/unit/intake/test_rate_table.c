/* Would catch: a 31st submission that gets in, a person refused too long or for others' submissions, and memory that
 * grows with the number of people. */
#include "services/intake/rate_limit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
// clang-format off
#include <cmocka.h>
// clang-format on

enum { LIMIT = 3, WINDOW_MS = 1000 };

static int64_t check(struct rate_table *table, uint8_t person, bool charge, int64_t now_ms)
{
	const uint8_t hash[PERSON_SIZE] = {person, 1};
	return rate_table_check(table, hash, LIMIT, WINDOW_MS, charge, now_ms);
}

static void the_window_slides(void **state)
{
	struct rate_table *table = rate_table_new(64);
	(void)state;
	assert_int_equal(check(table, 1, true, 100), 0);
	assert_int_equal(check(table, 1, true, 200), 0);
	assert_int_equal(check(table, 1, true, 900), 0);
	assert_int_equal(check(table, 1, true, 1000), 100);
	assert_int_equal(check(table, 1, false, 1099), 1);
	assert_int_equal(check(table, 2, true, 1000), 0);
	assert_int_equal(check(table, 1, true, 1100), 0);
	assert_int_equal(check(table, 1, true, 1100), 100);
	assert_int_equal(check(table, 1, true, 1200), 0);
	assert_int_equal(check(table, 1, true, 1201), 699);
	rate_table_free(&table);
}

static void looking_and_what_is_given_back_count_nothing(void **state)
{
	struct rate_table *table = rate_table_new(64);
	const uint8_t hash[PERSON_SIZE] = {1, 1};
	(void)state;
	for (int i = 0; i < 10; i++)
		assert_int_equal(check(table, 1, false, 100), 0);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(check(table, 1, true, 100), 0);
		rate_table_refund(table, hash);
	}
	rate_table_refund(table, hash);
	for (int i = 0; i < LIMIT; i++)
		assert_int_equal(check(table, 1, true, 100), 0);
	assert_true(check(table, 1, true, 100) > 0);
	rate_table_free(&table);
}

/* Another campaign's limit may be larger: what is known is kept. */
static void limits_may_differ(void **state)
{
	struct rate_table *table = rate_table_new(64);
	const uint8_t hash[PERSON_SIZE] = {1, 1};
	(void)state;
	for (int i = 0; i < LIMIT; i++)
		assert_int_equal(check(table, 1, true, 100 + i), 0);
	assert_int_equal(rate_table_check(table, hash, 5, WINDOW_MS, true, 200), 0);
	assert_int_equal(rate_table_check(table, hash, 5, WINDOW_MS, true, 201), 0);
	assert_int_equal(rate_table_check(table, hash, 5, WINDOW_MS, true, 300), 800);
	assert_int_equal(check(table, 1, true, 300), 802);
	rate_table_free(&table);
}

static void it_forgets_rather_than_grows(void **state)
{
	struct rate_table *table = rate_table_new(64);
	(void)state;
	for (uint32_t i = 0; i < 100000; i++) {
		uint8_t hash[PERSON_SIZE];
		for (size_t j = 0; j < PERSON_SIZE; j++)
			hash[j] = (uint8_t)random();
		assert_int_equal(rate_table_check(table, hash, LIMIT, WINDOW_MS, true, i), 0);
	}
	rate_table_free(&table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_window_slides),
		cmocka_unit_test(looking_and_what_is_given_back_count_nothing),
		cmocka_unit_test(limits_may_differ),
		cmocka_unit_test(it_forgets_rather_than_grows),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
