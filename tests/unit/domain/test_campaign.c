/* Would catch: a faulty rule pack taken, a fault without its line, an instant judged by the wrong version or phase. */
#include "common/domain/campaign.h"
#include "common/domain/unit_tree.h"
#include "common/runtime/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/domain/rule_pack_text.h"

static const char GOOD[] = /* each line is one string: a fault's line can be counted */
	"code: trial\n"
	"name: {vi: Thử, en: Trial}\n"
	"opens_at: 2022-01-08T00:00:00+07:00\n"
	"closes_at: 2023-10-01T00:00:00+07:00\n"
	"versions:\n"
	"  - version: 1\n"
	"    holds_from: 2022-01-01T00:00:00+07:00\n"
	"    description_characters_max: 2000\n"
	"    fields:\n"
	"      required: [national_id, applied_on]\n"
	"      offered: [kind]\n"
	"    categories:\n"
	"      - {code: officer, name: {vi: Cán bộ, en: Officer}}\n"
	"      - {code: worker, name: Công nhân}\n"
	"    kinds:\n"
	"      - {code: technical, name: Kỹ thuật}\n"
	"      - {code: research, name: Đề tài}\n"
	"    research_kind: research\n"
	"    applied_window: {from: 2021-09-01, to: 2022-09-01}\n"
	"    phases:\n"
	"      - {number: 1, name: Đợt 1, starts_at: 2022-01-08T00:00:00+07:00, ends_at: 2022-06-01T00:00:00+07:00}\n"
	"      - {number: 2, name: Đợt 2, starts_at: 2022-06-01T00:00:00+07:00, ends_at: 2023-10-01T00:00:00+07:00}\n"
	"    person_key: national_id\n"
	"    duplicates: {exact_scope: nation, near_scope: top, near_threshold: 0.72, review_threshold: 0.6, "
	"weighting: {prior: 500, power: 2}}\n"
	"    target: 1000000\n"
	"  - version: 2\n"
	"    holds_from: 2022-06-01T00:00:00+07:00\n"
	"    description_characters_max: 2000\n"
	"    fields: {required: [national_id]}\n"
	"    person_key: national_id\n"
	"    duplicates: {exact_scope: unit, near_scope: unit, near_threshold: 1}\n";

static struct campaign *parse(const char *yaml, struct buffer *faults)
{
	return campaign_parse("trial.yaml", (struct bytes){(const uint8_t *)yaml, strlen(yaml)}, faults);
}

static struct campaign *parse_good(void)
{
	return expect_good(parse, GOOD);
}

static int64_t instant(const char *text)
{
	int64_t at;

	assert_true(clock_parse_instant(text, &at));
	return at;
}

static void expect_fault(const char *old, const char *new, const char *wanted)
{
	expect_fault_of(parse, GOOD, old, new, wanted);
}

static void test_reads_all(void **state)
{
	CLEANUP(campaign_free) struct campaign *campaign = parse_good();

	(void)state;
	const struct rule_pack *pack = &campaign->versions[0];
	assert_string_equal(campaign->code, "trial");
	assert_string_equal(campaign->name.en, "Trial");
	assert_int_equal(campaign->version_count, 2);
	assert_int_equal(pack->description_characters_max, 2000);
	/* A list of categories makes one required (contract); what is required is offered. */
	assert_int_equal(pack->required, RULE_NATIONAL_ID | RULE_APPLIED_ON | RULE_CATEGORY);
	assert_int_equal(pack->offered, pack->required | RULE_KIND);
	assert_int_equal(pack->category_count, 2);
	assert_string_equal(pack->categories[1].name.en, "Công nhân");
	assert_string_equal(pack->research_kind, "research");
	assert_true(pack->applied_window.is_set);
	/* A recognition without a window of its own has that of the application; R2: both blocks take part. */
	assert_true(pack->recognized_window.is_set);
	assert_int_equal(pack->recognized_window.from, pack->applied_window.from);
	assert_int_equal(pack->recognized_window.to, pack->applied_window.to);
	assert_int_equal(pack->block_count, 2);
	assert_string_equal(pack->blocks[0].name.vi, "Doanh nghiệp");
	assert_int_equal(pack->phase_count, 2);
	assert_int_equal(pack->near_scope, SCOPE_TOP);
	assert_true(pack->review_threshold > 0.59 && pack->review_threshold < 0.61);
	assert_int_equal(pack->target, 1000000);
	/* What was left out. */
	assert_true(pack->lead_author_only);
	assert_true(pack->refuse_ip_protected);
	assert_int_equal(pack->person_limit, 30);
	assert_int_equal(pack->person_window_s, 600);
	assert_string_equal(pack->support.vi, "");
	assert_int_equal(pack->weighting.prior, 500);
	assert_true(pack->weighting.power == 2 && pack->weighting.cold_start_margin == 0.1);
	assert_int_equal(campaign->versions[1].weighting.prior, 200);
	assert_true(campaign->versions[1].weighting.power == 2.5);
	assert_true(campaign->versions[1].review_threshold == campaign->versions[1].near_threshold);
	assert_false(campaign->versions[1].applied_window.is_set);
	assert_false(campaign->versions[1].recognized_window.is_set);
}

