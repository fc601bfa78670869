/* Would catch a deadline, phase or window that moves by an hour, a day or a leap year, a text that is no RFC 3339
 * taken as a time, and two receipts of one process at the same instant (law 6). */
#include "common/runtime/clock.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const int64_t SECOND = 1000000, HOUR = 3600000000;

static void instants_are_read(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int64_t us;
	} cases[] = {
		{"1970-01-01T00:00:00Z", 0},
		{"1970-01-01T07:00:00+07:00", 0},
		{"2021-04-21T00:00:00+07:00", 1618938000000000},
		{"2021-04-20T17:00:00Z", 1618938000000000},
		{"2021-04-20T12:30:00-04:30", 1618938000000000},
		{"2021-04-20t17:00:00z", 1618938000000000},
		{"2021-04-20T17:00:00-00:00", 1618938000000000},
		{"2000-02-29T23:59:59.999999Z", 951868799999999},
		{"2024-02-29T00:00:00.5Z", 1709164800500000},
		{"2024-02-29T00:00:00.123456789Z", 1709164800123456},
		{"2024-02-29T00:00:00.0000009Z", 1709164800000000},
		{"1969-12-31T23:59:59.999999Z", -1},
		{"0001-01-01T00:00:00Z", -62135596800000000},
		{"9999-12-31T23:59:59Z", 253402300799000000},
		{"2023-10-01T00:00:00+23:59", 1696032060000000},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		int64_t us = 42;
		assert_true(clock_parse_instant(cases[i].text, &us));
		assert_int_equal(us, cases[i].us);
	}
}

static void what_is_no_instant_is_refused(void **state)
{
	(void)state;
	static const char *const cases[] = {"", "2021", "2021-04-21", "2021-04-21T00:00:00", "2021-04-21T00:00Z",
		"2021-04-21 00:00:00Z", "2021-04-21T00:00:00+0700", "2021-04-21T00:00:00+07",
		"2021-04-21T00:00:00+24:00", "2021-04-21T00:00:00+07:60", "2021-04-21T24:00:00Z",
		"2021-04-21T23:60:00Z", "2016-12-31T23:59:60Z", "2021-04-21T00:00:00.Z", "2021-04-21T00:00:00,5Z",
		"2021-04-21T00:00:00Z ", " 2021-04-21T00:00:00Z", "2021-04-21T00:00:00ZZ", "2021-04-31T00:00:00Z",
		"2021-13-01T00:00:00Z", "2021-00-01T00:00:00Z", "2021-01-00T00:00:00Z", "2021-01-32T00:00:00Z",
		"2021-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "21-04-21T00:00:00Z", "+2021-04-21T00:00:00Z",
		"2021-4-21T00:00:00Z", "2021-04-21T0:00:00Z", "2021-04-21T-1:00:00Z", "2021-04-21T00:00:0 Z",
		"2021-04-21T00:00:00.12", "2021-04-21T00:00:00+", "2021-04-21T00:00:00-7:00", "12021-04-21T00:00:00Z"};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		int64_t us = 42;
		if (clock_parse_instant(cases[i], &us))
			fail_msg("taken: %s", cases[i]);
		assert_int_equal(us, 42);
	}
}

static void days_are_read(void **state)
{
	(void)state;
	int32_t day;
	assert_true(clock_parse_day("1970-01-01", &day));
	assert_int_equal(day, 0);
	assert_true(clock_parse_day("2000-02-29", &day));
	assert_int_equal(day, 11016);
	assert_true(clock_parse_day("2000-03-01", &day));
	assert_int_equal(day, 11017);
	assert_true(clock_parse_day("1969-12-31", &day));
	assert_int_equal(day, -1);
	static const char *const bad[] = {"", "2021-02-29", "2100-02-29", "2021-04-31", "2021-04-21T", "2021-04-2",
		"2021-4-21", "21/04/2021", "2021-04-210", " 2021-04-21"};
	for (size_t i = 0; i < ARRAY_LENGTH(bad); i++)
		assert_false(clock_parse_day(bad[i], &day));
}

static void formats_come_back(void **state)
{
	(void)state;
	char text[CLOCK_TEXT_SIZE];
	clock_format_instant(1618938000000000, text);
	assert_string_equal(text, "2021-04-21T00:00:00+07:00");
	clock_format_instant(1618938000000000 - 1, text);
	assert_string_equal(text, "2021-04-20T23:59:59.999999+07:00");
	clock_format_instant(-7 * HOUR - 1, text);
	assert_string_equal(text, "1969-12-31T23:59:59.999999+07:00");
	for (int32_t day = -800000; day < 2900000; day += 97) {
		int32_t back;
		clock_format_day(day, text);
		if (text[0] != '-' && strlen(text) == strlen("2021-04-21")) {
			assert_true(clock_parse_day(text, &back));
			assert_int_equal(back, day);
		}
		int64_t instant = (int64_t)day * 86400 * SECOND + day;
		int64_t instant_back;
		clock_format_instant(instant, text);
		if (clock_parse_instant(text, &instant_back))
			assert_int_equal(instant_back, instant);
	}
	clock_format_instant(INT64_MAX, text); /* PostgreSQL's infinity must not overrun the text */
	clock_format_instant(INT64_MIN, text);
	clock_format_day(INT32_MAX, text);
	clock_format_day(INT32_MIN, text);
}

static void vietnam_begins_its_day_at_17_utc(void **state)
{
	(void)state;
	int64_t instant;
	int32_t day;
	assert_true(clock_parse_instant("2021-04-21T00:00:00+07:00", &instant));
	assert_true(clock_parse_day("2021-04-21", &day));
	assert_int_equal(clock_vietnam_day(instant), day);
	assert_int_equal(clock_vietnam_day(instant - 1), day - 1);
	assert_int_equal(clock_vietnam_midnight(day), instant);
	assert_int_equal(clock_vietnam_day(-7 * HOUR - 1), -1);
	assert_int_equal(clock_vietnam_day(-7 * HOUR), 0);
}

enum { THREADS = 4, RECEIPTS = 20000 };

static void *take_receipts(void *context)
{
	int64_t *receipts = context;
	for (int i = 0; i < RECEIPTS; i++)
		receipts[i] = clock_receipt_us();
	return NULL;
}

static int compare(const void *left, const void *right)
{
	int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
	return (a > b) - (a < b);
}

static void receipts_never_repeat(void **state)
{
	(void)state;
	static int64_t receipts[THREADS * RECEIPTS];
	pthread_t threads[THREADS];
	int64_t before = clock_now_us();
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, take_receipts, receipts + i * RECEIPTS), 0);
	for (size_t i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		for (size_t j = 1; j < RECEIPTS; j++)
			assert_true(receipts[i * RECEIPTS + j] > receipts[i * RECEIPTS + j - 1]);
	}
	qsort(receipts, ARRAY_LENGTH(receipts), sizeof(receipts[0]), compare);
	assert_true(receipts[0] >= before);
	for (size_t i = 1; i < ARRAY_LENGTH(receipts); i++)
		assert_true(receipts[i] > receipts[i - 1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(instants_are_read),
		cmocka_unit_test(what_is_no_instant_is_refused),
		cmocka_unit_test(days_are_read),
		cmocka_unit_test(formats_come_back),
		cmocka_unit_test(vietnam_begins_its_day_at_17_utc),
		cmocka_unit_test(receipts_never_repeat),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
