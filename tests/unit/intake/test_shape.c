/* Would catch: an input the contract refuses that gets in, one it allows that does not, a fault that hides another
 * (all errors come at once), and any input at all that crashes the reader. */
#include "services/intake/shape.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
// clang-format off
#include <cmocka.h>
// clang-format on

static struct bytes bytes_of(const char *text)
{
	return (struct bytes){(const uint8_t *)text, strlen(text)};
}

/* JSON in this file is written with ' for ". */
static void add_json(struct buffer *out, const char *text)
{
	for (; *text != '\0'; text++)
		buffer_add(out, *text == '\'' ? "\"" : text, 1);
}

/* A good submission with `members` in place of its own of the same names, and without those named in `without`. */
static struct bytes body_with(struct buffer *out, const char *members, const char *without)
{
	static const char *const BASE[][2] = {
		{"'full_name'", "'Nguyễn Văn An'"},
		{"'phone'", "'0912 345 678'"},
		{"'unit'", "'001'"},
		{"'block'", "'public'"},
		{"'description'", "'Cải tiến quy trình'"},
	};
	buffer_clear(out);
	buffer_text(out, "{");
	for (size_t i = 0; i < ARRAY_LENGTH(BASE); i++) {
		if (strncmp(members, BASE[i][0], strlen(BASE[i][0])) == 0 || strstr(without, BASE[i][0]) != NULL)
			continue;
		add_json(out, out->size > 1 ? "," : "");
		add_json(out, BASE[i][0]);
		buffer_text(out, ":");
		add_json(out, BASE[i][1]);
	}
	if (*members != '\0' && out->size > 1)
		buffer_text(out, ",");
	add_json(out, members);
	buffer_text(out, "}");
	return buffer_bytes(out);
}

struct world {
	struct shaper *shaper;
	struct shape shape;
	struct buffer body, errors;
};

static int set_up(void **state)
{
	static struct world world;
	memset(&world, 0, sizeof(world));
	world.shaper = shaper_new();
	assert_non_null(world.shaper);
	*state = &world;
	return 0;
}

static int tear_down(void **state)
{
	struct world *world = *state;
	shaper_free(&world->shaper);
	buffer_deinit(&world->body);
	buffer_deinit(&world->errors);
	return 0;
}

/* "field:code field:code" */
static const char *errors_of(struct world *world)
{
	buffer_clear(&world->errors);
	for (size_t i = 0; i < world->shape.error_count; i++) {
		const struct field_error *error = &world->shape.errors[i];
		buffer_format(&world->errors, "%s%.*s:%s", i > 0 ? " " : "", (int)error->field.size,
			(const char *)error->field.data, error->code);
	}
	buffer_add(&world->errors, "", 1);
	return (const char *)world->errors.data;
}

static void expect(struct world *world, const char *members, const char *without, const char *errors)
{
	struct bytes body = body_with(&world->body, members, without);
	assert_int_equal(shape_read(world->shaper, body, 0, &world->shape), JSON_OK);
	if (strcmp(errors_of(world), errors) != 0)
		fail_msg("%s\n\twanted: %s\n\tgot:    %s", members, errors, errors_of(world));
}

struct field_case {
	const char *members, *errors;
};