static void test_instants(void **state)
{
	CLEANUP(campaign_free) struct campaign *campaign = parse_good();
	int64_t change = instant("2022-06-01T00:00:00+07:00");
	int64_t opens = instant("2022-01-08T00:00:00+07:00"), closes = instant("2023-10-01T00:00:00+07:00");

	(void)state;
	assert_false(campaign_is_open(campaign, opens - 1));
	assert_true(campaign_is_open(campaign, opens));
	assert_true(campaign_is_open(campaign, closes - 1));
	assert_false(campaign_is_open(campaign, closes));
	assert_int_equal(campaign_rules_at(campaign, 0)->version, 1);
	assert_int_equal(campaign_rules_at(campaign, change - 1)->version, 1);
	assert_int_equal(campaign_rules_at(campaign, change)->version, 2);
	assert_int_equal(campaign_rules_version(campaign, 2)->version, 2);
	assert_null(campaign_rules_version(campaign, 3));
}

static void test_phases(void **state)
{
	CLEANUP(campaign_free) struct campaign *campaign = parse_good();
	struct rule_pack pack = campaign->versions[0];
	int64_t change = instant("2022-06-01T00:00:00+07:00");
	int32_t day = clock_vietnam_day(change);

	(void)state;
	assert_int_equal(campaign_phase_of(&pack, change - 1, false, 0), 1);
	assert_int_equal(campaign_phase_of(&pack, change, true, 0), 2);
	assert_int_equal(campaign_phase_of(&pack, 0, false, 0), 0);
	assert_int_equal(campaign_phase_of(&pack, instant("2023-10-01T00:00:00+07:00"), false, 0), 0);
	pack.phase_by_applied_on = true;
	assert_int_equal(campaign_phase_of(&pack, change, true, day - 1), 1);
	assert_int_equal(campaign_phase_of(&pack, change - 1, true, day), 2);
	assert_int_equal(campaign_phase_of(&pack, change, false, day), 0);
}

static void test_scopes(void **state)
{
	const struct unit_row rows[] = {{.id = 1, .code = "r", .name = "R"},
		{.id = 2, .parent = 1, .code = "t", .name = "T", .level = UNIT_TOP},
		{.id = 3, .parent = 2, .code = "u", .name = "U", .level = UNIT_UPPER}};
	const char *fault;
	CLEANUP(unit_tree_free) struct unit_tree *tree = unit_tree_new(rows, 3, &fault);

	(void)state;
	assert_int_equal(campaign_scope_unit(SCOPE_NATION, tree, 3), 0);
	assert_int_equal(campaign_scope_unit(SCOPE_TOP, tree, 3), 2);
	assert_int_equal(campaign_scope_unit(SCOPE_UNIT, tree, 3), 3);
}

