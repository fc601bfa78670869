/* Law 3: of two copies exactly one counts, also where the index that was asked about the first has been rebuilt since.
 * Would catch: a verdict of a passed epoch let in, one shard of several not looked at, an unknown shard taken for a
 * good one, a decided verdict asked about again, locks taken in another order by two batches. */
#include "services/quota/fence.h"

#include "tests/unit/quota/world.h"

enum { VERDICTS = 12, SHARDS = 6, CONSULTED_MAX = 4, EPOCHS = 3, ARENA_BYTES = 1 << 16 };

static uint32_t *shards_of(const struct verdict *verdicts, size_t count, size_t *shard_count)
{
	static struct arena *arena;
	uint32_t *shards;

	if (arena == NULL)
		arena = arena_new(ARENA_BYTES);
	arena_reset(arena);
	shards = fence_shards(verdicts, count, arena, shard_count);
	assert_non_null(shards);
	return shards;
}

static void test_each_shard_is_locked_once_in_one_order(void **state)
{
	const struct shard_epoch first[] = {{7, 1}, {2, 1}}, second[] = {{2, 1}, {0, 4}, {7, 1}}, decided[] = {{3, 1}};
	const struct verdict verdicts[] = {{.consulted = first, .consulted_count = 2},
		{.consulted = decided, .consulted_count = 1, .fate = FATE_DECIDED},
		{.consulted = NULL, .consulted_count = 0}, {.consulted = second, .consulted_count = 3}};
	const uint32_t expected[] = {0, 2, 7};
	size_t count;
	const uint32_t *shards = shards_of(verdicts, ARRAY_LENGTH(verdicts), &count);

	(void)state;
	assert_int_equal(count, ARRAY_LENGTH(expected));
	assert_memory_equal(shards, expected, sizeof(expected));
	shards_of(&verdicts[1], 2, &count);
	assert_int_equal(count, 0);
}

static void test_a_full_arena_is_said(void **state)
{
	const struct shard_epoch consulted[] = {{1, 1}};
	const struct verdict verdict = {.consulted = consulted, .consulted_count = 1};
	struct arena *arena = arena_new(64);
	size_t count;

	(void)state;
	while (arena_alloc(arena, 16) != NULL)
		;
	assert_null(fence_shards(&verdict, 1, arena, &count));
	arena_free(&arena);
}

static void expect_one(const struct shard_epoch *consulted, size_t consulted_count, bool admitted)
{
	const struct shard_epoch locked[] = {{4, 10}, {1, 7}};
	struct verdict verdict = {.consulted = consulted, .consulted_count = consulted_count};

	fence_judge(&verdict, 1, locked, ARRAY_LENGTH(locked));
	assert_int_equal(verdict.fate, admitted ? FATE_OPEN : FATE_NOT_NOW);
	assert_int_equal(verdict.is_fenced, !admitted);
}

static void test_only_the_epochs_of_now_are_admitted(void **state)
{
	(void)state;
	expect_one((struct shard_epoch[]){{1, 7}}, 1, true);
	expect_one((struct shard_epoch[]){{1, 7}, {4, 10}}, 2, true);
	/* Nobody was asked about what the rules refused. */
	expect_one(NULL, 0, true);
	/* Rebuilt since. */
	expect_one((struct shard_epoch[]){{1, 6}}, 1, false);
	expect_one((struct shard_epoch[]){{1, 7}, {4, 9}}, 2, false);
	expect_one((struct shard_epoch[]){{1, 6}, {4, 10}}, 2, false);
	/* Of an owner whose claim PostgreSQL has lost: no owner of now knows what that one was asked. */
	expect_one((struct shard_epoch[]){{1, 8}}, 1, false);
	/* Nobody has ever claimed it. */
	expect_one((struct shard_epoch[]){{2, 7}}, 1, false);
	/* The other shard's epoch is not this one's. */
	expect_one((struct shard_epoch[]){{4, 7}}, 1, false);
}

