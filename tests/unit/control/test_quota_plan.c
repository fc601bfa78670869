/* Would catch: a faulty plan taken, a fault without its line or only the first of many, a group that takes the wrong
 * units, a target that silently replaces another. */
#include "tests/unit/control/quota_world.h"

static const char HEAD[] = "campaign: trial\n";
static const char CAMPAIGN[] =
	"code: trial\nname: Thử\nopens_at: 2022-01-08T00:00:00+07:00\ncloses_at: 2023-10-01T00:00:00+07:00\n"
	"versions:\n  - version: 1\n    holds_from: 2022-01-01T00:00:00+07:00\n    description_characters_max: 2000\n"
	"    phases:\n"
	"      - {number: 1, name: Đợt 1, starts_at: 2022-01-08T00:00:00+07:00, ends_at: 2022-06-01T00:00:00+07:00}\n"
	"      - {number: 2, name: Đợt 2, starts_at: 2022-06-01T00:00:00+07:00, ends_at: 2023-10-01T00:00:00+07:00}\n"
	"    person_key: phone\n"
	"    duplicates: {exact_scope: nation, near_scope: top, near_threshold: 0.72}\n";

static const struct unit_row ROWS[] = {
	{1, 0, "VN", "Tổng Liên đoàn", UNIT_NATION, BLOCK_NONE, false, false, 0},
	{2, 1, "01", "Hà Nội", UNIT_TOP, BLOCK_NONE, false, false, 0},
	{3, 2, "01.018", "Gia Lâm", UNIT_UPPER, BLOCK_NONE, true, false, 0},
	{4, 3, "A", "A", UNIT_GRASSROOTS, BLOCK_ENTERPRISE, true, false, 0},
	{5, 3, "B", "B", UNIT_GRASSROOTS, BLOCK_ENTERPRISE, true, false, 0},
	{6, 3, "C", "C", UNIT_GRASSROOTS, BLOCK_PUBLIC, true, false, 0},
	{7, 4, "A.1", "A.1", UNIT_SECTION, BLOCK_ENTERPRISE, true, false, 0},
	{8, 1, "25", "Phú Thọ", UNIT_TOP, BLOCK_NONE, false, false, 0},
};

struct world {
	struct campaign *campaign;
	struct unit_tree *tree;
};

static int open_world(void **state)
{
	static struct world world;
	CLEANUP(buffer_deinit) struct buffer faults = {0};
	const char *fault = NULL;

	world.campaign =
		campaign_parse("trial.yaml", (struct bytes){(const uint8_t *)CAMPAIGN, strlen(CAMPAIGN)}, &faults);
	world.tree = unit_tree_new(ROWS, ARRAY_LENGTH(ROWS), &fault);
	*state = &world;
	return world.campaign == NULL || world.tree == NULL;
}

static int close_world(void **state)
{
	struct world *world = *state;

	campaign_free(&world->campaign);
	unit_tree_free(&world->tree);
	return 0;
}

static struct quota_plan *parse(
	const struct world *world, const char *rest, struct buffer *faults, struct buffer *notes)
{
	char yaml[4096];

	snprintf(yaml, sizeof(yaml), "%s%s", HEAD, rest);
	return plan_of(yaml, world->campaign, world->tree, faults, notes);
}

static struct quota_plan *parse_good(const struct world *world, const char *rest)
{
	CLEANUP(buffer_deinit) struct buffer faults = {0}, notes = {0};
	struct quota_plan *plan = parse(world, rest, &faults, &notes);

	if (plan == NULL)
		print_error("%.*s", (int)faults.size, (const char *)faults.data);
	assert_non_null(plan);
	return plan;
}

