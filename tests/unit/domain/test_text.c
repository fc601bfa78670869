/* Would catch: a character counted as a computer counts and not as a person does, a text stored in two forms, Word's
 * private signs kept, what is no text taken. */
#include "common/domain/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include <cmocka.h>

/* A literal may hold NUL. */
#define BYTES(literal) ((struct bytes){(const uint8_t *)(literal), sizeof(literal) - 1})

static void expect_clean(struct bytes raw, struct bytes wanted)
{
	CLEANUP(buffer_deinit) struct buffer out = {0};

	assert_int_equal(text_clean(raw, &out), TEXT_OK);
	assert_int_equal(out.size, wanted.size);
	if (wanted.size > 0)
		assert_memory_equal(out.data, wanted.data, wanted.size);
}

static void expect_fault(struct bytes raw, enum text_fault fault)
{
	CLEANUP(buffer_deinit) struct buffer out = {0};

	buffer_text(&out, "before");
	assert_int_equal(text_clean(raw, &out), fault);
	assert_int_equal(out.size, strlen("before"));
}

static void expect_characters(const char *text, size_t wanted)
{
	assert_int_equal(text_characters((struct bytes){(const uint8_t *)text, strlen(text)}), wanted);
}

static void test_vietnamese_nfd_becomes_nfc(void **state)
{
	(void)state;
	/* "Tiếng Việt" decomposed; marks in the other order; and already composed. */
	expect_clean(BYTES("Tie\xCC\x82\xCC\x81ng Vie\xCC\xA3\xCC\x82t"), BYTES("Tiếng Việt"));
	expect_clean(BYTES("Vie\xCC\x82\xCC\xA3t"), BYTES("Việt"));
	expect_clean(BYTES("Tiếng Việt"), BYTES("Tiếng Việt"));
	expect_clean(BYTES("\xEA\xB0\x80 \xE1\x84\x80\xE1\x85\xA1"), BYTES("가 가"));
	expect_clean(BYTES("5 \xE2\x84\xAB"), BYTES("5 Å"));
}

static void test_line_ends(void **state)
{
	(void)state;
	expect_clean(BYTES("a\r\nb\rc\nd\ve"), BYTES("a\nb\nc\nd\ne"));
	expect_clean(BYTES("a\r\r\nb"), BYTES("a\n\nb"));
	expect_clean(BYTES("a\xE2\x80\xA8"
			   "b\xE2\x80\xA9"
			   "c\xC2\x85"
			   "d"),
		BYTES("a\nb\nc\nd"));
	expect_clean(BYTES("a\r"), BYTES("a"));
	expect_clean(BYTES("\r\n\r\na\r\n\r\nb"), BYTES("a\n\nb"));
}

static void test_word_private_signs(void **state)
{
	(void)state;
	expect_clean(BYTES("\xEF\x82\xB7 một\n\xEF\x82\xA7 hai\n\xEF\x83\x98 ba\n\xEF\x81\xB6 bốn"),
		BYTES("• một\n• hai\n• ba\n• bốn"));
	expect_clean(BYTES("a \xEF\x83\xA0 b"), BYTES("a → b"));
	/* Not Word's: another private code point stays. */
	expect_clean(BYTES("\xEE\x80\x80"), BYTES("\xEE\x80\x80"));
}

static void test_invisible_signs(void **state)
{
	(void)state;
	expect_clean(BYTES("\xEF\xBB\xBFsáng\xE2\x80\x8B kiến"), BYTES("sáng kiến"));
	expect_clean(BYTES("a\tb"), BYTES("a b"));
	expect_clean(BYTES("a\xC2\xA0"
			   "b"),
		BYTES("a\xC2\xA0"
		      "b"));
	expect_clean(BYTES(" \t\r\n\xC2\xA0\xE3\x80\x80 a b \xE2\x80\x8B\xC2\xA0\n"), BYTES("a b"));
	expect_clean(BYTES(" \n\xE2\x80\x8B "), BYTES(""));
	expect_clean(BYTES(""), BYTES(""));
	/* The joiner within an emoji is no lone one. */
	expect_clean(BYTES("👩‍👩‍👧"), BYTES("👩‍👩‍👧"));
}

static void test_refuses_what_is_no_utf8(void **state)
{
	(void)state;
	expect_fault(BYTES("a\xED\xA0\x80"), TEXT_NOT_UTF8); /* lone surrogate */
	expect_fault(BYTES("\xED\xBF\xBF"), TEXT_NOT_UTF8);  /* the last of them */
	expect_fault(BYTES("\xC0\xAF"), TEXT_NOT_UTF8);      /* overlong "/" */
	expect_fault(BYTES("\xC1\xBF"), TEXT_NOT_UTF8);
	expect_fault(BYTES("\xE0\x80\xAF"), TEXT_NOT_UTF8);
	expect_fault(BYTES("\xE0\x9F\xBF"), TEXT_NOT_UTF8);
	expect_fault(BYTES("\xF0\x8F\xBF\xBF"), TEXT_NOT_UTF8);
	expect_fault(BYTES("\xF4\x90\x80\x80"), TEXT_NOT_UTF8); /* beyond U+10FFFF */
	expect_fault(BYTES("\xF5\x80\x80\x80"), TEXT_NOT_UTF8);
	expect_fault(BYTES("\x80"), TEXT_NOT_UTF8);      /* a tail without a head */
	expect_fault(BYTES("a\xE1\xBB"), TEXT_NOT_UTF8); /* cut in the middle */
	expect_fault(BYTES("\xC3("), TEXT_NOT_UTF8);
	expect_fault(BYTES("\xFF\xFE"), TEXT_NOT_UTF8);
	expect_clean(BYTES("\xED\x9F\xBB"), BYTES("\xED\x9F\xBB")); /* the last before the surrogates */
}

