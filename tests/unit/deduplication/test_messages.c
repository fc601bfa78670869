/* Would catch: a question or an answer that does not arrive as it was sent, and a message that is not one taken. */
#include "services/deduplication/messages.h"

#include "tests/unit/deduplication/texts.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct arena *arena;

static int open_arena(void **state)
{
	(void)state;
	arena = arena_new(1 << 20);
	return arena == NULL;
}

static int close_arena(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static struct sketch some_sketch(uint32_t seed)
{
	struct sketch sketch = {.snapshot = seed};

	for (uint32_t place = 0; place < SKETCH_PLACES; place++)
		sketch.key[place] = (seed * 7919 + place * 104729) & 0xFFFFFF;
	return sketch;
}

static void test_question(void **state)
{
	CLEANUP(buffer_deinit) struct buffer body = {0};
	struct index_question sent = {.id = id_of_number(1),
				      .campaign = 3,
				      .scope = 77,
				      .digest = id_of_number(2),
				      .sketch = some_sketch(5),
				      .insist = true,
				      .overtake = true},
			      got = {0};
	struct bytes folded;

	(void)state;
	question_write(&sent, 123, (struct bytes){(const uint8_t *)"sang kien", 9}, &body);
	assert_true(question_read(buffer_bytes(&body), arena, &got, &folded));
	assert_memory_equal(&got.id, &sent.id, sizeof(sent.id));
	assert_memory_equal(&got.digest, &sent.digest, sizeof(sent.digest));
	assert_memory_equal(&got.sketch, &sent.sketch, sizeof(sent.sketch));
	assert_true(got.campaign == 3 && got.scope == 77 && got.insist && got.overtake);
	assert_int_equal(folded.size, 9);
	assert_false(question_read((struct bytes){body.data, body.size / 2}, arena, &got, &folded));
	assert_false(question_read((struct bytes){(const uint8_t *)"", 0}, arena, &got, &folded));
}

static void test_answer(void **state)
{
	CLEANUP(buffer_deinit) struct buffer body = {0};
	struct index_answer sent = {.count = 2, .posted = true}, got = {0};
	struct shard_word word = {.shard = 4, .epoch = 9, .snapshot = 12}, heard = {0};
	struct id128 id = id_of_number(1);

	(void)state;
	sent.candidates[0] =
		(struct index_candidate){.id = id_of_number(2), .sketch = some_sketch(1), .points = 30, .exact = true};
	sent.candidates[1] = (struct index_candidate){.id = id_of_number(3), .sketch = some_sketch(2), .points = 20};
	for (int with_sketches = 0; with_sketches <= 1; with_sketches++) {
		buffer_clear(&body);
		answer_write(&id, &word, &sent, with_sketches == 1, &body);
		assert_true(answer_read(buffer_bytes(&body), arena, &heard, &got));
		assert_memory_equal(&heard, &word, sizeof(word));
		assert_true(got.count == 2 && got.posted && got.candidates[0].exact && !got.candidates[1].exact);
		assert_int_equal(got.candidates[1].points, 20);
		assert_memory_equal(&got.candidates[1].id, &sent.candidates[1].id, sizeof(id));
		assert_int_equal(got.candidates[0].sketch.key[3], with_sketches ? sent.candidates[0].sketch.key[3] : 0);
	}
	assert_false(answer_read((struct bytes){body.data, body.size - 3}, arena, &heard, &got));
	word.shard = SHARDS_MAX;
	buffer_clear(&body);
	answer_write(&id, &word, &sent, false, &body);
	assert_false(answer_read(buffer_bytes(&body), arena, &heard, &got));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_question),
		cmocka_unit_test(test_answer),
	};

	return cmocka_run_group_tests(tests, open_arena, close_arena);
}
