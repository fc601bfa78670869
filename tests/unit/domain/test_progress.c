/* Would catch: a day too many or too few at the ends of a phase, a pace of days before it, a division by no day, a
 * percent that is capped, laggards in the wrong order. */
#include "common/domain/progress.h"

#include "common/runtime/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int64_t at(const char *text)
{
	int64_t instant;
	assert_true(clock_parse_instant(text, &instant));
	return instant;
}

static struct progress_window phase_1(void) /* of the campaign of 2022: 144 days */
{
	return (struct progress_window){at("2022-01-08T00:00:00+07:00"), at("2022-06-01T00:00:00+07:00")};
}

static uint32_t days_left(const char *now)
{
	struct progress_window window = phase_1();
	return progress_days_left(&window, at(now));
}

static void test_days_left(void **state)
{
	(void)state;
	assert_int_equal(days_left("2021-01-01T00:00:00+07:00"), 144);
	assert_int_equal(days_left("2022-01-07T23:59:59.999999+07:00"), 144);
	assert_int_equal(days_left("2022-01-08T00:00:00+07:00"), 144);
	assert_int_equal(days_left("2022-01-08T23:59:59.999999+07:00"), 144);
	assert_int_equal(days_left("2022-01-09T00:00:00+07:00"), 143);
	assert_int_equal(days_left("2022-05-31T00:00:00+07:00"), 1);
	assert_int_equal(days_left("2022-05-31T23:59:59.999999+07:00"), 1);
	assert_int_equal(days_left("2022-06-01T00:00:00+07:00"), 0);
	assert_int_equal(days_left("2030-01-01T00:00:00+07:00"), 0);
	/* Days are Vietnam's: this is the evening of the 30th in London. */
	assert_int_equal(days_left("2022-05-30T18:00:00Z"), 1);
}

static void test_a_window_may_end_within_a_day(void **state)
{
	struct progress_window window = {at("2022-05-01T08:00:00+07:00"), at("2022-05-03T17:00:00+07:00")};
	(void)state;
	assert_int_equal(progress_days_left(&window, at("2022-05-01T07:00:00+07:00")), 3);
	assert_int_equal(progress_days_left(&window, at("2022-05-03T16:59:59+07:00")), 1);
	assert_int_equal(progress_days_left(&window, at("2022-05-03T17:00:00+07:00")), 0);
	assert_int_equal(progress_pace_days(&window, at("2022-05-01T07:59:59+07:00")).count, 0);
	assert_int_equal(progress_pace_days(&window, at("2022-05-01T08:00:00+07:00")).count, 1);
	assert_int_equal(progress_pace_days(&window, at("2022-05-03T16:59:59+07:00")).count, 3);
}

static void expect_pace_days(const char *now, const char *first, const char *last, uint32_t count)
{
	struct progress_window window = phase_1();
	struct progress_days days = progress_pace_days(&window, at(now));
	char text[CLOCK_TEXT_SIZE];
	assert_int_equal(days.count, count);
	if (count == 0) {
		assert_true(days.last < days.first);
		return;
	}
	clock_format_day(days.first, text);
	assert_string_equal(text, first);
	clock_format_day(days.last, text);
	assert_string_equal(text, last);
}

static void test_pace_days(void **state)
{
	(void)state;
	expect_pace_days("2022-01-07T23:59:59.999999+07:00", NULL, NULL, 0);
	expect_pace_days("2022-01-08T00:00:00+07:00", "2022-01-08", "2022-01-08", 1);
	expect_pace_days("2022-01-13T12:00:00+07:00", "2022-01-08", "2022-01-13", 6);
	expect_pace_days("2022-01-14T00:00:00+07:00", "2022-01-08", "2022-01-14", 7);
	expect_pace_days("2022-01-15T00:00:00+07:00", "2022-01-09", "2022-01-15", 7);
	expect_pace_days("2022-05-31T23:59:59.999999+07:00", "2022-05-25", "2022-05-31", 7);
	expect_pace_days("2022-06-01T00:00:00+07:00", NULL, NULL, 0);
}

static struct progress of(const char *now, uint64_t counted, uint64_t recent, uint64_t target)
{
	struct progress_window window = phase_1();
	struct progress_figures figures = {
		.counted = counted, .recent_counted = recent, .people = 1, .recent_people = 1};
	struct target wanted = {.value = target};
	return progress_of(&window, &figures, target > 0 ? &wanted : NULL, at(now));
}

static void test_before_the_opening(void **state)
{
	struct progress progress = of("2022-01-01T00:00:00+07:00", 0, 0, 288);
	(void)state;
	assert_false(progress.met);
	assert_int_equal(progress.permille, 0);
	assert_int_equal(progress.required, 200); /* 288 over 144 days */
	assert_int_equal(progress.pace, 0);
	assert_int_equal(progress.projected, 0);
}

