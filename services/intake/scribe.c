#include "services/intake/scribe.h"

#include "common/runtime/clock.h"
#include "common/runtime/log.h"
#include "common/runtime/mutant.h"
#include "common/runtime/random.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum {
	/* Together less than a request's deadline: statements and COMMIT, then learning what became of them. */
	STATEMENTS_MS = 4000,
	LEARN_MS = 4000,
	CONNECT_MS = 1000, /* how long a batch waits for a connection that was just lost */
	TRIES_MAX = 4,
	RETRY_AFTER_S = 2,
	TWIN_SLOTS = 1024,
	COMPLAIN_EVERY_MS = 5000,
};

/* Answers --------------------------------------------------------------------------------------------------------- */

static void refuse_all(struct arrival *const *arrivals, size_t count, enum problem problem)
{
	for (size_t i = 0; i < count; i++) {
		if (arrivals[i]->result != RESULT_NONE)
			continue;
		arrival_refuse(arrivals[i], problem);
		arrivals[i]->retry_after_s = RETRY_AFTER_S + random_u32() % 3; /* not all of them at once */
	}
}

static void count_answer(const struct scribe *scribe, const struct arrival *arrival)
{
	struct intake_metrics *metrics = scribe->metrics;
	if (arrival->result == RESULT_RECEIVED)
		metric_add(metrics->accepted, 1);
	else if (arrival->result == RESULT_REPLAYED)
		metric_add(metrics->replayed, 1);
	else
		metric_add(metrics->refused[arrival->problem], 1);
}

/* The receipt first, then the pipeline: a verdict must not overtake the receipt. */
static void answer(struct scribe *scribe, struct arrival *arrival)
{
	struct parcel *parcel = NULL;
	struct id128 id = arrival->submission.id;
	bool received = arrival->result == RESULT_RECEIVED;
	assert(arrival->result != RESULT_NONE);
	count_answer(scribe, arrival);
	atomic_fetch_sub(scribe->queue_bytes, arrival->bytes);
	if (received && dispatch_room(scribe->dispatch) > 0)
		parcel = parcel_new(&arrival->submission, arrival->trace_parent);
	if (arrival->wants_decision && received)
		arrival->wants_decision =
			waiters_add(scribe->waiters, &arrival->receipt_id, arrival->ticket, clock_monotonic_ms());
	if (!mailbox_push(scribe->http_mailbox, arrival))
		arrival_free(&arrival);
	if (received && (parcel == NULL || !dispatch_offer(scribe->dispatch, parcel))) {
		dispatch_put_off(scribe->dispatch, &id);
		free(parcel);
	}
	atomic_fetch_sub(scribe->under_way, 1);
}

/* Judging --------------------------------------------------------------------------------------------------------- */

static size_t select_where(
	struct arrival *const *from, size_t count, struct arrival **out, bool (*wanted)(const struct arrival *arrival))
{
	size_t selected = 0;
	for (size_t i = 0; i < count; i++) {
		if (from[i]->result == RESULT_NONE && wanted(from[i]))
			out[selected++] = from[i];
	}
	return selected;
}

static bool has_key(const struct arrival *arrival)
{
	return arrival->key.size > 0;
}

/* A repeat is answered before it is limited or refused (the order of the contract's table). For the others it is enough
 * that their key will be found taken. */
static bool may_be_stopped(const struct arrival *arrival)
{
	return has_key(arrival) && (arrival->limited || arrival->refusal != PROBLEM_NONE);
}

static bool goes_in(const struct arrival *arrival)
{
	return arrival->refusal == PROBLEM_NONE;
}

/* Is PostgreSQL there? A batch waits a moment for one that was just lost, the next ones do not. */
bool scribe_is_ready(struct scribe *scribe, int64_t wait_ms)
{
	bool ready = ledger_ready(scribe->ledger, clock_monotonic_ms() + wait_ms);
	scribe->away = !ready;
	service_condition(scribe->service, "postgresql", ready, ready ? NULL : "PostgreSQL does not answer");
	return ready;
}

static void answer_repeats(struct scribe *scribe, struct arrival *const *arrivals, size_t count,
	bool (*wanted)(const struct arrival *arrival))
{
	struct arrival *keyed[BATCH_ROWS_MAX];
	size_t keyed_count = select_where(arrivals, count, keyed, wanted);
	if (keyed_count == 0)
		return;
	enum pg_status status =
		ledger_find_keys(scribe->ledger, keyed, keyed_count, clock_monotonic_ms() + STATEMENTS_MS);
	if (status != PG_OK)
		refuse_all(keyed, keyed_count, status == PG_UNKNOWN ? PROBLEM_OUTCOME_UNKNOWN : PROBLEM_UNAVAILABLE);
}

