/* Would catch: a renumbered or renamed word of the contract, a reason without words. */
#include "common/domain/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void test_words_and_numbers_stay(void **state)
{
	static const char *const WORDS[] = {"received", "under_review", "counted", "rejected", "duplicate", "revoked"};
	enum submission_status status;

	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(WORDS); i++) {
		assert_string_equal(status_name((enum submission_status)i), WORDS[i]);
		assert_true(status_parse(WORDS[i], &status));
		assert_int_equal(status, i);
	}
	assert_false(status_parse("Counted", &status));
	assert_false(status_parse("", &status));
}

static void test_final_ones(void **state)
{
	(void)state;
	assert_false(status_is_final(STATUS_RECEIVED));
	assert_false(status_is_final(STATUS_UNDER_REVIEW));
	assert_true(status_is_final(STATUS_COUNTED));
	assert_true(status_is_final(STATUS_REVOKED));
}

static void test_blocks(void **state)
{
	enum submission_block block;

	(void)state;
	assert_true(block_parse("enterprise", &block));
	assert_int_equal(block, 1);
	assert_true(block_parse("public", &block));
	assert_int_equal(block, 2);
	assert_string_equal(block_name(BLOCK_PUBLIC), "public");
	/* None is no choice of a submitter. */
	assert_false(block_parse("", &block));
}

static void test_every_code_has_words_in_both_languages(void **state)
{
	static const char *const CODES[] = {"required", "invalid", "too_long", "too_short", "unknown_field",
		"unknown_unit", "outside_window", "not_recognised", "ip_protected", "not_lead_author", "duplicate",
		"own_duplicate", "original_revoked", "legacy_encoding"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(CODES); i++) {
		const char *vi = reason_text(CODES[i], "", false), *en = reason_text(CODES[i], NULL, true);
		assert_string_not_equal(vi, CODES[i]);
		assert_string_not_equal(en, CODES[i]);
		assert_string_not_equal(vi, en);
	}
	assert_string_equal(reason_text("something_new", "", true), "something_new");
	assert_string_not_equal(reason_text("required", "phone", true), reason_text("required", "title", true));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words_and_numbers_stay),
		cmocka_unit_test(test_final_ones),
		cmocka_unit_test(test_blocks),
		cmocka_unit_test(test_every_code_has_words_in_both_languages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
