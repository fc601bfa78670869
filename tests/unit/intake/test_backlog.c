/* Would catch: an id lost, given twice or out of order when the ring wraps, one taken in beyond the bound. */
#include "services/intake/backlog.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
// clang-format off
#include <cmocka.h>
// clang-format on

enum { MOST = 37 };

static void first_in_first_out(void **state)
{
	struct backlog *backlog = backlog_new(MOST);
	struct id128 ids[MOST], id = {0};
	uint32_t added = 0, taken = 0;
	(void)state;
	assert_non_null(backlog);
	srandom(7);
	for (int round = 0; round < 100000; round++) {
		memcpy(id.octet, &added, sizeof(added));
		if (random() % 5 != 0) {
			assert_int_equal(backlog_add(backlog, &id), added - taken < MOST);
			added += added - taken < MOST;
		} else {
			size_t most = (size_t)random() % MOST + 1, count = backlog_take(backlog, ids, most);
			assert_int_equal(count, most < added - taken ? most : added - taken);
			for (size_t i = 0; i < count; i++, taken++)
				assert_memory_equal(ids[i].octet, &taken, sizeof(taken));
		}
		assert_int_equal(backlog_count(backlog), added - taken);
	}
	assert_true(taken > MOST);
	backlog_free(&backlog);
	assert_null(backlog);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_in_first_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
