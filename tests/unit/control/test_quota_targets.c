/* Would catch: R22's table not coming to its totals, a sum that leaves a unit out or takes one twice, a declared total
 * overwritten by the sum of its parts, a floor rounded down, a member count of another day. */
#include "tests/unit/control/quota_world.h"

static const struct member_counts NO_MEMBERS = {0};

static struct quota_targets evaluate(
	const struct quota_plan *plan, const struct unit_tree *tree, const struct member_counts *members, int32_t as_of)
{
	struct quota_targets targets;

	assert_true(quota_targets_evaluate(plan, tree, members, as_of, &targets));
	return targets;
}

static void expect(const struct quota_targets *targets, const struct unit_tree *tree, const char *code, uint32_t period,
	int64_t declared, int64_t parts)
{
	const struct quota_target *row = find_target(targets, unit_by_code(tree, code)->id, period, QUOTA_INITIATIVES);

	assert_non_null(row);
	assert_int_equal(row->has_declared ? (int64_t)row->declared : -1, declared);
	assert_int_equal(row->has_parts ? (int64_t)row->parts : -1, parts);
	assert_int_equal(quota_target_differs(row), declared >= 0 && parts >= 0 && declared != parts);
}

/* R22: 5,342 = 2,771 + 2,571; enterprises 1,784 = 992 + 792; 3,558 = 1,779 + 1,779 without rows. */
static void test_gia_lam(void **state)
{
	CLEANUP(campaign_free) struct campaign *campaign = load_campaign("01-trieu-sang-kien");
	CLEANUP(unit_tree_free) struct unit_tree *tree = load_units();
	CLEANUP(buffer_deinit) struct buffer notes = {0};
	CLEANUP(quota_plan_free) struct quota_plan *plan = load_plan("01-trieu-sang-kien", campaign, tree, &notes);
	CLEANUP(quota_targets_free) struct quota_targets targets = evaluate(plan, tree, &NO_MEMBERS, 0);
	static const int64_t DECLARED[] = {5342, 2771, 2571}, ENTERPRISES[] = {1784, 992, 792},
			     WITHOUT_ROWS[] = {3558, 1779, 1779};

	(void)state;
	for (uint32_t period = 0; period <= 2; period++) {
		const struct quota_target *row =
			find_target(&targets, unit_by_code(tree, "01.018")->id, period, QUOTA_INITIATIVES);

		expect(&targets, tree, "01.018.DN", period, -1, ENTERPRISES[period]);
		expect(&targets, tree, "01.018", period, DECLARED[period], ENTERPRISES[period]);
		assert_int_equal(quota_target_value(row), DECLARED[period]);
		assert_int_equal(quota_target_value(row) - row->parts, WITHOUT_ROWS[period]);
		assert_true(quota_target_differs(row));
		/* The province has no total of its own: the declared one goes up, not the sum below it. */
		expect(&targets, tree, "01", period, -1, DECLARED[period]);
	}
	expect(&targets, tree, "01.018.DN.077", 0, 2, -1);
	expect(&targets, tree, "01.018.STANLEY", 1, 400, -1);
	expect(&targets, tree, "15", 0, 4000, 300);
	expect(&targets, tree, "VN", 0, 1000000, 5342 + 4000);
	expect(&targets, tree, "VN", 1, 300000, 2771 + 100);
	buffer_add(&notes, "", 1);
	assert_null(strstr((const char *)notes.data, "expected")); /* the 152 enterprises are there */
	assert_non_null(strstr((const char *)notes.data, "no unit fits yet"));
}

static void test_every_plan_of_deploy_loads(void **state)
{
	static const char *const CODES[] = {"demo", "75-nghin-sang-kien", "01-trieu-sang-kien"};
	CLEANUP(unit_tree_free) struct unit_tree *tree = load_units();

	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(CODES); i++) {
		CLEANUP(buffer_deinit) struct buffer faults = {0}, notes = {0};
		CLEANUP(campaign_free) struct campaign *campaign = load_campaign(CODES[i]);
		CLEANUP(quota_plan_free) struct quota_plan *plan = load_plan(CODES[i], campaign, tree, &notes);
		assert_true(quota_members_check(plan, tree, &NO_MEMBERS, &faults, &notes));
	}
}