static void each_field_has_its_rule(void **state)
{
	static const struct field_case CASES[] = {
		{"", ""},
		{"'full_name':'A'", "full_name:too_short"},
		{"'full_name':'  \\n '", "full_name:required"},
		{"'full_name':null", "full_name:required"},
		{"'full_name':5", "full_name:invalid"},
		{"'full_name':'a\\u0001b'", "full_name:invalid"},
		{"'phone':'12345'", "phone:invalid"},
		{"'phone':912345678", "phone:invalid"},
		{"'phone':''", "phone:required"},
		{"'phone':'+84 912.345.678'", ""},
		{"'national_id':'123456789'", ""},
		{"'national_id':'001234567890'", ""},
		{"'national_id':'1234567890'", "national_id:invalid"},
		{"'national_id':'12345678a'", "national_id:invalid"},
		{"'national_id':''", "national_id:invalid"},
		{"'national_id':123456789", "national_id:invalid"},
		{"'unit':''", "unit:required"},
		{"'unit':1", "unit:invalid"},
		{"'block':'enterprise'", ""},
		{"'block':'Public'", "block:invalid"},
		{"'block':'a block whose name is long'", "block:invalid"},
		{"'block':''", "block:required"},
		{"'category':7", "category:invalid"},
		{"'kind':['a']", "kind:invalid"},
		{"'title':''", ""},
		{"'title':null", "title:invalid"},
		{"'title':{'a':1}", "title:invalid"},
		{"'description':''", "description:required"},
		{"'description':' \\t\\r\\n '", "description:required"},
		{"'description':'a\\u0007'", "description:invalid"},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(CASES); i++)
		expect(*state, CASES[i].members, "", CASES[i].errors);
}

static void each_day_number_and_list_has_its_rule(void **state)
{
	static const struct field_case CASES[] = {
		{"'applied_on':'2021-02-28'", ""},
		{"'applied_on':'2021-02-29'", "applied_on:invalid"},
		{"'applied_on':'2020-02-29'", ""},
		{"'applied_on':'28/02/2021'", "applied_on:invalid"},
		{"'applied_on':''", "applied_on:invalid"},
		{"'applied_on':20210228", "applied_on:invalid"},
		{"'recognized_on':'2021-13-01'", "recognized_on:invalid"},
		{"'accepted_on':'2021-00-01'", "accepted_on:invalid"},
		{"'benefit_vnd':0", ""},
		{"'benefit_vnd':-1", "benefit_vnd:invalid"},
		{"'benefit_vnd':1.5", "benefit_vnd:invalid"},
		{"'benefit_vnd':1.50e1", ""},
		{"'benefit_vnd':9223372036854775807", ""},
		{"'benefit_vnd':9223372036854775808", "benefit_vnd:invalid"},
		{"'benefit_vnd':1e999999999999", "benefit_vnd:invalid"},
		{"'benefit_vnd':'1000'", "benefit_vnd:invalid"},
		{"'evidence_url':'https://drive.google.com/x?y=1'", ""},
		{"'evidence_url':'HTTPS://drive.google.com'", ""},
		{"'evidence_url':'http://drive.google.com/'", "evidence_url:invalid"},
		{"'evidence_url':'https://'", "evidence_url:invalid"},
		{"'evidence_url':'https:///path'", "evidence_url:invalid"},
		{"'evidence_url':'javascript:alert(1)'", "evidence_url:invalid"},
		{"'evidence_url':'https://a.vn/ b'", "evidence_url:invalid"},
		{"'evidence_url':'https://a.vn/<b>'", "evidence_url:invalid"},
		{"'attachments':[]", ""},
		{"'attachments':['5b0c']", "attachments:invalid"},
		{"'attachments':[1]", "attachments:invalid"},
		{"'attachments':'5b0c'", "attachments:invalid"},
		{"'attachments':['a','b','c','d','e','f']", "attachments:too_long"},
		{"'ip_protected':true", ""},
		{"'ip_protected':'true'", "ip_protected:invalid"},
		{"'authors':1", ""},
		{"'authors':20", ""},
		{"'authors':0", "authors:invalid"},
		{"'authors':21", "authors:invalid"},
		{"'authors':2.0", ""},
		{"'authors':2.5", "authors:invalid"},
		{"'lead_author':false", ""},
		{"'lead_author':0", "lead_author:invalid"},
		{"'received_at':'2021-04-01T00:00:00Z'", "received_at:unknown_field"},
		{"'colour':'red'", "colour:unknown_field"},
		{"'Full_Name':'x','':1", "Full_Name:unknown_field :unknown_field"},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(CASES); i++)
		expect(*state, CASES[i].members, "", CASES[i].errors);
}

