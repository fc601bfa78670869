/* Would catch: a snapshot that weighs otherwise than what was learnt, that cannot be resumed, or that is taken though
 * it is damaged. */
#include "services/deduplication/weights.h"

#include "tests/unit/deduplication/texts.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void learn(struct frequency *frequency, uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++) {
		/* 7 is in every text, 1000 + i in one. */
		const uint32_t hashes[] = {7, 1000 + i, 500 + i % 2};
		struct id128 id = id_of_number(i);
		frequency_learn(frequency, hashes, ARRAY_LENGTH(hashes), &id);
	}
}

static void test_rare_is_worth_more(void **state)
{
	struct frequency *frequency = frequency_new();
	CLEANUP(buffer_deinit) struct buffer snapshot = {0};

	(void)state;
	learn(frequency, 0, 3000);
	frequency_write(frequency, &snapshot);
	struct weights *weights = weights_new(3, buffer_bytes(&snapshot));
	assert_non_null(weights);
	assert_int_equal(weights->documents, 3000);
	float never = weight_of(weights, 99), once = weight_of(weights, 1005), half = weight_of(weights, 500),
	      always = weight_of(weights, 7);
	assert_true(never >= once && once > 50 * half && half > 2 * always && always > 0);
	weights_free(&weights);
	frequency_free(&frequency);
}

static void test_due_ever_more_seldom(void **state)
{
	struct frequency *frequency = frequency_new();
	uint32_t published = 0, first = 0;

	(void)state;
	for (uint32_t i = 0; i < 4000; i++) {
		learn(frequency, i, i + 1);
		if (!frequency_is_due(frequency))
			continue;
		first = published++ == 0 ? i + 1 : first;
		frequency_published(frequency);
		assert_int_equal(frequency_number(frequency), published);
	}
	assert_int_equal(first, 32);
	assert_in_range(published, 20, 60);
	frequency_free(&frequency);
}

/* One that goes on from a snapshot and learns the rest again writes the very snapshot of one that never stopped. */
static void test_resumed_is_as_never_stopped(void **state)
{
	struct frequency *whole = frequency_new(), *resumed = frequency_new();
	CLEANUP(buffer_deinit) struct buffer at = {0}, a = {0}, b = {0};
	struct id128 last, wanted = id_of_number(1499);

	(void)state;
	learn(whole, 0, 1500);
	frequency_write(whole, &at);
	frequency_published(whole);
	assert_true(frequency_resume(resumed, 1, buffer_bytes(&at), &last));
	assert_true(id128_equal(&last, &wanted));
	assert_int_equal(frequency_number(resumed), 1);
	learn(whole, 1500, 1600);
	learn(resumed, 1500, 1600);
	assert_int_equal(frequency_is_due(resumed), frequency_is_due(whole));
	frequency_write(whole, &a);
	frequency_write(resumed, &b);
	assert_int_equal(a.size, b.size);
	assert_memory_equal(a.data, b.data, a.size);
	frequency_free(&whole);
	frequency_free(&resumed);
}

static void assert_same_weights(const struct weights *a, const struct weights *b)
{
	assert_int_equal(a->number, b->number);
	assert_int_equal(a->documents, b->documents);
	assert_memory_equal(a->level, b->level, WEIGHT_COUNTERS);
	assert_memory_equal(a->worth, b->worth, sizeof(a->worth));
}

/* Taken over as they are, or written and read, also far beyond what a level says exactly. */
static void test_written_and_read_are_the_same(void **state)
{
	struct frequency *frequency = frequency_new();
	struct weights *taken = weights_new_empty();
	float before = 0;

	(void)state;
	for (uint32_t round = 0; round < 6; round++) {
		CLEANUP(buffer_deinit) struct buffer snapshot = {0};
		learn(frequency, round * 600, (round + 1) * 600);
		frequency_weights(frequency, &CAMPAIGN_WEIGHTING_DEFAULT, taken);
		frequency_write(frequency, &snapshot);
		struct weights *read = weights_new(frequency_number(frequency) + 1, buffer_bytes(&snapshot));
		assert_non_null(read);
		assert_same_weights(taken, read);
		frequency_published(frequency);
		assert_true(round == 0 || weight_level(read, 500) > before);
		before = weight_level(read, 500);
		weights_free(&read);
	}
	weights_free(&taken);
	frequency_free(&frequency);
}

/* Two campaigns weigh the same snapshot in their own ways. */
static void test_each_campaign_weighs_as_it_says(void **state)
{
	struct frequency *frequency = frequency_new();
	struct weights *weights = weights_new_empty(), *other = malloc(sizeof(*other));

	(void)state;
	assert_non_null(other);
	learn(frequency, 0, 3000);
	frequency_weights(frequency, &CAMPAIGN_WEIGHTING_DEFAULT, weights);
	weights_for(weights, &(struct campaign_weighting){.prior = 200, .power = 1}, other);
	assert_true(weight_of(other, 1005) < weight_of(weights, 1005));
	assert_true(
		weight_of(weights, 1005) / weight_of(weights, 500) > weight_of(other, 1005) / weight_of(other, 500));
	weights_for(weights, &CAMPAIGN_WEIGHTING_DEFAULT, other);
	assert_same_weights(weights, other);
	assert_int_equal(weight_level_at(weights, 0.5), weight_level(weights, 500));
	free(other);
	weights_free(&weights);
	frequency_free(&frequency);
}

static void test_damage_is_refused(void **state)
{
	struct frequency *frequency = frequency_new();
	CLEANUP(buffer_deinit) struct buffer snapshot = {0};
	struct id128 last;

	(void)state;
	learn(frequency, 0, 100);
	frequency_write(frequency, &snapshot);
	for (size_t size = 0; size < snapshot.size; size++)
		assert_null(weights_new(1, (struct bytes){snapshot.data, size}));
	buffer_add(&snapshot, "\x01", 1);
	assert_null(weights_new(1, buffer_bytes(&snapshot)));
	assert_false(frequency_resume(frequency, 1, buffer_bytes(&snapshot), &last));
	snapshot.data[0]++;
	assert_null(weights_new(1, (struct bytes){snapshot.data, snapshot.size - 1}));
	frequency_free(&frequency);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rare_is_worth_more),
		cmocka_unit_test(test_due_ever_more_seldom),
		cmocka_unit_test(test_resumed_is_as_never_stopped),
		cmocka_unit_test(test_written_and_read_are_the_same),
		cmocka_unit_test(test_each_campaign_weighs_as_it_says),
		cmocka_unit_test(test_damage_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