/* A district of two grassroots unions, one of which has two sections. */
static const struct unit_row ROWS[] = {
	{1, 0, "VN", "VN", UNIT_NATION, BLOCK_NONE, false, false, 0},
	{2, 1, "15", "15", UNIT_TOP, BLOCK_NONE, false, false, 0},
	{3, 2, "A", "A", UNIT_GRASSROOTS, BLOCK_ENTERPRISE, true, false, 0},
	{4, 2, "B", "B", UNIT_GRASSROOTS, BLOCK_PUBLIC, true, false, 0},
	{5, 3, "A1", "A1", UNIT_SECTION, BLOCK_ENTERPRISE, true, false, 0},
	{6, 3, "A2", "A2", UNIT_SECTION, BLOCK_ENTERPRISE, true, false, 0},
};

struct small {
	struct campaign *campaign;
	struct unit_tree *tree;
	struct quota_plan *plan;
};

static void small_free(struct small *small)
{
	quota_plan_free(&small->plan);
	unit_tree_free(&small->tree);
	campaign_free(&small->campaign);
}

static struct small small_of(const char *quotas)
{
	CLEANUP(buffer_deinit) struct buffer faults = {0}, notes = {0};
	char yaml[2048];
	const char *fault;
	struct small small = {.campaign = load_campaign("01-trieu-sang-kien"),
		.tree = unit_tree_new(ROWS, ARRAY_LENGTH(ROWS), &fault)};

	assert_non_null(small.tree);
	snprintf(yaml, sizeof(yaml), "campaign: 01-trieu-sang-kien\nquotas:\n%s", quotas);
	small.plan = plan_of(yaml, small.campaign, small.tree, &faults, &notes);
	assert_non_null(small.plan);
	return small;
}

static struct member_counts counts_of(const struct member_count *rows, size_t count)
{
	struct member_counts counts = {.rows = calloc(count, sizeof(*rows)), .count = count};
	const struct member_count *twice;

	assert_non_null(counts.rows);
	memcpy(counts.rows, rows, count * sizeof(*rows));
	assert_true(member_counts_sort(&counts, &twice));
	return counts;
}

static uint64_t value_on(const struct small *small, const struct member_counts *members, uint32_t unit, uint32_t period,
	enum quota_counts counts, const char *day)
{
	CLEANUP(quota_targets_free)
	struct quota_targets targets = evaluate(small->plan, small->tree, members, day_of(day));
	const struct quota_target *row = find_target(&targets, unit, period, counts);

	return row == NULL ? 0 : quota_target_value(row);
}

static void test_phases_make_up_the_whole(void **state)
{
	CLEANUP(small_free)
	struct small small =
		small_of("  - unit: A\n    initiatives: {phase_1: 400, phase_2: 300}\n"
			 "  - unit: B\n    initiatives: {phase_1: 5}\n    people: {phase_1: 2, phase_2: 3}\n"
			 "  - unit: A1\n    initiatives: {all: 10, phase_1: 4, phase_2: 5}\n");
	CLEANUP(quota_targets_free) struct quota_targets targets = evaluate(small.plan, small.tree, &NO_MEMBERS, 0);

	(void)state;
	expect(&targets, small.tree, "A", 0, 700, 10);
	/* One phase of two is not the whole, and people of two phases may be the same. */
	assert_null(find_target(&targets, 4, 0, QUOTA_INITIATIVES));
	assert_null(find_target(&targets, 4, 0, QUOTA_PEOPLE));
	const struct quota_target *row = find_target(&targets, 5, 0, QUOTA_INITIATIVES);
	assert_int_equal(row->declared, 10);
	assert_int_equal(row->phases, 9);
	assert_true(quota_target_differs(row));
	/* Initiatives and people are not added to each other. */
	assert_int_equal(find_target(&targets, 2, 1, QUOTA_INITIATIVES)->parts, 405);
	assert_int_equal(find_target(&targets, 2, 1, QUOTA_PEOPLE)->parts, 2);
}

