/* Would catch: a unit called behind too early, after the end, while it will get there, or on the first day of a short
 * round; a target of 0 that is "met"; a summary of a campaign that is not open yet, one that never comes because the
 * service was away, the last week's that is left out. */
#include "services/notification/officer_rules.h"

#include "common/runtime/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static int64_t at(const char *text)
{
	int64_t instant;

	assert_true(clock_parse_instant(text, &instant));
	return instant;
}

static struct progress_window phase_1(void) /* R20 */
{
	return (struct progress_window){at("2022-01-08T00:00:00+07:00"), at("2022-06-01T00:00:00+07:00")};
}

static struct progress progress_at(
	struct progress_window window, uint64_t counted, uint64_t recent, uint64_t target, int64_t now)
{
	const struct progress_figures figures = {.counted = counted, .recent_counted = recent};
	const struct target wanted = {.value = target};

	return progress_of(&window, &figures, &wanted, now);
}

static bool behind(uint64_t counted, uint64_t recent, const char *now)
{
	struct progress_window window = phase_1();
	struct progress progress = progress_at(window, counted, recent, 100, at(now));

	return officer_behind(&window, &progress, at(now));
}

static void test_behind_from_two_weeks_before_the_end(void **state)
{
	(void)state;
	assert_false(behind(10, 0, "2022-05-17T23:59:59.999999+07:00"));
	assert_true(behind(10, 0, "2022-05-18T00:00:00+07:00"));
	assert_true(behind(10, 0, "2022-05-31T23:59:59.999999+07:00"));
	assert_false(behind(10, 0, "2022-06-01T00:00:00+07:00"));
	assert_false(behind(100, 0, "2022-05-20T00:00:00+07:00"));
}

/* 84 there, 7 a week: 14 more until the end are not enough; with 8 a week they are. */
static void test_who_will_get_there_is_not_behind(void **state)
{
	(void)state;
	assert_true(behind(84, 7, "2022-05-18T00:00:00+07:00"));
	assert_false(behind(84, 8, "2022-05-18T00:00:00+07:00"));
}

static void test_a_short_round_has_its_first_half(void **state)
{
	struct progress_window round = {at("2023-08-01T00:00:00+07:00"), at("2023-08-11T00:00:00+07:00")};
	int64_t before = at("2023-08-05T23:59:59.999999+07:00"), half = at("2023-08-06T00:00:00+07:00");
	struct progress progress = progress_at(round, 0, 0, 5, before);

	(void)state;
	assert_false(officer_behind(&round, &progress, before));
	progress = progress_at(round, 0, 0, 5, half);
	assert_true(officer_behind(&round, &progress, half));
}

static bool met(uint64_t counted, uint64_t target, const char *now)
{
	struct progress_window window = phase_1();
	struct progress progress = progress_at(window, counted, 0, target, at(now));

	return officer_met(&window, &progress, at(now));
}

static void test_met_exactly_and_until_late_verdicts_are_in(void **state)
{
	(void)state;
	assert_false(met(99, 100, "2022-03-01T00:00:00+07:00"));
	assert_true(met(100, 100, "2022-03-01T00:00:00+07:00"));
	assert_true(met(189, 100, "2022-03-01T00:00:00+07:00"));
	assert_false(met(100, 100, "2022-01-07T23:59:59.999999+07:00"));
	assert_true(met(100, 100, "2022-06-14T23:59:59.999999+07:00"));
	assert_false(met(100, 100, "2022-06-15T00:00:00+07:00"));
	assert_false(met(0, 0, "2022-03-01T00:00:00+07:00"));
}

static int64_t due(const char *now)
{
	const struct campaign campaign = {.opens_at = at("2022-01-08T00:00:00+07:00"),
		.closes_at = at("2023-10-01T00:00:00+07:00"),
		.notices = {.weekly_day = 1, .weekly_min = 8 * 60}};

	return officer_weekly_due(&campaign, at(now));
}

static void test_the_week(void **state)
{
	int64_t first = at("2022-01-10T08:00:00+07:00"), last = at("2023-10-02T08:00:00+07:00");

	(void)state;
	assert_int_equal(due("2022-01-03T09:00:00+07:00"), 0); /* a Monday before it opens */
	assert_int_equal(due("2022-01-10T07:59:59+07:00"), 0);
	assert_int_equal(due("2022-01-10T08:00:00+07:00"), first);
	assert_int_equal(due("2022-01-12T07:59:59+07:00"), first);
	assert_int_equal(due("2022-01-12T08:00:00+07:00"), 0); /* too late: the next one tells */
	assert_int_equal(due("2023-10-02T08:00:00+07:00"), last);
	assert_int_equal(due("2023-10-09T08:00:00+07:00"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_behind_from_two_weeks_before_the_end),
		cmocka_unit_test(test_who_will_get_there_is_not_behind),
		cmocka_unit_test(test_a_short_round_has_its_first_half),
		cmocka_unit_test(test_met_exactly_and_until_late_verdicts_are_in),
		cmocka_unit_test(test_the_week),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
