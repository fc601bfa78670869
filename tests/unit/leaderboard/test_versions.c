/* Law 5, the reader's side: what says that it is current is no older than PostgreSQL's last answer, and that answer no
 * older than a second and a half. Would catch: a Redis that lags, is put back or is of another history shown as
 * current, anything called current while PostgreSQL is away, a board that goes back, a Redis that is level and not
 * read. */
#include "services/leaderboard/versions.h"

#include "tests/unit/chance.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { CAMPAIGN = 7 };

static int open_versions(void **state)
{
	*state = versions_new();
	return *state == NULL;
}

static int close_versions(void **state)
{
	struct versions *versions = *state;

	versions_free(&versions);
	return 0;
}

/* One turn of asking, in its order. Negative: no answer. */
static bool ask(struct versions *versions, int64_t applied, int64_t version, int64_t now_ms)
{
	bool ahead = false;

	if (applied >= 0) {
		versions_applied(versions, CAMPAIGN, (uint64_t)applied);
		versions_redis_answered(versions, now_ms);
	}
	if (version >= 0) {
		ahead = versions_stored(versions, CAMPAIGN, (uint64_t)version);
		versions_postgresql_answered(versions, now_ms);
	}
	return ahead;
}

static void expect_newest(const struct versions *versions, int64_t now_ms, struct newest expected)
{
	struct newest newest = versions_newest(versions, CAMPAIGN, now_ms);

	assert_int_equal(newest.version, expected.version);
	assert_int_equal(newest.postgresql, expected.postgresql);
	assert_int_equal(newest.redis_is_alien, expected.redis_is_alien);
	assert_int_equal(newest.redis_is_level, expected.redis_is_level);
}

static void test_before_the_first_answer_nothing_is_current(void **state)
{
	struct newest newest = versions_newest(*state, CAMPAIGN, 500);

	expect_newest(*state, 500, (struct newest){0});
	assert_false(newest_is_current(&newest, true));
	/* Redis alone: the newest there is. */
	assert_false(ask(*state, 4, -1, 500));
	expect_newest(*state, 500, (struct newest){.version = 4, .redis_is_level = true});
	/* A campaign that nobody named. */
	assert_int_equal(versions_newest(*state, CAMPAIGN + 1, 500).version, 0);
}

static void test_a_level_redis_is_shown_and_one_behind_is_not(void **state)
{
	struct newest newest;

	assert_false(ask(*state, 9, 9, 1000));
	expect_newest(*state, 1000, (struct newest){.version = 9, .postgresql = true, .redis_is_level = true});
	assert_false(ask(*state, 9, 10, 1250));
	expect_newest(*state, 1250, (struct newest){.version = 10, .postgresql = true});
	newest = versions_newest(*state, CAMPAIGN, 1250);
	assert_false(newest_may_show(&newest, true, 9));
	assert_true(newest_may_show(&newest, true, 10));
	/* Newer than what was asked a moment ago: it comes from a transaction since. */
	assert_true(newest_may_show(&newest, true, 11));
	assert_true(newest_is_current(&newest, true));
	/* Emptied. */
	assert_false(ask(*state, 0, 10, 1500));
	expect_newest(*state, 1500, (struct newest){.version = 10, .postgresql = true});
	assert_int_equal(versions_behind(*state), 10);
}

static void test_an_answer_holds_for_a_second_and_a_half(void **state)
{
	struct newest newest;

	assert_false(ask(*state, 9, 9, 1000));
	newest = versions_newest(*state, CAMPAIGN, 1000 + VERSIONS_FRESH_MS - 1);
	assert_true(newest.postgresql && newest.redis_is_level);
	newest = versions_newest(*state, CAMPAIGN, 1000 + VERSIONS_FRESH_MS);
	assert_false(newest.postgresql || newest.redis_is_level);
	assert_false(newest_is_current(&newest, true));
	assert_true(newest_is_current(&newest, false));
}