static void test_members_by_date(void **state)
{
	static const struct member_count ROWS_OF[] = {
		{4, -25000, 100}, {4, 19000, 101}, {4, 19144, 126}, {4, 19700, 999}, /* 19144: 2022-06-01 */
	};
	CLEANUP(small_free)
	struct small small = small_of("  - unit: B\n    percent_of_members: {phase_1: 4, phase_2: 6}\n"
				      "    initiatives_per_member: {all: 1}\n");
	CLEANUP(member_counts_free) struct member_counts members = counts_of(ROWS_OF, ARRAY_LENGTH(ROWS_OF));

	(void)state;
	assert_int_equal(day_of("2022-06-01"), 19144);
	assert_int_equal(value_on(&small, &members, 4, 1, QUOTA_PEOPLE, "2022-01-07"), 4); /* 100: 4 */
	assert_int_equal(value_on(&small, &members, 4, 1, QUOTA_PEOPLE, "2022-01-08"), 5); /* 101: 4.04, a floor */
	assert_int_equal(value_on(&small, &members, 4, 1, QUOTA_PEOPLE, "2022-05-31"), 5);
	assert_int_equal(value_on(&small, &members, 4, 1, QUOTA_PEOPLE, "2022-06-01"), 5); /* that phase is over */
	assert_int_equal(value_on(&small, &members, 4, 2, QUOTA_PEOPLE, "2022-06-01"), 8); /* 126: 7.56 */
	assert_int_equal(value_on(&small, &members, 4, 0, QUOTA_INITIATIVES, "2023-09-30"), 126);
	/* Counts after the campaign change nothing. */
	assert_int_equal(value_on(&small, &members, 4, 0, QUOTA_INITIATIVES, "2024-01-01"), 126);
}

static void test_members_of_an_inner_unit(void **state)
{
	static const struct member_count SOME[] = {{5, 0, 10}}, ALL[] = {{5, 0, 10}, {6, 0, 20}},
					 OWN[] = {{3, 0, 40}, {5, 0, 10}, {6, 0, 20}};
	CLEANUP(small_free) struct small small = small_of("  - unit: A\n    initiatives_per_member: {all: 1}\n");
	CLEANUP(member_counts_free) struct member_counts some = counts_of(SOME, 1);
	CLEANUP(member_counts_free) struct member_counts all = counts_of(ALL, 2);
	CLEANUP(member_counts_free) struct member_counts own = counts_of(OWN, 3);

	(void)state;
	assert_int_equal(value_on(&small, &some, 3, 0, QUOTA_INITIATIVES, "2022-06-01"), 0);
	assert_int_equal(value_on(&small, &all, 3, 0, QUOTA_INITIATIVES, "2022-06-01"), 30);
	assert_int_equal(value_on(&small, &own, 3, 0, QUOTA_INITIATIVES, "2022-06-01"), 40);
}

static void test_says_members_that_are_none(void **state)
{
	static const struct member_count ZERO[] = {{3, 0, 12}, {3, 19000, 0}, {4, 0, 5}};
	CLEANUP(small_free)
	struct small small =
		small_of("  - each: {below: 15, level: grassroots}\n    percent_of_members: {phase_1: 4}\n");
	CLEANUP(member_counts_free) struct member_counts members = counts_of(ZERO, ARRAY_LENGTH(ZERO));
	CLEANUP(buffer_deinit) struct buffer faults = {0}, notes = {0};

	(void)state;
	assert_false(quota_members_check(small.plan, small.tree, &members, &faults, &notes));
	buffer_add(&faults, "", 1);
	assert_string_equal((const char *)faults.data,
		"plan.yaml:4: a share of the members of \"A\", who has 0 members "
		"from 2022-01-08; correct its count or leave the unit out\n");
	buffer_clear(&faults);
	assert_true(quota_members_check(small.plan, small.tree, &NO_MEMBERS, &faults, &notes));
	buffer_add(&notes, "", 1);
	assert_string_equal((const char *)notes.data, "plan.yaml:4: members not known in 2 of 2 cases, first of \"A\"; "
						      "there is no target until they are given\n");
}

static void test_refuses_two_counts_of_a_day(void **state)
{
	struct member_count rows[] = {{3, 7, 1}, {4, 7, 1}, {3, 7, 2}};
	struct member_counts members = {.rows = rows, .count = 3};
	const struct member_count *twice = NULL;

	(void)state;
	assert_false(member_counts_sort(&members, &twice));
	assert_int_equal(twice->unit, 3);
}

/* Properties over random trees and plans -------------------------------------------------------------------------- */

enum { RANDOM_UNITS = 120, RANDOM_WORLDS = 40 };

