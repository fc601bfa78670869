/* Would catch: a submission that appears late with an earlier id and is never found, a walk without the role, one that
 * leaves out what PostgreSQL failed at, one that keeps PostgreSQL busy (laws 2 and 7). */
#include "tests/unit/intake/sweep_steps.h"

/* The role -------------------------------------------------------------------------------------------------------- */

static void nothing_is_walked_without_the_role(void **state)
{
	int asked = 0;
	(void)state;
	for (int i = 0; i < 10 * RENEW_MS / SWEEP_STEP_MS; i++, later(SWEEP_STEP_MS)) {
		struct sweep_step step = sweep_walk_next(walk, &sight);
		if (step.action == SWEEP_ELECT) {
			asked++;
			assert_false(sweep_walk_elected(walk, 0));
			step = sweep_walk_next(walk, &sight);
		}
		assert_int_equal(step.action, SWEEP_WAIT);
	}
	assert_int_equal(asked, 10);
	assert_false(sweep_walk_holds_role(walk, sight.now_ms));
}

/* It must not last longer here than PostgreSQL says. */
static void the_role_is_counted_from_before_the_question(void **state)
{
	(void)state;
	assert_int_equal(sweep_walk_next(walk, &sight).action, SWEEP_ELECT);
	later(SWEEP_ROLE_MS - 1);
	assert_true(sweep_walk_elected(walk, 1));
	assert_true(sweep_walk_holds_role(walk, sight.now_ms));
	later(1);
	assert_false(sweep_walk_holds_role(walk, sight.now_ms));
	assert_int_equal(sweep_walk_next(walk, &sight).action, SWEEP_ELECT);
	assert_true(sweep_walk_elected(walk, 1));
}

static void who_loses_the_role_in_a_pass_starts_over(void **state)
{
	(void)state;
	whole_pass(0, 0);
	find_to_feed(1000);
	assert_int_equal(feed(), SWEEP_ROWS_MAX);
	epoch = 0;
	later(RENEW_MS);
	expect(SWEEP_WAIT);
	assert_int_equal(sweep_walk_left(walk), 0);
	epoch = 3;
	assert_id(begin_pass().from, FIRST);
}

/* PostgreSQL does not answer: another instance may hold it by now. */
static void a_role_that_runs_out_is_lost(void **state)
{
	(void)state;
	whole_pass(0, 0);
	later(REST_LEAST_MS);
	find_to_feed(1000);
	int64_t until_ms = sight.now_ms + SWEEP_ROLE_MS;
	for (; sight.now_ms < until_ms; later(SWEEP_STEP_MS))
		if (sweep_walk_next(walk, &sight).action == SWEEP_ELECT)
			sweep_walk_failed(walk);
	assert_int_not_equal(sweep_walk_next(walk, &sight).action, SWEEP_FEED);
	assert_int_equal(sweep_walk_left(walk), 0);
	assert_id(begin_pass().from, FIRST); /* with the same epoch */
}

/* Passes ---------------------------------------------------------------------------------------------------------- */

static void a_pass_starts_at_the_oldest_undecided_less_the_slop(void **state)
{
	(void)state;
	struct sweep_step span = whole_pass(70000, 3);
	assert_id(span.from, FIRST);
	assert_id(span.until, id_of(LEASE_MS));
	struct id128 floor = id_of(70000 + SLOP_MS);
	assert_id(whole_pass(69000, 2).from, floor);
}

/* A submission whose commit took as long as it may: its id was there to be walked over long before its row was. */
static void what_appears_late_with_an_earlier_id_is_found(void **state)
{
	(void)state;
	whole_pass(0, 0);
	for (int pass = 0; pass < 100; pass++) {
		struct id128 late = id_of(LEASE_MS), end = id_of(LEASE_MS + SLOP_MS);
		struct sweep_step span = whole_pass(0, 0);
		assert_true(memcmp(&span.from, &end, sizeof(end)) >= 0 || pass == 0);
		assert_true(memcmp(&span.from, &late, sizeof(late)) < 0);
		assert_true(memcmp(&span.until, &late, sizeof(late)) > 0);
	}
}

static void every_ten_minutes_from_the_first_id(void **state)
{
	int deep = 0;
	(void)state;
	for (int pass = 0; pass < 10 * DEEP_MS / REST_LEAST_MS; pass++) {
		struct sweep_step span = whole_pass(0, 0);
		deep += id128_equal(&span.from, &FIRST);
	}
	assert_int_equal(deep, 10);
}

static int64_t rest_after(int spans, int64_t ms)
{
	struct sweep_step span = begin_pass();
	for (; spans > 0; spans--) {
		expect(SWEEP_READ_SPAN);
		later(ms);
		find(spans > 1 ? span.from : span.until, 0, 0, 0);
	}
	expect(SWEEP_SHOW);
	return rest();
}