/* `rest` begins on line 2. */
static void expect_faults(const struct world *world, const char *rest, const char *const *wanted, size_t count)
{
	CLEANUP(buffer_deinit) struct buffer faults = {0}, notes = {0};
	struct quota_plan *plan = parse(world, rest, &faults, &notes);

	buffer_add(&faults, "", 1);
	assert_null(plan);
	for (size_t i = 0; i < count; i++) {
		if (strstr((const char *)faults.data, wanted[i]) == NULL)
			print_error("wanted \"%s\", got \"%s\"\n", wanted[i], (const char *)faults.data);
		assert_non_null(strstr((const char *)faults.data, wanted[i]));
	}
}

static void expect_fault(const struct world *world, const char *rest, const char *wanted)
{
	expect_faults(world, rest, &wanted, 1);
}

static const struct quota_share *share(const struct quota_plan *plan, uint32_t unit, uint32_t period)
{
	for (size_t i = 0; i < plan->share_count; i++)
		if (plan->shares[i].unit == unit && plan->shares[i].period == period)
			return &plan->shares[i];
	return NULL;
}

static void test_reads_every_form(void **state)
{
	CLEANUP(quota_plan_free)
	struct quota_plan *plan = parse_good(*state,
		"quotas:\n"
		"  - unit: VN\n    initiatives: {all: 1000000, round_1: 90}\n"
		"  - unit: 25\n    percent_of_members: {phase_1: 4, phase_2: 6.25}\n"
		"  - unit: C\n    initiatives_per_member: {all: 0.5}\n    people: {all: 3}\n"
		"rounds:\n  - {number: 1, name: {vi: Tháng về đích}, from: 2023-08-01, to: 2023-08-31}\n");

	assert_int_equal(plan->share_count, 6);
	assert_int_equal(plan->period_count, 4);
	assert_int_equal(plan->periods[3].number, PERIOD_ROUND_FIRST + 1);
	assert_int_equal(plan->periods[3].last_day - plan->periods[3].first_day, 30);
	assert_int_equal(plan->periods[1].last_day, day_of("2022-05-31"));
	assert_int_equal(plan->periods[2].first_day, day_of("2022-06-01"));
	assert_int_equal(plan->periods[2].last_day, day_of("2023-09-30"));
	assert_string_equal(plan->rounds[0].name.en, "Tháng về đích");
	assert_int_equal(share(plan, 1, 0)->value, 1000000);
	assert_int_equal(share(plan, 8, 2)->value, 625);
	assert_int_equal(share(plan, 8, 2)->counts, QUOTA_PEOPLE);
	assert_int_equal(share(plan, 8, 2)->form, QUOTA_PERCENT);
	assert_int_equal(share(plan, 6, 0)->value, 50);
	assert_int_equal(share(plan, 6, 0)->form, QUOTA_PER_MEMBER);
}

static void test_groups(void **state)
{
	CLEANUP(quota_plan_free)
	struct quota_plan *plan = parse_good(*state,
		"quotas:\n"
		"  - each: {below: 01, level: grassroots, block: enterprise}\n    initiatives: {phase_1: 1}\n"
		"  - unit: B\n    initiatives: {phase_1: 700}\n" /* the unit's own goes before its group's */
		"  - each: {below: 01.018, except: [A, A.1]}\n    people: {all: 2}\n");

	assert_int_equal(plan->share_count, 4);
	assert_int_equal(share(plan, 4, 1)->value, 1);
	assert_int_equal(share(plan, 5, 1)->value, 700);
	assert_int_equal(share(plan, 5, 0)->value, 2);
	assert_int_equal(share(plan, 6, 0)->value, 2);
	assert_null(share(plan, 3, 0)); /* below, not the unit itself */
	assert_null(share(plan, 7, 1)); /* a section is no grassroots union */
}

static void expect_note(const struct world *world, const char *rest, const char *wanted)
{
	CLEANUP(buffer_deinit) struct buffer faults = {0}, notes = {0};
	CLEANUP(quota_plan_free) struct quota_plan *plan = parse(world, rest, &faults, &notes);

	assert_non_null(plan);
	buffer_add(&notes, "", 1);
	assert_string_equal((const char *)notes.data, wanted);
}