static void test_the_others_of_a_batch_keep_their_fate(void **state)
{
	const struct shard_epoch fresh[] = {{0, 2}}, stale[] = {{0, 1}}, locked[] = {{0, 2}};
	struct verdict verdicts[] = {{.consulted = stale, .consulted_count = 1, .fate = FATE_DECIDED},
		{.consulted = stale, .consulted_count = 1}, {.consulted = fresh, .consulted_count = 1},
		{.consulted = stale, .consulted_count = 1, .fate = FATE_REFUSED}};

	(void)state;
	fence_judge(verdicts, ARRAY_LENGTH(verdicts), locked, 1);
	/* What came before its commit's answer was lost is decided, whatever became of the index. */
	assert_int_equal(verdicts[0].fate, FATE_DECIDED);
	assert_int_equal(verdicts[1].fate, FATE_NOT_NOW);
	assert_int_equal(verdicts[2].fate, FATE_OPEN);
	assert_int_equal(verdicts[3].fate, FATE_REFUSED);
	for (size_t i = 0; i < ARRAY_LENGTH(verdicts); i++)
		assert_int_equal(verdicts[i].is_fenced, i == 1);
}

/* The property ------------------------------------------------------------------------------------------------------
 */

/* Texts 0 … are asked about, decided, and forgotten by owners that die with what was under way. */
struct life {
	uint64_t seed;
	uint64_t epochs[SHARDS]; /* rows of index_shard */
	bool posted[SHARDS];     /* a copy of the shard's text is in its owner's index */
	size_t counted[SHARDS];  /* copies that count */
	struct under_way {
		struct shard_epoch consulted[CONSULTED_MAX];
		struct verdict verdict;
		uint32_t text;
		bool copy; /* an owner named another one */
	} under_way[VERDICTS];
	size_t count;
};

/* Shard s alone knows the copies of text s; the others are asked as well. */
static void ask(struct life *life)
{
	struct under_way *one = &life->under_way[life->count];
	uint32_t others = below(&life->seed, CONSULTED_MAX);

	if (life->count == VERDICTS)
		return;
	life->count++;
	*one = (struct under_way){.text = below(&life->seed, SHARDS)};
	one->copy = life->posted[one->text];
	life->posted[one->text] = true;
	for (uint32_t i = 0; i <= others; i++) {
		uint32_t shard = (one->text + i) % SHARDS;
		one->consulted[others - i] = (struct shard_epoch){shard, life->epochs[shard]};
	}
	one->verdict.consulted_count = others + 1;
}

/* A new owner raises the epoch, then it takes in what was decided. */
static void rebuild(struct life *life)
{
	uint32_t shard = below(&life->seed, SHARDS);

	life->epochs[shard]++;
	life->posted[shard] = life->counted[shard] > 0;
}

static void decide(struct life *life)
{
	struct verdict batch[VERDICTS];
	struct shard_epoch locked[SHARDS];
	size_t shard_count, count = life->count;
	const uint32_t *shards;

	for (size_t i = 0; i < count; i++) {
		batch[i] = life->under_way[i].verdict;
		batch[i].consulted = life->under_way[i].consulted;
	}
	shards = shards_of(batch, count, &shard_count);
	for (size_t i = 0; i < shard_count; i++)
		locked[i] = (struct shard_epoch){shards[i], life->epochs[shards[i]]};
	fence_judge(batch, count, locked, shard_count);
	for (size_t i = 0; i < count; i++)
		if (batch[i].fate == FATE_OPEN && !life->under_way[i].copy)
			life->counted[life->under_way[i].text]++;
	/* Those that were fenced are asked about anew, as texts that come later. */
	life->count = 0;
}

static void test_no_two_copies_count_whatever_is_rebuilt(void **state)
{
	size_t counted = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= 300; seed++) {
		struct life life = {.seed = seed};

		for (int step = 0; step < 200; step++) {
			uint32_t chance = below(&life.seed, 20);

			if (chance < 12)
				ask(&life);
			else if (chance < 15)
				rebuild(&life);
			else
				decide(&life);
			for (uint32_t text = 0; text < SHARDS; text++)
				assert_true(life.counted[text] <= 1);
		}
		for (uint32_t text = 0; text < SHARDS; text++)
			counted += life.counted[text];
	}
	/* Else the fence lets nothing through, and proves nothing. */
	assert_true(counted > 300 * SHARDS / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_shard_is_locked_once_in_one_order),
		cmocka_unit_test(test_a_full_arena_is_said),
		cmocka_unit_test(test_only_the_epochs_of_now_are_admitted),
		cmocka_unit_test(test_the_others_of_a_batch_keep_their_fate),
		cmocka_unit_test(test_no_two_copies_count_whatever_is_rebuilt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
