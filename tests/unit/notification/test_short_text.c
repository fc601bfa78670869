/* Catches: a short form that is sent as two messages or as hieroglyphs, a variable that breaks out of where it
 * stands.
 */
#include "services/notification/short_text.h"
#include "services/notification/templates.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct bytes bytes_of(const char *text)
{
	return (struct bytes){(const uint8_t *)text, strlen(text)};
}

static void expect_short(const char *text, const char *wanted)
{
	CLEANUP(buffer_deinit) struct buffer out = {0};

	short_text(bytes_of(text), &out);
	buffer_add(&out, "", 1);
	assert_string_equal((char *)out.data, wanted);
}

static void test_vietnamese_loses_its_marks_alone(void **state)
{
	(void)state;
	expect_short("Sáng kiến ĐẶNG Thị Ưởng đã được tiếp nhận", "Sang kien DANG Thi Uong da duoc tiep nhan");
	expect_short("Sa\xcc\x81ng", "Sang"); /* NFD */
	expect_short("“a” – b’s\n\n c…", "\"a\" - b's c...");
	expect_short("`tôi` 你 \xf0\x9f\x98\x80", "'toi' ? ?");
	expect_short("", "");
}

static void test_one_message_and_no_more(void **state)
{
	CLEANUP(buffer_deinit) struct buffer out = {0};
	char text[401] = "";

	(void)state;
	for (int i = 0; i < 100; i++)
		strcat(text, "ế ");
	short_text(bytes_of(text), &out);
	assert_int_equal(out.size, SHORT_TEXT_SEPTETS);
	buffer_clear(&out);
	memset(text, '{', 100); /* twice each on the air */
	text[100] = '\0';
	short_text(bytes_of(text), &out);
	assert_int_equal(out.size, SHORT_TEXT_SEPTETS / 2);
}

static void expect_expanded(enum escape escape, const char *pattern, const char *text, const char *wanted)
{
	CLEANUP(buffer_deinit) struct buffer out = {0};
	struct values values = {.count = 0};

	values_set_text(&values, "text", "before");
	values_set_text(&values, "text", text);
	values_expand(&values, pattern, escape, &out);
	buffer_add(&out, "", 1);
	assert_string_equal((char *)out.data, wanted);
}

static void test_values_are_escaped_where_they_stand(void **state)
{
	(void)state;
	expect_expanded(ESCAPE_NONE, "a {text} {target}{x y} {", "b{text}", "a b{text} {x y} {");
	expect_expanded(ESCAPE_URL, "?a={text}&b", "x&b=ế /~", "?a=x%26b%3D%E1%BA%BF%20%2F~&b");
	expect_expanded(ESCAPE_FORM, "{text}", "a b+c&d=\n", "a+b%2Bc%26d%3D%0A");
	expect_expanded(ESCAPE_JSON, "{\"a\":\"{text}\"}", "\"},{\\\n", "{\"a\":\"\\\"},{\\\\\\n\"}");
	expect_expanded(ESCAPE_HEADER, "X: {text}", "a\r\nSet-Cookie: ế", "X: aSet-Cookie: ");
}

/* The files that are shipped: whole, and short where they must be. */
static void test_shipped_words(void **state)
{
	CLEANUP(buffer_deinit) struct buffer faults = {0};
	struct templates *templates = templates_load("deploy/notices", &faults);

	(void)state;
	if (!templates)
		print_error("%.*s", (int)faults.size, (const char *)faults.data);
	assert_non_null(templates);
	for (int language = 0; language < TEMPLATE_LANGUAGES; language++)
		for (int event = 0; event < NOTICE_EVENTS; event++) {
			const struct template *template = &templates_words(templates, language == 1)->by_event[event];
			CLEANUP(buffer_deinit) struct buffer brief = {0}, out = {0};
			struct values values = {.count = 0};

			values_set_text(&values, "tracking_code", "06Y9K-06Y9K-06Y9K-06Y9K-06Y9K-X");
			values_set_text(&values, "status_words", "repeats one that was entered before");
			values_set_text(&values, "received_at", "2022-03-01T21:29:59+07:00");
			values_set_text(&values, "unit", "01.018.LIXIL");
			values_set_text(&values, "period", "toàn chương trình");
			values_set_text(&values, "what", "người có sáng kiến");
			values_set_text(&values, "target", "1000000");
			values_set_text(&values, "counted", "1892577");
			values_set_text(&values, "percent", "189.3");
			values_set_text(&values, "days_left", "14");
			values_set_text(&values, "projected", "2000000");
			values_expand(&values, template->brief, ESCAPE_NONE, &brief);
			short_text(buffer_bytes(&brief), &out);
			assert_in_range(out.size, 20, SHORT_TEXT_SEPTETS - 1); /* nothing was cut */
		}
	templates_free(&templates);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vietnamese_loses_its_marks_alone),
		cmocka_unit_test(test_one_message_and_no_more),
		cmocka_unit_test(test_values_are_escaped_where_they_stand),
		cmocka_unit_test(test_shipped_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
