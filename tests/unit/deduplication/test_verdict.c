/* Would catch: two texts that each name the other, or neither; a text named that does not stand; a near copy across the
 * bounds of the rule pack; a grey text decided by the machine. */
#include "services/deduplication/verdict.h"

#include "tests/unit/deduplication/texts.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct thresholds thresholds = {.near = 0.72, .review = 0.62};

static struct shard_map shards_of(uint32_t count)
{
	struct shard_map map;

	shard_map_init(&map, count);
	return map;
}

static struct verdict_text text(uint32_t number, int64_t received_at)
{
	struct verdict_text text = {.id = id_of_number(number),
		.received_at = received_at,
		.person = id_of_number(number + 1000),
		.near_scope = 5,
		.asked = 1};

	for (uint32_t place = 0; place < SKETCH_PLACES; place++)
		text.sketch.key[place] = 1 + place * 977;
	return text;
}

/* A rival with the same keys, as `seen_in` shards named it. */
static struct rival rival(uint32_t number, int64_t received_at, uint64_t seen_in, double score)
{
	struct verdict_text about = text(number, received_at);

	return (struct rival){.id = about.id,
		.sketch = about.sketch,
		.seen_in = seen_in,
		.score = score,
		.record = {.known = true,
			.same_campaign = true,
			.received_at = received_at,
			.original = about.id,
			.original_person = about.person,
			.original_near_scope = 5}};
}

static struct verdict reach(const struct shard_map *map, const struct verdict_text *about, struct rival one)
{
	struct rivals rivals = {.rival = {one}, .count = 1};

	return verdict_reach(map, about, &rivals, &thresholds);
}

static void test_thresholds(void **state)
{
	struct shard_map map = shards_of(1);
	struct verdict_text about = text(2, 20);

	(void)state;
	struct verdict verdict = reach(&map, &about, rival(1, 10, 1, 0.72));
	assert_int_equal(verdict.status, STATUS_DUPLICATE);
	assert_string_equal(verdict.reasons[0], "duplicate");
	struct id128 original = id_of_number(1);
	assert_true(id128_equal(&verdict.duplicate_of, &original));
	verdict = reach(&map, &about, rival(1, 10, 1, 0.71));
	assert_int_equal(verdict.status, STATUS_UNDER_REVIEW);
	assert_true(verdict.resembles && verdict.reason_count == 0);
	verdict = reach(&map, &about, rival(1, 10, 1, 0.61));
	assert_int_equal(verdict.status, STATUS_COUNTED);
	assert_false(verdict.resembles);

	struct rivals rivals = {.rival = {rival(1, 10, 1, 0.71)}, .count = 1};
	const struct thresholds no_review = {.near = 0.72, .review = 0.72};
	assert_int_equal(verdict_reach(&map, &about, &rivals, &no_review).status, STATUS_COUNTED);
}

/* R18: a person sees all that comes near, each text once, and a duplicate needs none of it. */
static void test_candidates(void **state)
{
	struct shard_map map = shards_of(1);
	struct verdict_text about = text(9, 90);
	struct rivals rivals = {.rival = {rival(1, 10, 1, 0.63), rival(2, 20, 1, 0.70), rival(3, 30, 1, 0.61),
					rival(4, 40, 1, 0.65), rival(5, 50, 1, 0.66), rival(6, 60, 1, 0.67)},
		.count = 6};
	const uint32_t expected[] = {2, 6, 5, 1};

	(void)state;
	rivals.rival[3].record.original = id_of_number(5); /* a copy of one that is listed itself, and more alike */
	struct verdict verdict = verdict_reach(&map, &about, &rivals, &thresholds);
	assert_int_equal(verdict.status, STATUS_UNDER_REVIEW);
	assert_int_equal(verdict.candidate_count, ARRAY_LENGTH(expected));
	for (size_t i = 0; i < ARRAY_LENGTH(expected); i++) {
		struct id128 id = id_of_number(expected[i]);
		assert_true(id128_equal(&verdict.candidates[i].id, &id));
	}
	assert_true(id128_equal(&verdict.candidates[0].id, &verdict.duplicate_of));
	rivals.rival[0].score = 0.72;
	assert_int_equal(verdict_reach(&map, &about, &rivals, &thresholds).candidate_count, 0);
}

