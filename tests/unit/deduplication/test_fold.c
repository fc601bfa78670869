/* Would catch: two spellings of one text with two digests, two texts with one, a fold that changes what is folded
 * already, octets that are no text taken or read beyond. */
#include "services/deduplication/fold.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include <cmocka.h>

#include "tests/unit/deduplication/shared_table.h"

/* The folded text on the heap, with a NUL behind. */
static char *fold(struct bytes text)
{
	size_t size;
	char *out = malloc(FOLD_GROWTH * text.size + 1);

	assert_non_null(out);
	assert_true(fold_text(table, text, (uint8_t *)out, &size));
	assert_true(size <= FOLD_GROWTH * text.size);
	out[size] = '\0';
	return out;
}

static void expect_fold(const char *text, const char *wanted)
{
	char *folded = fold(text_of(text));

	assert_string_equal(folded, wanted);
	free(folded);
}

static struct id128 digest_of(const char *text)
{
	char *folded = fold(text_of(text));
	struct id128 digest = fold_digest(text_of(folded), text_of(text));

	free(folded);
	return digest;
}

static void expect_same(const char *a, const char *b)
{
	struct id128 first = digest_of(a), second = digest_of(b);

	assert_true(id128_equal(&first, &second));
}

static void test_vietnamese(void **state)
{
	(void)state;
	expect_fold("Sáng kiến ĐỘT PHÁ, năm 2023!", "sang kien dot pha nam 2023");
	expect_fold("  Nguyễn\t\r\nThị – Ấu…", "nguyen thi au");
	expect_fold("Ưu đãi\u00A0của Ở", "uu dai cua o");
	expect_fold("", "");
	expect_fold("😀 !!! …", "");
}

static void test_spellings_of_one_text(void **state)
{
	const char *text = "Hoà thuận, thuỷ lợi: Đường dây 110 kV";

	(void)state;
	expect_same(text, "HOÀ THUẬN, THUỶ LỢI: ĐƯỜNG DÂY 110 KV");
	expect_same(text, "Hòa thuận, thủy lợi: Đường dây 110 kV");
	expect_same(text, "Hoa thuan thuy loi Duong day 110 kV");
	expect_same(text, "  Hoà   thuận,\n\nthuỷ lợi :  Đường dây 110 kV. ");
	expect_same(text, "Hoa\u0300 thua\u0323\u0302n, thuy\u0309 lo\u031B\u0323i: D\u0335u\u031Bo\u031B\u0300ng "
			  "da\u0302y 110 kV");
	expect_same(text, "Hoà th\u200Buận, thuỷ l\u00ADợi: Đường\u2060 dây 110 kV"); /* no width */
	expect_same(text, "Hоà thuận, thuỷ lợi: Đường dâу 110 kV");                   /* Cyrillic о, у */
	expect_same(text, "Ｈｏà thuận, thuỷ lợi: Đường dây １１０ ｋＶ");            /* full width */
	expect_same(text, "𝐇oà thuận, thuỷ lợi: Ðường dây 110 kV");                   /* mathematical H, Icelandic Ð */
}

/* Nothing is left of these: they are told apart by their own octets. */
static void test_texts_of_no_letters(void **state)
{
	struct id128 a = digest_of("😀"), b = digest_of("😀😀"), none = digest_of(""), letters = digest_of("a");

	(void)state;
	expect_same("😀", "😀");
	assert_false(id128_equal(&a, &b));
	assert_false(id128_equal(&a, &none));
	assert_false(id128_equal(&none, &letters));
}

static void test_other_scripts_stay_apart(void **state)
{
	struct id128 khmer = digest_of("ភាសាខ្មែរ"), chinese = digest_of("长江"), other = digest_of("長江");

	(void)state;
	assert_false(id128_equal(&khmer, &chinese));
	assert_false(id128_equal(&chinese, &other));
	expect_fold("Trường Giang (长江)", "truong giang 长江");
}

static void test_refuses_what_is_no_utf8(void **state)
{
	static const char *const bad[] = {"\x80", "a\xC0\x80", "\xC1\xBF", "\xE0\x80\x80", "\xED\xA0\x80",
		"\xF0\x80\x80\x80", "\xF4\x90\x80\x80", "\xF8\x88\x80\x80\x80", "\xFF", "\xC3", "\xE1\xBA",
		"\xF0\x9F\x98", "\xE1\xBA\x41"};
	uint8_t out[64];
	size_t size;

	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(bad); i++)
		assert_false(fold_text(table, text_of(bad[i]), out, &size));
}

/* What is folded does not change, for every code point between letters. */
static void test_folded_stays_as_it_is(void **state)
{
	(void)state;
	for (int32_t point = 1; point < 0x110000; point++) {
		uint8_t text[8] = "a";
		if (!utf8proc_codepoint_valid(point))
			continue;
		size_t size = 1 + (size_t)utf8proc_encode_char(point, text + 1);
		text[size++] = 'b';
		char *once = fold((struct bytes){text, size});
		char *twice = fold(text_of(once));
		if (strcmp(once, twice) != 0)
			fail_msg("U+%04X folds to \"%s\" and then to \"%s\"", (unsigned)point, once, twice);
		free(once);
		free(twice);
	}
}

/* Composed and decomposed forms of every code point fold alike (Hangul aside: intake stores it composed). */
static void test_normal_forms_fold_alike(void **state)
{
	(void)state;
	for (int32_t point = 0x20; point < 0x20000; point++) {
		uint8_t text[8] = {0}, *decomposed = NULL;
		if (!utf8proc_codepoint_valid(point) || (point >= 0xAC00 && point <= 0xD7A3))
			continue;
		size_t size = (size_t)utf8proc_encode_char(point, text);
		utf8proc_ssize_t wide =
			utf8proc_map(text, (utf8proc_ssize_t)size, &decomposed, UTF8PROC_DECOMPOSE | UTF8PROC_STABLE);
		assert_true(wide > 0);
		char *a = fold((struct bytes){text, size}), *b = fold((struct bytes){decomposed, (size_t)wide});
		if (strcmp(a, b) != 0)
			fail_msg("U+%04X folds to \"%s\", decomposed to \"%s\"", (unsigned)point, a, b);
		free(a);
		free(b);
		free(decomposed);
	}
}

/* Any octets: refused or folded within the room that is promised (the sanitizers watch). */
static void test_any_octets(void **state)
{
	(void)state;
	srand(1);
	for (int round = 0; round < 20000; round++) {
		size_t size = (size_t)rand() % 64, folded;
		uint8_t *text = malloc(size + 1), *out = malloc(FOLD_GROWTH * size + 1);
		for (size_t i = 0; i < size; i++)
			text[i] = (uint8_t)(rand() % 3 ? rand() : 0xC3 + rand() % 64);
		if (fold_text(table, (struct bytes){text, size}, out, &folded))
			assert_true(folded <= FOLD_GROWTH * size);
		free(text);
		free(out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vietnamese),
		cmocka_unit_test(test_spellings_of_one_text),
		cmocka_unit_test(test_texts_of_no_letters),
		cmocka_unit_test(test_other_scripts_stay_apart),
		cmocka_unit_test(test_refuses_what_is_no_utf8),
		cmocka_unit_test(test_folded_stays_as_it_is),
		cmocka_unit_test(test_normal_forms_fold_alike),
		cmocka_unit_test(test_any_octets),
	};

	return cmocka_run_group_tests(tests, open_table, close_table);
}