static uint32_t draw(uint64_t *seed, uint32_t below)
{
	*seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(*seed >> 33) % below;
}

static struct unit_tree *random_tree(uint64_t *seed)
{
	static char codes[RANDOM_UNITS][8];
	struct unit_row rows[RANDOM_UNITS];
	uint32_t depth[RANDOM_UNITS];
	const char *fault;

	for (uint32_t i = 0; i < RANDOM_UNITS; i++) {
		uint32_t parent = i == 0 ? 0 : draw(seed, i);
		while (i > 0 && depth[parent] >= 4)
			parent = draw(seed, i);
		depth[i] = i == 0 ? 0 : depth[parent] + 1;
		snprintf(codes[i], sizeof(codes[i]), "U%u", i + 1);
		rows[i] = (struct unit_row){.id = i + 1,
			.parent = i == 0 ? 0 : parent + 1,
			.code = codes[i],
			.name = codes[i],
			.level = (enum unit_level)depth[i],
			.block = (enum submission_block)draw(seed, 3)};
	}
	struct unit_tree *tree = unit_tree_new(rows, RANDOM_UNITS, &fault);
	assert_non_null(tree);
	return tree;
}

static void random_plan(uint64_t *seed, struct buffer *yaml)
{
	static const char *const PERIODS[] = {"all", "phase_1", "phase_2"};
	static const char *const FORMS[] = {"initiatives", "initiatives_per_member", "percent_of_members"};

	buffer_text(yaml, "campaign: 01-trieu-sang-kien\nquotas:\n");
	for (uint32_t unit = 1; unit <= RANDOM_UNITS; unit++)
		if (draw(seed, 3) == 0)
			buffer_format(yaml, "  - unit: U%u\n    %s: {%s: %u}\n", unit, FORMS[draw(seed, 3)],
				PERIODS[draw(seed, 3)], 1 + draw(seed, 90));
	buffer_format(yaml, "  - each: {below: U%u}\n    initiatives: {phase_1: %u, phase_2: %u}\n",
		1 + draw(seed, RANDOM_UNITS), 1 + draw(seed, 9), 1 + draw(seed, 9));
	buffer_add(yaml, "", 1);
}

/* Recounted the naive way: from each unit down. */
static bool recount(const struct quota_plan *plan, const struct unit_tree *tree, const struct member_counts *members,
	uint32_t unit, uint32_t period, enum quota_counts counts, uint64_t *value)
{
	const struct quota_share *of_phase[3] = {0};
	uint64_t amount[3] = {0}, part;
	size_t count;

	for (size_t i = 0; i < plan->share_count; i++) {
		const struct quota_share *s = &plan->shares[i];
		uint64_t n = 0;
		if (s->unit != unit || s->counts != counts)
			continue;
		if (s->form != QUOTA_FIXED && !member_counts_find(members, tree, unit, 19300, &n))
			continue;
		of_phase[s->period] = s;
		amount[s->period] = s->form == QUOTA_FIXED     ? s->value
				    : s->form == QUOTA_PERCENT ? (uint64_t)__builtin_ceil((double)(n * s->value) / 1e4)
							       : (uint64_t)__builtin_ceil((double)(n * s->value) / 1e2);
	}
	*value = amount[period];
	if (of_phase[period] != NULL)
		return true;
	if (period == 0 && counts == QUOTA_INITIATIVES && of_phase[1] != NULL && of_phase[2] != NULL) {
		*value = amount[1] + amount[2];
		return true;
	}
	const struct unit *const *children = unit_children(tree, unit, &count);
	bool any = false;
	for (size_t i = 0; i < count; i++)
		if (recount(plan, tree, members, children[i]->id, period, counts, &part)) {
			any = true;
			*value += part;
		}
	return any;
}

static void expect_recount(const struct quota_plan *plan, const struct unit_tree *tree,
	const struct member_counts *members, const struct quota_targets *targets)
{
	size_t rows = 0;

	for (uint32_t unit = 1; unit <= RANDOM_UNITS; unit++)
		for (uint32_t period = 0; period <= 2; period++)
			for (enum quota_counts counts = QUOTA_INITIATIVES; counts <= QUOTA_PEOPLE; counts++) {
				uint64_t value;
				const struct quota_target *row = find_target(targets, unit, period, counts);
				bool any = recount(plan, tree, members, unit, period, counts, &value);
				assert_int_equal(any, row != NULL);
				if (row != NULL)
					assert_int_equal(quota_target_value(row), value);
				rows += any;
			}
	assert_int_equal(rows, targets->count);
}