static void test_refuses_control_characters(void **state)
{
	(void)state;
	expect_fault(BYTES("a\0b"), TEXT_CONTROL);
	expect_fault(BYTES("\x1B[31m"), TEXT_CONTROL);
	expect_fault(BYTES("a\x07"), TEXT_CONTROL);
	expect_fault(BYTES("\x7F"), TEXT_CONTROL);
	expect_fault(BYTES("\xC2\x9B"), TEXT_CONTROL);
	expect_fault(BYTES("\xEF\xBF\xBF"), TEXT_CONTROL);
	expect_fault(BYTES("\xEF\xB7\x90"), TEXT_CONTROL);
}

/* Canonical ordering costs the square of a run of marks: without a bound one body stops the thread for seconds. */
static void test_refuses_a_tower_of_marks(void **state)
{
	char tower[1 + 2 * 31] = "a";

	(void)state;
	for (size_t i = 0; i < 31; i++) {
		tower[1 + 2 * i] = '\xCC';
		tower[2 + 2 * i] = i % 2 == 0 ? '\x81' : '\xA3';
	}
	expect_fault((struct bytes){(const uint8_t *)tower, sizeof(tower)}, TEXT_CONTROL);
	CLEANUP(buffer_deinit) struct buffer out = {0};
	assert_int_equal(text_clean((struct bytes){(const uint8_t *)tower, sizeof(tower) - 2}, &out), TEXT_OK);
}

static void test_too_large(void **state)
{
	CLEANUP(buffer_deinit) struct buffer out = {.limit = 8};

	(void)state;
	assert_int_equal(text_clean(BYTES("123456789"), &out), TEXT_TOO_LARGE);
}

static void test_appends(void **state)
{
	CLEANUP(buffer_deinit) struct buffer out = {0};

	(void)state;
	buffer_text(&out, "e");
	/* The mark belongs to no letter of this text and must not join the one before it in the buffer. */
	assert_int_equal(text_clean(BYTES("  \xCC\x81x"), &out), TEXT_OK);
	assert_int_equal(out.size, 4);
	assert_memory_equal(out.data, "e\xCC\x81x", 4);
}

static void test_characters(void **state)
{
	(void)state;
	expect_characters("", 0);
	expect_characters("Tiếng Việt", 10);
	expect_characters("Tie\xCC\x82\xCC\x81ng Vie\xCC\xA3\xCC\x82t", 10);
	expect_characters("a\nb", 3);
	expect_characters("👨‍👩‍👧‍👦", 1);            /* a family of four, joined */
	expect_characters("👍🏽", 1);                             /* with a tone of skin */
	expect_characters("🏳️‍🌈", 1);                       /* variation selector and joiner */
	expect_characters("🇻🇳🇻🇳🇯🇵", 3);                               /* flags go by pairs */
	expect_characters("🇻🇳🇻", 2);                                  /* and one half */
	expect_characters("1️⃣", 1);                              /* keycap */
	expect_characters("\xE1\x84\x80\xE1\x85\xA1\xE1\x86\xA8", 1); /* Hangul L V T */
	expect_characters("각각", 2);
	expect_characters("\xE0\xA4\xA8\xE0\xA4\xBF", 1); /* Devanagari with its vowel sign */
	expect_characters(
		"🏴\xF3\xA0\x81\xA7\xF3\xA0\x81\xA2\xF3\xA0\x81\xA5\xF3\xA0\x81\xAE\xF3\xA0\x81\xA7\xF3\xA0\x81\xBF",
		1); /* England: a flag of tags */
	expect_characters("a👨‍👩‍👧‍👦b👨‍👩‍👧‍👦", 4);
	expect_characters("e\xCC\x81 e\xCC\x81", 3);
	expect_characters("•\xC2\xA0"
			  "a",
		3);
}

static void test_characters_of_broken_octets(void **state)
{
	(void)state;
	assert_int_equal(text_characters(BYTES("\xFF\xFF")), 2);
	assert_int_equal(text_characters(BYTES("a\xE1\xBB")), 3);
}

