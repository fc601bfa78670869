/* Law 3 by properties, with the tables as arrays in memory. Would catch: two copies that stand, one that is not the
 * earliest, a duplicate behind a text that does not stand, a place held by nobody or by the wrong one, a circle of
 * duplicates that never ends, a text that stands and is not in an index that was rebuilt. */
#include "services/quota/copies.h"

#include "tests/unit/quota/world.h"

enum { TEXTS = 12, SUBMISSIONS = 80, ARENA_BYTES = 8 << 20, NOBODY = -1 };

struct submission {
	struct verdict verdict;
	struct decision decision; /* revision 0: none */
	uint8_t digest[DIGEST_SIZE];
	uint32_t text;
	bool kept; /* its signature, with its keys */
};

struct world {
	uint64_t seed;
	struct arena *arena;
	struct submission submissions[SUBMISSIONS];
	int holders[TEXTS]; /* exact_text: number of a submission */
};

static int find(const struct world *world, const struct id128 *id)
{
	for (int i = 0; i < SUBMISSIONS; i++)
		if (id128_equal(&world->submissions[i].verdict.id, id))
			return i;
	return NOBODY;
}

static void open_world(struct world *world, uint64_t seed, bool with_near)
{
	memset(world, 0, sizeof(*world));
	world->seed = seed;
	world->arena = arena_new(ARENA_BYTES);
	for (int i = 0; i < TEXTS; i++)
		world->holders[i] = NOBODY;
	for (uint32_t i = 0; i < SUBMISSIONS; i++) {
		struct submission *at = &world->submissions[i];

		at->text = below(&world->seed, TEXTS);
		at->digest[0] = (uint8_t)at->text;
		at->verdict = (struct verdict){.campaign = 1,
			.received_at = below(&world->seed, 40), /* often the same instant */
			.status = STATUS_COUNTED,
			.digest = {at->digest, DIGEST_SIZE}};
		memcpy(&at->verdict.id, &(uint64_t){next_random(&world->seed)}, 8);
		at->verdict.person.octet[0] = (uint8_t)below(&world->seed, 3);
	}
	for (uint32_t i = 0; i < SUBMISSIONS; i++) {
		struct submission *at = &world->submissions[i];
		uint32_t other = below(&world->seed, SUBMISSIONS);

		/* The index saw another one first: a copy of the same text, or one of a lower text. */
		if (other == i || below(&world->seed, 2) == 0)
			continue;
		if (world->submissions[other].text != at->text &&
			(!with_near || world->submissions[other].text > at->text))
			continue;
		at->verdict.status = STATUS_DUPLICATE;
		at->verdict.has_duplicate_of = true;
		at->verdict.duplicate_of = world->submissions[other].verdict.id;
	}
	/* Who named a copy was not posted where that one was. */
	for (int i = 0; i < SUBMISSIONS; i++) {
		struct verdict *verdict = &world->submissions[i].verdict;
		int of = verdict->has_duplicate_of ? find(world, &verdict->duplicate_of) : NOBODY;

		verdict->is_covered = of != NOBODY && world->submissions[of].text == world->submissions[i].text &&
				      !world->submissions[of].verdict.is_covered;
	}
}

static int head_of(const struct world *world, int number)
{
	for (int steps = 0; steps < SUBMISSIONS; steps++) {
		const struct decision *decision = &world->submissions[number].decision;

		if (decision->revision == 0 || decision->status != STATUS_DUPLICATE)
			return number;
		number = find(world, &decision->duplicate_of);
	}
	fail_msg("a circle of duplicates");
	return number;
}

static bool stands(const struct world *world, int number)
{
	const struct decision *decision = &world->submissions[number].decision;

	return decision->revision > 0 && status_stands(decision->status);
}

/* What claims_take() and look_around() do. */
static void look_into_tables(struct world *world, struct docket *docket)
{
	struct named_text *named;
	struct id128 *ids;

	for (size_t i = 0; i < docket->copies_count; i++) {
		struct copies *copies = &docket->copies[i];
		int holder = world->holders[copies->digest.data[0]];

		if (holder == NOBODY)
			continue;
		copies->held = true;
		copies->holder = world->submissions[holder].verdict.id;
		copies->holder_person = world->submissions[holder].verdict.person;
		copies->holder_received_at = world->submissions[holder].verdict.received_at;
		if (copies_challenge(docket, copies))
			copies->holder_decision = world->submissions[holder].decision;
	}
	ids = copies_named(docket, world->arena, &docket->named_count);
	named = arena_alloc(world->arena, docket->named_count * sizeof(*named));
	for (size_t i = 0; i < docket->named_count; i++) {
		int head = head_of(world, find(world, &ids[i]));
		named[i] = (struct named_text){
			.id = ids[i], .head = world->submissions[head].verdict.id, .stands = stands(world, head)};
	}
	docket->named = named;
}

