/* Would catch: a sketch that depends on the order of a text's shingles, that is not a sample of what two texts have in
 * common, that everybody's words fill, or that does not come back as it was stored; shards that move at random. */
#include "services/deduplication/sketch.h"

#include "tests/unit/deduplication/texts.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { HASHES = 600 };

/* Each shingle stands alone in the text, thirteen letters of its own around it, wherever it is in the list. */
static void sketch_of(const struct weights *weights, const uint32_t *hashes, uint32_t count, struct sketch *sketch)
{
	enum { STRIDE = 24 };
	static uint8_t text[HASHES * STRIDE];
	uint32_t places[HASHES];

	for (uint32_t i = 0; i < count; i++) {
		for (uint32_t octet = 0; octet < STRIDE; octet++)
			text[i * STRIDE + octet] = (uint8_t)(hashes[i] >> 8 * (octet % 4));
		places[i] = i * STRIDE + 8;
	}
	sketch_text(weights, (struct bytes){text, (size_t)count * STRIDE}, hashes, places, count, sketch);
}

static void fill(uint32_t *hashes, uint32_t count, uint64_t seed)
{
	for (uint32_t i = 0; i < count; i++)
		hashes[i] = prose_next(&seed) * 2 + 1;
}

static void test_order_does_not_matter(void **state)
{
	struct weights *weights = weights_new_empty();
	uint32_t hashes[HASHES];
	struct sketch a, b;
	uint64_t seed = 5;

	(void)state;
	fill(hashes, HASHES, 1);
	sketch_of(weights, hashes, HASHES, &a);
	for (uint32_t i = HASHES - 1; i > 0; i--) {
		uint32_t other = prose_next(&seed) % (i + 1), kept = hashes[i];
		hashes[i] = hashes[other];
		hashes[other] = kept;
	}
	sketch_of(weights, hashes, HASHES, &b);
	assert_memory_equal(&a, &b, sizeof(a));
	weights_free(&weights);
}

/* Of many pairs that share half of all their shingles, half of the places agree. */
static void test_estimates_what_is_common(void **state)
{
	struct weights *weights = weights_new_empty();
	uint32_t hashes[HASHES], shared = 0;
	struct sketch a, b;

	(void)state;
	for (uint64_t pair = 0; pair < 200; pair++) {
		fill(hashes, HASHES, 2 * pair);
		sketch_of(weights, hashes, HASHES * 3 / 4, &a);
		sketch_of(weights, hashes + HASHES / 4, HASHES * 3 / 4, &b);
		shared += sketch_shared(&a, &b);
	}
	assert_in_range(shared, 200 * SKETCH_PLACES * 45 / 100, 200 * SKETCH_PLACES * 55 / 100);
	weights_free(&weights);
}

/* Two texts of one form, each with as much of its own: before the form is learnt a third of the keys is common (an
 * intersection of one by a union of three), afterwards hardly any. */
static void test_forms_lose_their_places(void **state)
{
	struct frequency *frequency = frequency_new();
	struct weights *weights = weights_new_empty();
	CLEANUP(buffer_deinit) struct buffer snapshot = {0};
	uint32_t a[HASHES], b[HASHES];
	struct sketch first, second;

	(void)state;
	fill(a, HASHES / 2, 1);
	fill(b, HASHES / 2, 1);
	fill(a + HASHES / 2, HASHES / 2, 2);
	fill(b + HASHES / 2, HASHES / 2, 3);
	sketch_of(weights, a, HASHES, &first);
	sketch_of(weights, b, HASHES, &second);
	uint32_t before = sketch_shared(&first, &second);
	for (uint32_t i = 0; i < 500; i++) {
		uint32_t text[HASHES];
		struct id128 id = id_of_number(i);
		fill(text, HASHES / 2, 1);
		fill(text + HASHES / 2, HASHES / 2, 1000 + i);
		frequency_learn(frequency, text, HASHES, &id);
	}
	frequency_write(frequency, &snapshot);
	weights_free(&weights);
	weights = weights_new(1, buffer_bytes(&snapshot));
	assert_non_null(weights);
	sketch_of(weights, a, HASHES, &first);
	sketch_of(weights, b, HASHES, &second);
	assert_true(before >= 6);
	assert_true(sketch_shared(&first, &second) <= 1);
	assert_int_equal(first.snapshot, 1);
	weights_free(&weights);
	frequency_free(&frequency);
}

static void test_stored_and_read(void **state)
{
	struct weights *weights = weights_new_empty();
	uint32_t hashes[20];
	uint8_t stored[SKETCH_SIZE];
	struct sketch a, b;

	(void)state;
	fill(hashes, 20, 9);
	sketch_of(weights, hashes, 20, &a);
	a.snapshot = 70000;
	assert_in_range(sketch_keys(&a), 8, 20); /* a short text leaves places empty */
	sketch_write(&a, stored);
	assert_true(sketch_read((struct bytes){stored, sizeof(stored)}, &b));
	assert_memory_equal(&a, &b, sizeof(a));
	assert_false(sketch_read((struct bytes){stored, sizeof(stored) - 1}, &b));
	assert_false(sketch_read((struct bytes){NULL, 0}, &b));
	stored[0]++;
	assert_false(sketch_read((struct bytes){stored, sizeof(stored)}, &b));
	assert_true(SKETCH_SIZE + ID128_SIZE <= 256);
	weights_free(&weights);
}

/* From n shards to n + 1 every key that moves goes to the new one, and that is its fair part. */
static void test_a_new_shard_takes_only_its_part(void **state)
{
	struct shard_map few, more;

	(void)state;
	for (uint32_t shards = 1; shards < 12; shards++) {
		uint32_t moved = 0, all = SKETCH_PLACES * 256;
		shard_map_init(&few, shards);
		shard_map_init(&more, shards + 1);
		for (uint32_t place = 0; place < SKETCH_PLACES; place++) {
			for (uint32_t key = 0; key < 256; key++) {
				uint32_t from = shard_of_key(&few, place, key), to = shard_of_key(&more, place, key);
				assert_true(from == to || to == shards);
				moved += from != to;
			}
		}
		assert_in_range(moved, all / (shards + 1) * 85 / 100, all / (shards + 1) * 115 / 100);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order_does_not_matter),
		cmocka_unit_test(test_estimates_what_is_common),
		cmocka_unit_test(test_forms_lose_their_places),
		cmocka_unit_test(test_stored_and_read),
		cmocka_unit_test(test_a_new_shard_takes_only_its_part),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