static void looking_takes_a_twentieth_of_the_time_at_most(void **state)
{
	(void)state;
	assert_int_equal(rest_after(1, 0), REST_LEAST_MS);
	assert_int_equal(rest_after(1, 200), 4000);
	assert_int_equal(rest_after(3, 500), 30000);
	assert_int_equal(rest_after(5, 4000), REST_MOST_MS);
	/* Looking for what was let go from quarantine counts too. */
	expect(SWEEP_READ_RELEASED);
	later(300);
	find(FIRST, 0, 0, 0);
	find(expect(SWEEP_READ_SPAN).until, 0, 0, 0);
	expect(SWEEP_SHOW);
	assert_int_equal(rest(), 6000);
}

static void a_pass_ends_with_what_is_pending(void **state)
{
	(void)state;
	struct sweep_step span = begin_pass();
	struct id128 middle = id_of(40000);
	find(middle, 50000, 7, 0);
	span = expect(SWEEP_READ_SPAN);
	assert_id(span.from, middle);
	find(span.until, 30000, 5, 0);
	struct sweep_step step = expect(SWEEP_SHOW);
	assert_int_equal(step.pending, 12);
	assert_int_equal(step.age_s, 50);
	rest();
	/* What an operator let go lies before the pass and does not draw it back. */
	step = expect(SWEEP_READ_RELEASED);
	find(step.from, 900000, 1, 0);
	span = expect(SWEEP_READ_SPAN);
	assert_id(span.from, step.from);
	find(span.until, 20000, 1, 0);
	step = expect(SWEEP_SHOW);
	assert_int_equal(step.pending, 2);
	assert_int_equal(step.age_s, 900);
	struct id128 floor = id_of(20000 + SLOP_MS);
	assert_id(whole_pass(0, 0).from, floor);
	rest();
	find(expect(SWEEP_READ_RELEASED).from, 0, 0, 0);
	find(expect(SWEEP_READ_SPAN).until, 0, 0, 0);
	assert_int_equal(expect(SWEEP_SHOW).age_s, 0);
}

/* Failure --------------------------------------------------------------------------------------------------------- */

static void assert_same_again(enum sweep_action action)
{
	struct sweep_step step = expect(action), again;
	size_t left = sweep_walk_left(walk);
	for (int i = 0; i < 3; i++) {
		sweep_walk_failed(walk);
		expect(SWEEP_WAIT);
		later(SWEEP_STEP_MS);
		again = expect(action);
		assert_id(again.from, step.from);
		assert_id(again.until, step.until);
		assert_ptr_equal(again.ids, step.ids);
		assert_int_equal(again.count, step.count);
		assert_int_equal(sweep_walk_left(walk), left);
	}
}

static void where_postgresql_fails_the_same_is_done_again(void **state)
{
	(void)state;
	sight.backlog = 20;
	assert_same_again(SWEEP_FEED_BACKLOG);
	sight.backlog = 0;
	/* But what was let go from quarantine, which can wait for the next pass and may not stop this one. */
	expect(SWEEP_READ_RELEASED);
	sweep_walk_failed(walk);
	expect(SWEEP_WAIT);
	assert_same_again(SWEEP_READ_SPAN);
	find(id_of(40000), 50000, 300, 300);
	assert_same_again(SWEEP_FEED);
	sight.room = 0;
	assert_same_again(SWEEP_SURVEY_SPAN);
	survey(7);
	sight.room = 1000;
	feed();
	feed();
	assert_same_again(SWEEP_READ_SPAN);
}

/* A connection that is away: the walk is asked for nothing, or for the same once more. */
static void what_nothing_came_of_is_given_again(void **state)
{
	(void)state;
	find_to_feed(1000);
	struct sweep_step step = expect(SWEEP_FEED);
	later(200);
	assert_ptr_equal(expect(SWEEP_FEED).ids, step.ids);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_is_walked_without_the_role),
		TEST(the_role_is_counted_from_before_the_question),
		TEST(who_loses_the_role_in_a_pass_starts_over),
		TEST(a_role_that_runs_out_is_lost),
		TEST(a_pass_starts_at_the_oldest_undecided_less_the_slop),
		TEST(what_appears_late_with_an_earlier_id_is_found),
		TEST(every_ten_minutes_from_the_first_id),
		TEST(looking_takes_a_twentieth_of_the_time_at_most),
		TEST(a_pass_ends_with_what_is_pending),
		TEST(where_postgresql_fails_the_same_is_done_again),
		TEST(what_nothing_came_of_is_given_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
