#include "services/intake/receipt_writer.h"

#include "common/runtime/clock.h"
#include "common/runtime/log.h"
#include "common/runtime/random.h"
#include "services/intake/ledger.h"
#include "services/intake/rate_limit.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum {
	CONNECT_MS = 1000, /* how long a batch waits for a connection that was just lost */
	AWAY_MS = 50,      /* and when it has been away for longer */
	IDLE_MS = 1000,
	REDIS_TIMEOUT_MS = 200,
	TRIES_MAX = 4,
	RETRY_AFTER_S = 2,
	TWIN_SLOTS = 1024,
};

struct receipt_writer {
	struct receipt_writer_options options;
	struct mailbox *queue;
	atomic_size_t queue_bytes, under_way;
	atomic_bool closing;
	struct rate_shared *rates;
	uint32_t started;
	struct scribe *scribes[WRITERS_MAX];
};

/* One thread. */
struct scribe {
	struct receipt_writer *writer;
	pthread_t thread;
	struct ledger *ledger;
	struct rate_limit *rates;
	bool away; /* PostgreSQL was not there the last time */
	struct arrival *again[BATCH_ROWS_MAX];
	size_t again_count;
	bool won[BATCH_ROWS_MAX];
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
	struct intake_metrics *metrics = scribe->writer->options.metrics;
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
	struct receipt_writer *writer = scribe->writer;
	struct parcel *parcel = NULL;
	assert(arrival->result != RESULT_NONE);
	count_answer(scribe, arrival);
	atomic_fetch_sub(&writer->queue_bytes, arrival->bytes);
	if (arrival->result == RESULT_RECEIVED && dispatch_room(writer->options.dispatch) > 0)
		parcel = parcel_new(&arrival->submission, arrival->trace_parent);
	if (arrival->wants_decision && arrival->result == RESULT_RECEIVED)
		arrival->wants_decision = waiters_add(writer->options.waiters, &arrival->receipt_id, arrival->ticket);
	if (!mailbox_push(writer->options.http_mailbox, arrival))
		arrival_free(&arrival);
	if (parcel != NULL && !dispatch_offer(writer->options.dispatch, parcel))
		free(parcel);
	atomic_fetch_sub(&writer->under_way, 1);
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

static bool goes_in(const struct arrival *arrival)
{
	return arrival->refusal == PROBLEM_NONE;
}

/* Is PostgreSQL there? A batch waits a moment for one that was just lost, the next ones do not. */
static bool is_ready(struct scribe *scribe, int64_t wait_ms)
{
	bool ready = ledger_ready(scribe->ledger, clock_monotonic_ms() + wait_ms);
	scribe->away = !ready;
	service_condition(
		scribe->writer->options.service, "postgresql", ready, ready ? NULL : "PostgreSQL does not answer");
	return ready;
}

static void answer_repeats(struct scribe *scribe, struct arrival *const *arrivals, size_t count)
{
	struct arrival *keyed[BATCH_ROWS_MAX];
	size_t keyed_count = select_where(arrivals, count, keyed, has_key);
	if (keyed_count == 0)
		return;
	if (ledger_find_keys(scribe->ledger, keyed, keyed_count, clock_monotonic_ms() + STATEMENTS_MS) != PG_OK)
		refuse_all(keyed, keyed_count, PROBLEM_UNAVAILABLE);
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
	metric_add(scribe->writer->options.metrics->outcomes_unknown, 1);
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
	struct intake_metrics *metrics = scribe->writer->options.metrics;
	enum pg_status status = PG_RETRY;
	int64_t deadline_ms = clock_monotonic_ms() + STATEMENTS_MS;
	for (int tries = 0; status == PG_RETRY && tries < TRIES_MAX; tries++) {
		int64_t begun_us = clock_now_us();
		status = ledger_commit(scribe->ledger, arrivals, count, scribe->won, deadline_ms);
		metric_observe_us(metrics->commit_latency, clock_now_us() - begun_us);
	}
	return status;
}

static void commit(struct scribe *scribe, struct arrival *const *arrivals, size_t count)
{
	struct intake_metrics *metrics = scribe->writer->options.metrics;
	if (count == 0)
		return;
	enum pg_status status = try_commit(scribe, arrivals, count);
	if (status == PG_OK) {
		metric_add(metrics->commits, 1);
		metric_observe_us(metrics->commit_rows, (int64_t)count * 1000);
		receipts_of(arrivals, count, scribe->won);
	} else if (status == PG_UNKNOWN) {
		learn(scribe, arrivals, count);
	} else if (status == PG_REFUSED && count > 1) {
		/* One row that PostgreSQL will not have must not take its neighbours with it. */
		commit(scribe, arrivals, count / 2);
		commit(scribe, arrivals + count / 2, count - count / 2);
	} else {
		log_error("commit_failed", KV_TEXT("why", ledger_error(scribe->ledger)), KV_U64("submissions", count));
		refuse_all(arrivals, count, status == PG_REFUSED ? PROBLEM_FAILED : PROBLEM_UNAVAILABLE);
	}
}

/* Those whose key came first in another transaction get its receipt; whoever kept nothing is not charged for it. */
static void settle_losers(struct scribe *scribe, struct arrival *const *arrivals, size_t count)
{
	struct arrival *lost[BATCH_ROWS_MAX];
	size_t lost_count = 0;
	answer_repeats(scribe, arrivals, count);
	/* The other transaction's row is gone again or not to be seen: its client sends once more. */
	refuse_all(arrivals, count, PROBLEM_UNAVAILABLE);
	for (size_t i = 0; i < count; i++) {
		if (arrivals[i]->result != RESULT_RECEIVED && arrivals[i]->problem != PROBLEM_OUTCOME_UNKNOWN)
			lost[lost_count++] = arrivals[i];
	}
	rate_limit_refund(scribe->rates, lost, lost_count);
}

/* A repeat that waits may be decided already, or be decided at any moment from now on. */
static void find_decisions(struct scribe *scribe, struct arrival *const *arrivals, size_t count)
{
	struct arrival *waiting[BATCH_ROWS_MAX];
	struct waiters *waiters = scribe->writer->options.waiters;
	size_t waiting_count = 0;
	for (size_t i = 0; i < count; i++) {
		if (arrivals[i]->result != RESULT_REPLAYED || !arrivals[i]->wants_decision)
			continue;
		arrivals[i]->wants_decision = waiters_add(waiters, &arrivals[i]->receipt_id, arrivals[i]->ticket);
		waiting[waiting_count++] = arrivals[i];
	}
	if (waiting_count > 0 && ledger_find_decisions(scribe->ledger, waiting, waiting_count,
					 clock_monotonic_ms() + STATEMENTS_MS) != PG_OK)
		log_warn("decisions_not_read", KV_TEXT("why", ledger_error(scribe->ledger)));
}

/* One batch: the contract's rows from the replay down, in their order. */
static void process(struct scribe *scribe, struct arrival **arrivals, size_t count)
{
	struct arrival *going[BATCH_ROWS_MAX];
	scribe->again_count = 0;
	/* What PostgreSQL is not needed for is answered without it. */
	bool ready = is_ready(scribe, scribe->away ? AWAY_MS : CONNECT_MS);
	for (size_t i = 0; i < count && !ready; i++) {
		if (has_key(arrivals[i]))
			refuse_all(&arrivals[i], 1, PROBLEM_UNAVAILABLE);
	}
	answer_repeats(scribe, arrivals, count);
	count = set_twins_aside(scribe, arrivals, count);
	for (size_t i = 0; i < count && !ready; i++) {
		if (goes_in(arrivals[i]))
			refuse_all(&arrivals[i], 1, PROBLEM_UNAVAILABLE);
	}
	bool shared = rate_limit_judge(scribe->rates, arrivals, count);
	metric_set(scribe->writer->options.metrics->redis, shared ? 1 : 0);
	answer_refused(arrivals, count);
	size_t going_count = select_where(arrivals, count, going, goes_in);
	commit(scribe, going, going_count);
	settle_losers(scribe, going, going_count);
	find_decisions(scribe, arrivals, count);
	for (size_t i = 0; i < count; i++)
		answer(scribe, arrivals[i]);
}

static void process_all(struct scribe *scribe, struct arrival **arrivals, size_t count)
{
	struct arrival *twins[BATCH_ROWS_MAX];
	while (count > 0) {
		process(scribe, arrivals, count);
		count = scribe->again_count;
		memcpy(twins, scribe->again, count * sizeof(struct arrival *));
		arrivals = twins;
	}
}

/* Threads --------------------------------------------------------------------------------------------------------- */

/* Takes over those whose client has not been answered yet; once begun it is 504 and no longer 503. */
static size_t begin(struct receipt_writer *writer, struct arrival **arrivals, size_t count)
{
	size_t begun = 0;
	for (size_t i = 0; i < count; i++) {
		int expected = ARRIVAL_QUEUED;
		if (atomic_compare_exchange_strong(&arrivals[i]->stage, &expected, ARRIVAL_TAKEN)) {
			arrivals[begun++] = arrivals[i];
			continue;
		}
		atomic_fetch_sub(&writer->queue_bytes, arrivals[i]->bytes);
		atomic_fetch_sub(&writer->under_way, 1);
		arrival_free(&arrivals[i]);
	}
	return begun;
}

/* As many of the first as fit a transaction. */
static size_t fitting(struct arrival *const *arrivals, size_t count)
{
	size_t bytes = 0, fit = 0;
	while (fit < count && (fit == 0 || bytes + arrivals[fit]->bytes <= BATCH_BYTES_MAX))
		bytes += arrivals[fit++]->bytes;
	return fit;
}

static void take(struct scribe *scribe, void **letters, size_t count)
{
	struct arrival *arrivals[BATCH_ROWS_MAX];
	for (size_t i = 0; i < count; i++)
		arrivals[i] = letters[i];
	count = begin(scribe->writer, arrivals, count);
	for (size_t done = 0; done < count;) {
		size_t fit = fitting(arrivals + done, count - done);
		process_all(scribe, arrivals + done, fit);
		done += fit;
	}
}

static void *run(void *context)
{
	struct scribe *scribe = context;
	struct receipt_writer *writer = scribe->writer;
	void *letters[BATCH_ROWS_MAX];
	for (;;) {
		size_t count = mailbox_wait(writer->queue, letters, BATCH_ROWS_MAX, scribe->away ? AWAY_MS : IDLE_MS);
		metric_set(writer->options.metrics->queue, (int64_t)mailbox_count(writer->queue));
		if (count > 0)
			take(scribe, letters, count);
		else if (atomic_load(&writer->closing))
			return NULL;
		else
			is_ready(scribe, AWAY_MS);
	}
}

static struct scribe *scribe_new(struct receipt_writer *writer)
{
	const struct receipt_writer_options *options = &writer->options;
	struct scribe *scribe = calloc(1, sizeof(*scribe));
	struct redis *redis =
		redis_open(options->redis_address, options->redis_user, options->redis_password_file, REDIS_TIMEOUT_MS);
	if (scribe == NULL || redis == NULL)
		goto fail;
	scribe->writer = writer;
	scribe->away = true;
	scribe->ledger = ledger_open(options->conninfo, "intake receipt_writer");
	scribe->rates = rate_limit_new(writer->rates, redis);
	if (scribe->ledger != NULL && scribe->rates != NULL)
		return scribe;
	if (scribe->rates != NULL)
		redis = NULL; /* closed with it */
	rate_limit_free(&scribe->rates);
	ledger_close(&scribe->ledger);
fail:
	redis_close(&redis);
	free(scribe);
	return NULL;
}

static void scribe_free(struct scribe **scribe)
{
	rate_limit_free(&(*scribe)->rates);
	ledger_close(&(*scribe)->ledger);
	free(*scribe);
	*scribe = NULL;
}

static bool start(struct receipt_writer *writer)
{
	while (writer->started < writer->options.writers) {
		struct scribe *scribe = scribe_new(writer);
		if (scribe == NULL)
			return false;
		if (pthread_create(&scribe->thread, NULL, run, scribe) != 0) {
			scribe_free(&scribe);
			return false;
		}
		pthread_setname_np(scribe->thread, "receipt_writer");
		writer->scribes[writer->started++] = scribe;
	}
	return true;
}

struct receipt_writer *receipt_writer_open(const struct receipt_writer_options *options)
{
	struct receipt_writer *writer = calloc(1, sizeof(*writer));
	assert(options->writers > 0 && options->writers <= WRITERS_MAX);
	if (writer == NULL)
		return NULL;
	writer->options = *options;
	writer->queue = mailbox_new(options->queue);
	writer->rates = rate_shared_new();
	service_condition(options->service, "postgresql", false, "not connected yet");
	if (writer->queue == NULL || writer->rates == NULL || !start(writer))
		receipt_writer_close(&writer);
	return writer;
}

void receipt_writer_close(struct receipt_writer **handle)
{
	struct receipt_writer *writer = *handle;
	*handle = NULL;
	if (writer == NULL)
		return;
	atomic_store(&writer->closing, true);
	if (writer->queue != NULL)
		mailbox_close(writer->queue);
	for (uint32_t i = 0; i < writer->started; i++) {
		pthread_join(writer->scribes[i]->thread, NULL);
		scribe_free(&writer->scribes[i]);
	}
	mailbox_free(&writer->queue);
	rate_shared_free(&writer->rates);
	free(writer);
}

bool receipt_writer_push(struct receipt_writer *writer, struct arrival *arrival)
{
	size_t bytes = arrival->bytes;
	if (atomic_fetch_add(&writer->queue_bytes, bytes) + bytes <= QUEUE_BYTES_MAX) {
		atomic_fetch_add(&writer->under_way, 1);
		if (mailbox_push(writer->queue, arrival))
			return true;
		atomic_fetch_sub(&writer->under_way, 1);
	}
	atomic_fetch_sub(&writer->queue_bytes, bytes);
	return false;
}

bool receipt_writer_idle(const struct receipt_writer *writer)
{
	return atomic_load(&writer->under_way) == 0;
}
