/* Against a real PostgreSQL. Would catch: a verdict counted twice or half, two copies that both count or the later one,
 * a deadlock between instances, a verdict from a stale index, a near duplicate of nothing, a poison verdict that takes
 * its neighbours with it, an effect of a revision left out anywhere above. */
#include "tests/unit/quota/books.h"

#include <pthread.h>

enum { MANY = 240, THREADS = 3 };

static void test_same_verdicts_count_once(void **state)
{
	struct books books;
	struct verdict verdicts[MANY];

	(void)state;
	books_open(&books, 1);
	for (size_t i = 0; i < MANY; i++)
		verdicts[i] = new_verdict(
			&books, i % 7 == 0 ? STATUS_REJECTED : STATUS_COUNTED, i % 7 == 0 ? 0 : (uint32_t)i + 1);
	assert_int_equal(decide(&books, books.ledger, books.arena, verdicts, MANY), 1);
	for (int again = 0; again < 9; again++) {
		assert_int_equal(decide(&books, books.ledger, books.arena, verdicts, MANY), 0);
		for (size_t i = 0; i < MANY; i++) {
			assert_int_equal(verdicts[i].fate, FATE_DECIDED);
			assert_int_equal(verdicts[i].decision.status, verdicts[i].status);
			assert_true(verdicts[i].decision.decided_at > 0);
		}
	}
	assert_int_equal(ask(&books, "SELECT version FROM board WHERE campaign_id = $1"), 1);
	assert_int_equal(ask(&books, "SELECT count(*) FROM decision WHERE campaign_id = $1"), MANY);
	expect_exact(&books);
	books_close(&books);
}

static void test_of_copies_the_earliest_stands(void **state)
{
	struct books books;
	struct verdict verdicts[MANY], batch[MANY];

	(void)state;
	for (uint64_t seed = 1; seed <= 4; seed++) {
		books_open(&books, seed);
		for (size_t i = 0; i < MANY; i++)
			verdicts[i] = new_verdict(&books, STATUS_COUNTED, 1 + below(&books.seed, MANY / 6));
		/* In batches of any size, in no order, now and then with what came before. */
		for (size_t at = 0; at < MANY;) {
			size_t count = 1 + below(&books.seed, 40), from = at > 10 ? at - 10 : 0;

			count = at + count > MANY ? MANY - at : count;
			memcpy(batch, verdicts + from, (at + count - from) * sizeof(*batch));
			decide(&books, books.ledger, books.arena, batch, at + count - from);
			at += count;
			assert_int_equal(ask(&books, copies_sql), 0);
		}
		expect_exact(&books);
		assert_true(ask(&books, "SELECT count(*) FROM decision WHERE campaign_id = $1 AND revision > 1") > 0);
		books_close(&books);
	}
}

struct worker {
	struct books *books;
	const struct verdict *verdicts;
	uint64_t seed;
	size_t gave_up;
	pthread_t thread;
};

/* Several times all verdicts, each time in another order, in batches of its own. */
static void *work(void *context)
{
	struct worker *worker = context;
	struct ledger *ledger = books_ledger();
	struct arena *arena = arena_new(BOOKS_ARENA);
	struct verdict *mine = malloc(MANY * sizeof(*mine));

	for (int round = 0; round < 3; round++) {
		memcpy(mine, worker->verdicts, MANY * sizeof(*mine));
		for (size_t i = MANY - 1; i > 0; i--) {
			size_t other = below(&worker->seed, (uint32_t)i + 1);
			struct verdict swap = mine[i];
			mine[i] = mine[other];
			mine[other] = swap;
		}
		for (size_t at = 0, count; at < MANY; at += count) {
			count = 1 + below(&worker->seed, 60);
			count = at + count > MANY ? MANY - at : count;
			decide(worker->books, ledger, arena, mine + at, count);
			for (size_t i = at; i < at + count; i++)
				worker->gave_up += mine[i].fate != FATE_DECIDED;
		}
	}
	free(mine);
	arena_free(&arena);
	ledger_close(&ledger);
	return NULL;
}

