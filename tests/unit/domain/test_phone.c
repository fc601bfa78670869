/* Would catch: one number in two spellings, which would be two persons, and one that no telephone has. */
#include "common/domain/phone.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
// clang-format off
#include <cmocka.h>
// clang-format on

static struct bytes bytes_of(const char *text)
{
	return (struct bytes){(const uint8_t *)text, strlen(text)};
}

static void phones_have_one_spelling(void **state)
{
	static const struct {
		const char *given, *phone;
	} CASES[] = {
		{"0912345678", "+84912345678"},
		{"0912 345 678", "+84912345678"},
		{"0912.345.678", "+84912345678"},
		{"0912-345-678", "+84912345678"},
		{"0912\xC2\xA0"
		 "345\xC2\xA0"
		 "678",
			"+84912345678"},
		{"+84912345678", "+84912345678"},
		{"+84 912 345 678", "+84912345678"},
		{"84912345678", "+84912345678"},
		{"0312345678", "+84312345678"},
		{"0512345678", "+84512345678"},
		{"0712345678", "+84712345678"},
		{"0812345678", "+84812345678"},
		{"02438251234", "+842438251234"},
		{"024 3825 1234", "+842438251234"},
		{"+842438251234", "+842438251234"},
		{"0112345678", NULL},
		{"0212345678", NULL},
		{"091234567", NULL},
		{"09123456789", NULL},
		{"912345678", NULL},
		{"+840912345678", NULL},
		{"+0912345678", NULL},
		{"+1 202 555 0100", NULL},
		{"0912345678x", NULL},
		{"0912345678 0912345678", NULL},
		{"", NULL},
		{"+", NULL},
		{"84", NULL},
		{"٠٩١٢٣٤٥٦٧٨", NULL},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(CASES); i++) {
		char phone[PHONE_SIZE] = "";
		bool good = phone_normalize(bytes_of(CASES[i].given), phone);
		if (good != (CASES[i].phone != NULL) || (good && strcmp(phone, CASES[i].phone) != 0))
			fail_msg("%s: %d %s", CASES[i].given, good, phone);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(phones_have_one_spelling),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