static bool same_key(const struct arrival *a, const struct arrival *b)
{
	return a->submission.campaign == b->submission.campaign && a->key.size == b->key.size &&
	       memcmp(a->key.data, b->key.data, a->key.size) == 0;
}

static bool brings_key(const struct arrival *arrival)
{
	return arrival->result == RESULT_NONE && has_key(arrival) && goes_in(arrival);
}

/* Two with one new key at once: the later one comes again when the first has its answer. */
static size_t set_twins_aside(struct scribe *scribe, struct arrival **arrivals, size_t count)
{
	const struct arrival *slots[TWIN_SLOTS] = {0};
	size_t kept = 0;
	for (size_t i = 0; i < count; i++) {
		struct arrival *arrival = arrivals[i];
		size_t at = brings_key(arrival) ? XXH3_64bits(arrival->key.data, arrival->key.size) % TWIN_SLOTS : 0;
		while (brings_key(arrival) && slots[at] != NULL && !same_key(slots[at], arrival))
			at = (at + 1) % TWIN_SLOTS;
		if (brings_key(arrival) && slots[at] != NULL) {
			scribe->again[scribe->again_count++] = arrival;
			continue;
		}
		if (brings_key(arrival))
			slots[at] = arrival;
		arrivals[kept++] = arrival;
	}
	return kept;
}

static void answer_refused(struct arrival *const *arrivals, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (arrivals[i]->result == RESULT_NONE && arrivals[i]->refusal != PROBLEM_NONE)
			arrival_refuse(arrivals[i], arrivals[i]->refusal);
	}
}

/* Committing ------------------------------------------------------------------------------------------------------ */

static void receipts_of(struct arrival *const *arrivals, size_t count, const bool *won)
{
	for (size_t i = 0; i < count; i++) {
		if (won[i])
			arrival_receipt(arrivals[i], RESULT_RECEIVED, &arrivals[i]->submission.id,
				arrivals[i]->submission.received_at);
	}
}

/* Law 1: nobody is told anything that is not known. */
static void learn(struct scribe *scribe, struct arrival *const *arrivals, size_t count)
{
	bool kept = false;
	metric_add(scribe->metrics->outcomes_unknown, 1);
	bool learnt =
		ledger_learn(scribe->ledger, arrivals, count, scribe->won, &kept, clock_monotonic_ms() + LEARN_MS);
	log_warn("outcome_unknown", KV_U64("submissions", count), KV_BOOL("learnt", learnt), KV_BOOL("kept", kept));
	if (!learnt)
		refuse_all(arrivals, count, PROBLEM_OUTCOME_UNKNOWN);
	else if (kept)
		receipts_of(arrivals, count, scribe->won);
	else
		refuse_all(arrivals, count, PROBLEM_UNAVAILABLE);
}

static enum pg_status try_commit(struct scribe *scribe, struct arrival *const *arrivals, size_t count)
{
	struct intake_metrics *metrics = scribe->metrics;
	enum pg_status status = PG_RETRY;
	int64_t deadline_ms = clock_monotonic_ms() + STATEMENTS_MS;
	for (int tries = 0; status == PG_RETRY && tries < TRIES_MAX; tries++) {
		int64_t begun_us = clock_now_us();
		status = ledger_commit(scribe->ledger, arrivals, count, scribe->won, deadline_ms);
		metric_observe_us(metrics->commit_latency, clock_now_us() - begun_us);
	}
	return status;
}

/* Under a full disk every batch fails: a line in five seconds is enough. */
static void complain(struct scribe *scribe, size_t count)
{
	int64_t now_ms = clock_monotonic_ms();
	if (now_ms < scribe->complain_at_ms)
		return;
	scribe->complain_at_ms = now_ms + COMPLAIN_EVERY_MS;
	log_error("commit_failed", KV_TEXT("why", ledger_error(scribe->ledger)), KV_U64("submissions", count));
}

