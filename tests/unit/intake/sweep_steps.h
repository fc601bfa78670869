/* What the tests of the sweeper's walk share: its steps, and what came of them, on a clock that they put forward. */
#ifndef SANGKIEN_TESTS_SWEEP_STEPS_H
#define SANGKIEN_TESTS_SWEEP_STEPS_H

#include "common/domain/tracking_code.h"
#include "services/intake/sweep_walk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
// clang-format off
#include <cmocka.h>
// clang-format on

enum {
	LEASE_MS = 1000,
	SLOP_MS = 15000,
	DEEP_MS = 600000,
	RENEW_MS = 1500,
	PATIENCE_MS = 500,
	REST_LEAST_MS = 1000,
	REST_MOST_MS = 60000,
	MANY = 64, /* so many are fed as soon as there is room for them */
};

static const struct id128 FIRST;

static struct sweep_walk *walk;
static struct sweep_sight sight;
static int64_t epoch; /* what an election gives */

static inline int set_up(void **state)
{
	(void)state;
	sight = (struct sweep_sight){.now_ms = 1000000, .now_us = INT64_C(1790000000000000), .room = 100000};
	epoch = 1;
	walk = sweep_walk_new(LEASE_MS);
	return walk == NULL;
}

static inline int tear_down(void **state)
{
	(void)state;
	sweep_walk_free(&walk);
	return 0;
}

static inline void later(int64_t ms)
{
	sight.now_ms += ms;
	sight.now_us += ms * 1000;
}

/* The first id of that time. */
static inline struct id128 id_of(int64_t ms_ago)
{
	return submission_id_floor(sight.now_us - ms_ago * 1000);
}

static inline void assert_id(struct id128 is, struct id128 wanted)
{
	assert_memory_equal(&is, &wanted, sizeof(is));
}

/* The next step but an election, which is won or lost as `epoch` says. */
static inline struct sweep_step next(void)
{
	struct sweep_step step = sweep_walk_next(walk, &sight);
	if (step.action == SWEEP_ELECT) {
		sweep_walk_elected(walk, epoch);
		step = sweep_walk_next(walk, &sight);
	}
	return step;
}

static inline struct sweep_step expect(enum sweep_action action)
{
	struct sweep_step step = next();
	assert_int_equal(step.action, action);
	assert_int_equal(step.wait_ms, action == SWEEP_WAIT ? SWEEP_STEP_MS : 0);
	return step;
}

/* Waits until there is something to do; gives for how long. */
static inline int64_t rest(void)
{
	int64_t begun_ms = sight.now_ms;
	while (next().action == SWEEP_WAIT)
		later(SWEEP_STEP_MS);
	return sight.now_ms - begun_ms;
}

/* A span to `end` with `undecided` of that age, of which `count` are not under way. */
static inline void find(struct id128 end, int64_t ms_ago, size_t undecided, size_t count)
{
	static struct id128 ids[SWEEP_SPAN_ROWS];
	for (size_t i = 0; i < undecided; i++) {
		ids[i] = id_of(ms_ago);
		ids[i].octet[14] = (uint8_t)(i >> 8);
		ids[i].octet[15] = (uint8_t)i;
	}
	sweep_walk_found(walk,
		&(struct sweep_found){.end = end, .undecided = undecided, .oldest = ids[0], .ids = ids, .count = count},
		sight.now_ms);
}

static inline struct sweep_step begin_pass(void)
{
	rest();
	find(expect(SWEEP_READ_RELEASED).from, 0, 0, 0);
	return expect(SWEEP_READ_SPAN);
}

/* Finds `undecided` of that age in its one span, all of them under way. */
static inline struct sweep_step whole_pass(int64_t ms_ago, size_t undecided)
{
	struct sweep_step span = begin_pass();
	find(span.until, ms_ago, undecided, 0);
	expect(SWEEP_SHOW);
	return span;
}

/* A pass that finds `count` to feed in its first span. */
static inline void find_to_feed(size_t count)
{
	begin_pass();
	find(id_of(4000), 5000, count, count);
	assert_int_equal(sweep_walk_left(walk), count);
}

static inline size_t feed(void)
{
	struct sweep_step step = expect(SWEEP_FEED);
	sweep_walk_fed(walk, sight.now_ms);
	return step.count;
}

/* The first wait of all is spent on counting. */
static inline void survey(size_t undecided)
{
	find(expect(SWEEP_SURVEY_SPAN).until, 4000, undecided, 0);
	expect(SWEEP_SHOW);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