static void test_notes_what_the_document_counts_otherwise(void **state)
{
	expect_note(*state,
		"quotas:\n  - each: {below: 01.018, block: enterprise, level: grassroots}\n    expect: 152\n"
		"    initiatives: {all: 1}\n",
		"plan.yaml:3: 2 units, 152 expected; import those that are missing\n");
	expect_note(*state,
		"quotas:\n  - each: {below: 01.018, block: enterprise, level: grassroots}\n    expect: 2\n"
		"    initiatives: {all: 1}\n",
		"");
	expect_note(*state, "quotas:\n  - each: {below: 25}\n    initiatives: {all: 1}\n",
		"plan.yaml:3: no unit fits yet; import them, or correct the group\n");
}

static void test_says_every_fault_with_its_line(void **state)
{
	static const char *const WANTED[] = {
		"plan.yaml:3: there is no unit \"ZZ\"; import it first or correct the code\n",
		"plan.yaml:6: there is no period \"phase_3\"; write one of: all, phase_1, phase_2\n",
		"plan.yaml:8: \"-5\" is no target; write a whole number from 1, or remove it\n",
		"plan.yaml:10: \"101\" is out of range; write a number above 0, at most 100, like 4 or 0.25\n",
		"plan.yaml:11: unknown key \"speed\"",
	};

	expect_faults(*state,
		"quotas:\n  - unit: ZZ\n    initiatives: {all: 1}\n"
		"  - unit: A\n    initiatives: {phase_3: 4}\n"
		"  - unit: B\n    initiatives: {all: -5}\n"
		"  - unit: C\n    percent_of_members: {all: 101}\n    speed: 3\n",
		WANTED, ARRAY_LENGTH(WANTED));
}

static void test_refuses_amounts(void **state)
{
	static const char *const BAD[] = {"initiatives: {all: 0}", "initiatives: {all: 1.5}", "initiatives: {all: 1e3}",
		"initiatives: {all: 99999999999999}", "initiatives: {all: [1]}", "initiatives: {phase_01: 1}",
		"initiatives: {phase_0: 1}", "initiatives: {round_1: 1}", "initiatives: 5", "initiatives: {}",
		"initiatives_per_member: {all: 0.00}", "initiatives_per_member: {all: 100.01}",
		"initiatives_per_member: {all: .5}", "initiatives_per_member: {all: 1.}",
		"percent_of_members: {all: 0.001}", "percent_of_members: {all: 4%}", "people: {all: -1}"};
	char rest[256];

	for (size_t i = 0; i < ARRAY_LENGTH(BAD); i++) {
		snprintf(rest, sizeof(rest), "quotas:\n  - unit: A\n    %s\n", BAD[i]);
		expect_fault(*state, rest, "plan.yaml:");
	}
}

static void test_refuses_contradictions(void **state)
{
	expect_fault(*state,
		"quotas:\n  - unit: A\n    initiatives: {all: 1}\n  - unit: A\n    initiatives: {all: 2}\n",
		"plan.yaml:6: a second target for the same period of unit \"A\", after line 4;");
	expect_fault(*state,
		"quotas:\n  - each: {below: 01}\n    initiatives: {all: 1}\n"
		"  - each: {below: 01.018}\n    initiatives_per_member: {all: 1}\n",
		"plan.yaml:6: a second target for the same period of unit \"A\", after line 4;");
	expect_fault(*state, "quotas:\n  - unit: A\n    initiatives: {all: 1}\n    initiatives_per_member: {all: 1}\n",
		"plan.yaml:5: a second target");
	expect_fault(*state, "quotas:\n  - initiatives: {all: 1}\n", "plan.yaml:3: a rule is of one \"unit\"");
	expect_fault(*state, "quotas:\n  - unit: A\n    each: {below: 01}\n    people: {all: 1}\n", "plan.yaml:3:");
	expect_fault(*state, "quotas:\n  - unit: A\n    expect: 2\n    people: {all: 1}\n", "plan.yaml:4:");
	expect_fault(*state, "quotas:\n  - unit: A\n", "plan.yaml:3: a rule without a target");
	expect_fault(*state, "quotas:\n  - each: {level: grassroots}\n    people: {all: 1}\n", "\"below\" is missing");
	expect_fault(*state, "quotas:\n  - each: {below: 01, level: village}\n    people: {all: 1}\n", "is no level");
	expect_fault(*state, "quotas:\n  - each: {below: 01, block: private}\n    people: {all: 1}\n", "is no block");
}

