/* Would catch a buffer that passes its limit, forgets that a write failed, or writes JSON that a parser or a
 * page would read otherwise than it was meant. */
#include "common/runtime/buffer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void assert_holds(const struct buffer *buffer, const char *expected)
{
	struct bytes bytes = buffer_bytes(buffer);
	assert_false(buffer->failed);
	assert_int_equal(bytes.size, strlen(expected));
	if (bytes.size > 0)
		assert_memory_equal(bytes.data, expected, bytes.size);
}

static void limit_is_exact_and_failure_sticks(void **state)
{
	(void)state;
	struct buffer buffer = {.limit = 10};
	buffer_text(&buffer, "0123456789");
	assert_holds(&buffer, "0123456789");
	buffer_add(&buffer, "", 0);
	assert_holds(&buffer, "0123456789");
	buffer_text(&buffer, "a");
	assert_true(buffer.failed);
	buffer_consume(&buffer, 5);
	buffer_text(&buffer, "b"); /* there is room again, but a hole in what was said */
	assert_true(buffer.failed);
	assert_int_equal(buffer.size, 5);
	buffer_clear(&buffer);
	buffer_format(&buffer, "%s", "0123456789");
	assert_holds(&buffer, "0123456789");
	buffer_format(&buffer, "%d", 1);
	assert_true(buffer.failed);
	buffer_add(&buffer, "x", SIZE_MAX);
	assert_true(buffer.failed);
	buffer_deinit(&buffer);
	buffer_deinit(&buffer);
}

static void grows(void **state)
{
	(void)state;
	struct buffer buffer = {0};
	for (int i = 0; i < 10000; i++)
		buffer_format(&buffer, "%04d", i);
	assert_false(buffer.failed);
	assert_int_equal(buffer.size, 40000);
	assert_memory_equal(buffer.data + 4936, "12341235", 8);
	buffer_consume(&buffer, 39996);
	assert_holds(&buffer, "9999");
	buffer_consume(&buffer, 4);
	assert_holds(&buffer, "");
	buffer_deinit(&buffer);
}

static void standard_limit_holds(void **state)
{
	(void)state;
	struct buffer buffer = {0};
	buffer_add(&buffer, "x", ((size_t)64 << 20) + 1);
	assert_true(buffer.failed);
	assert_null(buffer.data);
	buffer_deinit(&buffer);
}

static void json_is_escaped(void **state)
{
	(void)state;
	static const struct {
		const char *text, *json;
	} cases[] = {
		{"", "\"\""},
		{"Sáng Kiến", "\"Sáng Kiến\""},
		{"a\"b\\c", "\"a\\\"b\\\\c\""},
		{"\n\r\t\b\x1f\x7f", "\"\\n\\r\\t\\u0008\\u001f\\u007f\""},
		{"a/b", "\"a/b\""},
		{"</script>", "\"<\\/script>\""},
		{"/", "\"/\""},
		{"\xF0\x9F\x98\x80", "\"\xF0\x9F\x98\x80\""},
	};
	struct buffer buffer = {0};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		buffer_clear(&buffer);
		buffer_json_text(&buffer, cases[i].text);
		assert_holds(&buffer, cases[i].json);
	}
	buffer_clear(&buffer);
	buffer_json(&buffer, (struct bytes){.data = (const uint8_t *)"a\0b", .size = 3});
	assert_holds(&buffer, "\"a\\u0000b\"");
	buffer_clear(&buffer);
	buffer_json(&buffer, (struct bytes){0});
	assert_holds(&buffer, "\"\"");
	buffer_deinit(&buffer);
}

#define REPLACED "\xEF\xBF\xBD"

static void json_is_utf8_whatever_comes(void **state)
{
	(void)state;
	static const struct {
		const char *text, *json;
	} cases[] = {
		{"a\x80z", "\"a" REPLACED "z\""},
		{"\xC0\xAF", "\"" REPLACED REPLACED "\""},                           /* overlong */
		{"\xE0\x80\xAF", "\"" REPLACED REPLACED REPLACED "\""},              /* overlong */
		{"\xED\xA0\x80", "\"" REPLACED REPLACED REPLACED "\""},              /* a surrogate */
		{"\xF4\x90\x80\x80", "\"" REPLACED REPLACED REPLACED REPLACED "\""}, /* beyond U+10FFFF */
		{"\xE1\xBA", "\"" REPLACED REPLACED "\""},                           /* cut */
		{"\xE1\xBA\"", "\"" REPLACED REPLACED "\\\"\""},                     /* cut before a quote */
		{"\xFF", "\"" REPLACED "\""},
		{"\xF4\x8F\xBF\xBF", "\"\xF4\x8F\xBF\xBF\""},
		{"\xEE\x80\x80", "\"\xEE\x80\x80\""},
	};
	struct buffer buffer = {0};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		buffer_clear(&buffer);
		buffer_json_text(&buffer, cases[i].text);
		assert_holds(&buffer, cases[i].json);
	}
	buffer_deinit(&buffer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(limit_is_exact_and_failure_sticks),
		cmocka_unit_test(grows),
		cmocka_unit_test(standard_limit_holds),
		cmocka_unit_test(json_is_escaped),
		cmocka_unit_test(json_is_utf8_whatever_comes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