/* Nobody can read it as it stands: it is looked at, and its submitter told, unless the campaign has no review. */
static void test_text_of_before_unicode(void **state)
{
	struct shard_map map = shards_of(1);
	struct verdict_text about = text(2, 20);
	const struct thresholds no_review = {.near = 0.72, .review = 0.72};
	struct rivals none = {.count = 0};

	(void)state;
	about.legacy = LEGACY_VNI;
	struct verdict verdict = verdict_reach(&map, &about, &none, &thresholds);
	assert_int_equal(verdict.status, STATUS_UNDER_REVIEW);
	assert_int_equal(verdict.reason_count, 1);
	assert_string_equal(verdict.reasons[0], "legacy_encoding");
	assert_false(verdict.resembles);
	verdict = verdict_reach(&map, &about, &none, &no_review);
	assert_int_equal(verdict.status, STATUS_COUNTED);
	assert_int_equal(verdict.reason_count, 1);
	verdict = reach(&map, &about, rival(1, 10, 1, 0.9));
	assert_int_equal(verdict.status, STATUS_DUPLICATE);
	assert_int_equal(verdict.reason_count, 2);
}

static void test_own_copy(void **state)
{
	struct shard_map map = shards_of(1);
	struct verdict_text about = text(2, 20);
	struct rival own = rival(1, 10, 1, 1);

	(void)state;
	own.record.original_person = about.person;
	assert_string_equal(reach(&map, &about, own).reasons[0], "own_duplicate");
}

/* Whichever of the two the shards let in first, exactly one of them names the other. */
static void test_exactly_one_of_two(void **state)
{
	struct shard_map map = shards_of(3);
	struct verdict_text a = text(1, 10), b = text(2, 20);
	uint64_t common = shards_in_common(&map, &a.sketch, &b.sketch);

	(void)state;
	assert_int_equal(common, 7);
	for (uint64_t a_first = 0; a_first <= common; a_first++) {
		/* In the shards of a_first a came before b: b was told of a there, and a of b in the others. */
		bool b_names_a =
			a_first != 0 && verdict_may_name(&map, &b, &(struct rival[]){rival(1, 10, a_first, 1)}[0]);
		bool a_names_b = a_first != common &&
				 verdict_may_name(&map, &a, &(struct rival[]){rival(2, 20, common & ~a_first, 1)}[0]);
		assert_int_equal(b_names_a + a_names_b, 1);
		/* Where the shards disagree the earlier received is the original. */
		if (a_first != 0 && a_first != common)
			assert_true(b_names_a);
	}
}

static void test_records_outweigh_order(void **state)
{
	struct shard_map map = shards_of(3);
	struct verdict_text early = text(1, 10);
	struct rival late = rival(2, 20, 1, 1); /* in one of three shards it came first */

	(void)state;
	assert_false(verdict_may_name(&map, &early, &late));
	late.record.decided = late.record.original_counts = true; /* it counts: it cannot have seen this one */
	assert_true(verdict_may_name(&map, &early, &late));
	late.record.original_counts = false;
	assert_false(verdict_may_name(&map, &early, &late));
	late.record.original_counts = true;
	late.record.original = early.id; /* its own duplicate */
	assert_false(verdict_may_name(&map, &early, &late));
	late.record.known = false;
	assert_false(verdict_may_name(&map, &early, &late));
}

/* Texts that wait for one another in a circle of shards: after some time only an earlier one may be named. */
static void test_no_circle_for_ever(void **state)
{
	struct shard_map map = shards_of(1);
	struct verdict_text about = text(1, 10);
	struct rival later = rival(2, 20, 1, 1), earlier = rival(3, 5, 1, 1);

	(void)state;
	assert_true(verdict_may_name(&map, &about, &later));
	assert_true(reach(&map, &about, later).waits_for_later);
	assert_false(reach(&map, &about, earlier).waits_for_later);
	later.record.decided = later.record.original_counts = true;
	assert_false(reach(&map, &about, later).waits_for_later);
	later.record.decided = false;
	about.overtakes = true;
	assert_false(verdict_may_name(&map, &about, &later));
	assert_true(verdict_may_name(&map, &about, &earlier));
}

static void test_scopes(void **state)
{
	struct shard_map map = shards_of(1);
	struct verdict_text about = text(2, 20);
	struct rival other = rival(1, 10, 1, 1);

	(void)state;
	other.record.original_near_scope = 6;
	assert_false(verdict_may_name(&map, &about, &other));
	other.exact = true; /* exact copies: the nation */
	assert_true(verdict_may_name(&map, &about, &other));
	other.record.original_exact_scope = 9;
	assert_false(verdict_may_name(&map, &about, &other));
}

