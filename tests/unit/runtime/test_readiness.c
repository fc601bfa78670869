/* Would catch a service that is called ready while something it needs is away, or says the same loss again and again.
 */
#include "common/runtime/readiness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static char *render(struct readiness *readiness, struct buffer *out)
{
	buffer_clear(out);
	readiness_render(readiness, out);
	buffer_add(out, "", 1);
	assert_false(out->failed);
	return (char *)out->data;
}

static void ready_is_when_all_hold(void **state)
{
	(void)state;
	struct readiness *readiness = readiness_new();
	struct buffer out = {0};
	assert_false(readiness_holds(readiness));
	assert_string_equal(render(readiness, &out), "{\"ready\":false,\"conditions\":[]}\n");
	assert_false(readiness_set(readiness, "postgresql", false, "not \"yet\""));
	assert_false(readiness_set(readiness, "reference", true, "not shown"));
	assert_false(readiness_holds(readiness));
	assert_string_equal(render(readiness, &out), "{\"ready\":false,\"conditions\":[{\"name\":\"postgresql\","
						     "\"holds\":false,\"why\":\"not \\\"yet\\\"\"},"
						     "{\"name\":\"reference\",\"holds\":true,\"why\":\"\"}]}\n");
	assert_true(readiness_set(readiness, "postgresql", true, NULL));
	assert_true(readiness_holds(readiness));
	assert_string_equal(render(readiness, &out),
		"{\"ready\":true,\"conditions\":[{\"name\":\"postgresql\",\"holds\":true,\"why\":\"\"},"
		"{\"name\":\"reference\",\"holds\":true,\"why\":\"\"}]}\n");
	buffer_deinit(&out);
	readiness_free(&readiness);
	assert_null(readiness);
	readiness_free(&readiness);
}

static void a_turn_is_told_once(void **state)
{
	(void)state;
	struct readiness *readiness = readiness_new();
	assert_false(readiness_set(readiness, "redis", false, "at start"));
	assert_false(readiness_set(readiness, "redis", false, "still"));
	assert_true(readiness_set(readiness, "redis", true, NULL));
	assert_false(readiness_set(readiness, "redis", true, NULL));
	assert_true(readiness_set(readiness, "redis", false, "gone"));
	assert_false(readiness_set(readiness, "redis", false, "gone"));
	readiness_free(&readiness);
}

static void a_long_reason_is_cut(void **state)
{
	(void)state;
	struct readiness *readiness = readiness_new();
	struct buffer out = {0};
	char why[1000];
	memset(why, 'x', sizeof(why) - 1);
	why[sizeof(why) - 1] = '\0';
	readiness_set(readiness, "a", false, why);
	assert_int_equal(strlen(render(readiness, &out)),
		strlen("{\"ready\":false,\"conditions\":[{\"name\":\"a\",\"holds\":false,\"why\":\"\"}]}\n") +
			READINESS_WHY_BYTES_MAX - 1);
	buffer_deinit(&out);
	readiness_free(&readiness);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ready_is_when_all_hold),
		cmocka_unit_test(a_turn_is_told_once),
		cmocka_unit_test(a_long_reason_is_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