static void test_targets_equal_a_recount(void **state)
{
	CLEANUP(campaign_free) struct campaign *campaign = load_campaign("01-trieu-sang-kien");

	(void)state;
	for (uint64_t world = 1; world <= RANDOM_WORLDS; world++) {
		uint64_t seed = world;
		CLEANUP(unit_tree_free) struct unit_tree *tree = random_tree(&seed);
		CLEANUP(buffer_deinit) struct buffer yaml = {0}, faults = {0}, notes = {0};
		struct member_count rows[RANDOM_UNITS];
		size_t count = 0;

		random_plan(&seed, &yaml);
		for (uint32_t unit = 1; unit <= RANDOM_UNITS; unit++)
			if (draw(&seed, 4) != 0)
				rows[count++] = (struct member_count){unit, 19000, 1 + draw(&seed, 500)};
		CLEANUP(member_counts_free) struct member_counts members = counts_of(rows, count);
		CLEANUP(quota_plan_free)
		struct quota_plan *plan = plan_of((const char *)yaml.data, campaign, tree, &faults, &notes);
		assert_non_null(plan);
		CLEANUP(quota_targets_free) struct quota_targets targets = evaluate(plan, tree, &members, 19300);
		expect_recount(plan, tree, &members, &targets);
	}
}

/* The row that holds on a day, of a history. */
static const struct quota_target *row_on(
	const struct quota_targets *history, const struct quota_target *wanted, int32_t day)
{
	const struct quota_target *found = NULL;

	for (size_t i = 0; i < history->count; i++) {
		const struct quota_target *row = &history->rows[i];
		if (row->unit == wanted->unit && row->period == wanted->period && row->counts == wanted->counts &&
			row->holds_from <= day)
			found = row;
	}
	return found;
}

static void test_history_equals_each_day(void **state)
{
	CLEANUP(campaign_free) struct campaign *campaign = load_campaign("01-trieu-sang-kien");
	uint64_t seed = 99;
	CLEANUP(unit_tree_free) struct unit_tree *tree = random_tree(&seed);
	CLEANUP(buffer_deinit) struct buffer yaml = {0}, faults = {0}, notes = {0};
	struct member_count rows[2 * RANDOM_UNITS];

	(void)state;
	for (uint32_t i = 0; i < 2 * RANDOM_UNITS; i++)
		rows[i] = (struct member_count){
			i / 2 + 1, 19000 + (int32_t)(i % 2) * 40 + (int32_t)draw(&seed, 5) * 7, 1 + draw(&seed, 500)};
	random_plan(&seed, &yaml);
	CLEANUP(member_counts_free) struct member_counts members = counts_of(rows, ARRAY_LENGTH(rows));
	CLEANUP(quota_plan_free)
	struct quota_plan *plan = plan_of((const char *)yaml.data, campaign, tree, &faults, &notes);
	CLEANUP(quota_targets_free) struct quota_targets history = {0};
	assert_non_null(plan);
	assert_true(quota_targets_history(plan, tree, &members, &history));
	for (int32_t day = 18990; day < 19100; day += 3) {
		CLEANUP(quota_targets_free) struct quota_targets now = evaluate(plan, tree, &members, day);
		for (size_t i = 0; i < now.count; i++) {
			const struct quota_target *row = row_on(&history, &now.rows[i], day);
			assert_non_null(row);
			assert_int_equal(quota_target_value(row), quota_target_value(&now.rows[i]));
			assert_int_equal(row->parts, now.rows[i].parts);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gia_lam),
		cmocka_unit_test(test_every_plan_of_deploy_loads),
		cmocka_unit_test(test_phases_make_up_the_whole),
		cmocka_unit_test(test_members_by_date),
		cmocka_unit_test(test_members_of_an_inner_unit),
		cmocka_unit_test(test_says_members_that_are_none),
		cmocka_unit_test(test_refuses_two_counts_of_a_day),
		cmocka_unit_test(test_targets_equal_a_recount),
		cmocka_unit_test(test_history_equals_each_day),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
