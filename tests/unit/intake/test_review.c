/* Would catch: a review that is read as something else than was sent, a history that forgets the receipt or the newest
 * step of a submission that was decided many times, an answer that says more or less than the contract. */
#include "services/intake/review.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
// clang-format off
#include <cmocka.h>
// clang-format on

static struct review *read(const char *body, struct shape *shape, enum json_fault *fault)
{
	struct shaper *shaper = shaper_new();
	struct review *review = calloc(1, sizeof(*review));

	assert_non_null(shaper);
	assert_non_null(review);
	*fault = review_read(shaper, (struct bytes){(const uint8_t *)body, strlen(body)}, shape, review);
	shaper_free(&shaper);
	return review;
}

static void expect(const char *body, enum submission_status wanted, uint32_t seen, const char *reason)
{
	struct shape shape;
	enum json_fault fault;
	struct review *review = read(body, &shape, &fault);

	assert_int_equal(fault, JSON_OK);
	assert_int_equal(shape.error_count, 0);
	assert_int_equal(review->wanted, wanted);
	assert_int_equal(review->seen, seen);
	assert_int_equal(review->reason_size, strlen(reason));
	assert_memory_equal(review->reason, reason, review->reason_size);
	free(review);
}

static void expect_error(const char *body, const char *code)
{
	struct shape shape;
	enum json_fault fault;
	struct review *review = read(body, &shape, &fault);

	assert_int_equal(fault, JSON_OK);
	assert_int_equal(shape.error_count, 1);
	assert_string_equal(shape.errors[0].code, code);
	free(review);
}

static void test_what_is_read(void **state)
{
	struct shape shape;
	enum json_fault fault;
	struct review *review;

	(void)state;
	expect("{\"decision\":\"count\",\"reason\":\" a\\nb \"}", STATUS_COUNTED, 0, "a b");
	expect("{\"revision\":1e1,\"decision\":\"reject\",\"reason\":\"e\\u0302\"}", STATUS_REJECTED, 10, "ê");
	expect("{\"decision\":\"revoke\",\"reason\":\"x\",\"revision\":2147483647}", STATUS_REVOKED, INT32_MAX, "x");
	expect_error("{\"decision\":\"Count\",\"reason\":\"x\"}", "invalid");
	expect_error("{\"decision\":\"count\",\"reason\":7}", "invalid");
	expect_error("{\"decision\":\"count\"}", "required");
	expect_error("{\"reason\":\"x\"}", "required");
	expect_error("{\"decision\":\"count\",\"reason\":\"x\",\"revision\":2147483648}", "invalid");
	expect_error("{\"decision\":\"count\",\"reason\":\"x\",\"revision\":\"1\"}", "invalid");
	expect_error("[]", "invalid");
	review = read("{\"decision\":\"count\",\"reason\":\"\\u0000\"}", &shape, &fault);
	assert_int_equal(fault, JSON_NUL);
	free(review);
}

static void test_a_long_history_keeps_its_ends(void **state)
{
	struct review *review = calloc(1, sizeof(*review));

	(void)state;
	review_add_step(review, STATUS_RECEIVED, 1);
	for (int64_t at = 2; at <= 100; at++)
		review_add_step(review, at % 2 == 0 ? STATUS_COUNTED : STATUS_REVOKED, at);
	assert_int_equal(review->history_count, ARRAY_LENGTH(review->history));
	assert_int_equal(review->history[0].status, STATUS_RECEIVED);
	for (size_t i = 1; i < review->history_count; i++)
		assert_int_equal(review->history[i].at, 100 - (int64_t)(review->history_count - 1 - i));
	free(review);
}

static void test_a_conflict_says_what_stands(void **state)
{
	struct review *review = calloc(1, sizeof(*review));
	struct buffer out = {0};

	(void)state;
	review->english = true;
	review->now.status = STATUS_UNDER_REVIEW;
	review->now.decided_by = DECIDED_BY_CONSEQUENCE;
	review->now.revision = 4;
	review_conflict_json(review, &out);
	buffer_add(&out, "", 1);
	assert_non_null(strstr((char *)out.data, "\"code\":\"already_decided\""));
	assert_non_null(strstr((char *)out.data, "\"current\":{\"status\":\"under_review\",\"revision\":4,"
						 "\"decided_by\":\"consequence\",\"decided_at\":\"1970-01-01T"));
	buffer_deinit(&out);
	free(review);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_read),
		cmocka_unit_test(test_a_long_history_keeps_its_ends),
		cmocka_unit_test(test_a_conflict_says_what_stands),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