static void test_on_the_way(void **state)
{
	/* Noon of the 31st day left; 70 in seven days are ten a day. */
	struct progress progress = of("2022-05-01T12:00:00+07:00", 100, 70, 700);
	(void)state;
	assert_int_equal(progress.days_left, 31);
	assert_int_equal(progress.permille, 143);  /* 14.28… */
	assert_int_equal(progress.required, 1936); /* 600 / 31 = 19.354…: rounded up */
	assert_int_equal(progress.pace, 1000);
	assert_int_equal(progress.projected, 100 + 305); /* 30.5 days */
	/* One in seven days is 0.14 a day. */
	assert_int_equal(of("2022-05-01T12:00:00+07:00", 100, 1, 700).pace, 14);
	/* On the first day the pace is that day's. */
	assert_int_equal(of("2022-01-08T06:00:00+07:00", 5, 5, 700).pace, 500);
}

static void test_the_last_moments(void **state)
{
	struct progress progress = of("2022-05-31T23:59:59+07:00", 699, 70, 700);
	(void)state;
	assert_int_equal(progress.days_left, 1);
	assert_int_equal(progress.required, 100);
	assert_int_equal(progress.projected, 699); /* a second is too short for ten a day to bring one */
	progress = of("2022-06-01T00:00:00+07:00", 699, 70, 700);
	assert_int_equal(progress.days_left, 0);
	assert_false(progress.met);
	assert_false(progress.has_required);
	assert_int_equal(progress.pace, 0);
	assert_int_equal(progress.projected, 699);
	progress = of("2022-06-01T00:00:00+07:00", 700, 70, 700);
	assert_true(progress.met);
	assert_true(progress.has_required);
	assert_int_equal(progress.required, 0);
}

static void test_never_capped(void **state)
{
	struct progress progress = of("2022-05-01T00:00:00+07:00", 1892577, 0, 1000000);
	(void)state;
	assert_true(progress.met);
	assert_int_equal(progress.permille, 1893); /* R23: 189.3 % */
	assert_int_equal(progress.required, 0);
	assert_int_equal(progress.projected, 1892577);
}

static void test_without_a_target(void **state)
{
	struct progress progress = of("2022-05-01T00:00:00+07:00", 12, 7, 0);
	(void)state;
	assert_false(progress.has_target || progress.has_percent || progress.has_required || progress.met);
	assert_int_equal(progress.done, 12);
	assert_int_equal(progress.projected, 12 + 31);
}

static void test_of_people(void **state)
{
	struct progress_window window = phase_1();
	struct progress_figures figures = {.counted = 900, .recent_counted = 700, .people = 6, .recent_people = 3};
	struct target target = {.value = 8, .of_people = true};
	struct progress progress = progress_of(&window, &figures, &target, at("2022-05-31T00:00:00+07:00"));
	(void)state;
	assert_int_equal(progress.done, 6);
	assert_false(progress.met);
	assert_int_equal(progress.permille, 750);
	assert_int_equal(progress.required, 200);
	assert_int_equal(progress.pace, 43);
}

static void test_laggards_first(void **state)
{
	struct progress half = of("2022-05-01T00:00:00+07:00", 5, 0, 10),
			half_of_many = of("2022-05-01T00:00:00+07:00", 500, 0, 1000),
			over = of("2022-05-01T00:00:00+07:00", 30, 0, 10),
			none = of("2022-05-01T00:00:00+07:00", 0, 0, 0);
	(void)state;
	assert_true(progress_compare(&half, &over) < 0);
	assert_true(progress_compare(&over, &half) > 0);
	assert_true(progress_compare(&half_of_many, &half) < 0); /* it lacks more */
	assert_true(progress_compare(&over, &none) < 0);
	assert_int_equal(progress_compare(&none, &none), 0);
	assert_int_equal(progress_compare(&half, &half), 0);
}

/* For any figures: keeping what is required gets there, and no day earlier than the last. */
static void test_who_keeps_what_is_required_gets_there(void **state)
{
	uint64_t seed = 7;
	(void)state;
	for (int i = 0; i < 20000; i++) {
		struct progress_window window = phase_1();
		seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
		uint64_t target = 1 + (seed >> 33) % 100000, done = (seed >> 20) % (target + 5);
		int64_t now = window.starts_at - 86400000000 + (int64_t)(seed >> 11) % (INT64_C(146) * 86400000000);
		struct progress_figures figures = {.counted = done, .recent_counted = done / 2};
		struct target wanted = {.value = target};
		struct progress progress = progress_of(&window, &figures, &wanted, now);
		assert_int_equal(progress.met, done >= target);
		assert_true(progress.projected >= done);
		assert_int_equal(progress.has_required, progress.met || progress.days_left > 0);
		if (progress.days_left == 0 || progress.met)
			continue;
		assert_true(done * 100 + progress.required * progress.days_left >= target * 100);
		assert_true(done * 100 + (progress.required - 1) * progress.days_left < target * 100);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_days_left),
		cmocka_unit_test(test_a_window_may_end_within_a_day),
		cmocka_unit_test(test_pace_days),
		cmocka_unit_test(test_before_the_opening),
		cmocka_unit_test(test_on_the_way),
		cmocka_unit_test(test_the_last_moments),
		cmocka_unit_test(test_never_capped),
		cmocka_unit_test(test_without_a_target),
		cmocka_unit_test(test_of_people),
		cmocka_unit_test(test_laggards_first),
		cmocka_unit_test(test_who_keeps_what_is_required_gets_there),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