static void test_instances_at_once(void **state)
{
	struct books books;
	struct verdict verdicts[MANY];
	struct worker workers[THREADS];

	(void)state;
	books_open(&books, 9);
	for (size_t i = 0; i < MANY; i++)
		verdicts[i] = new_verdict(&books, STATUS_COUNTED, 1 + below(&books.seed, MANY / 4));
	for (size_t i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){.books = &books, .verdicts = verdicts, .seed = i};
		assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
	}
	for (size_t i = 0; i < THREADS; i++) {
		pthread_join(workers[i].thread, NULL);
		assert_int_equal(workers[i].gave_up, 0);
	}
	assert_int_equal(ask(&books, copies_sql), 0);
	assert_int_equal(
		ask(&books, "SELECT count(DISTINCT submission_id) FROM decision WHERE campaign_id = $1"), MANY);
	expect_exact(&books);
	books_close(&books);
}

static void test_stale_epochs_are_not_decided(void **state)
{
	static const struct shard_epoch current[] = {{901, 5}, {902, 1}}, stale[] = {{901, 4}, {902, 1}},
					unknown[] = {{903, 1}};
	struct books books;
	struct verdict verdicts[3];

	(void)state;
	books_open(&books, 2);
	pg_params(books.pg);
	run_sql(&books, "INSERT INTO index_shard (shard, epoch) VALUES (901, 5), (902, 1) ON CONFLICT DO NOTHING");
	for (size_t i = 0; i < 3; i++) {
		verdicts[i] = new_verdict(&books, STATUS_COUNTED, (uint32_t)i + 1);
		verdicts[i].consulted = (const struct shard_epoch *[]){current, stale, unknown}[i];
		verdicts[i].consulted_count = i < 2 ? 2 : 1;
	}
	decide(&books, books.ledger, books.arena, verdicts, 3);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(verdicts[i].fate, verdicts[i].consulted == current ? FATE_DECIDED : FATE_NOT_NOW);
	assert_int_equal(ask(&books, "SELECT count(*) FROM decision WHERE campaign_id = $1"), 1);
	assert_int_equal(ask(&books, "SELECT count(*) FROM exact_text WHERE campaign_id = $1"), 1);
	expect_exact(&books);
	books_close(&books);
}

static struct verdict near(struct books *books, uint32_t text, const struct id128 *original)
{
	struct verdict verdict = new_verdict(books, STATUS_DUPLICATE, text);

	verdict.has_duplicate_of = true;
	verdict.duplicate_of = *original;
	verdict.score = 0.8;
	return verdict;
}

static enum verdict_fate decide_one(struct books *books, struct verdict *verdict)
{
	decide(books, books->ledger, books->arena, verdict, 1);
	return verdict->fate;
}

static struct revision act_on(struct books *books, const struct act *act, struct revision revision)
{
	struct ledger_result result = {0};

	assert_int_equal(
		ledger_revise(books->ledger, &books->reference, act, &revision, 1, books->arena, &result, soon()),
		LEDGER_COMMITTED);
	expect_exact(books);
	return revision;
}

static struct revision revise(
	struct books *books, const struct id128 *id, uint32_t expected, enum submission_status status)
{
	struct revision revision = {
		.id = *id, .expected = expected, .status = status, .decided_by = DECIDED_BY_REVIEWER};
	const struct act act = {.token = random_id(), .reason = {(const uint8_t *)"test", 4}};

	return act_on(books, &act, revision);
}

static void test_near_duplicates_need_their_original(void **state)
{
	struct books books;
	struct verdict original, duplicate, late, pair[2];

	(void)state;
	books_open(&books, 3);
	original = new_verdict(&books, STATUS_COUNTED, 1);
	duplicate = near(&books, 2, &original.id);
	assert_int_equal(decide_one(&books, &duplicate), FATE_NOT_NOW);
	assert_int_equal(decide_one(&books, &original), FATE_DECIDED);
	assert_int_equal(decide_one(&books, &duplicate), FATE_DECIDED);
	assert_int_equal(latest(&books, &duplicate.id).status, STATUS_DUPLICATE);
	/* One that names a duplicate stands behind that one's original. */
	late = near(&books, 3, &duplicate.id);
	assert_int_equal(decide_one(&books, &late), FATE_DECIDED);
	assert_memory_equal(&late.decision.duplicate_of, &original.id, ID128_SIZE);
	/* Both in one batch. */
	pair[0] = new_verdict(&books, STATUS_COUNTED, 4);
	pair[1] = near(&books, 5, &pair[0].id);
	decide(&books, books.ledger, books.arena, pair, 2);
	assert_int_equal(pair[0].fate, FATE_DECIDED);
	assert_int_equal(pair[1].fate, FATE_DECIDED);
	revise(&books, &original.id, 1, STATUS_REVOKED);
	late = near(&books, 6, &original.id);
	assert_int_equal(decide_one(&books, &late), FATE_NOT_NOW);
	/* Two that only name each other. */
	pair[0] = near(&books, 7, &original.id);
	pair[1] = near(&books, 8, &pair[0].id);
	pair[0].duplicate_of = pair[1].id;
	decide(&books, books.ledger, books.arena, pair, 2);
	assert_int_equal(pair[0].fate, FATE_NOT_NOW);
	assert_int_equal(pair[1].fate, FATE_NOT_NOW);
	expect_exact(&books);
	books_close(&books);
}