static void test_faults_of_keys(void **state)
{
	(void)state;
	expect_fault("code: trial", "kode: trial", "trial.yaml:1: unknown key \"kode\"; remove it or use one of: code");
	expect_fault("code: trial", "kode: trial", "trial.yaml:1: \"code\" is missing");
	expect_fault(
		"    target: 1000000\n", "    target: 1\n    target: 2\n", "trial.yaml:26: \"target\" is given twice");
	expect_fault("{vi: Thử, en: Trial}", "[a]", "trial.yaml:2: not a mapping");
	expect_fault("{vi: Thử, en: Trial}", "{en: Trial}", "trial.yaml:2: \"vi\" is missing");
	expect_fault("code: trial", "code: Trial 1", "trial.yaml:1: \"Trial 1\" is no code");
	expect_fault("code: officer", "code: worker", "trial.yaml:14: the code \"worker\" is given twice");
	expect_fault("[kind]", "kind", "trial.yaml:11: not a list");
	expect_fault(
		"[kind]", "[kint]", "trial.yaml:11: \"kint\" is not known here; write one of: national_id, category");
	expect_fault("name: Công nhân", "name: \"\"", "trial.yaml:14: an empty text");
	expect_fault("name: Công nhân", "name: \"a\\0b\"", "trial.yaml:14: NUL");
	expect_fault("name: Công nhân", "name: \"a\\eb\"", "trial.yaml:14: control characters");
}

static void test_faults_of_values(void **state)
{
	(void)state;
	expect_fault("2022-01-08T00:00:00+07:00", "2022-01-08", "trial.yaml:3: \"2022-01-08\" is no instant");
	expect_fault("from: 2021-09-01", "from: 2021-09-31", "trial.yaml:19: \"2021-09-31\" is no day");
	expect_fault("from: 2021-09-01", "from: 2022-09-02", "trial.yaml:19: the window ends before it begins");
	expect_fault("    kinds:", "    recognized_window: {from: 2022-01-02, to: 2022-01-01}\n    kinds:",
		"trial.yaml:15: the window ends before it begins");
	expect_fault("    kinds:", "    blocks: [{code: army, name: Quân đội}]\n    kinds:",
		"trial.yaml:15: \"army\" is no block; write enterprise or public");
	expect_fault("    kinds:", "    blocks: []\n    kinds:", "trial.yaml:15: no block could take part");
	expect_fault("near_threshold: 0.72", "near_threshold: 1.01", "trial.yaml:24: \"1.01\" is out of range");
	expect_fault("near_threshold: 0.72", "near_threshold: -0.1", "trial.yaml:24: \"-0.1\" is out of range");
	expect_fault("near_threshold: 0.72", "near_threshold: nan", "trial.yaml:24: \"nan\" is out of range");
	expect_fault("near_threshold: 0.72", "near_threshold: 0", "trial.yaml:24: 0 would make every text");
	expect_fault("near_threshold: 0.72", "near_threshold: 0.72, weighting: {power: 8.5}",
		"trial.yaml:24: \"8.5\" is out of range; write a number from 0 to 8");
	expect_fault("near_threshold: 0.72", "near_threshold: 0.72, weighting: {prior: 0}",
		"trial.yaml:24: \"0\" is out of range");
	expect_fault(
		"near_threshold: 0.72", "near_threshold: 0.72, weighting: {margin: 0.1}", "trial.yaml:24: unknown key");
	expect_fault("near_threshold: 0.72", "near_threshold: 0.5", "trial.yaml:24: above near_threshold");
	expect_fault("characters_max: 2000", "characters_max: 0", "trial.yaml:8: \"0\" is out of range");
	expect_fault("characters_max: 2000", "characters_max: -1", "trial.yaml:8: \"-1\" is out of range");
	expect_fault("characters_max: 2000", "characters_max: 20001", "trial.yaml:8: out of range");
	expect_fault("characters_max: 2000", "characters_max: [1]", "trial.yaml:8: a number is wanted here");
	expect_fault("target: 1000000", "target: 99999999999999999999999", "trial.yaml:25:");
	expect_fault("exact_scope: nation", "exact_scope: world", "trial.yaml:24: \"world\" is not known here");
	expect_fault("target: 1000000", "lead_author_only: ja", "trial.yaml:25: \"ja\" is neither");
}

