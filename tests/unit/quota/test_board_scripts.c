/* Law 5, what Redis itself decides, by its own scripts: whatever order the versions come in, and how often, a row is
 * that of the newest, and `applied` is the end of what is in without a gap; a rebuild changes nothing for readers until
 * it is whole. Would catch: a greater figure kept for a newer one, a late version that puts a row back, a gap that is
 * jumped, news lost while a generation is built, a rebuild that puts the board back, one by who has lost the lock. */
#include "services/quota/board_store.h"

#include "tests/unit/await.h"
#include "tests/unit/quota/world.h"

enum { TIMEOUT_MS = 5000, PATIENCE_MS = 60000, UNITS = 6, VERSIONS = 40, PHASE = 1, SEEDS = 12, NOT_THERE = -1 };

static int open_store(void **state)
{
	const char *address = getenv("SANGKIEN_TEST_REDIS");
	struct board_store *store = address == NULL ? NULL : board_store_open(address, NULL, NULL, TIMEOUT_MS);
	int64_t deadline_ms = clock_monotonic_ms() + PATIENCE_MS;

	*state = store;
	while (store != NULL && !board_store_ready(store))
		if (!await_again(deadline_ms))
			return -1;
	return 0;
}

static int close_store(void **state)
{
	struct board_store *store = *state;

	board_store_close(&store);
	return 0;
}

/* Of a private server; tests/run starts one. */
static struct board_store *store_of(void **state)
{
	if (*state == NULL)
		skip();
	return *state;
}

/* What PostgreSQL would say: each version changes some units, up or down. */
struct life {
	uint64_t seed;
	struct board_store *store;
	uint32_t campaign;
	int64_t entered[VERSIONS + 1][UNITS];
	bool changed[VERSIONS + 1][UNITS];
	/* What the board must show: a snapshot, and what came since. */
	int64_t base;
	bool came[VERSIONS + 1];
	int64_t generation;
};

static uint32_t parent_of(uint32_t unit)
{
	return unit / (UNITS / 2);
}

static void open_life(struct life *life, struct board_store *store, uint64_t seed)
{
	*life = (struct life){.seed = seed, .store = store, .campaign = (uint32_t)seed};
	for (int64_t version = 1; version <= VERSIONS; version++) {
		memcpy(life->entered[version], life->entered[version - 1], sizeof(life->entered[version]));
		for (uint32_t i = 0; i <= below(&life->seed, 3); i++) {
			uint32_t unit = below(&life->seed, UNITS);

			life->changed[version][unit] = true;
			life->entered[version][unit] = below(&life->seed, 50);
		}
	}
}

static struct board_news news_of(const struct life *life, int64_t version, bool all, struct board_row rows[UNITS])
{
	struct board_news news = {.campaign = life->campaign, .version = version, .rows = rows};

	for (uint32_t unit = 0; unit < UNITS; unit++)
		if (all || life->changed[version][unit])
			rows[news.count++] = (struct board_row){.unit = unit,
				.parent = parent_of(unit),
				.phase = PHASE,
				.entered = life->entered[version][unit]};
	return news;
}

static void bring(struct life *life, int64_t version)
{
	struct board_row rows[UNITS];
	const struct board_news news = news_of(life, version, false, rows);

	assert_true(board_store_apply(life->store, &news, 1));
	life->came[version] = true;
}

static void take(const struct board_stored *stored, void *context)
{
	int64_t *found = context;

	assert_true(stored->readable && stored->row.unit < UNITS);
	found[stored->row.unit] = stored->row.entered;
}

static void expect_board(const struct life *life)
{
	struct board_state state;
	int64_t applied = life->base, found[UNITS], expected[UNITS];

	while (applied < VERSIONS && life->came[applied + 1])
		applied++;
	assert_true(board_store_state(life->store, life->campaign, &state));
	assert_true(state.exists);
	assert_int_equal(state.applied, applied);
	assert_int_equal(state.generation, life->generation);
	for (uint32_t unit = 0; unit < UNITS; unit++) {
		found[unit] = NOT_THERE;
		expected[unit] = life->entered[life->base][unit];
	}
	for (int64_t version = life->base + 1; version <= VERSIONS; version++)
		for (uint32_t unit = 0; unit < UNITS; unit++)
			if (life->came[version] && life->changed[version][unit])
				expected[unit] = life->entered[version][unit];
	for (uint32_t parent = 0; parent <= parent_of(UNITS - 1); parent++)
		assert_true(
			board_store_read(life->store, life->campaign, state.generation, parent, PHASE, take, found));
	assert_memory_equal(found, expected, sizeof(found));
}

/* The next steps of one rebuild. */
static void begin(const struct life *life, struct board_rebuild *rebuild)
{
	assert_true(board_store_begin(life->store, life->campaign, rebuild));
}

static void load(const struct life *life, const struct board_rebuild *rebuild, int64_t version)
{
	struct board_row rows[UNITS];
	const struct board_news news = news_of(life, version, true, rows);

	assert_true(board_store_load(life->store, rebuild, &news));
}

static int64_t switch_to(const struct life *life, const struct board_rebuild *rebuild, int64_t version)
{
	int64_t applied;

	assert_true(board_store_switch(life->store, rebuild, version, 1, &applied));
	return applied;
}

/* The first board of a campaign, at version 0. */
static void make(struct life *life)
{
	struct board_rebuild rebuild;

	begin(life, &rebuild);
	load(life, &rebuild, 0);
	assert_int_equal(switch_to(life, &rebuild, 0), 0);
	board_store_end(life->store, &rebuild);
	life->generation = rebuild.generation;
	expect_board(life);
}

