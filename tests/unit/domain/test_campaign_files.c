/* Would catch: a campaign of deploy/campaigns that does not load, or whose dates and limits are not those of its
 * documents. */
#include "common/domain/campaign.h"
#include "common/runtime/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct campaign *load(const char *code)
{
	CLEANUP(buffer_deinit) struct buffer yaml = {0};
	CLEANUP(buffer_deinit) struct buffer faults = {0};
	char path[128], piece[4096];

	snprintf(path, sizeof(path), "deploy/campaigns/%s.yaml", code);
	FILE *file = fopen(path, "rb");
	assert_non_null(file);
	for (size_t size; (size = fread(piece, 1, sizeof(piece), file)) > 0;)
		buffer_add(&yaml, piece, size);
	fclose(file);
	struct campaign *campaign = campaign_parse(path, buffer_bytes(&yaml), &faults);
	if (campaign == NULL)
		print_error("%.*s", (int)faults.size, (const char *)faults.data);
	assert(campaign != NULL);
	assert_string_equal(campaign->code, code);
	return campaign;
}

static void expect_instant(int64_t instant, const char *wanted)
{
	char text[CLOCK_TEXT_SIZE];

	clock_format_instant(instant, text);
	assert_string_equal(text, wanted);
}

static void expect_window(const struct rule_pack *pack, const char *from, const char *to)
{
	char text[CLOCK_TEXT_SIZE];

	assert_true(pack->applied_window.is_set);
	clock_format_day(pack->applied_window.from, text);
	assert_string_equal(text, from);
	clock_format_day(pack->applied_window.to, text);
	assert_string_equal(text, to);
}

static void test_2021(void **state)
{
	CLEANUP(campaign_free) struct campaign *campaign = load("75-nghin-sang-kien");
	const struct rule_pack *pack = campaign_rules_at(campaign, campaign->opens_at);

	(void)state;
	expect_instant(campaign->opens_at, "2021-03-10T00:00:00+07:00");
	expect_instant(campaign->closes_at, "2021-04-21T00:00:00+07:00");
	assert_int_equal(pack->description_characters_max, 1000);
	assert_int_equal(pack->kind_count, 5);
	assert_int_equal(pack->category_count, 0);
	assert_int_equal(pack->person_key, PERSON_BY_PHONE);
	assert_int_equal(pack->target, 75000);
	expect_window(pack, "2021-02-01", "2021-05-31");
}

static void test_2022(void **state)
{
	CLEANUP(campaign_free) struct campaign *campaign = load("01-trieu-sang-kien");
	int64_t change;

	(void)state;
	assert_true(clock_parse_instant("2022-06-01T00:00:00+07:00", &change));
	expect_instant(campaign->opens_at, "2022-01-08T00:00:00+07:00");
	expect_instant(campaign->closes_at, "2023-10-01T00:00:00+07:00");
	expect_window(campaign_rules_at(campaign, change - 1), "2021-09-01", "2022-09-01");
	expect_window(campaign_rules_at(campaign, change), "2021-09-01", "2023-09-01");
	for (size_t i = 0; i < campaign->version_count; i++) {
		const struct rule_pack *pack = &campaign->versions[i];
		assert_int_equal(pack->description_characters_max, 2000);
		assert_int_equal(pack->category_count, 5);
		assert_int_equal(pack->kind_count, 7);
		assert_string_equal(pack->research_kind, "research");
		assert_int_equal(pack->person_key, PERSON_BY_NATIONAL_ID);
		assert_int_equal(
			pack->required, RULE_NATIONAL_ID | RULE_CATEGORY | RULE_APPLIED_ON | RULE_RECOGNIZED_ON);
		assert_int_equal(pack->exact_scope, SCOPE_NATION);
		assert_int_equal(pack->near_scope, SCOPE_TOP);
		assert_int_equal(pack->target, 1000000);
		assert_int_equal(campaign_phase_of(pack, change - 1, false, 0), 1);
		assert_int_equal(campaign_phase_of(pack, change, false, 0), 2);
		assert_int_equal(campaign_phase_of(pack, campaign->opens_at, false, 0), 1);
		assert_int_equal(campaign_phase_of(pack, campaign->closes_at - 1, false, 0), 2);
	}
}

static void test_demo_is_open_and_asks_for_little(void **state)
{
	CLEANUP(campaign_free) struct campaign *campaign = load("demo");
	int64_t now = clock_now_us();
	const struct rule_pack *pack = campaign_rules_at(campaign, now);

	(void)state;
	assert_true(campaign_is_open(campaign, now));
	assert_int_equal(pack->required, 0);
	assert_int_equal(pack->phase_count, 2);
	assert_int_not_equal(campaign_phase_of(pack, now, false, 0), 0);
	assert_true(pack->target > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_2021),
		cmocka_unit_test(test_2022),
		cmocka_unit_test(test_demo_is_open_and_asks_for_little),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
