/* Would catch a replay whose totals are not the source's (R23), or in which Bắc Giang does not stand eighth. */
#include "services/control/simulate_plan.h"
#include "services/control/simulate_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { TOPS = 83, THANH_HOA = 40, BAC_GIANG = 25 };

static void plan(struct simulate_share *shares, double scale)
{
	memset(shares, 0, TOPS * sizeof(*shares));
	simulate_plan(shares, TOPS, THANH_HOA, BAC_GIANG, scale);
}

static void whole_campaign_has_the_figures_of_the_source(void **state)
{
	struct simulate_share shares[TOPS];
	uint64_t initiatives = 0, people = 0;
	(void)state;
	plan(shares, 1);
	for (size_t i = 0; i < TOPS; i++) {
		initiatives += shares[i].initiatives;
		people += shares[i].people;
		assert_true(shares[i].people <= shares[i].initiatives && shares[i].people > 0);
	}
	assert_int_equal(initiatives, REPLAY_INITIATIVES);
	assert_int_equal(people, REPLAY_PEOPLE);
	assert_int_equal(shares[BAC_GIANG].initiatives, REPLAY_BAC_GIANG_INITIATIVES);
	assert_int_equal(shares[BAC_GIANG].people, REPLAY_BAC_GIANG_PEOPLE);
	assert_in_range(
		shares[THANH_HOA].initiatives, REPLAY_INITIATIVES * 299L / 1000, REPLAY_INITIATIVES * 301L / 1000);
}

static void bac_giang_stands_eighth_by_both(void **state)
{
	struct simulate_share shares[TOPS];
	(void)state;
	plan(shares, 1);
	int by_initiatives = 1, by_people = 1;
	for (size_t i = 0; i < TOPS; i++) {
		by_initiatives += shares[i].initiatives > shares[BAC_GIANG].initiatives;
		by_people += shares[i].people > shares[BAC_GIANG].people;
	}
	assert_int_equal(by_initiatives, REPLAY_BAC_GIANG_RANK);
	assert_int_equal(by_people, REPLAY_BAC_GIANG_RANK);
}

static void a_hundredth_sums_to_a_hundredth(void **state)
{
	struct simulate_share shares[TOPS];
	uint64_t initiatives = 0;
	(void)state;
	plan(shares, 0.01);
	for (size_t i = 0; i < TOPS; i++)
		initiatives += shares[i].initiatives;
	assert_int_equal(initiatives, (REPLAY_INITIATIVES + 50) / 100);
}

static void texts_repeat_by_seed_and_number_alone(void **state)
{
	struct buffer a = {0}, b = {0}, c = {0};
	(void)state;
	simulate_text(1, 77, &a);
	simulate_text(1, 77, &b);
	simulate_text(1, 78, &c);
	assert_int_equal(a.size, b.size);
	assert_memory_equal(a.data, b.data, a.size);
	assert_true(a.size != c.size || memcmp(a.data, c.data, a.size) != 0);
	buffer_deinit(&a);
	buffer_deinit(&b);
	buffer_deinit(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_campaign_has_the_figures_of_the_source),
		cmocka_unit_test(bac_giang_stands_eighth_by_both),
		cmocka_unit_test(a_hundredth_sums_to_a_hundredth),
		cmocka_unit_test(texts_repeat_by_seed_and_number_alone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