static void write_tables(struct world *world, const struct docket *docket)
{
	for (size_t i = 0; i < docket->copies_count; i++) {
		const struct copies *copies = &docket->copies[i];
		int *holder = &world->holders[copies->digest.data[0]];

		if (copies_displace(docket, copies)) {
			struct change change = copies_displaced(docket, copies);
			assert_int_equal(change.decision.revision, world->submissions[*holder].decision.revision + 1);
			world->submissions[*holder].decision = change.decision;
		}
		if (copies->taken)
			*holder = find(world, &copies_earliest(docket, copies)->id);
	}
	for (size_t i = 0; i < docket->count; i++) {
		struct submission *at = &world->submissions[find(world, &docket->verdicts[i].id)];

		if (!copies_ruled(docket, i) || docket->verdicts[i].fate != FATE_DECIDED)
			continue;
		at->decision = docket->verdicts[i].decision;
		at->kept = !docket->verdicts[i].is_plain_copy && copies_posts(docket, i);
	}
}

static int compare_verdicts(const void *a, const void *b)
{
	return id128_compare(&((const struct verdict *)a)->id, &((const struct verdict *)b)->id);
}

static void run_batch(struct world *world)
{
	struct verdict verdicts[SUBMISSIONS];
	struct docket docket = {.verdicts = verdicts};

	for (uint32_t i = 0; i < SUBMISSIONS; i++) {
		if (below(&world->seed, 6) != 0)
			continue;
		verdicts[docket.count] = world->submissions[i].verdict;
		verdicts[docket.count].fate = world->submissions[i].decision.revision > 0 ? FATE_DECIDED : FATE_OPEN;
		docket.count++;
	}
	qsort(verdicts, docket.count, sizeof(*verdicts), compare_verdicts);
	assert_true(copies_gather(&docket, world->arena));
	look_into_tables(world, &docket);
	copies_rule(&docket);
	write_tables(world, &docket);
	arena_reset(world->arena);
}

static void expect_law_3(const struct world *world)
{
	int standing[TEXTS] = {0}, kept[TEXTS] = {0};

	for (int i = 0; i < SUBMISSIONS; i++) {
		const struct submission *at = &world->submissions[i];

		if (at->decision.revision == 0)
			continue;
		assert_true(stands(world, head_of(world, i)));
		standing[at->text] += stands(world, i);
		kept[at->text] += at->kept;
	}
	for (int text = 0; text < TEXTS; text++) {
		assert_int_equal(standing[text], world->holders[text] != NOBODY);
		if (world->holders[text] != NOBODY)
			assert_true(stands(world, world->holders[text]) && kept[text] > 0);
	}
}

/* Of the decided copies of a text. */
static int earliest(const struct world *world, uint32_t text)
{
	int first = NOBODY;

	for (int i = 0; i < SUBMISSIONS; i++) {
		const struct verdict *a = &world->submissions[i].verdict,
				     *b = first == NOBODY ? NULL : &world->submissions[first].verdict;

		if (world->submissions[i].text != text || world->submissions[i].decision.revision == 0)
			continue;
		if (b == NULL || a->received_at < b->received_at ||
			(a->received_at == b->received_at && id128_compare(&a->id, &b->id) < 0))
			first = i;
	}
	return first;
}

static void live(uint64_t seed, bool with_near)
{
	struct world *world = calloc(1, sizeof(*world));

	open_world(world, seed, with_near);
	for (int batch = 0; batch < 60; batch++) {
		run_batch(world);
		expect_law_3(world);
		for (uint32_t text = 0; text < TEXTS && !with_near; text++)
			assert_int_equal(world->holders[text], earliest(world, text));
	}
	arena_free(&world->arena);
	free(world);
}

static void test_of_copies_the_earliest_stands(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 150; seed++)
		live(seed, false);
}

static void test_near_duplicates_stand_behind_what_stands(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 150; seed++)
		live(seed, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_of_copies_the_earliest_stands),
		cmocka_unit_test(test_near_duplicates_stand_behind_what_stands),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