static void test_with_postgresql_away_the_newest_is_what_redis_has(void **state)
{
	assert_false(ask(*state, 9, 9, 1000));
	assert_false(ask(*state, 12, -1, 1000 + VERSIONS_FRESH_MS));
	expect_newest(*state, 1000 + VERSIONS_FRESH_MS, (struct newest){.version = 12, .redis_is_level = true});
	/* Put back meanwhile: what PostgreSQL once said is still the least. */
	assert_false(ask(*state, 6, -1, 1250 + VERSIONS_FRESH_MS));
	expect_newest(*state, 1250 + VERSIONS_FRESH_MS, (struct newest){.version = 9});
}

static void test_a_redis_of_another_history_is_not_shown(void **state)
{
	struct newest newest;

	assert_true(ask(*state, 500, 9, 1000));
	/* Told once. */
	assert_false(ask(*state, 500, 9, 1250));
	expect_newest(*state, 1250, (struct newest){.version = 9, .postgresql = true, .redis_is_alien = true});
	newest = versions_newest(*state, CAMPAIGN, 1250);
	assert_false(newest_may_show(&newest, true, 500));
	assert_true(newest_may_show(&newest, false, 9));
	/* Nor when PostgreSQL has gone since. */
	assert_false(ask(*state, 500, -1, 9000));
	expect_newest(*state, 9000, (struct newest){.version = 9, .redis_is_alien = true});
	/* Rebuilt. */
	assert_false(ask(*state, 9, 9, 9250));
	expect_newest(*state, 9250, (struct newest){.version = 9, .postgresql = true, .redis_is_level = true});
	assert_true(ask(*state, 500, 9, 9500));
}

static void test_what_was_read_holds_until_something_newer_is_known(void **state)
{
	struct newest newest = {.version = 9, .postgresql = true, .redis_is_level = true};
	const struct shown read = {.version = 9, .from_redis = true, .current = true, .as_of_us = 5};
	struct shown shown = read;

	(void)state;
	assert_true(newest_still_holds(&newest, &shown, INT64_MAX / 2));
	newest.version = 10;
	assert_false(newest_still_holds(&newest, &shown, 5));
	newest.version = 9;
	/* PostgreSQL has gone: it may not say any more that it is current. */
	newest.postgresql = false;
	assert_false(newest_still_holds(&newest, &shown, 5));
	shown.current = false;
	assert_true(newest_still_holds(&newest, &shown, 5));
	/* And is back. */
	newest.postgresql = true;
	assert_false(newest_still_holds(&newest, &shown, 5));
	shown = read;
	newest.redis_is_alien = true;
	newest.redis_is_level = false;
	assert_false(newest_still_holds(&newest, &shown, 5));
	/* PostgreSQL's own holds then, and while Redis is not level; else it is asked of Redis again, in its time. */
	shown.from_redis = false;
	assert_true(newest_still_holds(&newest, &shown, INT64_MAX / 2));
	newest.redis_is_alien = false;
	newest.redis_is_level = true;
	assert_true(newest_still_holds(&newest, &shown, 5 + VERSIONS_STAND_IN_US));
	assert_false(newest_still_holds(&newest, &shown, 6 + VERSIONS_STAND_IN_US));
}

static void test_campaigns_beyond_the_most_are_as_unknown(void **state)
{
	for (uint32_t campaign = 1; campaign <= VERSIONS_CAMPAIGNS_MAX; campaign++)
		assert_false(versions_stored(*state, campaign, campaign));
	assert_false(versions_stored(*state, VERSIONS_CAMPAIGNS_MAX + 1, 5));
	versions_applied(*state, VERSIONS_CAMPAIGNS_MAX + 1, 6);
	assert_int_equal(versions_newest(*state, VERSIONS_CAMPAIGNS_MAX, 1).version, VERSIONS_CAMPAIGNS_MAX);
	assert_int_equal(versions_newest(*state, VERSIONS_CAMPAIGNS_MAX + 1, 1).version, 0);
	versions_applied(*state, VERSIONS_CAMPAIGNS_MAX, VERSIONS_CAMPAIGNS_MAX);
	assert_int_equal(versions_behind(*state), (uint64_t)VERSIONS_CAMPAIGNS_MAX * (VERSIONS_CAMPAIGNS_MAX - 1) / 2);
}

/* The property ---------------------------------------------------------------------------------------------------- */

enum { TURN_MS = 250, STEPS = 1500, SEEDS = 150, ALIEN = 1000000 };

