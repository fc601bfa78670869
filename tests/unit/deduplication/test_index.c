/* Would catch: a text that sees itself or what came later, an answer that changes when it is asked for again, copies
 * that crowd the lists, candidates of another campaign or scope, a rebuilt index that answers otherwise than one that
 * never stopped, and a growth that loses keys. */
#include "services/deduplication/entries.h"
#include "services/deduplication/index_batch.h"

#include "tests/unit/deduplication/texts.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct fold_table *fold;
static struct signer *signer;
static struct weights *weights;
static struct shard_map one_shard;

static int open_world(void **state)
{
	(void)state;
	fold = fold_table_new();
	signer = signer_new(fold);
	weights = weights_new_empty();
	shard_map_init(&one_shard, 1);
	return 0;
}

static int close_world(void **state)
{
	(void)state;
	weights_free(&weights);
	signer_free(&signer);
	fold_table_free(&fold);
	return 0;
}

static struct index_question question(uint32_t number, const char *text)
{
	struct signed_text signature;
	struct index_question question = {.id = id_of_number(number), .campaign = 1, .scope = 2};

	assert_int_equal(signer_sign(signer, weights, (struct bytes){(const uint8_t *)text, strlen(text)}, &signature),
		SIGNER_OK);
	question.digest = signature.digest;
	question.sketch = signature.sketch;
	return question;
}

/* The text of a family: its own syllables behind what the family has in common. */
static struct index_question member(uint32_t number, uint64_t family, int common, int own)
{
	char text[PROSE_SIZE] = "";

	prose_add(text, family, common);
	prose_add(text, 1000000 + number, own);
	return question(number, text);
}

static struct index_answer ask(struct text_index *index, const struct index_question *asked)
{
	struct index_answer answer;

	assert_int_equal(index_ask(index, asked, &answer), INDEX_OK);
	return answer;
}

static bool names(const struct index_answer *answer, uint32_t number)
{
	struct id128 id = id_of_number(number);

	for (uint32_t i = 0; i < answer->count; i++)
		if (id128_equal(&answer->candidates[i].id, &id))
			return true;
	return false;
}

static void test_sees_what_came_before(void **state)
{
	struct text_index *index = index_new(&one_shard, 0);
	struct index_question a = member(1, 1, 100, 20), b = member(2, 1, 100, 20), c = member(3, 1, 100, 20);

	(void)state;
	struct index_answer first = ask(index, &a), second = ask(index, &b), third = ask(index, &c);
	assert_int_equal(first.count, 0);
	assert_true(first.posted && first.newly_posted);
	assert_true(second.count == 1 && names(&second, 1));
	assert_true(third.count == 2 && names(&third, 1) && names(&third, 2));
	/* Asked again, whatever came since: the same. */
	struct index_answer again = ask(index, &b);
	assert_true(again.count == 1 && names(&again, 1) && again.posted && !again.newly_posted);
	assert_int_equal(ask(index, &a).count, 0);
	index_free(&index);
}

/* Signed anew with other weights, it is still answered by the keys it was first asked with. */
static void test_redelivery_with_another_sketch(void **state)
{
	struct text_index *index = index_new(&one_shard, 0);
	struct index_question a = member(1, 1, 100, 20), b = member(2, 1, 100, 20), other = member(2, 9, 100, 20);

	(void)state;
	(void)ask(index, &a);
	(void)ask(index, &b);
	b.sketch = other.sketch;
	struct index_answer again = ask(index, &b);
	assert_true(again.count == 1 && names(&again, 1));
	index_free(&index);
}

static void test_bounds(void **state)
{
	struct text_index *index = index_new(&one_shard, 0);
	struct index_question a = member(1, 1, 100, 20), b = member(2, 1, 100, 20), copy = member(1, 1, 100, 20);

	(void)state;
	(void)ask(index, &a);
	b.scope = 3;
	assert_int_equal(ask(index, &b).count, 0); /* near copies: the same scope */
	copy.id = id_of_number(3);
	copy.scope = 4;
	struct index_answer exact = ask(index, &copy); /* exact ones: the same campaign */
	assert_true(exact.count == 1 && names(&exact, 1) && exact.candidates[0].exact && exact.posted);
	copy.id = id_of_number(4);
	copy.campaign = 2;
	assert_int_equal(ask(index, &copy).count, 0);
	index_free(&index);
}

