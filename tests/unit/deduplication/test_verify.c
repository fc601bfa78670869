/* Would catch: a score that depends on which of two texts came first, a copy below the threshold, a form above it, a
 * short text accused. */
#include "services/deduplication/verify.h"

#include "tests/unit/deduplication/texts.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct world {
	struct fold_table *fold;
	struct signer *signer;
	struct verifier *verifier;
	struct weights *weights;
};

static int open_world(void **state)
{
	static struct world world;

	world.fold = fold_table_new();
	world.signer = signer_new(world.fold);
	world.verifier = verifier_new();
	world.weights = weights_new_empty();
	*state = &world;
	return 0;
}

static int close_world(void **state)
{
	struct world *world = *state;

	weights_free(&world->weights);
	verifier_free(&world->verifier);
	signer_free(&world->signer);
	fold_table_free(&world->fold);
	return 0;
}

/* Both ways round must be the same. */
static double score(struct world *world, const char *a, const char *b)
{
	struct shingle_set *one = signer_shingles_of(world->signer, (struct bytes){(const uint8_t *)a, strlen(a)});
	struct shingle_set *two = signer_shingles_of(world->signer, (struct bytes){(const uint8_t *)b, strlen(b)});

	verifier_take(world->verifier, world->weights, one);
	double there = verifier_score(world->verifier, two);
	verifier_take(world->verifier, world->weights, two);
	double back = verifier_score(world->verifier, one);
	assert_true(there - back < 1e-4 && back - there < 1e-4);
	assert_true(there >= 0 && there <= 1);
	shingle_set_free(&one);
	shingle_set_free(&two);
	return there;
}

static void test_likeness(void **state)
{
	char a[PROSE_SIZE] = "", b[PROSE_SIZE] = "", half[PROSE_SIZE] = "", other[PROSE_SIZE] = "";

	prose_add(a, 1, 120);
	prose_add(b, 1, 100);
	prose_add(b, 2, 20);
	prose_add(half, 1, 60);
	prose_add(other, 3, 120);
	assert_true(score(*state, a, a) > 0.9999);
	assert_true(score(*state, a, b) > 0.8 && score(*state, a, b) < 0.95);
	assert_true(score(*state, a, half) > 0.9);
	assert_true(score(*state, a, other) < 0.2);
}

/* A sentence within a report is a quotation. */
static void test_much_smaller_fades(void **state)
{
	char whole[PROSE_SIZE] = "", part[PROSE_SIZE] = "";

	prose_add(whole, 1, 300);
	prose_add(part, 1, 30);
	assert_true(score(*state, whole, part) < 0.5);
}

static void test_short_texts(void **state)
{
	assert_true(score(*state, "Dùng xe đẩy", "Dùng xe đẩy hàng") == 0);
	assert_true(score(*state, "Dùng xe đẩy", "dung XE day") == 1);
	assert_true(score(*state, "", "") == 0);
	assert_true(score(*state, "ab", "") == 0);
}

static void repeat(char text[PROSE_SIZE], int times)
{
	for (int i = 0, size = 0; i < times; i++)
		size += snprintf(text + size, PROSE_SIZE - (size_t)size, "sáng kiến ");
}

/* One word over and over has few shingles, and is the same however often. */
static void test_repeated_word(void **state)
{
	char often[PROSE_SIZE] = "", oftener[PROSE_SIZE] = "";

	repeat(often, 50);
	repeat(oftener, 300);
	assert_true(score(*state, often, oftener) == 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_likeness),
		cmocka_unit_test(test_much_smaller_fades),
		cmocka_unit_test(test_short_texts),
		cmocka_unit_test(test_repeated_word),
	};

	return cmocka_run_group_tests(tests, open_world, close_world);
}
