/* Would catch: an AVX2 loop that differs by a bit from plain C (texts signed on two machines would not meet), that
 * reads behind its text, or that forgets the rest behind the last whole register. */
#include "services/deduplication/sketch.h"

#include "tests/unit/deduplication/texts.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { COUNT_MAX = 67, MARGIN = 16 };

static const struct lanes *fast_or_skip(void)
{
	if (lanes_best() == &LANES_PLAIN)
		skip(); /* this processor has no AVX2 */
	assert_ptr_equal(lanes_best(), lanes_avx2());
	return lanes_avx2();
}

/* Every length, with nothing readable behind the text but what is told, so that a sanitizer sees a read too far. */
static void test_windows(void **state)
{
	const struct lanes *fast = fast_or_skip();
	uint64_t seed = 3;

	(void)state;
	for (size_t count = 0; count <= COUNT_MAX; count++) {
		for (size_t behind = 0; behind <= MARGIN; behind++) {
			uint32_t plain[COUNT_MAX + 1] = {0}, wide[COUNT_MAX + 1] = {0};
			size_t readable = count + SHINGLE_BYTES - 1 + behind;
			uint8_t *text = malloc(readable);
			assert_non_null(text);
			for (size_t i = 0; i < readable; i++)
				text[i] = (uint8_t)prose_next(&seed);
			LANES_PLAIN.hash_windows(text, readable, count, plain);
			fast->hash_windows(text, readable, count, wide);
			assert_memory_equal(plain, wide, sizeof(plain));
			free(text);
		}
	}
}

static void test_clocks(void **state)
{
	const struct lanes *fast = fast_or_skip();
	uint64_t seed = 4;

	(void)state;
	for (size_t count = 0; count <= COUNT_MAX; count++) {
		uint32_t hash[COUNT_MAX], place[2][COUNT_MAX + 1] = {{0}};
		float weight[COUNT_MAX], rings[2][COUNT_MAX + 1] = {{0}};
		for (size_t i = 0; i < count; i++) {
			hash[i] = i == 0 ? 0 : i == 1 ? UINT32_MAX : prose_next(&seed) * 2 + 1;
			weight[i] = 0.0005F + (float)(prose_next(&seed) % 1000) * 0.37F;
		}
		LANES_PLAIN.run_clocks(hash, weight, count, rings[0], place[0]);
		fast->run_clocks(hash, weight, count, rings[1], place[1]);
		assert_memory_equal(rings[0], rings[1], sizeof(rings[0]));
		assert_memory_equal(place[0], place[1], sizeof(place[0]));
		for (size_t i = 0; i < count; i++)
			assert_true(rings[0][i] >= 0 && place[0][i] < LANES_PLACES);
	}
}

/* Keys that differ by one octet, at every place and octet, among any set of places; the octets behind count nothing. */
static void test_keys(void **state)
{
	const struct lanes *fast = fast_or_skip();
	uint8_t a[LANES_KEYS_ROOM], b[LANES_KEYS_ROOM];
	uint64_t seed = 5;

	(void)state;
	for (uint32_t round = 0; round < 2000; round++) {
		struct lanes_places places = {0};
		uint32_t expected = 0;
		for (uint32_t i = 0; i < LANES_KEYS_ROOM; i++)
			a[i] = b[i] = (uint8_t)prose_next(&seed);
		b[LANES_KEYS_SIZE + round % 8] ^= 1;
		for (uint32_t place = 0; place < LANES_PLACES; place++) {
			bool asked = prose_next(&seed) % 4 != 0, equal = prose_next(&seed) % 3 != 0;
			if (asked)
				lanes_places_add(&places, place);
			if (!equal)
				b[3 * place + prose_next(&seed) % 3] ^= (uint8_t)(1u << prose_next(&seed) % 8);
			expected += asked && equal;
		}
		assert_int_equal(LANES_PLAIN.keys_shared(a, b, places), expected);
		assert_int_equal(fast->keys_shared(a, b, places), expected);
	}
}

/* Levels up to the last counter, behind which nothing may be read but what is told. */
static void test_weigh(void **state)
{
	const struct lanes *fast = fast_or_skip();
	uint8_t *level = malloc(LANES_COUNTERS + LANES_COUNTERS_BEHIND);
	float worth[256];
	uint64_t seed = 6;

	(void)state;
	assert_non_null(level);
	for (size_t i = 0; i < LANES_COUNTERS + LANES_COUNTERS_BEHIND; i++)
		level[i] = (uint8_t)prose_next(&seed);
	for (size_t i = 0; i < ARRAY_LENGTH(worth); i++)
		worth[i] = (float)(i + 1) * 0.37F;
	for (size_t count = 0; count <= COUNT_MAX; count++) {
		uint32_t hash[COUNT_MAX];
		float weight[2][COUNT_MAX + 1] = {{0}};
		for (size_t i = 0; i < count; i++)
			hash[i] = i % 5 == 0 ? UINT32_MAX - (uint32_t)i / 5 : prose_next(&seed) * 3 + 1;
		LANES_PLAIN.weigh(level, worth, hash, count, weight[0]);
		fast->weigh(level, worth, hash, count, weight[1]);
		assert_memory_equal(weight[0], weight[1], sizeof(weight[0]));
		for (size_t i = 0; i < count; i++)
			assert_true(weight[0][i] == worth[level[hash[i] % LANES_COUNTERS]]);
	}
	free(level);
}

/* Half of the hashes are in the table; many fall to the same slot, and to the last, behind which the first follows. */
static void test_overlap(void **state)
{
	const struct lanes *fast = fast_or_skip();
	struct shingle_table *table = shingle_table_new();
	uint64_t seed = 7;

	(void)state;
	assert_non_null(table);
	for (uint32_t count = 0; count <= COUNT_MAX; count++) {
		uint32_t hash[2 * COUNT_MAX];
		float weight[2 * COUNT_MAX];
		struct lanes_overlap sum[2] = {{{0}, {0}, 0}, {{0}, {0}, 0}};
		for (uint32_t i = 0; i < 2 * count; i++) {
			hash[i] = (i % 3 == 0 ? UINT32_MAX << 20 : prose_next(&seed) << 24) | (i + 1);
			weight[i] = 0.01F + (float)(prose_next(&seed) % 1000) * 0.37F;
		}
		struct shingle_set *set = shingle_set_new(hash, count);
		const struct shingle_slots slots = shingle_table_fill(table, set);
		LANES_PLAIN.overlap(&slots, hash, weight, (size_t)2 * count, &sum[0]);
		fast->overlap(&slots, hash, weight, (size_t)2 * count, &sum[1]);
		assert_memory_equal(&sum[0], &sum[1], sizeof(sum[0]));
		assert_int_equal(sum[0].common, count);
		assert_true(count == 0 || lanes_sum(sum[0].both) < lanes_sum(sum[0].all));
		shingle_set_free(&set);
	}
	shingle_table_free(&table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_windows),
		cmocka_unit_test(test_clocks),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_weigh),
		cmocka_unit_test(test_overlap),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