/* Copies found by the index before the earliest arrives: it takes its place with what it was. */
static void test_displacement_keeps_followers(void **state)
{
	struct books books;
	struct verdict holder, copy, like, earliest;
	struct decision now;

	(void)state;
	books_open(&books, 4);
	holder = new_verdict(&books, STATUS_UNDER_REVIEW, 1);
	copy = near(&books, 1, &holder.id);
	like = near(&books, 2, &holder.id);
	earliest = near(&books, 1, &holder.id);
	receive_at(&books, &earliest, 0);
	receive_at(&books, &holder, 10);
	receive_at(&books, &copy, 20);
	pg_params(books.pg);
	assert_int_equal(decide_one(&books, &holder), FATE_DECIDED);
	assert_int_equal(decide_one(&books, &copy), FATE_DECIDED);
	assert_int_equal(decide_one(&books, &like), FATE_DECIDED);
	assert_int_equal(decide_one(&books, &earliest), FATE_DECIDED);
	assert_int_equal(latest(&books, &earliest.id).status, STATUS_UNDER_REVIEW);
	now = latest(&books, &holder.id);
	assert_int_equal(now.status, STATUS_DUPLICATE);
	assert_int_equal(now.revision, 2);
	assert_int_equal(now.decided_by, DECIDED_BY_CONSEQUENCE);
	assert_memory_equal(&now.duplicate_of, &earliest.id, ID128_SIZE);
	assert_int_equal(latest(&books, &copy.id).revision, 1);
	assert_int_equal(latest(&books, &like.id).revision, 1);
	/* And who stood behind the one displaced falls with its successor. */
	revise(&books, &earliest.id, 1, STATUS_REJECTED);
	assert_int_equal(latest(&books, &holder.id).status, STATUS_UNDER_REVIEW);
	assert_int_equal(latest(&books, &copy.id).status, STATUS_UNDER_REVIEW);
	assert_int_equal(latest(&books, &like.id).status, STATUS_UNDER_REVIEW);
	expect_exact(&books);
	books_close(&books);
}

static void test_a_person_is_not_replaced(void **state)
{
	struct books books;
	struct verdict holder, earliest;

	(void)state;
	books_open(&books, 5);
	holder = new_verdict(&books, STATUS_UNDER_REVIEW, 1);
	earliest = new_verdict(&books, STATUS_COUNTED, 1);
	receive_at(&books, &holder, 10);
	receive_at(&books, &earliest, 0);
	decide_one(&books, &holder);
	revise(&books, &holder.id, 1, STATUS_COUNTED);
	assert_int_equal(decide_one(&books, &earliest), FATE_DECIDED);
	assert_int_equal(latest(&books, &holder.id).status, STATUS_COUNTED);
	assert_int_equal(latest(&books, &earliest.id).status, STATUS_DUPLICATE);
	books_close(&books);
}

