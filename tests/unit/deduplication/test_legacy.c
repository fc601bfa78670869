/* R18. Would catch: text typed for a TCVN3 or VNI font and pasted as Latin taken as it stands (a copy of it in Unicode
 * would be another text, and nobody could read it), and text in Unicode, or of another language, taken for such. */
#include "services/deduplication/signer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct bytes text_of(const char *text)
{
	return (struct bytes){(const uint8_t *)text, strlen(text)};
}

static void expect(const struct fold_table *table, const char *text, enum legacy_encoding wanted, const char *folded)
{
	uint8_t out[1024];
	size_t size;
	enum legacy_encoding found;

	assert_true(strlen(text) * FOLD_GROWTH < sizeof(out));
	assert_true(fold_text_told(table, text_of(text), out, &size, &found));
	out[size] = '\0';
	assert_int_equal(found, wanted);
	if (folded != NULL)
		assert_string_equal((const char *)out, folded);
}

static void test_reads_what_it_was(void **state)
{
	struct fold_table *table = fold_table_new();
	const char *plain = "cong nhan dung xe day co banh xoay de chuyen khuon giam mot nua thoi gian cho";

	(void)state;
	assert_non_null(table);
	expect(table, "C«ng nh©n dïng xe ®Èy cã b¸nh xoay ®Ó chuyÓn khu«n, gi¶m mét nöa thêi gian chê.", LEGACY_TCVN3,
		plain);
	expect(table, "Coâng nhaân duøng xe ñaåy coù baùnh xoay ñeå chuyeån khuoân, giaûm moät nöûa thôøi gian chôø.",
		LEGACY_VNI, plain);
	expect(table, "Công nhân dùng xe đẩy có bánh xoay để chuyển khuôn, giảm một nửa thời gian chờ.", LEGACY_NONE,
		plain);
	expect(table, "ÑEÀ NGHÒ COÂNG NHAÄN", LEGACY_VNI, "de nghi cong nhan");
	expect(table, "Dïng xe ®Èy", LEGACY_TCVN3, "dung xe day");
	expect(table, "Duøng xe ñaåy", LEGACY_VNI, "dung xe day");
	fold_table_free(&table);
}

/* Vietnamese with few letters of its own, quotation marks and bullets close to words, other languages. */
static void test_leaves_others_alone(void **state)
{
	struct fold_table *table = fold_table_new();
	static const char *const others[] = {"Toán, hoá, lý: oà oá uý hoà uỷ",
		"«Sáng kiến» ©2023 «cải tiến» ·kỹ thuật ·an toàn", "«an toan» «lao dong» 5µm",
		"Übergröße für die Mädchen schön", "L'été où l'élève a été reçu à Orléans", "El niño y la mañana",
		"Dung xe day co banh xoay", "Måløy på øya, blåbær", "so­ft hy­phens in a web page", "", "\xC3\xB1",
		"ñ"};

	(void)state;
	assert_non_null(table);
	for (size_t i = 0; i < ARRAY_LENGTH(others); i++)
		expect(table, others[i], LEGACY_NONE, NULL);
	fold_table_free(&table);
}

/* Every letter of both tables is a plain letter. */
static void test_letters(void **state)
{
	(void)state;
	for (enum legacy_encoding encoding = LEGACY_TCVN3; encoding < LEGACY_ENCODINGS; encoding++)
		for (uint32_t point = LEGACY_FIRST; point <= LEGACY_LAST; point++) {
			char letter = legacy_letter(encoding, point);
			assert_true(letter == '\0' || letter == ' ' || strchr("aeiouyd", letter) != NULL);
		}
	assert_string_equal(legacy_name(LEGACY_TCVN3), "tcvn3");
	assert_string_equal(legacy_name(LEGACY_VNI), "vni");
	assert_null(legacy_name(LEGACY_NONE));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads_what_it_was),
		cmocka_unit_test(test_leaves_others_alone),
		cmocka_unit_test(test_letters),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
