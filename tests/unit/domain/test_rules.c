/* Would catch: a rule that is off by a day or by a character, one that hides another, a reason with a wrong word. */
#include "common/domain/rules.h"
#include "common/domain/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { FROM = 18871 /* 2021-09-01 */, TO = 19236 /* 2022-09-01 */, LIMIT = 10 };

static struct coded_name CATEGORIES[] = {{"officer", {"", ""}}, {"worker", {"", ""}}};
static struct coded_name BLOCKS[] = {{"enterprise", {"", ""}}, {"public", {"", ""}}};
static struct coded_name KINDS[] = {{"technical", {"", ""}}, {"research", {"", ""}}};

static struct rule_pack strict_rules(void)
{
	return (struct rule_pack){
		.version = 1,
		.description_characters_max = LIMIT,
		.required = RULE_NATIONAL_ID | RULE_CATEGORY | RULE_APPLIED_ON | RULE_RECOGNIZED_ON,
		.blocks = BLOCKS,
		.block_count = ARRAY_LENGTH(BLOCKS),
		.categories = CATEGORIES,
		.category_count = ARRAY_LENGTH(CATEGORIES),
		.kinds = KINDS,
		.kind_count = ARRAY_LENGTH(KINDS),
		.research_kind = "research",
		.applied_window.is_set = true,
		.applied_window.from = FROM,
		.applied_window.to = TO,
		.recognized_window.is_set = true,
		.recognized_window.from = FROM,
		.recognized_window.to = TO + 30,
		.lead_author_only = true,
		.refuse_ip_protected = true,
	};
}

static ProtobufCBinaryData text(const char *words)
{
	return (ProtobufCBinaryData){strlen(words), (uint8_t *)(uintptr_t)words};
}

static Sangkien__Message__Fields good_fields(void)
{
	Sangkien__Message__Fields fields = SANGKIEN__MESSAGE__FIELDS__INIT;

	fields.block = BLOCK_ENTERPRISE;
	fields.has_national_id = true;
	fields.category = text("worker");
	fields.description = text("Xe đẩy");
	fields.has_applied_on = fields.has_recognized_on = true;
	fields.applied_on = fields.recognized_on = FROM;
	fields.authors = 1;
	fields.lead_author = true;
	return fields;
}

/* Reasons as "code field;code field". */
static void expect(const struct rule_pack *rules, const Sangkien__Message__Fields *fields, const char *wanted)
{
	struct rules_verdict verdict;
	CLEANUP(buffer_deinit) struct buffer words = {0};

	rules_judge(rules, fields, &verdict);
	for (size_t i = 0; i < verdict.count; i++) {
		const struct rules_reason *reason = &verdict.reasons[i];
		/* Whatever is refused is said in both languages. */
		assert_string_not_equal(reason_text(reason->code, reason->field, false), reason->code);
		assert_string_not_equal(reason_text(reason->code, reason->field, true),
			reason_text(reason->code, reason->field, false));
		buffer_format(&words, "%s%s %s", i == 0 ? "" : ";", reason->code, reason->field);
	}
	buffer_add(&words, "", 1);
	assert_string_equal((const char *)words.data, wanted);
}

static void expect_strict(const Sangkien__Message__Fields *fields, const char *wanted)
{
	struct rule_pack rules = strict_rules();

	expect(&rules, fields, wanted);
}

static void test_good_is_valid(void **state)
{
	Sangkien__Message__Fields fields = good_fields();

	(void)state;
	expect_strict(&fields, "");
}

static void test_window_by_the_day(void **state)
{
	static const struct {
		int32_t day;
		const char *wanted;
	} DAYS[] = {{FROM - 1, "outside_window applied_on"}, {FROM, ""}, {FROM + 1, ""}, {TO - 1, ""}, {TO, ""},
		{TO + 1, "outside_window applied_on"}, {-40000, "outside_window applied_on"}};
	struct rule_pack open = strict_rules();

	(void)state;
	open.applied_window.is_set = false;
	for (size_t i = 0; i < ARRAY_LENGTH(DAYS); i++) {
		Sangkien__Message__Fields fields = good_fields();
		fields.applied_on = DAYS[i].day;
		expect_strict(&fields, DAYS[i].wanted);
		expect(&open, &fields, "");
	}
}