static void test_an_original_that_falls(void **state)
{
	struct books books;
	struct verdict original, copies[3], like, later;
	struct revision revision;

	(void)state;
	books_open(&books, 6);
	original = new_verdict(&books, STATUS_COUNTED, 1);
	receive_at(&books, &original, 0);
	decide_one(&books, &original);
	for (size_t i = 0; i < 3; i++) {
		copies[i] = new_verdict(&books, STATUS_COUNTED, 1);
		assert_int_equal(decide_one(&books, &copies[i]), FATE_DECIDED);
	}
	like = near(&books, 2, &original.id);
	decide_one(&books, &like);
	assert_int_equal(ask(&books, "SELECT count(*) FROM signature WHERE campaign_id = $1"), 2);
	revision = revise(&books, &original.id, 7, STATUS_REVOKED);
	assert_int_equal(revision.fate, REVISION_CONFLICT);
	assert_int_equal(revision.latest.revision, 1);
	revision = revise(&books, &original.id, 1, STATUS_REVOKED);
	assert_int_equal(revision.fate, REVISION_MADE);
	assert_int_equal(revision.latest.revision, 2);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(latest(&books, &copies[i].id).status, STATUS_UNDER_REVIEW);
	assert_int_equal(latest(&books, &like.id).status, STATUS_UNDER_REVIEW);
	/* The copies are in the index now, and one of them holds the place. */
	assert_int_equal(ask(&books, "SELECT count(*) FROM signature WHERE campaign_id = $1"), 5);
	later = new_verdict(&books, STATUS_COUNTED, 1);
	receive_at(&books, &later, 2000000);
	decide_one(&books, &later);
	assert_int_equal(later.decision.status, STATUS_DUPLICATE);
	/* Two reviewers: the second is told what happened. */
	assert_int_equal(revise(&books, &copies[0].id, 2, STATUS_COUNTED).fate, REVISION_MADE);
	assert_int_equal(revise(&books, &copies[0].id, 2, STATUS_REJECTED).fate, REVISION_CONFLICT);
	for (size_t i = 0; i < 3; i++)
		revise(&books, &copies[i].id, 0, STATUS_REJECTED);
	assert_int_equal(latest(&books, &later.id).status, STATUS_UNDER_REVIEW);
	revise(&books, &later.id, 0, STATUS_REVOKED);
	assert_int_equal(ask(&books, "SELECT count(*) FROM exact_text WHERE campaign_id = $1"), 1); /* `like` */
	/* Nobody has the text any more: it counts anew. */
	later = new_verdict(&books, STATUS_COUNTED, 1);
	decide_one(&books, &later);
	assert_int_equal(later.decision.status, STATUS_COUNTED);
	assert_int_equal(revise(&books, &(struct id128){{0}}, 0, STATUS_COUNTED).fate, REVISION_UNKNOWN);
	expect_exact(&books);
	books_close(&books);
}

/* A reviewer whose answer was lost asks again: it is not made twice, nor is what another one decided since undone. */
static void test_an_act_is_made_once(void **state)
{
	const struct act first = {.token = random_id(), .reason = {(const uint8_t *)"one", 3}};
	const struct act second = {.token = random_id(), .reason = {(const uint8_t *)"one", 3}};
	struct books books;
	struct verdict verdict;
	struct revision revoke = {.status = STATUS_REVOKED, .decided_by = DECIDED_BY_REVIEWER, .expected = 1}, count,
			fate;

	(void)state;
	books_open(&books, 12);
	verdict = new_verdict(&books, STATUS_COUNTED, 1);
	decide_one(&books, &verdict);
	revoke.id = verdict.id;
	assert_int_equal(act_on(&books, &first, revoke).fate, REVISION_MADE);
	fate = act_on(&books, &first, revoke);
	assert_int_equal(fate.fate, REVISION_REPEATED);
	assert_int_equal(fate.latest.revision, 2);
	assert_int_equal(act_on(&books, &second, revoke).fate, REVISION_CONFLICT);
	count = (struct revision){.id = verdict.id, .status = STATUS_COUNTED, .decided_by = DECIDED_BY_REVIEWER};
	assert_int_equal(act_on(&books, &second, count).fate, REVISION_MADE);
	/* Whatever it was made against: the repeat of a revocation that was overtaken. */
	revoke.expected = 3;
	fate = act_on(&books, &first, revoke);
	assert_int_equal(fate.fate, REVISION_CONFLICT);
	assert_int_equal(fate.latest.status, STATUS_COUNTED);
	/* Of their own later act everybody knows. */
	revoke.expected = 0;
	assert_int_equal(act_on(&books, &second, revoke).fate, REVISION_MADE);
	assert_int_equal(act_on(&books, &second, count).fate, REVISION_MADE);
	assert_int_equal(latest(&books, &verdict.id).revision, 5);
	assert_int_equal(ask(&books, "SELECT count(*) FROM audit_log WHERE campaign_id = $1"), 4);
	books_close(&books);
}

/* Decisions of persons that the log does not tell, or tells otherwise, and rows of the log without a decision. */
static const char untold_sql[] =
	"SELECT count(*) FROM (SELECT * FROM decision WHERE campaign_id = $1 AND decided_by = 1) AS d FULL JOIN "
	"(SELECT * FROM audit_log WHERE campaign_id = $1 AND act <> 'consequence') AS a USING (submission_id, "
	"revision) "
	"WHERE d.status IS DISTINCT FROM a.status_to OR d.decided_at IS DISTINCT FROM a.at";

