/* Would catch an id that repeats or has bytes that never change. */
#include "common/runtime/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void every_octet_moves(void **state)
{
	(void)state;
	uint8_t seen_set[ID128_SIZE] = {0}, seen_clear[ID128_SIZE] = {0};
	for (int i = 0; i < 200; i++) {
		struct id128 id = random_id();
		for (size_t j = 0; j < ID128_SIZE; j++) {
			seen_set[j] |= id.octet[j];
			seen_clear[j] |= (uint8_t)~id.octet[j];
		}
	}
	for (size_t j = 0; j < ID128_SIZE; j++) {
		assert_int_equal(seen_set[j], 0xFF);
		assert_int_equal(seen_clear[j], 0xFF);
	}
}

static void ids_differ(void **state)
{
	(void)state;
	struct id128 a = random_id(), b = random_id();
	assert_false(id128_equal(&a, &b));
	assert_true(id128_equal(&a, &a));
	uint32_t first = random_u32();
	bool moved = false;
	for (int i = 0; i < 8; i++)
		moved |= random_u32() != first;
	assert_true(moved);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_octet_moves),
		cmocka_unit_test(ids_differ),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
