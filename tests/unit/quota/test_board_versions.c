/* Law 5, the writer's side: every board comes back to PostgreSQL's version, whatever Redis lost, and none is rebuilt
 * while it is on its way there. Would catch: a board that is missing, lags, is of another history or an older tree and
 * stays so; a gap that is rebuilt before its news could come; one campaign's standstill taken for another's; an age
 * that forgets the oldest. */
#include "services/quota/board_versions.h"

#include "tests/unit/quota/world.h"

enum { CAMPAIGN = 7, LOOK_MS = 500 };

static struct board_state at(int64_t applied)
{
	return (struct board_state){.exists = true, .applied = applied, .generation = 1, .tree = 3};
}

static enum board_care look(struct board_versions *versions, struct board_state state, int64_t version, int64_t now_ms)
{
	const struct board_newest newest = {.version = version, .tree = 3};

	return board_versions_look(versions, CAMPAIGN, &state, &newest, now_ms);
}

static struct board_versions *fresh(void)
{
	static struct board_versions versions;

	memset(&versions, 0, sizeof(versions));
	return &versions;
}

static void test_what_is_rebuilt_and_why(void **state)
{
	struct board_state board = at(9);

	(void)state;
	assert_int_equal(look(fresh(), (struct board_state){0}, 0, 0), BOARD_MAKE);
	assert_int_equal(look(fresh(), (struct board_state){.building = true}, 9, 0), BOARD_MAKE);
	assert_int_equal(look(fresh(), at(9), 9, 0), BOARD_LEAVE);
	assert_int_equal(look(fresh(), at(8), 9, 0), BOARD_LEAVE);
	assert_int_equal(look(fresh(), at(10), 9, 0), BOARD_REPLACE);
	board.tree = 2;
	assert_int_equal(look(fresh(), board, 9, 0), BOARD_REPLANT);
	/* Moves of units are seen by one instance before the other: it must not put the older tree back. */
	board.tree = 4;
	assert_int_equal(look(fresh(), board, 9, 0), BOARD_LEAVE);
	board = at(9);
	board.building = true;
	assert_int_equal(look(fresh(), board, 9, 0), BOARD_TIDY);
	/* Ahead comes before all else: nothing that is built over it would be taken. */
	board = at(10);
	board.tree = 2;
	board.building = true;
	assert_int_equal(look(fresh(), board, 9, 0), BOARD_REPLACE);
}

static void test_a_gap_has_its_time_to_close(void **state)
{
	struct board_versions *versions = fresh();

	(void)state;
	assert_int_equal(look(versions, at(5), 9, 1000), BOARD_LEAVE);
	assert_int_equal(look(versions, at(5), 12, 1000 + BOARD_GAP_MS), BOARD_LEAVE);
	/* It moved: others are on their way. */
	assert_int_equal(look(versions, at(6), 12, 1001 + BOARD_GAP_MS), BOARD_LEAVE);
	assert_int_equal(look(versions, at(6), 12, 1001 + 2 * BOARD_GAP_MS), BOARD_LEAVE);
	assert_int_equal(look(versions, at(6), 12, 1002 + 2 * BOARD_GAP_MS), BOARD_CLOSE_GAP);
	/* The rebuild has its time too. */
	assert_int_equal(look(versions, at(6), 12, 1500 + 2 * BOARD_GAP_MS), BOARD_LEAVE);
	assert_int_equal(look(versions, at(6), 12, 1501 + 3 * BOARD_GAP_MS), BOARD_CLOSE_GAP);
}

static void test_where_there_is_no_gap_none_grows_old(void **state)
{
	struct board_versions *versions = fresh();

	(void)state;
	/* Nothing happened for hours, then one transaction whose news are on their way. */
	assert_int_equal(look(versions, at(0), 0, 1000), BOARD_LEAVE);
	assert_int_equal(look(versions, at(0), 0, 9000000), BOARD_LEAVE);
	assert_int_equal(look(versions, at(0), 1, 9000500), BOARD_LEAVE);
	/* Away, and back by another instance's hand where it stood before. */
	assert_int_equal(look(versions, (struct board_state){0}, 1, 9002000), BOARD_MAKE);
	assert_int_equal(look(versions, at(0), 1, 9003000), BOARD_LEAVE);
}