static void all_errors_come_at_once_in_the_contracts_order(void **state)
{
	expect(*state, "'x':1,'authors':0,'title':7,'phone':'1'", "'full_name' 'phone' 'unit' 'description' 'block'",
		"full_name:required phone:invalid unit:required block:required title:invalid description:required "
		"authors:invalid x:unknown_field");
}

static void lengths_are_counted_in_characters(void **state)
{
	static const struct {
		const char *field, *character;
		size_t most;
		bool required;
	} CASES[] = {
		{"full_name", "ệ", 100, true},
		{"title", "ệ", 200, false},
		{"title", "👩‍🌾", 200, false},
		{"recognized_by", "e\xCC\xA3\xCC\x82", 200, false},
		{"benefit_social", "ố", 1000, false},
	};
	struct buffer members = {0};
	char errors[64];
	for (size_t i = 0; i < ARRAY_LENGTH(CASES); i++) {
		for (size_t extra = 0; extra <= 1; extra++) {
			buffer_clear(&members);
			buffer_format(&members, "'%s':'", CASES[i].field);
			for (size_t n = 0; n < CASES[i].most + extra; n++)
				buffer_text(&members, CASES[i].character);
			buffer_add(&members, "'", 2);
			snprintf(errors, sizeof(errors), extra == 0 ? "" : "%s:too_long", CASES[i].field);
			expect(*state, (const char *)members.data, "", errors);
		}
	}
	buffer_deinit(&members);
}

static void texts_are_stored_clean_and_numbers_by_value(void **state)
{
	struct world *world = *state;
	const struct submission_fields *fields = &world->shape.fields;
	expect(world,
		"'full_name':' Hoa\\u0300 \\n Bình ','title':'a\\r\\nb','benefit_vnd':12.5e2,'authors':30e-1,"
		"'applied_on':'1970-01-02','ip_protected':true,'lead_author':false",
		"", "");
	assert_memory_equal(fields->full_name.data, "Hoà   Bình", fields->full_name.size);
	assert_memory_equal(fields->title.data, "a b", fields->title.size);
	assert_memory_equal(fields->phone.data, "+84912345678", fields->phone.size);
	assert_true(fields->has_benefit_vnd && fields->benefit_vnd == 1250);
	assert_int_equal(fields->authors, 3);
	assert_true(fields->has_applied_on && fields->applied_on == 1);
	assert_true(fields->ip_protected && !fields->lead_author && !fields->has_recognized_on);
}

static void an_operators_line_may_bear_the_instant(void **state)
{
	struct world *world = *state;
	static const struct {
		const char *value, *errors;
	} CASES[] = {
		{"'2021-04-01T07:00:00+07:00'", ""},
		{"'2021-04-01'", "received_at:invalid"},
		{"'2021-04-01T00:00:00'", "received_at:invalid"},
		{"'2031-04-01T00:00:00Z'", "received_at:invalid"},
		{"1617235200", "received_at:invalid"},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(CASES); i++) {
		char member[64];
		snprintf(member, sizeof(member), "'received_at':%s", CASES[i].value);
		struct bytes body = body_with(&world->body, member, "");
		assert_int_equal(shape_read(world->shaper, body, INT64_C(1700000000000000), &world->shape), JSON_OK);
		assert_string_equal(errors_of(world), CASES[i].errors);
		if (i == 0)
			assert_int_equal(world->shape.fields.received_at, INT64_C(1617235200000000));
	}
}

