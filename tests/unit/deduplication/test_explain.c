/* R18. Would catch: a passage that is not the same in both texts where its offsets say, one that cuts a word, a copied
 * passage that is not shown, a form shown as if somebody had copied it, or the other way round. */
#include "services/deduplication/explain.h"

#include "tests/unit/deduplication/texts.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/unit/deduplication/shared_table.h"

static const char form[] =
	"Tôi xin cam đoan mọi thông tin nêu trong đơn là trung thực, đúng sự thật và hoàn toàn chịu trách "
	"nhiệm trước pháp luật về những điều đã khai.";
static size_t octet_of(const char *text, uint32_t point)
{
	size_t at = 0;
	for (; point > 0; point--)
		do
			at++;
		while ((text[at] & 0xC0) == 0x80);
	return at;
}

/* The code points from..to, folded. */
static void cut(const char *text, uint32_t from, uint32_t to, char folded[PROSE_SIZE])
{
	size_t begin = octet_of(text, from), end = octet_of(text, to), size;
	assert_true(
		fold_text(table, (struct bytes){(const uint8_t *)text + begin, end - begin}, (uint8_t *)folded, &size));
	folded[size] = '\0';
}

static void explain(const struct weights *weights, const char *a, const char *b, struct explanation *found)
{
	uint32_t end = 0;
	assert_int_equal(explain_texts(table, weights, text_of(a), text_of(b), found), EXPLAIN_OK);
	for (uint32_t i = 0; i < found->count; i++) {
		const struct passage *passage = &found->passages[i];
		char here[PROSE_SIZE], there[PROSE_SIZE];
		assert_true(passage->from >= end && passage->to > passage->from);
		end = passage->to;
		cut(a, passage->from, passage->to, here);
		cut(b, passage->other_from, passage->other_to, there);
		assert_string_equal(here, there);
	}
}

/* 200 texts, half of them on the form. */
static struct weights *learn_form(void)
{
	struct frequency *frequency = frequency_new();
	struct signer *signer = signer_new(table);
	CLEANUP(buffer_deinit) struct buffer snapshot = {0};
	for (uint32_t i = 0; i < 200; i++) {
		char text[PROSE_SIZE] = "";
		struct id128 id = id_of_number(i);
		if (i % 2 == 0)
			strcpy(text, form);
		prose_add(text, i + 50, 60);
		struct shingle_set *set = signer_shingles_of(signer, text_of(text));
		frequency_learn(frequency, set->hash, set->count, &id);
		shingle_set_free(&set);
	}
	frequency_write(frequency, &snapshot);
	struct weights *weights = weights_new(1, buffer_bytes(&snapshot));
	signer_free(&signer);
	frequency_free(&frequency);
	return weights;
}

static void test_copied_words_and_a_form(void **state)
{
	struct weights *weights = learn_form();
	struct explanation *found = malloc(sizeof(*found));
	char a[PROSE_SIZE] =
		"Ông Trần Văn Bình. Dùng xe đẩy có bánh xoay để chuyển khuôn, giảm một nửa thời gian chờ. ",
	     b[PROSE_SIZE] = "Bà Lê Thị Hoa: ", folded[PROSE_SIZE];

	(void)state;
	strcat(a, form);
	strcat(b, form);
	strcat(b, " DÙNG XE ĐẨY CÓ BÁNH XOAY để chuyển khuôn, giảm một nửa thời gian chờ!");
	explain(weights, a, b, found);
	assert_int_equal(found->count, 2);
	assert_false(found->passages[0].boilerplate);
	cut(a, found->passages[0].from, found->passages[0].to, folded);
	assert_string_equal(folded, "dung xe day co banh xoay de chuyen khuon giam mot nua thoi gian cho");
	assert_true(found->passages[1].boilerplate);
	cut(a, found->passages[1].from, found->passages[1].to, folded);
	assert_non_null(strstr(folded, "cam doan moi thong tin neu trong don la trung thuc"));
	assert_false(found->exact);
	free(found);
	weights_free(&weights);
}

/* A match that runs from the form into somebody's words is told apart at a word within it. */
static void test_a_copy_with_its_form(void **state)
{
	struct weights *weights = learn_form();
	struct explanation *found = malloc(sizeof(*found));
	char text[PROSE_SIZE] = "";

	(void)state;
	strcpy(text, form);
	strcat(text, " ");
	prose_add(text, 7, 30);
	explain(weights, text, text, found);
	assert_true(found->exact && found->score == 1);
	assert_int_equal(found->count, 2);
	assert_true(found->passages[0].boilerplate && !found->passages[1].boilerplate);
	uint32_t border = (uint32_t)(sizeof(form) - 1) / 4 * 3; /* three octets are two letters, or so */
	assert_in_range(found->passages[0].to, border - 40, border + 40);
	free(found);
	weights_free(&weights);
}

static void test_edges(void **state)
{
	struct weights *weights = weights_new_empty();
	struct explanation *found = malloc(sizeof(*found));
	char repeated[PROSE_SIZE] = "";

	(void)state;
	explain(weights, "", "", found);
	assert_true(found->count == 0 && !found->exact);
	explain(weights, "", "Dùng xe đẩy", found);
	assert_int_equal(found->count, 0);
	explain(weights, "Dùng xe", "DUNG XE", found); /* too short for a passage, yet the same */
	assert_true(found->exact && found->count == 1);
	explain(weights, "dùng xe đẩy tay", "vận dụng xe đẩy tạ", found); /* no cut words: "xe day ta" is none */
	assert_int_equal(found->count, 0);
	for (int i = 0; i < 200; i++)
		strcat(repeated, "sáng kiến ");
	explain(weights, repeated, repeated, found);
	assert_true(found->exact && found->count == 1);
	assert_int_equal(explain_texts(table, weights, text_of("\xFF"), text_of("a"), found), EXPLAIN_NOT_TEXT);
	free(found);
	weights_free(&weights);
}

/* Any two texts made of the same pieces in any order. */
static void test_any_order(void **state)
{
	struct weights *weights = weights_new_empty();
	struct explanation *found = malloc(sizeof(*found));
	uint64_t seed = 8;

	(void)state;
	for (int round = 0; round < 60; round++) {
		char a[PROSE_SIZE] = "", b[PROSE_SIZE] = "";
		for (int piece = 0; piece < 8; piece++) {
			prose_add(a, prose_next(&seed) % 6, 1 + (int)(prose_next(&seed) % 12));
			prose_add(b, prose_next(&seed) % 6, 1 + (int)(prose_next(&seed) % 12));
			strcat(a, piece % 2 ? "ế…" : " Đ\n");
			strcat(b, piece % 3 ? "đ " : "ề, ");
		}
		explain(weights, a, b, found);
	}
	free(found);
	weights_free(&weights);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_copied_words_and_a_form),
		cmocka_unit_test(test_a_copy_with_its_form),
		cmocka_unit_test(test_edges),
		cmocka_unit_test(test_any_order),
	};
	return cmocka_run_group_tests(tests, open_table, close_table);
}