static void test_campaigns_are_watched_each_for_itself(void **state)
{
	struct board_versions *versions = fresh();
	const struct board_state still = at(5), moving = at(8);
	const struct board_newest newest = {.version = 9, .tree = 3};
	int64_t late_ms = BOARD_GAP_MS + 1;

	(void)state;
	assert_int_equal(board_versions_look(versions, 1, &still, &newest, 0), BOARD_LEAVE);
	assert_int_equal(board_versions_look(versions, 2, &still, &newest, 0), BOARD_LEAVE);
	assert_int_equal(board_versions_look(versions, 2, &moving, &newest, late_ms), BOARD_LEAVE);
	assert_int_equal(board_versions_look(versions, 1, &still, &newest, late_ms), BOARD_CLOSE_GAP);

	for (uint32_t campaign = 3; campaign <= BOARD_CAMPAIGNS_MAX + 1; campaign++)
		assert_int_equal(board_versions_look(versions, campaign, &still, &newest, 0), BOARD_LEAVE);
	assert_int_equal(board_versions_look(versions, BOARD_CAMPAIGNS_MAX + 1, &still, &newest, late_ms), BOARD_LEAVE);
	assert_int_equal(board_versions_look(versions, BOARD_CAMPAIGNS_MAX + 1, &(struct board_state){0}, &newest, 0),
		BOARD_MAKE);
	assert_int_equal(board_versions_look(versions, BOARD_CAMPAIGNS_MAX, &still, &newest, late_ms), BOARD_CLOSE_GAP);
}

static void test_the_age_is_that_of_the_oldest(void **state)
{
	struct board_versions *versions = fresh();
	const struct board_state level = at(9), behind = at(8);
	const struct board_newest newest = {.version = 9, .tree = 3};

	(void)state;
	assert_int_equal(board_versions_age_ms(versions, 5000), 0);
	/* Of one that was never current since it was first looked at. */
	assert_int_equal(board_versions_look(versions, 1, &behind, &newest, 1000), BOARD_LEAVE);
	assert_int_equal(board_versions_look(versions, 2, &level, &newest, 1000), BOARD_LEAVE);
	assert_int_equal(board_versions_look(versions, 2, &level, &newest, 2500), BOARD_LEAVE);
	assert_int_equal(board_versions_age_ms(versions, 3000), 2000);
	assert_int_equal(board_versions_look(versions, 1, &level, &newest, 3000), BOARD_LEAVE);
	assert_int_equal(board_versions_age_ms(versions, 3000), 500);
	/* Nobody looks, for Redis is away: it grows. */
	assert_int_equal(board_versions_age_ms(versions, 60000), 57500);
}

/* The property ---------------------------------------------------------------------------------------------------- */

enum { NEWS_MAX = 64, LATE_MS = 1500, STEPS = 400, SEEDS = 200, CALM_MS = LATE_MS + BOARD_GAP_MS + 3 * LOOK_MS };

/* Transactions whose news are late or lost, a Redis that is emptied and put back, units that move, rebuilds that fail.
 */
struct life {
	uint64_t seed;
	int64_t now_ms, looked_ms;
	struct board_newest newest;
	struct board_state board, dump;
	int64_t committed_ms[STEPS + 1]; /* of each version */
	struct news {
		int64_t version, comes_ms;
	} news[NEWS_MAX];
	size_t news_count;
	struct board_versions versions;
	size_t cared[BOARD_TIDY + 1];
};