static void test_faults_of_agreement(void **state)
{
	(void)state;
	expect_fault("closes_at: 2023-10-01T00:00:00+07:00", "closes_at: 2022-01-08T00:00:00+07:00",
		"trial.yaml:4: the campaign closes before it opens");
	expect_fault("starts_at: 2022-06-01", "starts_at: 2022-05-31", "trial.yaml:22: phase 2 overlaps phase 1");
	expect_fault("number: 2", "number: 3", "trial.yaml:22: phase number 3");
	expect_fault("ends_at: 2022-06-01", "ends_at: 2022-01-08", "trial.yaml:21: the phase ends before it starts");
	expect_fault("holds_from: 2022-06-01", "holds_from: 2022-01-01",
		"trial.yaml:27: versions 1 and 2 hold from the same instant");
	expect_fault(
		"holds_from: 2022-06-01", "holds_from: 2021-01-01", "trial.yaml:27: version 2 holds from an earlier");
	expect_fault("version: 2", "version: 1", "trial.yaml:26: version 1 after version 1");
	expect_fault("holds_from: 2022-01-01", "holds_from: 2022-01-09", "trial.yaml:7: no rules hold at the opening");
	expect_fault(
		"research_kind: research", "research_kind: reserch", "trial.yaml:18: \"reserch\" is none of the kinds");
	expect_fault("person_key: national_id", "person_key: phone", "trial.yaml:23: a person is the national_id");
	expect_fault("fields: {required: [national_id]}\n    person_key: national_id",
		"fields: {required: []}\n    person_key: phone", "trial.yaml:30: another person_key than version 1");
	expect_fault("fields: {required: [national_id]}", "fields: {required: [national_id, kind]}",
		"trial.yaml:29: kind is required but there are no kinds");
	expect_fault("fields: {required: [national_id]}", "fields: {required: [national_id]}\n    phase_by: applied_on",
		"trial.yaml:30: phases by applied_on need the date");
}

static void test_faults_of_yaml(void **state)
{
	static const struct {
		const char *yaml, *wanted;
	} CASES[] = {
		{"", "trial.yaml:1: the file is empty"},
		{"a: [1\nb: 2\n", "trial.yaml:2: "},
		{"code: a\n---\ncode: b\n", "trial.yaml:3: a second document"},
		{"just words\n", "trial.yaml:1: not a mapping"},
		{"versions: []\n", "trial.yaml:1: no version of the rules"},
		{"code: \xFF\n", "trial.yaml:1: "},
		{"&a [*a, *a]\n", "trial.yaml:1: not a mapping"},
		{"versions: &v [*v]\n", "trial.yaml:1: not a mapping"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(CASES); i++) {
		CLEANUP(buffer_deinit) struct buffer faults = {0};
		assert_null(parse(CASES[i].yaml, &faults));
		buffer_add(&faults, "", 1);
		if (strstr((const char *)faults.data, CASES[i].wanted) == NULL)
			print_error("wanted \"%s\", got \"%s\"\n", CASES[i].wanted, (const char *)faults.data);
		assert_non_null(strstr((const char *)faults.data, CASES[i].wanted));
	}
}

static void test_all_faults_at_once(void **state)
{
	CLEANUP(buffer_deinit) struct buffer faults = {0};
	size_t lines = 0;

	(void)state;
	assert_null(parse("code: A\nopens_at: now\nversions:\n  - version: x\n    speed: 1\n", &faults));
	for (size_t i = 0; i < faults.size; i++)
		lines += faults.data[i] == '\n';
	/* Two values of the campaign, two missing keys of it; one value, one unknown and four missing keys below. */
	assert_int_equal(lines, 10);
}

/* A file of the wrong shape anywhere is a fault or a campaign, never a crash: the sanitizers watch. */
static void test_survives_damage(void **state)
{
	char damaged[sizeof(GOOD)];
	uint32_t random = 7;

	(void)state;
	for (int round = 0; round < 3000; round++) {
		CLEANUP(buffer_deinit) struct buffer faults = {0};
		memcpy(damaged, GOOD, sizeof(GOOD));
		for (int i = 0; i < 3; i++) {
			random = random * 1664525 + 1013904223;
			damaged[(random >> 8) % (sizeof(GOOD) - 1)] = "-:[]{},\"' \n&*x0"[random >> 28];
		}
		struct campaign *campaign = parse(damaged, &faults);
		assert_int_equal(campaign == NULL, faults.size > 0);
		campaign_free(&campaign);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads_all),
		cmocka_unit_test(test_instants),
		cmocka_unit_test(test_phases),
		cmocka_unit_test(test_scopes),
		cmocka_unit_test(test_faults_of_keys),
		cmocka_unit_test(test_faults_of_values),
		cmocka_unit_test(test_faults_of_agreement),
		cmocka_unit_test(test_faults_of_yaml),
		cmocka_unit_test(test_all_faults_at_once),
		cmocka_unit_test(test_survives_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
