/* Would catch: more fed than there is room for, a submission left out or fed twice, a few places that always go to the
 * same ones, a pending count that stands still while a long backlog is fed (laws 7 and 8). */
#include "tests/unit/intake/sweep_steps.h"

/* Each once, oldest first, before the walk goes on. */
static void what_was_found_is_fed_in_its_order(void **state)
{
	struct id128 before = FIRST;
	size_t fed = 0;
	(void)state;
	find_to_feed(1000);
	while (sweep_walk_left(walk) > 0) {
		struct sweep_step step = expect(SWEEP_FEED);
		assert_true(step.count <= SWEEP_ROWS_MAX);
		for (size_t i = 0; i < step.count; before = step.ids[i++], fed++)
			assert_true(memcmp(&before, &step.ids[i], sizeof(before)) < 0);
		sweep_walk_fed(walk, sight.now_ms);
	}
	assert_int_equal(fed, 1000);
	assert_id(expect(SWEEP_READ_SPAN).from, id_of(4000));
}

static void no_more_is_fed_than_there_is_room_for(void **state)
{
	(void)state;
	sight.room = 0;
	find_to_feed(200);
	survey(0);
	sight.room = MANY;
	assert_int_equal(feed(), MANY);
	/* A few, on which the others may depend: not one by one, and not never. */
	sight.room = 10;
	expect(SWEEP_WAIT);
	later(PATIENCE_MS - 1);
	expect(SWEEP_WAIT);
	later(1);
	assert_int_equal(feed(), 10);
	expect(SWEEP_WAIT);
	sight.room = 0;
	later(REST_LEAST_MS - PATIENCE_MS - SWEEP_STEP_MS);
	expect(SWEEP_WAIT);
	sight.room = 1000;
	assert_int_equal(feed(), 200 - MANY - 10);
}

/* What is left is not waited for: it is all that there is room needed for. */
static void the_last_few_are_fed_at_once(void **state)
{
	(void)state;
	find_to_feed(SWEEP_ROWS_MAX + 3);
	assert_int_equal(feed(), SWEEP_ROWS_MAX);
	sight.room = 3;
	assert_int_equal(feed(), 3);
}

/* It needs no role, and no age. */
static void the_backlog_is_fed_first(void **state)
{
	(void)state;
	epoch = 0;
	sight.backlog = 1000;
	assert_int_equal(expect(SWEEP_FEED_BACKLOG).count, SWEEP_ROWS_MAX);
	sweep_walk_fed(walk, sight.now_ms);
	sight.room = 10;
	expect(SWEEP_WAIT);
	later(PATIENCE_MS);
	assert_int_equal(expect(SWEEP_FEED_BACKLOG).count, 10);
	sight.room = 0;
	expect(SWEEP_WAIT);
}

static void backlog_and_walk_take_turns(void **state)
{
	(void)state;
	find_to_feed(1000);
	sight.backlog = 1000;
	for (int turn = 0; turn < 3; turn++) {
		assert_int_equal(expect(SWEEP_FEED_BACKLOG).count, SWEEP_ROWS_MAX);
		sweep_walk_fed(walk, sight.now_ms);
		assert_int_equal(feed(), SWEEP_ROWS_MAX);
	}
	/* Of a few places too, or one of them would have none while the other is long. */
	sight.room = 1;
	survey(0);
	later(PATIENCE_MS);
	expect(SWEEP_FEED_BACKLOG);
	sweep_walk_fed(walk, sight.now_ms);
	later(PATIENCE_MS);
	assert_int_equal(feed(), 1);
}

/* A pass takes as long as its backlog: what is pending is counted meanwhile. */
static void what_is_left_is_counted_while_there_is_no_room(void **state)
{
	(void)state;
	struct id128 middle = id_of(40000), behind = id_of(30000);
	find((begin_pass(), middle), 50000, 300, 300);
	sight.room = 0;
	struct sweep_step step = expect(SWEEP_SURVEY_SPAN);
	assert_id(step.from, middle);
	assert_id(step.until, id_of(LEASE_MS));
	find(behind, 35000, 20, 20);
	sight.room = 100; /* it does not hold up what has room */
	assert_int_equal(feed(), 100);
	sight.room = 0;
	step = expect(SWEEP_SURVEY_SPAN);
	assert_id(step.from, behind);
	later(100);
	find(step.until, 25000, 5, 5);
	step = expect(SWEEP_SHOW);
	assert_int_equal(step.pending, 325);
	assert_int_equal(step.age_s, 50);
	assert_int_equal(rest(), 2000);
	sight.room = 1000;
	assert_int_equal(feed(), 200);
	assert_id(expect(SWEEP_READ_SPAN).from, middle);
}

static void where_all_is_found_there_is_nothing_to_count(void **state)
{
	(void)state;
	sight.room = 0;
	find(begin_pass().until, 3500, 300, 300);
	assert_int_equal(expect(SWEEP_SHOW).pending, 300);
	expect(SWEEP_WAIT);
	assert_int_equal(rest(), REST_LEAST_MS);
	expect(SWEEP_SURVEY_SPAN); /* of what has come since */
}

/* Else it would add what one pass left to what the next one finds. */
static void a_count_ends_with_its_pass(void **state)
{
	(void)state;
	find_to_feed(300);
	sight.room = 0;
	find((expect(SWEEP_SURVEY_SPAN), id_of(3000)), 3500, 20, 0);
	sight.room = 1000;
	feed();
	feed();
	find(expect(SWEEP_READ_SPAN).until, 0, 0, 0);
	expect(SWEEP_SHOW);
	find_to_feed(200);
	sight.room = 0;
	find(expect(SWEEP_SURVEY_SPAN).until, 3500, 5, 0);
	assert_int_equal(expect(SWEEP_SHOW).pending, 205);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_was_found_is_fed_in_its_order),
		TEST(no_more_is_fed_than_there_is_room_for),
		TEST(the_last_few_are_fed_at_once),
		TEST(the_backlog_is_fed_first),
		TEST(backlog_and_walk_take_turns),
		TEST(what_is_left_is_counted_while_there_is_no_room),
		TEST(where_all_is_found_there_is_nothing_to_count),
		TEST(a_count_ends_with_its_pass),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