/* A copy, or all but one, is not posted: an earlier one stands for it. Unless it is insisted. */
static void test_who_stands_for_whom(void **state)
{
	struct text_index *index = index_new(&one_shard, 0);
	struct index_question a = member(1, 1, 120, 0), near = member(2, 1, 120, 1), late = member(9, 1, 120, 1);

	(void)state;
	(void)ask(index, &a);
	for (uint32_t i = 10; i < 200; i++) {
		a.id = id_of_number(i);
		struct index_answer answer = ask(index, &a);
		assert_true(answer.count == 1 && names(&answer, 1) && answer.candidates[0].exact && !answer.posted);
	}
	assert_int_equal(index_figures(index).posted, 1);
	assert_false(ask(index, &near).posted);
	assert_false(names(&(struct index_answer){0}, 2));
	struct index_answer unseen = ask(index, &late);
	assert_true(names(&unseen, 1) && !names(&unseen, 2));
	near.insist = true;
	struct index_answer insisted = ask(index, &near);
	assert_true(insisted.posted && insisted.newly_posted && names(&insisted, 1));
	assert_false(ask(index, &near).newly_posted);
	late.id = id_of_number(10000);
	struct index_answer seen = ask(index, &late);
	assert_true(names(&seen, 2));
	index_free(&index);
}

/* Two that nobody saw, because a third stood for them: posted later, exactly one names the other, and asked again it is
 * the same. */
static void test_of_two_that_are_insisted_one_sees_the_other(void **state)
{
	struct text_index *index = index_new(&one_shard, 0);
	struct index_question third = member(1, 1, 120, 0), a = member(2, 1, 120, 1), b = member(3, 1, 120, 1);

	(void)state;
	(void)ask(index, &third);
	assert_false(ask(index, &a).posted || ask(index, &b).posted);
	a.insist = b.insist = true;
	struct index_answer of_b = ask(index, &b), of_a = ask(index, &a);
	assert_true(of_a.posted && of_b.posted);
	assert_true(names(&of_a, 3) && !names(&of_b, 2));
	of_b = ask(index, &b);
	of_a = ask(index, &a);
	assert_true(names(&of_a, 3) && !names(&of_b, 2) && names(&of_a, 1) && names(&of_b, 1));
	index_free(&index);
}

/* Who overtakes is seen by those that came before it, also where another one stood for it; it sees what it saw. */
static void test_who_overtakes_is_seen_by_all(void **state)
{
	struct text_index *index = index_new(&one_shard, 0);
	struct index_question first = member(1, 1, 120, 0), near = member(2, 1, 120, 1), last = member(3, 1, 120, 25);

	(void)state;
	(void)ask(index, &first);
	assert_false(ask(index, &near).posted);
	assert_true(names(&(struct index_answer[]){ask(index, &last)}[0], 1));
	near.overtake = true;
	struct index_answer overtaking = ask(index, &near), again = ask(index, &near);
	assert_true(overtaking.overtook && overtaking.newly_posted && names(&overtaking, 1) && names(&overtaking, 3));
	assert_true(!again.overtook && again.posted && names(&again, 1) && !names(&again, 2));
	assert_true(names(&(struct index_answer[]){ask(index, &first)}[0], 2));
	assert_true(names(&(struct index_answer[]){ask(index, &last)}[0], 2));
	index_free(&index);
}

/* Law 3: of two that overtake in one batch each sees the other, so that one of them names it; both are learnt once.
 * Would catch answering the first before the second stands, which left both of them counted. */
static void test_who_overtake_together_see_each_other(void **state)
{
	struct text_index *index = index_new(&one_shard, 0);
	struct index_asked batch[] = {{.question = member(1, 1, 120, 0), .readable = true},
		{.question = member(2, 1, 120, 1), .readable = true},
		{.question = member(3, 1, 120, 1), .readable = true}};
	const struct index_answer *one = &batch[1].answer, *other = &batch[2].answer;

	(void)state;
	assert_false(index_batch_overtake(index, batch, ARRAY_LENGTH(batch)));
	index_batch_ask(index, batch, ARRAY_LENGTH(batch));
	assert_true(batch[0].to_be_learnt && !one->posted && !other->posted);
	batch[1].question.overtake = batch[2].question.overtake = true;
	assert_true(index_batch_overtake(index, batch, ARRAY_LENGTH(batch)));
	assert_true(batch[1].to_be_learnt && batch[2].to_be_learnt);
	batch[1].to_be_learnt = batch[2].to_be_learnt = false;
	index_batch_ask(index, batch, ARRAY_LENGTH(batch));
	assert_true(names(one, 3) && names(other, 2) && names(&batch[0].answer, 2) && names(&batch[0].answer, 3));
	assert_false(batch[1].to_be_learnt || batch[2].to_be_learnt);
	/* Once they have overtaken the epoch is raised no more. */
	assert_false(index_batch_overtake(index, batch, ARRAY_LENGTH(batch)));
	index_free(&index);
}

static void test_peeking_teaches_nothing(void **state)
{
	struct text_index *index = index_new(&one_shard, 0);
	struct index_question a = member(1, 1, 100, 20), draft = member(2, 1, 100, 20);
	struct index_answer answer;

	(void)state;
	(void)ask(index, &a);
	for (int i = 0; i < 3; i++) {
		index_peek(index, &draft, &answer);
		assert_true(answer.count == 1 && names(&answer, 1));
	}
	assert_int_equal(index_figures(index).texts, 1);
	index_free(&index);
}