/* A date that is not required is still judged when it is given. */
static void test_optional_date_in_its_window(void **state)
{
	struct rule_pack rules = strict_rules();
	Sangkien__Message__Fields fields = good_fields();

	(void)state;
	rules.required = 0;
	fields.applied_on = TO + 1;
	expect(&rules, &fields, "outside_window applied_on");
	fields.has_applied_on = false;
	expect(&rules, &fields, "");
}

/* R12: recognised in writing, within its own window of days. */
static void test_recognition_by_the_day(void **state)
{
	static const struct {
		int32_t day;
		const char *wanted;
	} DAYS[] = {{FROM - 1, "outside_window recognized_on"}, {FROM, ""}, {TO + 30, ""},
		{TO + 31, "outside_window recognized_on"}};
	struct rule_pack open = strict_rules();

	(void)state;
	open.recognized_window.is_set = false;
	for (size_t i = 0; i < ARRAY_LENGTH(DAYS); i++) {
		Sangkien__Message__Fields fields = good_fields();
		fields.recognized_on = DAYS[i].day;
		expect_strict(&fields, DAYS[i].wanted);
		expect(&open, &fields, "");
	}
}

/* R2: a campaign of enterprises takes nothing of public bodies. */
static void test_block_that_takes_no_part(void **state)
{
	struct rule_pack rules = strict_rules();
	Sangkien__Message__Fields fields = good_fields();

	(void)state;
	rules.block_count = 1;
	expect(&rules, &fields, "");
	fields.block = BLOCK_PUBLIC;
	expect(&rules, &fields, "invalid block");
	expect_strict(&fields, "");
	fields.block = 77; /* of a version to come */
	expect_strict(&fields, "invalid block");
}

static void expect_length(const char *unit, size_t units_of_limit)
{
	CLEANUP(buffer_deinit) struct buffer words = {0};
	Sangkien__Message__Fields fields = good_fields();

	for (size_t i = 0; i < units_of_limit; i++)
		buffer_text(&words, unit);
	fields.description = (ProtobufCBinaryData){words.size, words.data};
	expect_strict(&fields, "");
	buffer_text(&words, "x");
	fields.description = (ProtobufCBinaryData){words.size, words.data};
	expect_strict(&fields, "too_long description");
}

static void test_limit_and_one_over(void **state)
{
	(void)state;
	expect_length("a", LIMIT);
	expect_length("ế", LIMIT);
	expect_length("e\xCC\x82\xCC\x81", LIMIT); /* NFD */
	expect_length("👨‍👩‍👧‍👦", LIMIT);
	expect_length("🇻🇳", LIMIT);
	expect_length("•\n", LIMIT / 2);
}

/* As it comes from Word: the limit counts what is stored, not what was pasted. */
static void test_limit_of_word_text(void **state)
{
	static const char PASTED[] = "\xEF\xBB\xBF\xEF\x82\xB7 mo\xCC\xA3\xCC\x82t\r\n\xEF\x82\xB7 ba\r\n";
	CLEANUP(buffer_deinit) struct buffer clean = {0};
	Sangkien__Message__Fields fields = good_fields();

	(void)state;
	assert_int_equal(text_clean((struct bytes){(const uint8_t *)PASTED, sizeof(PASTED) - 1}, &clean), TEXT_OK);
	fields.description = (ProtobufCBinaryData){clean.size, clean.data};
	expect_strict(&fields, ""); /* "• một\n• ba": ten characters */
	buffer_text(&clean, "!");
	fields.description = (ProtobufCBinaryData){clean.size, clean.data};
	expect_strict(&fields, "too_long description");
}