/* Both servers as they are, and what the reader was told. */
struct life {
	uint64_t seed;
	int64_t now_ms, asked_ms;
	uint64_t version, applied, dump;
	bool postgresql_is_away, redis_is_away;
	uint64_t told_version; /* PostgreSQL's last answer */
	int64_t told_ms;
	bool is_judged; /* both have answered since Redis became what it is */
	struct versions *versions;
	size_t current, not_current, refused;
};

static void happen(struct life *life)
{
	switch (below(&life->seed, 60)) {
	case 0:
		life->postgresql_is_away = !life->postgresql_is_away;
		break;
	case 1:
		life->redis_is_away = !life->redis_is_away;
		break;
	case 2:
		life->applied = 0;
		break;
	case 3:
		life->dump = life->applied;
		break;
	case 4:
		life->applied = life->dump;
		life->is_judged = life->applied < ALIEN;
		break;
	case 5:
		life->applied = ALIEN + below(&life->seed, 100);
		life->is_judged = false;
		break;
	case 6:
		life->applied = life->version; /* rebuilt */
		life->is_judged = true;
		break;
	default:
		if (!life->postgresql_is_away)
			life->version++;
		if (life->applied + 1 == life->version && below(&life->seed, 8) > 0)
			life->applied = life->version;
	}
}

static void take_turn(struct life *life)
{
	if (life->now_ms - life->asked_ms < TURN_MS)
		return;
	life->asked_ms = life->now_ms;
	(void)ask(life->versions, life->redis_is_away ? -1 : (int64_t)life->applied,
		life->postgresql_is_away ? -1 : (int64_t)life->version, life->now_ms);
	if (life->postgresql_is_away)
		return;
	life->told_version = life->version;
	life->told_ms = life->now_ms;
	life->is_judged |= !life->redis_is_away;
}

static void look(struct life *life)
{
	struct newest newest = versions_newest(life->versions, CAMPAIGN, life->now_ms);
	bool shows = !life->redis_is_away && newest_may_show(&newest, true, life->applied);

	/* It does not go back behind what PostgreSQL said, whoever is away. */
	assert_true(newest.version >= life->told_version);
	if (!shows) {
		life->refused++;
		return;
	}
	assert_true(life->applied >= life->told_version);
	if (life->is_judged)
		assert_true(life->applied < ALIEN);
	if (!newest_is_current(&newest, true)) {
		life->not_current++;
		return;
	}
	assert_true(life->now_ms - life->told_ms < VERSIONS_FRESH_MS);
	life->current++;
}

static void test_what_is_current_is_as_new_as_the_last_answer(void **state)
{
	size_t current = 0, not_current = 0, refused = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct life life = {.seed = seed, .now_ms = 1000, .is_judged = true, .versions = versions_new()};

		for (int step = 0; step < STEPS; step++) {
			life.now_ms += below(&life.seed, 120);
			happen(&life);
			take_turn(&life);
			look(&life);
		}
		current += life.current;
		not_current += life.not_current;
		refused += life.refused;
		versions_free(&life.versions);
	}
	/* Else nothing was shown, and that proves nothing. */
	assert_true(current > SEEDS * STEPS / 20 && not_current > SEEDS * STEPS / 50 && refused > SEEDS * STEPS / 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_before_the_first_answer_nothing_is_current, open_versions, close_versions),
		cmocka_unit_test_setup_teardown(
			test_a_level_redis_is_shown_and_one_behind_is_not, open_versions, close_versions),
		cmocka_unit_test_setup_teardown(
			test_an_answer_holds_for_a_second_and_a_half, open_versions, close_versions),
		cmocka_unit_test_setup_teardown(
			test_with_postgresql_away_the_newest_is_what_redis_has, open_versions, close_versions),
		cmocka_unit_test_setup_teardown(
			test_a_redis_of_another_history_is_not_shown, open_versions, close_versions),
		cmocka_unit_test(test_what_was_read_holds_until_something_newer_is_known),
		cmocka_unit_test_setup_teardown(
			test_campaigns_beyond_the_most_are_as_unknown, open_versions, close_versions),
		cmocka_unit_test(test_what_is_current_is_as_new_as_the_last_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