/* Whatever reviewers and machines do in whatever order, and whatever comes again, every total equals a recount. */
static void test_random_lives(void **state)
{
	static const enum submission_status words[] = {STATUS_COUNTED, STATUS_REJECTED, STATUS_REVOKED};
	struct books books;
	struct id128 known[400];
	struct verdict earlier[5];
	size_t known_count = 0;

	(void)state;
	books_open(&books, 7);
	for (size_t step = 0; step < 80; step++) {
		struct verdict batch[5];

		for (size_t i = 0; i < ARRAY_LENGTH(batch); i++) {
			uint32_t text = below(&books.seed, 12);
			bool is_near = text != 0 && known_count > 0 && below(&books.seed, 3) == 0;

			batch[i] = is_near ? near(&books, text, &known[below(&books.seed, (uint32_t)known_count)])
					   : new_verdict(&books, text == 0 ? STATUS_REJECTED : STATUS_COUNTED, text);
			known[known_count++] = batch[i].id;
		}
		decide(&books, books.ledger, books.arena, batch, ARRAY_LENGTH(batch));
		revise(&books, &known[below(&books.seed, (uint32_t)known_count)], 0, words[below(&books.seed, 3)]);
		/* Verdicts that come late, after persons have decided. */
		if (step > 0)
			decide(&books, books.ledger, books.arena, earlier, ARRAY_LENGTH(earlier));
		expect_exact(&books);
		memcpy(earlier, batch, sizeof(earlier));
	}
	assert_int_equal(ask(&books, untold_sql), 0);
	books_close(&books);
}

static void test_poison_is_alone(void **state)
{
	struct books books;
	struct verdict verdicts[16];
	size_t refused = 0;

	(void)state;
	books_open(&books, 8);
	for (size_t i = 0; i < 16; i++)
		verdicts[i] = new_verdict(&books, STATUS_COUNTED, (uint32_t)i + 1);
	verdicts[5].reasons = (struct bytes){(const uint8_t *)"\xff", 1}; /* no text PostgreSQL takes */
	decide(&books, books.ledger, books.arena, verdicts, 16);
	for (size_t i = 0; i < 16; i++) {
		refused += verdicts[i].fate == FATE_REFUSED;
		assert_true(verdicts[i].fate == FATE_REFUSED || verdicts[i].fate == FATE_DECIDED);
	}
	assert_int_equal(refused, 1);
	expect_exact(&books);
	books_close(&books);
}

static void test_outbox_has_one_row_a_decision(void **state)
{
	struct books books;
	struct verdict verdicts[4];
	struct notice_channel channel = {.name = "sms"};
	struct ledger_result result = {0};

	(void)state;
	books_open(&books, 10);
	for (size_t i = 0; i < 4; i++)
		verdicts[i] = new_verdict(&books, STATUS_COUNTED, 1);
	qsort(verdicts, 4, sizeof(*verdicts), compare_verdicts);
	decide(&books, books.ledger, books.arena, verdicts, 4);
	assert_int_equal(ask(&books, "SELECT count(*) FROM outbox WHERE campaign_id = $1"), 0); /* off */
	books.campaign.notices.by_event[NOTICE_VERDICT] = &channel;
	for (size_t i = 0; i < 4; i++)
		verdicts[i] = new_verdict(&books, STATUS_COUNTED, 1);
	qsort(verdicts, 4, sizeof(*verdicts), compare_verdicts);
	ledger_decide(books.ledger, &books.reference, verdicts, 4, books.arena, &result);
	assert_int_equal(result.outbox_count, 4);
	decide(&books, books.ledger, books.arena, verdicts, 4);
	assert_int_equal(ask(&books, "SELECT count(*) FROM outbox WHERE campaign_id = $1"), 4);
	assert_int_equal(ask(&books, "SELECT count(*) FROM outbox WHERE campaign_id = $1 AND channel = 'sms'"), 4);
	books_close(&books);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_verdicts_count_once),
		cmocka_unit_test(test_of_copies_the_earliest_stands),
		cmocka_unit_test(test_instances_at_once),
		cmocka_unit_test(test_stale_epochs_are_not_decided),
		cmocka_unit_test(test_near_duplicates_need_their_original),
		cmocka_unit_test(test_displacement_keeps_followers),
		cmocka_unit_test(test_a_person_is_not_replaced),
		cmocka_unit_test(test_an_original_that_falls),
		cmocka_unit_test(test_an_act_is_made_once),
		cmocka_unit_test(test_random_lives),
		cmocka_unit_test(test_poison_is_alone),
		cmocka_unit_test(test_outbox_has_one_row_a_decision),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