static void what_is_not_strict_json_is_named(void **state)
{
	struct world *world = *state;
	static const struct {
		const char *body;
		size_t size; /* 0: to the NUL */
		enum json_fault fault;
	} CASES[] = {
		{"", 0, JSON_NOT_JSON},
		{"{", 0, JSON_NOT_JSON},
		{"{} x", 0, JSON_NOT_JSON},
		{"{}{}", 0, JSON_NOT_JSON},
		{"{\"a\":1,}", 0, JSON_NOT_JSON},
		{"{'a':1}", 0, JSON_NOT_JSON},
		{"{\"a\":01}", 0, JSON_NOT_JSON},
		{"{\"a\":+1}", 0, JSON_NOT_JSON},
		{"{\"a\":.5}", 0, JSON_NOT_JSON},
		{"{\"a\":NaN}", 0, JSON_NOT_JSON},
		{"{\"a\":\"\t\"}", 0, JSON_NOT_JSON},
		{"{\"a\":\"\\x\"}", 0, JSON_NOT_JSON},
		{"{\"a\":\"\\u12\"}", 0, JSON_NOT_JSON},
		{"{}\f", 0, JSON_NOT_JSON},
		{"{\v}", 0, JSON_NOT_JSON},
		{"/* */{}", 0, JSON_NOT_JSON},
		{"\xEF\xBB\xBF{}", 0, JSON_NOT_JSON},
		{"{\"a\":\"\xFF\"}", 0, JSON_NOT_UTF8},
		{"{\"a\":\"\xC0\xAF\"}", 0, JSON_NOT_UTF8},
		{"{\"a\":\"\xED\xA0\x80\"}", 0, JSON_NOT_UTF8},
		{"{\"a\":\"\xF4\x90\x80\x80\"}", 0, JSON_NOT_UTF8},
		{"{\"a\":\"\xE1\xBA", 0, JSON_NOT_UTF8},
		{"{\"a\":\"\\uD800\"}", 0, JSON_NOT_UTF8},
		{"{\"a\":\"\\uDC00\\uD800\"}", 0, JSON_NOT_UTF8},
		{"{\"a\":\"\\uD83D\\uDC69\"}", 0, JSON_OK},
		{"{\"a\":\"\\u0000\"}", 0, JSON_NUL},
		{"{\"a\\u0000\":1}", 0, JSON_NUL},
		{"{\"a\":\"\0\"}", 9, JSON_NUL},
		{"{\"a\":\"\\\\u0000\"}", 0, JSON_OK},
		{"{\"a\":1,\"b\":2,\"a\":3}", 0, JSON_DUPLICATE_KEY},
		{"{\"a\":1,\"\\u0061\":3}", 0, JSON_DUPLICATE_KEY},
		{"{\"x\":{\"a\":1,\"a\":2}}", 0, JSON_DUPLICATE_KEY},
		{"[[{\"a\":1,\"a\":2}]]", 0, JSON_DUPLICATE_KEY},
		{"{\"x\":{\"a\":1},\"y\":{\"a\":1},\"a\":[{\"a\":1},{\"a\":1}]}", 0, JSON_OK},
		{"[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]", 0, JSON_OK},
		{"[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]", 0, JSON_TOO_DEEP},
		{"[]", 0, JSON_OK},
		{"\"x\"", 0, JSON_OK},
		{" 7 ", 0, JSON_OK},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(CASES); i++) {
		struct bytes body = bytes_of(CASES[i].body);
		body.size = CASES[i].size > 0 ? CASES[i].size : body.size;
		enum json_fault fault = shape_read(world->shaper, body, 0, &world->shape);
		if (fault != CASES[i].fault)
			fail_msg("%s: wanted %s, got %s", CASES[i].body, json_fault_name(CASES[i].fault),
				json_fault_name(fault));
		assert_true(fault != JSON_OK || world->shape.error_count > 0);
	}
}

/* The key set has to grow, and a repeat to be found at any distance. */
static void thousands_of_keys_are_told_apart(void **state)
{
	struct world *world = *state;
	for (int repeat = 0; repeat <= 1; repeat++) {
		buffer_clear(&world->body);
		buffer_text(&world->body, "{");
		for (int i = 0; i < 5000; i++)
			buffer_format(&world->body, "\"k%d\":%d,", i, i);
		buffer_format(&world->body, "\"k%d\":0}", repeat == 1 ? 17 : 5000);
		assert_int_equal(shape_read(world->shaper, buffer_bytes(&world->body), 0, &world->shape),
			repeat == 1 ? JSON_DUPLICATE_KEY : JSON_OK);
	}
	assert_true(world->shape.error_count <= SHAPE_ERRORS_MAX);
}

