/* Law 3, the owner's side: whatever fails, stops, or is taken over, an owner that answers has taken in every decision
 * that rests on an epoch before its own. Would catch: an epoch raised after the rebuild, an index that answers before
 * it is whole, a superseded owner that goes on or takes its shard back, a failure to ask taken for an answer, a text
 * that overtakes without its epoch. */
#include "services/deduplication/tenure.h"

#include "tests/unit/chance.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Through all stages up to `stage`. */
static struct tenure tenure_at(enum tenure_stage stage, bool learns)
{
	struct tenure tenure;

	tenure_init(&tenure, learns);
	if (stage > TENURE_CLAIMING)
		tenure_claimed(&tenure, 7, 0);
	while (tenure.stage < stage)
		tenure_read(&tenure);
	assert_int_equal(tenure.stage, stage);
	return tenure;
}

static bool answers(const struct tenure *tenure)
{
	return tenure_is_whole(tenure) && !tenure_must_raise(tenure);
}

static void test_stages_come_in_their_order(void **state)
{
	struct tenure tenure;

	(void)state;
	tenure_init(&tenure, true);
	assert_int_equal(tenure_next(&tenure, 0), TENURE_CLAIM);
	tenure_claimed(&tenure, 4, 10);
	assert_int_equal(tenure.epoch, 4);
	assert_int_equal(tenure_next(&tenure, 10), TENURE_RESUME);
	tenure_read(&tenure);
	assert_int_equal(tenure_next(&tenure, 10), TENURE_RELEARN);
	tenure_read(&tenure);
	assert_int_equal(tenure_next(&tenure, 10), TENURE_REBUILD);
	assert_false(tenure_is_whole(&tenure));
	tenure_read(&tenure);
	assert_int_equal(tenure_next(&tenure, 10), TENURE_REST);
	assert_true(answers(&tenure));

	tenure = tenure_at(TENURE_RESUMING, false);
	tenure_read(&tenure);
	assert_int_equal(tenure.stage, TENURE_REBUILDING);
}

static void test_what_failed_is_done_again_in_a_while(void **state)
{
	struct tenure tenure;

	(void)state;
	tenure_init(&tenure, true);
	tenure_failed(&tenure, TENURE_CLAIM, 1000);
	assert_int_equal(tenure_next(&tenure, 1000 + TENURE_RETRY_MS - 1), TENURE_REST);
	assert_int_equal(tenure_next(&tenure, 1000 + TENURE_RETRY_MS), TENURE_CLAIM);
	tenure = tenure_at(TENURE_REBUILDING, true);
	tenure_failed(&tenure, TENURE_REBUILD, 50);
	assert_int_equal(tenure.stage, TENURE_REBUILDING);
	assert_int_equal(tenure_next(&tenure, 50), TENURE_REST);
	assert_int_equal(tenure_next(&tenure, 50 + TENURE_RETRY_MS), TENURE_REBUILD);
}

static void test_it_asks_each_second_whether_the_shard_is_its_own(void **state)
{
	(void)state;
	for (enum tenure_stage stage = TENURE_RESUMING; stage <= TENURE_WHOLE; stage++) {
		struct tenure tenure = tenure_at(stage, true);

		assert_int_not_equal(tenure_next(&tenure, TENURE_CHECK_EVERY_MS - 1), TENURE_CHECK);
		assert_int_equal(tenure_next(&tenure, TENURE_CHECK_EVERY_MS), TENURE_CHECK);
		assert_true(tenure_told(&tenure, 7, TENURE_CHECK_EVERY_MS));
		assert_int_not_equal(tenure_next(&tenure, TENURE_CHECK_EVERY_MS), TENURE_CHECK);
		/* No answer: nothing has changed, and it is asked in another second. */
		tenure_failed(&tenure, TENURE_CHECK, 5000);
		assert_int_equal(tenure.stage, stage);
		assert_int_equal(tenure_next(&tenure, 5000 + TENURE_CHECK_EVERY_MS), TENURE_CHECK);
		assert_false(tenure_told(&tenure, 8, 9000));
		assert_int_equal(tenure_next(&tenure, 9000), TENURE_LEAVE);
		/* Not even its own epoch come back, from an old copy of the database, makes it the owner again. */
		assert_false(tenure_told(&tenure, 7, 9000));
		assert_int_equal(tenure_next(&tenure, 99000), TENURE_LEAVE);
	}
	struct tenure gone = tenure_at(TENURE_WHOLE, true);
	assert_false(tenure_told(&gone, 0, 1000));
}

static void test_who_overtakes_is_answered_at_the_next_epoch(void **state)
{
	struct tenure tenure = tenure_at(TENURE_WHOLE, true);

	(void)state;
	assert_false(tenure_must_raise(&tenure));
	tenure_overtook(&tenure);
	assert_true(tenure_must_raise(&tenure));
	assert_false(answers(&tenure));
	assert_true(tenure_raised(&tenure, 8));
	assert_int_equal(tenure.epoch, 8);
	assert_true(answers(&tenure));
	/* Its outcome was lost, or somebody else came: it is not taken back. */
	tenure_overtook(&tenure);
	assert_false(tenure_raised(&tenure, 0));
	assert_false(answers(&tenure));
	assert_int_equal(tenure_next(&tenure, 0), TENURE_LEAVE);
	assert_int_equal(tenure.epoch, 8);
}