static void test_one_key_in_common_is_chance(void **state)
{
	struct rivals rivals = {.count = 0};
	struct sketch text = {0}, other = {0};
	struct index_answer answer = {.count = 1, .candidates = {{.id = id_of_number(1), .points = 10}}};

	(void)state;
	for (uint32_t place = 0; place < SKETCH_PLACES; place++)
		text.key[place] = 1 + place;
	other.key[SKETCH_PLACES - 1] = 1000; /* no sketch at all: the shard has looked */
	for (uint32_t shared = 0; shared < sketch_shared_least(SKETCH_PLACES); shared++) {
		answer.candidates[0].sketch = other;
		rivals_merge(&rivals, &text, 0, &answer);
		assert_int_equal(rivals.count, 0);
		other.key[shared] = text.key[shared];
	}
	answer.candidates[0].sketch = other;
	rivals_merge(&rivals, &text, 0, &answer);
	assert_int_equal(rivals.count, 1);
	assert_int_equal(sketch_shared_least(3), 2);
}

static void test_merging_shards(void **state)
{
	struct rivals rivals = {.count = 0};
	const struct sketch text = {.key = {1, 2, 3}};
	struct index_answer answer = {
		.count = 1, .candidates = {{.id = id_of_number(1), .points = 10, .sketch = text}}};

	(void)state;
	rivals_merge(&rivals, &text, 0, &answer);
	rivals_merge(&rivals, &text, 2, &answer);
	assert_int_equal(rivals.count, 1);
	assert_int_equal(rivals.rival[0].points, 20);
	assert_int_equal(rivals.rival[0].seen_in, 5);
	for (uint32_t i = 0; i < 3 * RIVALS_MAX; i++) {
		answer.candidates[0] =
			(struct index_candidate){.id = id_of_number(10 + i), .points = 1 + i, .sketch = text};
		rivals_merge(&rivals, &text, 1, &answer);
	}
	answer.candidates[0] = (struct index_candidate){.id = id_of_number(500), .points = 1, .exact = true};
	rivals_merge(&rivals, &text, 1, &answer);
	rivals_settle(&rivals, &text);
	assert_int_equal(rivals.count, RIVALS_MAX);
	assert_true(rivals.rival[0].exact);
	assert_int_equal(rivals.rival[1].points, 3 * RIVALS_MAX);
	for (uint32_t i = 2; i < RIVALS_MAX; i++)
		assert_true(rivals.rival[i].points <= rivals.rival[i - 1].points);
}

/* At a cold start a form nobody knows yet weighs as much as the words in it: only what is surely a copy is called one,
 * and a campaign without review, or for exact copies alone, has neither more of it nor less. */
static void test_surer_at_a_cold_start(void **state)
{
	const struct thresholds campaign = {0.72, 0.62, CAMPAIGN_WEIGHTING_DEFAULT},
				unreviewed = {0.72, 0.72, CAMPAIGN_WEIGHTING_DEFAULT},
				exact = {1, 1, CAMPAIGN_WEIGHTING_DEFAULT},
				sure = {0.72, 0.72, {.prior = 200, .power = 2.5, .cold_start_margin = 0}};

	(void)state;
	struct thresholds at = thresholds_at(&campaign, 0);
	assert_true(at.near > 0.81 && at.near < 0.83 && at.review == campaign.review);
	for (uint64_t documents = 1; documents < 100000; documents *= 2) {
		struct thresholds later = thresholds_at(&campaign, documents);
		assert_true(later.near < at.near && later.near > campaign.near);
		at = later;
	}
	assert_true(at.near < 0.7201);
	at = thresholds_at(&unreviewed, 10);
	assert_true(at.near > 0.75 && at.review == at.near);
	at = thresholds_at(&exact, 0);
	assert_true(at.near == 1 && at.review == 1);
	at = thresholds_at(&sure, 0);
	assert_true(at.near == 0.72 && at.review == 0.72);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_thresholds),
		cmocka_unit_test(test_candidates),
		cmocka_unit_test(test_text_of_before_unicode),
		cmocka_unit_test(test_own_copy),
		cmocka_unit_test(test_exactly_one_of_two),
		cmocka_unit_test(test_records_outweigh_order),
		cmocka_unit_test(test_no_circle_for_ever),
		cmocka_unit_test(test_scopes),
		cmocka_unit_test(test_one_key_in_common_is_chance),
		cmocka_unit_test(test_merging_shards),
		cmocka_unit_test(test_surer_at_a_cold_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