/* What grows under NFC must still fit a message. */
static void texts_that_grow_are_bounded(void **state)
{
	struct world *world = *state;
	struct buffer members = {0};
	buffer_text(&members, "'description':'");
	for (size_t i = 0; i < 8000; i++)
		buffer_text(&members, "\xF0\x9D\x85\xA0"); /* U+1D160: 4 bytes, 12 in NFC */
	buffer_add(&members, "'", 2);
	expect(world, (const char *)members.data, "", "description:too_long");
	buffer_deinit(&members);
}

static void no_bytes_crash_it(void **state)
{
	struct world *world = *state;
	uint8_t *copy;
	srandom(20210421);
	for (int round = 0; round < 20000; round++) {
		body_with(&world->body,
			"'title':'\\u1EC7\\uD83D\\uDC69 ệ','attachments':[1,'a'],'benefit_vnd':1.5e3,'o':{'p':[{}]}",
			"");
		for (long changes = random() % 6; changes >= 0; changes--)
			world->body.data[(size_t)random() % world->body.size] = (uint8_t)random();
		size_t size = (size_t)random() % 4 == 0 ? (size_t)random() % world->body.size : world->body.size;
		copy = malloc(size + 1); /* of its own, so that a sanitizer sees a read past its end */
		memcpy(copy, world->body.data, size);
		uint8_t *exact = realloc(copy, size > 0 ? size : 1);
		enum json_fault fault = shape_read(world->shaper, (struct bytes){exact, size}, 0, &world->shape);
		assert_true(fault <= JSON_NO_MEMORY && world->shape.error_count <= SHAPE_ERRORS_MAX);
		free(exact);
	}
}

static void integers_are_read_by_value(void **state)
{
	static const struct {
		const char *text;
		bool integer;
		int64_t value;
	} CASES[] = {
		{"0", true, 0},
		{"-0", true, 0},
		{"0.000", true, 0},
		{"0e99999999999999999999", true, 0},
		{"1", true, 1},
		{"-1", true, -1},
		{"10", true, 10},
		{"1.0", true, 1},
		{"1e3", true, 1000},
		{"1E+3", true, 1000},
		{"120e-1", true, 12},
		{"0.00012e5", true, 12},
		{"1.5", false, 0},
		{"1e-1", false, 0},
		{"100.001", false, 0},
		{"9223372036854775807", true, INT64_MAX},
		{"9223372036854775807000e-3", true, INT64_MAX},
		{"9223372036854775808", false, 0},
		{"18446744073709551616", false, 0},
		{"99999999999999999999999", false, 0},
		{"1.00000000000000000000000000000000001", false, 0},
		{"1e19", false, 0},
		{"1e-99999999999999999999", false, 0},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(CASES); i++) {
		int64_t value = 0;
		bool integer = json_integer(bytes_of(CASES[i].text), &value);
		if (integer != CASES[i].integer || (integer && value != CASES[i].value))
			fail_msg("%s: %d %lld", CASES[i].text, integer, (long long)value);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_field_has_its_rule, set_up, tear_down),
		cmocka_unit_test_setup_teardown(each_day_number_and_list_has_its_rule, set_up, tear_down),
		cmocka_unit_test_setup_teardown(all_errors_come_at_once_in_the_contracts_order, set_up, tear_down),
		cmocka_unit_test_setup_teardown(lengths_are_counted_in_characters, set_up, tear_down),
		cmocka_unit_test_setup_teardown(texts_are_stored_clean_and_numbers_by_value, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_operators_line_may_bear_the_instant, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_not_strict_json_is_named, set_up, tear_down),
		cmocka_unit_test_setup_teardown(thousands_of_keys_are_told_apart, set_up, tear_down),
		cmocka_unit_test_setup_teardown(texts_that_grow_are_bounded, set_up, tear_down),
		cmocka_unit_test_setup_teardown(no_bytes_crash_it, set_up, tear_down),
		cmocka_unit_test(integers_are_read_by_value),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