static void test_refuses_rounds(void **state)
{
	static const char ROUND[] = "rounds:\n  - {number: %s, name: R, from: %s, to: %s}\nquotas: []\n";
	static const char *const BAD[][4] = {
		{"2", "2023-08-01", "2023-08-31", "number the rounds 1, 2"},
		{"1", "2023-08-31", "2023-08-01", "the round ends before it begins"},
		{"1", "2022-05-31", "2022-06-01", "does not lie within one phase"}, /* a day of each */
		{"1", "2023-09-01", "2023-10-01", "does not lie within one phase"}, /* a day too long */
		{"1", "2023-08-01", "2023-08-32", "is no day"},
	};
	char rest[256];

	for (size_t i = 0; i < ARRAY_LENGTH(BAD); i++) {
		snprintf(rest, sizeof(rest), ROUND, BAD[i][0], BAD[i][1], BAD[i][2]);
		expect_fault(*state, rest, BAD[i][3]);
	}
	snprintf(rest, sizeof(rest), ROUND, "1", "2022-06-01", "2023-09-30");
	CLEANUP(quota_plan_free) struct quota_plan *plan = parse_good(*state, rest);
	assert_int_equal(plan->round_count, 1);
	/* People too are counted in a round. */
	CLEANUP(quota_plan_free)
	struct quota_plan *people = parse_good(*state,
		"rounds:\n  - {number: 1, name: R, from: 2023-08-01, to: 2023-08-31}\n"
		"quotas:\n  - unit: A\n    people: {round_1: 5}\n    percent_of_members: {phase_1: 4}\n");
	assert_int_equal(people->share_count, 2);
	assert_int_equal(people->shares[1].period, PERIOD_ROUND_FIRST + 1);
	assert_int_equal(people->shares[1].counts, QUOTA_PEOPLE);
}

static void test_refuses_another_campaign(void **state)
{
	CLEANUP(buffer_deinit) struct buffer faults = {0}, notes = {0};
	const struct world *world = *state;

	assert_null(plan_of("campaign: demo\nquotas: []\n", world->campaign, world->tree, &faults, &notes));
	buffer_add(&faults, "", 1);
	assert_non_null(strstr((const char *)faults.data, "plan.yaml:1: a plan for \"demo\""));
	assert_null(plan_of("", world->campaign, world->tree, &faults, &notes));
	assert_null(plan_of("[", world->campaign, world->tree, &faults, &notes));
	assert_null(plan_of("- 1\n", world->campaign, world->tree, &faults, &notes));
	assert_null(plan_of("campaign: trial\nquotas: 5\n", world->campaign, world->tree, &faults, &notes));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads_every_form),
		cmocka_unit_test(test_groups),
		cmocka_unit_test(test_notes_what_the_document_counts_otherwise),
		cmocka_unit_test(test_says_every_fault_with_its_line),
		cmocka_unit_test(test_refuses_amounts),
		cmocka_unit_test(test_refuses_contradictions),
		cmocka_unit_test(test_refuses_rounds),
		cmocka_unit_test(test_refuses_another_campaign),
	};

	return cmocka_run_group_tests(tests, open_world, close_world);
}
