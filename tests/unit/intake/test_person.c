/* Would catch: one person seen as two (a number spelled otherwise), two seen as one, a repeat that is not recognised
 * because its fields came in another order or spelling, and different fields taken for a repeat. */
#include "services/intake/person.h"
#include "services/intake/shape.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
// clang-format off
#include <cmocka.h>
// clang-format on

static const uint8_t KEY[PERSON_KEY_SIZE] = {1, 2, 3};

static struct bytes bytes_of(const char *text)
{
	return (struct bytes){(const uint8_t *)text, strlen(text)};
}

static void people_are_known_by_what_the_campaign_says(void **state)
{
	struct submission_fields fields = {.phone = bytes_of("+84912345678"), .national_id = bytes_of("123456789")};
	uint8_t by_phone[PERSON_SIZE], by_id[PERSON_SIZE], other[PERSON_SIZE];
	(void)state;
	assert_true(person_hash(KEY, PERSON_BY_PHONE, &fields, by_phone));
	assert_true(person_hash(KEY, PERSON_BY_NATIONAL_ID, &fields, by_id));
	assert_memory_not_equal(by_phone, by_id, PERSON_SIZE);
	fields.phone = bytes_of("+84912345679");
	assert_true(person_hash(KEY, PERSON_BY_NATIONAL_ID, &fields, other));
	assert_memory_equal(other, by_id, PERSON_SIZE);
	assert_true(person_hash(KEY, PERSON_BY_PHONE, &fields, other));
	assert_memory_not_equal(other, by_phone, PERSON_SIZE);
	fields.national_id.size = 0;
	fields.phone = bytes_of("+84912345678");
	assert_true(person_hash(KEY, PERSON_BY_NATIONAL_ID, &fields, other));
	assert_memory_equal(other, by_phone, PERSON_SIZE);
	fields.phone.size = 0;
	assert_false(person_hash(KEY, PERSON_BY_PHONE, &fields, other));
}

static void another_key_gives_other_people(void **state)
{
	static const uint8_t another[PERSON_KEY_SIZE] = {1, 2, 4};
	struct submission_fields fields = {.phone = bytes_of("+84912345678")};
	uint8_t one[PERSON_SIZE], two[PERSON_SIZE];
	(void)state;
	assert_true(person_hash(KEY, PERSON_BY_PHONE, &fields, one));
	assert_true(person_hash(another, PERSON_BY_PHONE, &fields, two));
	assert_memory_not_equal(one, two, PERSON_SIZE);
}

static void digest_of(const char *json, uint8_t digest[FIELDS_DIGEST_SIZE])
{
	struct shaper *shaper = shaper_new();
	struct shape shape;
	assert_non_null(shaper);
	assert_int_equal(shape_read(shaper, bytes_of(json), 0, &shape), JSON_OK);
	assert_int_equal(shape.error_count, 0);
	fields_digest(KEY, &shape.fields, digest);
	shaper_free(&shaper);
}

#define START "{\"full_name\":\"An Hà\",\"unit\":\"1\",\"block\":\"public\",\"description\":\"x\","

static void order_and_spelling_do_not_matter(void **state)
{
	static const char *const SAME[] = {
		START "\"phone\":\"0912345678\",\"benefit_vnd\":1000}",
		START "\"benefit_vnd\":1000.0,\"phone\":\"0912 345 678\"}",
		"{\"benefit_vnd\":1e3,\"description\":\" x \",\"block\":\"public\",\"phone\":\"+84912345678\","
		"\"unit\":\"\\u0031\",\"full_name\":\"An "
		"Ha\\u0300\",\"authors\":1,\"lead_author\":true,\"title\":\"\"}",
	};
	uint8_t first[FIELDS_DIGEST_SIZE], next[FIELDS_DIGEST_SIZE];
	(void)state;
	digest_of(SAME[0], first);
	for (size_t i = 1; i < ARRAY_LENGTH(SAME); i++) {
		digest_of(SAME[i], next);
		assert_memory_equal(first, next, sizeof(first));
	}
}

static void any_other_field_matters(void **state)
{
	static const char *const OTHERS[] = {
		START "\"phone\":\"0912345678\"}",
		START "\"phone\":\"0912345679\"}",
		START "\"phone\":\"0912345678\",\"benefit_vnd\":0}",
		START "\"phone\":\"0912345678\",\"benefit_vnd\":1}",
		START "\"phone\":\"0912345678\",\"national_id\":\"123456789\"}",
		START "\"phone\":\"0912345678\",\"title\":\"a\"}",
		START "\"phone\":\"0912345678\",\"category\":\"a\"}",
		START "\"phone\":\"0912345678\",\"kind\":\"a\"}",
		START "\"phone\":\"0912345678\",\"recognized_by\":\"a\"}",
		START "\"phone\":\"0912345678\",\"benefit_social\":\"a\"}",
		START "\"phone\":\"0912345678\",\"evidence_url\":\"https://a.vn\"}",
		START "\"phone\":\"0912345678\",\"applied_on\":\"2021-04-01\"}",
		START "\"phone\":\"0912345678\",\"recognized_on\":\"2021-04-01\"}",
		START "\"phone\":\"0912345678\",\"accepted_on\":\"2021-04-01\"}",
		START "\"phone\":\"0912345678\",\"accepted_on\":\"1970-01-01\"}",
		START "\"phone\":\"0912345678\",\"ip_protected\":true}",
		START "\"phone\":\"0912345678\",\"lead_author\":false}",
		START "\"phone\":\"0912345678\",\"authors\":2}",
	};
	uint8_t digests[ARRAY_LENGTH(OTHERS)][FIELDS_DIGEST_SIZE];
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(OTHERS); i++) {
		digest_of(OTHERS[i], digests[i]);
		for (size_t j = 0; j < i; j++)
			assert_memory_not_equal(digests[i], digests[j], FIELDS_DIGEST_SIZE);
	}
}

static void a_trace_is_taken_over_if_it_is_one(void **state)
{
	static const char GOOD[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
	static const char *const BAD[] = {NULL, "", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1",
		"00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
		"00-00000000000000000000000000000000-b7ad6b7169203331-01",
		"00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
		"ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
		"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x"};
	char trace[TRACE_PARENT_SIZE], next[TRACE_PARENT_SIZE];
	(void)state;
	trace_parent_take(GOOD, trace);
	assert_string_equal(trace, GOOD);
	trace_parent_take("01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more", trace);
	assert_string_equal(trace, GOOD);
	for (size_t i = 0; i < ARRAY_LENGTH(BAD); i++) {
		trace_parent_take(BAD[i], trace);
		assert_string_not_equal(trace, GOOD);
		trace_parent_take(trace, next);
		assert_string_equal(trace, next);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(people_are_known_by_what_the_campaign_says),
		cmocka_unit_test(another_key_gives_other_people),
		cmocka_unit_test(order_and_spelling_do_not_matter),
		cmocka_unit_test(any_other_field_matters),
		cmocka_unit_test(a_trace_is_taken_over_if_it_is_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