static void commit(struct scribe *scribe, struct arrival *const *arrivals, size_t count)
{
	struct intake_metrics *metrics = scribe->metrics;
	if (count == 0)
		return;
	enum pg_status status = try_commit(scribe, arrivals, count);
	bool blames_row = status == PG_REFUSED && ledger_blames_row(scribe->ledger);
	if (status == PG_OK || MUTANT_ACKNOWLEDGE_BEFORE_COMMIT) {
		metric_add(metrics->commits, 1);
		metric_observe_us(metrics->commit_rows, (int64_t)count * 1000);
		receipts_of(arrivals, count, scribe->won);
	} else if (status == PG_UNKNOWN) {
		learn(scribe, arrivals, count);
	} else if (blames_row && count > 1) {
		/* One row that PostgreSQL will not have must not take its neighbours with it. */
		commit(scribe, arrivals, count / 2);
		commit(scribe, arrivals + count / 2, count - count / 2);
	} else {
		complain(scribe, count);
		refuse_all(arrivals, count, blames_row ? PROBLEM_FAILED : PROBLEM_UNAVAILABLE);
	}
}

/* Those whose key came first in another transaction get its receipt; whoever kept nothing is not charged for it. */
static void settle_losers(struct scribe *scribe, struct arrival *const *arrivals, size_t count)
{
	struct arrival *lost[BATCH_ROWS_MAX];
	size_t lost_count = 0;
	answer_repeats(scribe, arrivals, count, has_key);
	/* The other transaction's row is gone again or not to be seen: its client sends once more. */
	refuse_all(arrivals, count, PROBLEM_UNAVAILABLE);
	for (size_t i = 0; i < count; i++) {
		if (arrivals[i]->result != RESULT_RECEIVED && arrivals[i]->problem != PROBLEM_OUTCOME_UNKNOWN)
			lost[lost_count++] = arrivals[i];
	}
	rate_limit_refund(scribe->rates, lost, lost_count);
}

static void take_decision(size_t at, struct decision *decision, void *context)
{
	struct arrival **waiting = context;
	free(waiting[at]->decision);
	waiting[at]->decision = decision;
}

/* A repeat that waits may be decided already, or be decided at any moment from now on. */
static void answer_decided(struct scribe *scribe, struct arrival *const *arrivals, size_t count)
{
	struct arrival *waiting[BATCH_ROWS_MAX];
	struct id128 ids[BATCH_ROWS_MAX];
	int64_t now_ms = clock_monotonic_ms();
	size_t waiting_count = 0;
	for (size_t i = 0; i < count; i++) {
		if (arrivals[i]->result != RESULT_REPLAYED || !arrivals[i]->wants_decision)
			continue;
		arrivals[i]->wants_decision =
			waiters_add(scribe->waiters, &arrivals[i]->receipt_id, arrivals[i]->ticket, now_ms);
		ids[waiting_count] = arrivals[i]->receipt_id;
		waiting[waiting_count++] = arrivals[i];
	}
	if (waiting_count > 0 && ledger_find_decisions(scribe->ledger, ids, waiting_count, take_decision, waiting,
					 now_ms + STATEMENTS_MS) != PG_OK)
		log_warn("decisions_not_read", KV_TEXT("why", ledger_error(scribe->ledger)));
}

/* One batch: the contract's rows from the replay down, in their order. */
static void process(struct scribe *scribe, struct arrival **arrivals, size_t count)
{
	struct arrival *going[BATCH_ROWS_MAX];
	scribe->again_count = 0;
	/* What PostgreSQL is not needed for is answered without it. */
	bool ready = scribe_is_ready(scribe, scribe->away ? SCRIBE_AWAY_MS : CONNECT_MS);
	for (size_t i = 0; i < count && !ready; i++) {
		if (has_key(arrivals[i]))
			refuse_all(&arrivals[i], 1, PROBLEM_UNAVAILABLE);
	}
	answer_repeats(scribe, arrivals, count, may_be_stopped);
	count = set_twins_aside(scribe, arrivals, count);
	for (size_t i = 0; i < count && !ready; i++) {
		if (goes_in(arrivals[i]))
			refuse_all(&arrivals[i], 1, PROBLEM_UNAVAILABLE);
	}
	bool shared = rate_limit_judge(scribe->rates, arrivals, count);
	metric_set(scribe->metrics->redis, shared ? 1 : 0);
	answer_refused(arrivals, count);
	size_t going_count = select_where(arrivals, count, going, goes_in);
	commit(scribe, going, going_count);
	settle_losers(scribe, going, going_count);
	answer_decided(scribe, arrivals, count);
	for (size_t i = 0; i < count; i++)
		answer(scribe, arrivals[i]);
}

void scribe_process(struct scribe *scribe, struct arrival **arrivals, size_t count)
{
	struct arrival *twins[BATCH_ROWS_MAX];
	while (count > 0) {
		process(scribe, arrivals, count);
		count = scribe->again_count;
		memcpy(twins, scribe->again, count * sizeof(struct arrival *));
		arrivals = twins;
	}
}
