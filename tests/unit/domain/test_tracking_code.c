/* Would catch: a code that does not come back as its id, a typing error that is taken for another code, an id out of
 * the order of time. */
#include "common/domain/tracking_code.h"

#include "common/runtime/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const char ALPHABET[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
static const int64_t INSTANT_US = INT64_C(1650000000123456);

static void test_comes_back(void **state)
{
	(void)state;
	for (int i = 0; i < 2000; i++) {
		struct id128 id = submission_id_make(INSTANT_US + i, random_id()), back;
		char text[TRACKING_CODE_SIZE];

		tracking_code_format(&id, text);
		assert_int_equal(strlen(text), 27 + 5);
		assert_true(tracking_code_parse(text, &back));
		assert_true(id128_equal(&id, &back));
	}
}

static void test_extremes_come_back(void **state)
{
	(void)state;
	for (int fill = 0; fill <= 0xff; fill += 0xff) {
		struct id128 id, back;
		char text[TRACKING_CODE_SIZE];

		memset(&id, fill, sizeof(id));
		tracking_code_format(&id, text);
		assert_true(tracking_code_parse(text, &back));
		assert_true(id128_equal(&id, &back));
	}
}

/* Every other letter in every place, the check character's too. */
static void test_finds_every_wrong_letter(void **state)
{
	(void)state;
	for (int round = 0; round < 50; round++) {
		struct id128 id = submission_id_make(INSTANT_US, random_id()), back;
		char text[TRACKING_CODE_SIZE];

		tracking_code_format(&id, text);
		for (size_t at = 0; text[at] != '\0'; at++) {
			char right = text[at];
			if (right == '-')
				continue;
			for (const char *wrong = ALPHABET; *wrong != '\0'; wrong++) {
				text[at] = *wrong;
				assert_int_equal(tracking_code_parse(text, &back), *wrong == right);
			}
			text[at] = right;
		}
	}
}

static void test_finds_every_swap(void **state)
{
	(void)state;
	for (int round = 0; round < 50; round++) {
		struct id128 id = submission_id_make(INSTANT_US, random_id()), back;
		char text[TRACKING_CODE_SIZE];

		tracking_code_format(&id, text);
		for (size_t i = 0; text[i] != '\0'; i++)
			for (size_t j = 0; j < i; j++) {
				char a = text[i], b = text[j];
				if (a == '-' || b == '-' || a == b)
					continue;
				text[i] = b;
				text[j] = a;
				assert_false(tracking_code_parse(text, &back));
				text[i] = a;
				text[j] = b;
			}
	}
}

static void test_takes_what_people_type(void **state)
{
	(void)state;
	struct id128 id = {{0x01, 0x08, 0x42, 0x10, 0x84, 0x21, 0x08, 0x42, 0x10, 0x84, 0x21, 0x08, 0x42, 0, 0, 0}};
	struct id128 back;
	char text[TRACKING_CODE_SIZE], typed[2 * TRACKING_CODE_SIZE];
	size_t size = 0;

	tracking_code_format(&id, text);
	for (const char *at = text; *at != '\0'; at++) {
		if (*at == '-')
			continue;
		typed[size++] = (char)(*at == '0' ? 'o' : *at == '1' ? 'l' : *at | 0x20 * (*at >= 'A'));
		typed[size++] = ' ';
	}
	typed[size] = '\0';
	assert_true(tracking_code_parse(typed, &back));
	assert_true(id128_equal(&id, &back));
}

static void test_refuses_what_is_no_code(void **state)
{
	static const char *const WRONG[] = {"", "-", "0", "U0000-00000-00000-00000-00000-00",
		"80000-00000-00000-00000-00000-00", "00000-00000-00000-00000-00000-0",
		"00000-00000-00000-00000-00000-000", "00000-00000-00000-00000-00000-0\xC3\xA9",
		"0000000000000000000000000;"};
	struct id128 id;

	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(WRONG); i++)
		assert_false(tracking_code_parse(WRONG[i], &id));
	assert_true(tracking_code_parse("00000-00000-00000-00000-00000-00", &id));
}

static void test_id_bears_its_time(void **state)
{
	(void)state;
	struct id128 id = submission_id_make(INSTANT_US, random_id()), floor = submission_id_floor(INSTANT_US);
	struct id128 next = submission_id_floor(INSTANT_US + 1000);

	assert_int_equal(submission_id_time_us(&id), INSTANT_US / 1000 * 1000);
	assert_true(memcmp(&floor, &id, sizeof(id)) <= 0);
	assert_true(memcmp(&id, &next, sizeof(id)) < 0);
}

static void test_time_out_of_range_is_kept_in_range(void **state)
{
	(void)state;
	struct id128 before = submission_id_floor(0), after = submission_id_floor(INT64_MAX);

	assert_int_equal(submission_id_time_us(&before), INT64_C(1577836800000000));
	assert_int_equal(after.octet[0], 0xff);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_comes_back),
		cmocka_unit_test(test_extremes_come_back),
		cmocka_unit_test(test_finds_every_wrong_letter),
		cmocka_unit_test(test_finds_every_swap),
		cmocka_unit_test(test_takes_what_people_type),
		cmocka_unit_test(test_refuses_what_is_no_code),
		cmocka_unit_test(test_id_bears_its_time),
		cmocka_unit_test(test_time_out_of_range_is_kept_in_range),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