static void expect_equal_answers(struct text_index *a, struct text_index *b, const struct index_question *asked)
{
	struct index_answer one = ask(a, asked), two = ask(b, asked);

	assert_int_equal(one.count, two.count);
	assert_int_equal(one.posted, two.posted);
	for (uint32_t i = 0; i < one.count; i++) {
		assert_memory_equal(&one.candidates[i].id, &two.candidates[i].id, sizeof(struct id128));
		assert_int_equal(one.candidates[i].points, two.candidates[i].points);
	}
}

/* From what was posted, in its order, comes an index that answers the rest of the stream alike. */
static void test_rebuilt_is_as_never_stopped(void **state)
{
	enum { BEFORE = 3000, AFTER = 1000 };
	struct text_index *whole = index_new(&one_shard, 0), *rebuilt = index_new(&one_shard, 0);

	(void)state;
	for (uint32_t i = 0; i < BEFORE; i++) {
		struct index_question asked = member(i, i % 700, 60, (int)(i % 50));
		if (ask(whole, &asked).posted)
			assert_int_equal(index_restore(rebuilt, &asked), INDEX_OK);
	}
	assert_true(index_figures(whole).posted < BEFORE);
	assert_int_equal(index_figures(whole).posted, index_figures(rebuilt).posted);
	for (uint32_t i = BEFORE; i < BEFORE + AFTER; i++) {
		struct index_question asked = member(i, i % 700, 60, (int)(i % 50));
		expect_equal_answers(whole, rebuilt, &asked);
	}
	/* Restored once more (a page read again) nothing changes. */
	struct index_question first = member(0, 0, 60, 0);
	uint64_t texts = index_figures(rebuilt).texts;
	assert_int_equal(index_restore(rebuilt, &first), INDEX_OK);
	assert_int_equal(index_figures(rebuilt).texts, texts);
	index_free(&whole);
	index_free(&rebuilt);
}

/* The tables grow many times: each text is found by its near copy afterwards. */
static void test_growth_loses_nothing(void **state)
{
	enum { TEXTS = 20000 };
	struct text_index *index = index_new(&one_shard, 0);
	uint32_t found = 0;

	(void)state;
	for (uint32_t i = 0; i < TEXTS; i++) {
		struct index_question asked = member(i, 5000 + i, 40, 4);
		(void)ask(index, &asked);
	}
	for (uint32_t i = 0; i < TEXTS; i += 10) {
		struct index_question copy = member(TEXTS + i, 5000 + i, 40, 4);
		struct index_answer answer;
		index_peek(index, &copy, &answer);
		found += names(&answer, i);
	}
	assert_true(found >= TEXTS / 10 * 995 / 1000);
	struct index_figures figures = index_figures(index);
	assert_true(figures.bytes <= 500 * (uint64_t)TEXTS + ENTRY_CHUNK_SIZE); /* the last is not full */
	index_free(&index);
}

/* Each shard knows its own keys; all together know what one alone would. */
static void test_shards_together(void **state)
{
	enum { SHARDS = 4 };
	struct shard_map map;
	struct text_index *shard[SHARDS], *alone = index_new(&one_shard, 0);
	uint32_t points = 0, keys = 0;

	(void)state;
	shard_map_init(&map, SHARDS);
	struct index_question a = member(1, 1, 100, 20), b = member(2, 1, 100, 20);
	(void)ask(alone, &a);
	uint32_t wanted = ask(alone, &b).candidates[0].points;
	for (uint32_t s = 0; s < SHARDS; s++) {
		shard[s] = index_new(&map, s);
		(void)ask(shard[s], &a);
		struct index_answer answer = ask(shard[s], &b);
		assert_true(answer.count <= 1);
		points += answer.count == 1 ? answer.candidates[0].points : 0;
		keys += (uint32_t)index_figures(shard[s]).keys;
	}
	assert_int_equal(points, wanted);
	assert_int_equal(keys, index_figures(alone).keys);
	for (uint32_t s = 0; s < SHARDS; s++)
		index_free(&shard[s]);
	index_free(&alone);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sees_what_came_before),
		cmocka_unit_test(test_redelivery_with_another_sketch),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_who_stands_for_whom),
		cmocka_unit_test(test_of_two_that_are_insisted_one_sees_the_other),
		cmocka_unit_test(test_who_overtakes_is_seen_by_all),
		cmocka_unit_test(test_who_overtake_together_see_each_other),
		cmocka_unit_test(test_peeking_teaches_nothing),
		cmocka_unit_test(test_rebuilt_is_as_never_stopped),
		cmocka_unit_test(test_growth_loses_nothing),
		cmocka_unit_test(test_shards_together),
	};

	return cmocka_run_group_tests(tests, open_world, close_world);
}