static void test_lists(void **state)
{
	struct rule_pack rules = strict_rules();
	Sangkien__Message__Fields fields = good_fields();

	(void)state;
	fields.category = text("workers");
	expect_strict(&fields, "invalid category");
	fields.category = text("worke");
	expect_strict(&fields, "invalid category");
	fields.category = text("");
	expect_strict(&fields, "required category");
	fields.category = text("officer");
	fields.kind = text("Technical");
	expect_strict(&fields, "invalid kind");
	fields.kind = text("technical");
	expect_strict(&fields, "");
	fields.kind = text("");
	rules.required |= RULE_KIND;
	expect(&rules, &fields, "required kind");
}

static void test_required_fields(void **state)
{
	struct rule_pack rules = strict_rules();
	Sangkien__Message__Fields fields = SANGKIEN__MESSAGE__FIELDS__INIT;

	(void)state;
	rules.required = UINT32_MAX;
	fields.block = BLOCK_PUBLIC;
	/* Everything missing is said at once, in the order of the form. */
	expect(&rules, &fields,
		"required national_id;required category;required kind;required title;required description;"
		"required applied_on;not_recognised recognized_on;required recognized_by;required evidence_url;"
		"required accepted_on");
	rules.required = 0;
	expect(&rules, &fields, "required description");
}

static void test_declarations(void **state)
{
	struct rule_pack lenient = strict_rules();
	Sangkien__Message__Fields fields = good_fields();

	(void)state;
	lenient.lead_author_only = lenient.refuse_ip_protected = false;
	fields.ip_protected = true;
	expect_strict(&fields, "ip_protected ip_protected");
	expect(&lenient, &fields, "");
	fields.ip_protected = false;
	fields.lead_author = false; /* alone, one is the lead whatever was ticked */
	expect_strict(&fields, "");
	fields.authors = 2;
	expect_strict(&fields, "not_lead_author lead_author");
	expect(&lenient, &fields, "");
	fields.lead_author = true;
	expect_strict(&fields, "");
}

static void test_research_needs_its_acceptance(void **state)
{
	static const struct {
		int32_t day;
		const char *wanted;
	} DAYS[] = {
		{FROM - 1, "outside_window accepted_on"}, {FROM, ""}, {TO, ""}, {TO + 1, "outside_window accepted_on"}};
	Sangkien__Message__Fields fields = good_fields();

	(void)state;
	fields.kind = text("research");
	expect_strict(&fields, "required accepted_on");
	fields.has_accepted_on = true;
	for (size_t i = 0; i < ARRAY_LENGTH(DAYS); i++) {
		fields.accepted_on = DAYS[i].day;
		expect_strict(&fields, DAYS[i].wanted);
	}
	fields.kind = text("technical"); /* of another kind the date says nothing */
	expect_strict(&fields, "");
	fields.has_accepted_on = false;
	expect_strict(&fields, "");
}

static void test_all_at_once(void **state)
{
	Sangkien__Message__Fields fields = good_fields();

	(void)state;
	fields.has_national_id = false;
	fields.category = text("?");
	fields.kind = text("?");
	fields.description = text("0123456789x");
	fields.applied_on = TO + 1;
	fields.has_recognized_on = false;
	fields.ip_protected = true;
	fields.authors = 3;
	fields.lead_author = false;
	expect_strict(&fields, "required national_id;invalid category;invalid kind;too_long description;"
			       "outside_window applied_on;not_recognised recognized_on;ip_protected ip_protected;"
			       "not_lead_author lead_author");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good_is_valid),
		cmocka_unit_test(test_window_by_the_day),
		cmocka_unit_test(test_optional_date_in_its_window),
		cmocka_unit_test(test_recognition_by_the_day),
		cmocka_unit_test(test_block_that_takes_no_part),
		cmocka_unit_test(test_limit_and_one_over),
		cmocka_unit_test(test_limit_of_word_text),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_required_fields),
		cmocka_unit_test(test_declarations),
		cmocka_unit_test(test_research_needs_its_acceptance),
		cmocka_unit_test(test_all_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