/* The property ---------------------------------------------------------------------------------------------------- */

enum { OWNERS = 3, DECISIONS_MAX = 400, STEPS = 2000, SEEDS = 300 };

/* A text that was decided by what an owner had answered, at the epoch that the shard had. */
struct decided {
	uint64_t epoch;
	uint32_t by;
};

/* What PostgreSQL has, and the owners of one shard. */
struct life {
	uint64_t seed;
	int64_t now_ms;
	uint64_t epoch;
	struct decided decided[DECISIONS_MAX];
	size_t decided_count;
	uint32_t processes;
	struct owner_model {
		struct tenure tenure;
		uint32_t process;
		size_t known; /* decisions there were when it began to read; what came behind the cursor is missed */
	} owners[OWNERS];
	size_t answered;
};

/* A statement: done, done with its answer lost, or not done. */
enum fortune { ANSWERED, ANSWER_LOST, NOT_DONE };
static enum fortune draw(struct life *life)
{
	uint32_t chance = below(&life->seed, 10);

	return chance < 8 ? ANSWERED : chance == 8 ? ANSWER_LOST : NOT_DONE;
}

static void start(struct life *life, struct owner_model *owner)
{
	*owner = (struct owner_model){.known = SIZE_MAX, .process = ++life->processes};
	tenure_init(&owner->tenure, below(&life->seed, 2) == 0);
}

static void claim(struct life *life, struct owner_model *owner)
{
	enum fortune fortune = draw(life);

	if (fortune != NOT_DONE)
		life->epoch++;
	if (fortune == ANSWERED)
		tenure_claimed(&owner->tenure, life->epoch, life->now_ms);
	else
		tenure_failed(&owner->tenure, TENURE_CLAIM, life->now_ms);
}

static void read_page(struct life *life, struct owner_model *owner, enum tenure_action action)
{
	if (draw(life) != ANSWERED) {
		tenure_failed(&owner->tenure, action, life->now_ms);
		return;
	}
	if (action == TENURE_REBUILD && owner->known == SIZE_MAX)
		owner->known = life->decided_count;
	if (action == TENURE_RESUME || below(&life->seed, 3) == 0)
		tenure_read(&owner->tenure);
}

static void check(struct life *life, struct owner_model *owner)
{
	uint64_t before = owner->tenure.epoch;

	if (draw(life) != ANSWERED)
		tenure_failed(&owner->tenure, TENURE_CHECK, life->now_ms);
	else
		assert_int_equal(tenure_told(&owner->tenure, life->epoch, life->now_ms), before == life->epoch);
}

static void overtake(struct life *life, struct owner_model *owner)
{
	enum fortune fortune = draw(life);
	bool ours = owner->tenure.epoch == life->epoch;

	tenure_overtook(&owner->tenure);
	if (fortune != NOT_DONE && ours)
		life->epoch++;
	if (fortune == ANSWERED)
		assert_int_equal(tenure_raised(&owner->tenure, ours ? life->epoch : 0), ours);
}

/* The owner answers, and quota decides by that answer where the epoch still holds. */
static void answer(struct life *life, const struct owner_model *owner)
{
	for (size_t i = owner->known; i < life->decided_count; i++)
		assert_true(life->decided[i].by == owner->process || life->decided[i].epoch > owner->tenure.epoch);
	life->answered++;
	if (owner->tenure.epoch == life->epoch && life->decided_count < DECISIONS_MAX)
		life->decided[life->decided_count++] = (struct decided){life->epoch, owner->process};
}

static void turn(struct life *life, struct owner_model *owner)
{
	enum tenure_action action = tenure_next(&owner->tenure, life->now_ms);

	if (action == TENURE_CLAIM)
		claim(life, owner);
	else if (action == TENURE_CHECK)
		check(life, owner);
	else if (action == TENURE_LEAVE)
		start(life, owner);
	else if (action != TENURE_REST)
		read_page(life, owner, action);
	if (tenure_is_whole(&owner->tenure) && (tenure_must_raise(&owner->tenure) || below(&life->seed, 10) == 0))
		overtake(life, owner);
	if (answers(&owner->tenure))
		answer(life, owner);
}

static void test_an_owner_that_answers_has_taken_in_what_was_decided_before_it(void **state)
{
	size_t answered = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct life life = {.seed = seed};

		for (size_t i = 0; i < OWNERS; i++)
			start(&life, &life.owners[i]);
		for (int step = 0; step < STEPS; step++) {
			struct owner_model *owner = &life.owners[below(&life.seed, OWNERS)];

			life.now_ms += below(&life.seed, 40);
			if (below(&life.seed, 400) == 0)
				start(&life, owner);
			turn(&life, owner);
		}
		answered += life.answered;
	}
	/* Else nobody answers, and that proves nothing. */
	assert_true(answered / SEEDS > 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stages_come_in_their_order),
		cmocka_unit_test(test_what_failed_is_done_again_in_a_while),
		cmocka_unit_test(test_it_asks_each_second_whether_the_shard_is_its_own),
		cmocka_unit_test(test_who_overtakes_is_answered_at_the_next_epoch),
		cmocka_unit_test(test_an_owner_that_answers_has_taken_in_what_was_decided_before_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