/* From the first `from` of the versions, in any order, some of them twice. */
static void shuffle(struct life *life, int64_t versions[VERSIONS])
{
	for (int64_t i = 0; i < VERSIONS; i++)
		versions[i] = i + 1;
	/* Late by a few, as in life, so that the board gets on meanwhile. */
	for (int64_t i = 0; i + 1 < VERSIONS; i++) {
		int64_t other = i + below(&life->seed, VERSIONS - i < 6 ? (uint32_t)(VERSIONS - i) : 6);
		int64_t version = versions[i];

		versions[i] = versions[other];
		versions[other] = version;
	}
}

static void bring_some(struct life *life, const int64_t *versions, int64_t from, int64_t to)
{
	for (int64_t i = from; i < to; i++) {
		bring(life, versions[i]);
		expect_board(life);
		if (i > 0 && below(&life->seed, 3) == 0) {
			/* Again: an answer was lost. */
			bring(life, versions[below(&life->seed, (uint32_t)i)]);
			expect_board(life);
		}
	}
}

static void test_any_order_gives_the_newest_rows(void **state)
{
	struct board_store *store = store_of(state);

	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct life life;
		int64_t versions[VERSIONS];

		open_life(&life, store, seed);
		shuffle(&life, versions);
		make(&life);
		bring_some(&life, versions, 0, VERSIONS);
		for (int64_t version = 1; version <= VERSIONS; version++)
			assert_true(life.came[version]);
	}
}

/* News that come while a generation is built are in it, and readers see the one before until then. */
static void test_a_rebuild_shows_when_it_is_whole_and_misses_nothing(void **state)
{
	struct board_store *store = store_of(state);

	for (uint64_t seed = 101; seed <= 100 + SEEDS; seed++) {
		struct life life;
		struct board_rebuild rebuild;
		int64_t versions[VERSIONS], snapshot = 0, applied;
		int64_t begun, loaded, switched;

		open_life(&life, store, seed);
		begun = below(&life.seed, VERSIONS / 2);
		loaded = begun + below(&life.seed, 8);
		switched = loaded + below(&life.seed, 8);
		shuffle(&life, versions);
		make(&life);
		bring_some(&life, versions, 0, begun);
		begin(&life, &rebuild);
		/* What had come was committed before, so the snapshot has it. */
		for (int64_t i = 0; i < begun; i++)
			snapshot = versions[i] > snapshot ? versions[i] : snapshot;
		snapshot += below(&life.seed, 3);
		bring_some(&life, versions, begun, loaded);
		load(&life, &rebuild, snapshot);
		expect_board(&life);
		bring_some(&life, versions, loaded, switched);
		applied = switch_to(&life, &rebuild, snapshot);
		life.base = snapshot;
		life.generation = rebuild.generation;
		assert_true(applied >= snapshot);
		expect_board(&life);
		board_store_end(store, &rebuild);
		bring_some(&life, versions, switched, VERSIONS);
	}
}

static void test_there_is_no_board_until_it_is_built(void **state)
{
	struct life life;
	struct board_state board;

	open_life(&life, store_of(state), 201);
	bring(&life, 1);
	assert_true(board_store_state(life.store, life.campaign, &board));
	assert_false(board.exists);
	life.came[1] = false;
	make(&life);
	/* Of another history: gone until it is built anew. */
	assert_true(board_store_drop(life.store, life.campaign));
	assert_true(board_store_state(life.store, life.campaign, &board));
	assert_false(board.exists);
}

static void test_a_rebuild_does_not_put_the_board_back(void **state)
{
	struct life life;
	struct board_rebuild rebuild;

	open_life(&life, store_of(state), 202);
	make(&life);
	for (int64_t version = 1; version <= 5; version++)
		bring(&life, version);
	begin(&life, &rebuild);
	load(&life, &rebuild, 3);
	assert_int_equal(switch_to(&life, &rebuild, 3), -2);
	board_store_end(life.store, &rebuild);
	expect_board(&life);
}

static void test_one_rebuilds_at_a_time(void **state)
{
	struct life life;
	struct board_rebuild first, second;
	struct board_row rows[UNITS];
	struct board_news news;

	open_life(&life, store_of(state), 203);
	make(&life);
	begin(&life, &first);
	assert_false(board_store_begin(life.store, life.campaign, &second));
	board_store_end(life.store, &first);
	begin(&life, &second);
	/* The first was paused, and goes on: it has the lock no more. */
	news = news_of(&life, 1, true, rows);
	assert_false(board_store_load(life.store, &first, &news));
	assert_int_equal(switch_to(&life, &first, 1), -1);
	board_store_end(life.store, &first);
	load(&life, &second, 2);
	assert_int_equal(switch_to(&life, &second, 2), 2);
	board_store_end(life.store, &second);
	life.base = 2;
	life.generation = second.generation;
	expect_board(&life);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_any_order_gives_the_newest_rows),
		cmocka_unit_test(test_a_rebuild_shows_when_it_is_whole_and_misses_nothing),
		cmocka_unit_test(test_there_is_no_board_until_it_is_built),
		cmocka_unit_test(test_a_rebuild_does_not_put_the_board_back),
		cmocka_unit_test(test_one_rebuilds_at_a_time),
	};

	return cmocka_run_group_tests(tests, open_store, close_store);
}