/* What the scripts of Redis keep: the end of what is in without a gap. */
static void deliver(struct life *life)
{
	bool again = true;

	while (again) {
		again = false;
		for (size_t i = 0; i < life->news_count; i++)
			if (life->news[i].version == life->board.applied + 1 &&
				life->news[i].comes_ms <= life->now_ms && life->board.exists) {
				life->board.applied++;
				again = true;
			}
	}
	for (size_t i = 0; i < life->news_count; i++)
		if (life->news[i].version <= life->board.applied)
			life->news[i--] = life->news[--life->news_count];
}

static void commit(struct life *life, bool may_be_lost)
{
	if (life->news_count == NEWS_MAX)
		return;
	life->newest.version++;
	life->committed_ms[life->newest.version] = life->now_ms;
	if (!may_be_lost || below(&life->seed, 20) > 0)
		life->news[life->news_count++] =
			(struct news){life->newest.version, life->now_ms + (int64_t)below(&life->seed, LATE_MS)};
}

static void disturb(struct life *life)
{
	switch (below(&life->seed, 200)) {
	case 0:
		life->board = (struct board_state){0};
		life->news_count = 0;
		break;
	case 1:
		life->dump = life->board;
		break;
	case 2:
		life->board = life->dump;
		break;
	case 3: /* of another history */
		life->board = at(life->newest.version + 1 + (int64_t)below(&life->seed, 1000));
		break;
	case 4:
		life->newest.tree++;
		break;
	case 5:
		life->board.building = true;
		break;
	default:
		break;
	}
}

static void keep(struct life *life, bool may_fail)
{
	enum board_care care;

	if (life->now_ms - life->looked_ms < LOOK_MS)
		return;
	life->looked_ms = life->now_ms;
	care = board_versions_look(&life->versions, CAMPAIGN, &life->board, &life->newest, life->now_ms);
	life->cared[care]++;
	/* What is missing was committed so long ago that its news are lost. */
	if (care == BOARD_CLOSE_GAP)
		assert_true(life->now_ms - life->committed_ms[life->board.applied + 1] > BOARD_GAP_MS);
	if (care == BOARD_LEAVE || (may_fail && below(&life->seed, 3) == 0))
		return;
	/* A board that is ahead is not replaced before it is gone. */
	if (care == BOARD_TIDY)
		life->board.building = false;
	else if (care == BOARD_REPLACE || life->board.applied <= life->newest.version)
		life->board = (struct board_state){
			.exists = true, .applied = life->newest.version, .tree = life->newest.tree};
}

static void test_every_board_comes_back_to_the_version(void **state)
{
	size_t cared[BOARD_TIDY + 1] = {0};

	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct life *life = calloc(1, sizeof(*life));
		int64_t calm_ms;

		life->seed = seed;
		for (int step = 0; step < STEPS; step++) {
			life->now_ms += below(&life->seed, 100);
			commit(life, true);
			deliver(life);
			disturb(life);
			keep(life, true);
		}
		/* Faults stop; the last news are on their way, and a gap is mended once. */
		calm_ms = life->now_ms + CALM_MS;
		while (life->now_ms < calm_ms) {
			life->now_ms += below(&life->seed, 50);
			deliver(life);
			keep(life, false);
		}
		assert_true(life->board.exists && !life->board.building);
		assert_int_equal(life->board.applied, life->newest.version);
		assert_int_equal(life->board.tree, life->newest.tree);
		assert_in_range(board_versions_age_ms(&life->versions, life->now_ms), 0, LOOK_MS);
		for (size_t care = 0; care < ARRAY_LENGTH(cared); care++)
			cared[care] += life->cared[care];
		free(life);
	}
	/* Else nothing of it happened. */
	for (size_t care = 0; care < ARRAY_LENGTH(cared); care++)
		assert_true(cared[care] > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_rebuilt_and_why),
		cmocka_unit_test(test_a_gap_has_its_time_to_close),
		cmocka_unit_test(test_where_there_is_no_gap_none_grows_old),
		cmocka_unit_test(test_campaigns_are_watched_each_for_itself),
		cmocka_unit_test(test_the_age_is_that_of_the_oldest),
		cmocka_unit_test(test_every_board_comes_back_to_the_version),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
