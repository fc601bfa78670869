/* Catches: a parameter taken for another, a bad one that is quietly the default, two forms of one query that are cached
 * twice, a row of Redis read half. */
#include "services/leaderboard/board_query.h"
#include "services/leaderboard/board_reader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char YAML[] = "code: trial\n"
			   "name: Thử\n"
			   "opens_at: 2022-01-08T00:00:00+07:00\n"
			   "closes_at: 2023-10-01T00:00:00+07:00\n"
			   "versions:\n"
			   "  - version: 1\n"
			   "    holds_from: 2022-01-01T00:00:00+07:00\n"
			   "    description_characters_max: 2000\n"
			   "    fields: {required: []}\n"
			   "    phases:\n"
			   "      - {number: 1, name: A, starts_at: 2022-01-08T00:00:00+07:00, "
			   "ends_at: 2022-06-01T00:00:00+07:00}\n"
			   "      - {number: 2, name: B, starts_at: 2022-06-01T00:00:00+07:00, "
			   "ends_at: 2023-10-01T00:00:00+07:00}\n"
			   "    person_key: phone\n"
			   "    duplicates: {exact_scope: nation, near_scope: top, near_threshold: 0.72}\n";

static const struct unit_row ROWS[] = {
	{.id = 1, .code = "VN", .name = "Việt Nam", .level = UNIT_NATION},
	{.id = 2, .parent = 1, .code = "01", .name = "Hà Nội", .level = UNIT_TOP},
	{.id = 3, .parent = 1, .code = "24", .name = "Bắc Giang", .level = UNIT_TOP},
	{.id = 4, .parent = 2, .code = "01.018", .name = "Gia Lâm", .level = UNIT_UPPER, .accepts_submissions = true},
};

static int open_campaign(void **state)
{
	struct reference_campaign *campaign = calloc(1, sizeof(*campaign));
	CLEANUP(buffer_deinit) struct buffer faults = {0};
	const char *fault = NULL;
	campaign->id = 7;
	campaign->campaign =
		campaign_parse("trial.yaml", (struct bytes){(const uint8_t *)YAML, sizeof(YAML) - 1}, &faults);
	campaign->units = unit_tree_new(ROWS, ARRAY_LENGTH(ROWS), &fault);
	*state = campaign;
	return campaign->campaign && campaign->units ? 0 : -1;
}

static int close_campaign(void **state)
{
	struct reference_campaign *campaign = *state;
	campaign_free(&campaign->campaign);
	unit_tree_free(&campaign->units);
	free(campaign);
	return 0;
}

static void assert_query(
	const struct reference_campaign *campaign, struct board_parameters parameters, struct board_query wanted)
{
	struct board_query query;
	struct query_fault fault;
	wanted.campaign = 7;
	assert_true(board_query_parse(campaign, &parameters, 0, &query, &fault));
	assert_true(board_query_equal(&query, &wanted));
}

static void assert_fault(const struct reference_campaign *campaign, struct board_parameters parameters,
	const char *field, const char *code)
{
	struct board_query query;
	struct query_fault fault = {0};
	assert_false(board_query_parse(campaign, &parameters, 0, &query, &fault));
	assert_string_equal(fault.field, field);
	assert_string_equal(fault.code, code);
}

static void test_defaults_and_each_parameter(void **state)
{
	assert_query(*state, (struct board_parameters){0},
		(struct board_query){.metric = METRIC_COUNTED, .parent = 1, .limit = BOARD_ROWS_MAX});
	/* What says the default says nothing: one query, cached once. */
	assert_query(*state,
		(struct board_parameters){.metric = "counted", .phase = "all", .parent = "VN", .limit = "1000"},
		(struct board_query){.metric = METRIC_COUNTED, .parent = 1, .limit = BOARD_ROWS_MAX});
	assert_query(*state, (struct board_parameters){.metric = "percent", .phase = "2", .parent = "01", .limit = "5"},
		(struct board_query){.metric = METRIC_PERCENT, .phase = 2, .parent = 2, .limit = 5});
	assert_query(*state, (struct board_parameters){.around = "24"},
		(struct board_query){.parent = 1, .around = 3, .limit = BOARD_AROUND_ROWS});
	assert_query(*state, (struct board_parameters){.around = "24", .limit = "3"},
		(struct board_query){.parent = 1, .around = 3, .limit = 3});
}

static void test_what_is_bad_is_named(void **state)
{
	assert_fault(*state, (struct board_parameters){.metric = "awarded"}, "metric", "invalid");
	assert_fault(*state, (struct board_parameters){.metric = ""}, "metric", "invalid");
	static const char *const PHASES[] = {"", "0", "3", "-1", "1.0", "all ", "ALL", "99999999999"};
	for (size_t i = 0; i < ARRAY_LENGTH(PHASES); i++)
		assert_fault(*state, (struct board_parameters){.phase = PHASES[i]}, "phase", "invalid");
	static const char *const LIMITS[] = {"", "0", "1001", "-1", "+1", " 1", "1x", "4294967297"};
	for (size_t i = 0; i < ARRAY_LENGTH(LIMITS); i++)
		assert_fault(*state, (struct board_parameters){.limit = LIMITS[i]}, "limit", "invalid");
	assert_fault(*state, (struct board_parameters){.parent = "99"}, "parent", "unknown_unit");
	assert_fault(*state, (struct board_parameters){.parent = ""}, "parent", "unknown_unit");
	assert_fault(*state, (struct board_parameters){.around = "99"}, "around", "unknown_unit");
	/* It stands on another board. */
	assert_fault(*state, (struct board_parameters){.around = "01.018"}, "around", "invalid");
	assert_fault(*state, (struct board_parameters){.around = "VN"}, "around", "invalid");
}

static void test_figures_of_redis(void **state)
{
	(void)state;
	struct board_row row = {0};
	assert_true(board_figures_parse("12 5 4 3 1", &row));
	assert_true(row.entered == 5 && row.counted == 4 && row.people == 3 && row.awarded == 1);
	static const char *const BAD[] = {"", "1 2 3 4", "1 2 3 4 5 6", "1 2 3 4 ", "1 2 3 4 x", "1  2 3 4 5",
		"1 2 -3 4 5", " 1 2 3 4 5", "1 2 3 4 5 "};
	for (size_t i = 0; i < ARRAY_LENGTH(BAD); i++)
		assert_false(board_figures_parse(BAD[i], &row));
}

#define IN(test) cmocka_unit_test_setup_teardown(test, open_campaign, close_campaign)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN(test_defaults_and_each_parameter),
		IN(test_what_is_bad_is_named),
		cmocka_unit_test(test_figures_of_redis),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