/* What is clean stays as it is, whatever it was made from. */
static void test_clean_is_clean(void **state)
{
	static const char *const PIECES[] = {"a", " ", "\n", "\r", "\t", "e\xCC\x82", "\xCC\x81", "\xCC\xA3", "ế",
		"\xE2\x80\x8B", "\xEF\xBB\xBF", "\xEF\x82\xB7", "\xE1\x84\x80", "\xE1\x85\xA1", "👩", "\xE2\x80\x8D",
		"\xE2\x84\xAB", "\xE2\x80\x80", "\xC2\xA0", "đ", "\v"};
	uint32_t random = 12345;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		CLEANUP(buffer_deinit) struct buffer raw = {0};
		CLEANUP(buffer_deinit) struct buffer once = {0};
		for (int i = 0; i < 8; i++) {
			random = random * 1664525 + 1013904223;
			buffer_text(&raw, PIECES[(random >> 16) % ARRAY_LENGTH(PIECES)]);
		}
		assert_int_equal(text_clean(buffer_bytes(&raw), &once), TEXT_OK);
		expect_clean(buffer_bytes(&once), buffer_bytes(&once));
	}
}

/* No code point is taken for composed that has another NFC form. */
static void test_every_code_point_is_stored_composed(void **state)
{
	CLEANUP(buffer_deinit) struct buffer clean = {0};
	size_t taken = 0;

	(void)state;
	for (int32_t point = 0x20; point <= 0x10FFFF; point++) {
		uint8_t raw[6] = "a", *composed = NULL;
		if (!utf8proc_codepoint_valid(point))
			continue;
		size_t size = 1 + (size_t)utf8proc_encode_char(point, raw + 1);
		raw[size++] = 'b';
		buffer_clear(&clean);
		if (text_clean((struct bytes){raw, size}, &clean) != TEXT_OK)
			continue;
		utf8proc_ssize_t wanted = utf8proc_map(
			clean.data, (utf8proc_ssize_t)clean.size, &composed, UTF8PROC_STABLE | UTF8PROC_COMPOSE);
		assert_int_equal(wanted, clean.size);
		assert_memory_equal(composed, clean.data, clean.size);
		free(composed);
		taken++;
	}
	assert_true(taken > 1000000);
}

static size_t characters_without_shortcuts(struct bytes text)
{
	size_t count = 0;
	int32_t point, before = 0, break_state = 0;

	for (size_t at = 0; at < text.size; before = point) {
		at += (size_t)utf8proc_iterate(text.data + at, (utf8proc_ssize_t)(text.size - at), &point);
		count += count == 0 || utf8proc_grapheme_break_stateful(before, point, &break_state);
	}
	return count;
}

static void test_shortcuts_change_no_count(void **state)
{
	static const char *const PIECES[] = {"a", "1", "ế", "đ", "\n", "\xC2\xAD", "\xCC\x81", "👩", "\xE2\x80\x8D",
		"🏽", "🇻", "🇳", "\xEF\xB8\x8F", "\xE1\x84\x80", "\xE1\x85\xA1", "가", "\xD8\x80", "•", "©", "नि"};
	uint32_t random = 99;

	(void)state;
	for (int round = 0; round < 50000; round++) {
		CLEANUP(buffer_deinit) struct buffer text = {0};
		for (int i = 0; i < 8; i++) {
			random = random * 1664525 + 1013904223;
			buffer_text(&text, PIECES[(random >> 16) % ARRAY_LENGTH(PIECES)]);
		}
		assert_int_equal(
			text_characters(buffer_bytes(&text)), characters_without_shortcuts(buffer_bytes(&text)));
	}
}

static void expect_folded(const char *text, const char *wanted)
{
	CLEANUP(buffer_deinit) struct buffer out = {0};

	text_fold_search((struct bytes){(const uint8_t *)text, strlen(text)}, &out);
	buffer_add(&out, "", 1);
	assert_string_equal((const char *)out.data, wanted);
}

static void test_fold(void **state)
{
	(void)state;
	expect_folded("Đắk Lắk", "dak lak");
	expect_folded("LĐLĐ quận Ba Đình", "ldld quan ba dinh");
	expect_folded("HOÀ BÌNH", "hoa binh");
	expect_folded("Hòa Bình", "hoa binh");
	expect_folded("Vie\xCC\xA3\xCC\x82t", "viet");
	expect_folded("", "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vietnamese_nfd_becomes_nfc),
		cmocka_unit_test(test_line_ends),
		cmocka_unit_test(test_word_private_signs),
		cmocka_unit_test(test_invisible_signs),
		cmocka_unit_test(test_refuses_what_is_no_utf8),
		cmocka_unit_test(test_refuses_control_characters),
		cmocka_unit_test(test_refuses_a_tower_of_marks),
		cmocka_unit_test(test_too_large),
		cmocka_unit_test(test_appends),
		cmocka_unit_test(test_characters),
		cmocka_unit_test(test_characters_of_broken_octets),
		cmocka_unit_test(test_clean_is_clean),
		cmocka_unit_test(test_every_code_point_is_stored_composed),
		cmocka_unit_test(test_shortcuts_change_no_count),
		cmocka_unit_test(test_fold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
