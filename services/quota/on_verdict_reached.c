#include "services/quota/on_verdict_reached.h"

#include "common/runtime/clock.h"
#include "common/runtime/failpoint.h"
#include "services/quota/answers.h"

#include <stdlib.h>

enum {
	ARENA_BYTES_MAX = 256 << 20, /* of addresses; memory is what a batch needs */
	TICK_MS = 100,
	REFERENCE_WAIT_MS = 3000, /* a change reaches every instance within two seconds */
};

/* A delivery that waits for a batch; bounded by the credit that upstreams have. */
struct waiting {
	struct delivery **deliveries; /* a ring */
	size_t first, count, capacity;
};

struct counter {
	struct counter_options options;
	struct waiting waiting;
	struct batch *batches[BATCHES];
	struct batch *idle[BATCHES];
	size_t idle_count;
	struct answers *answers;
	/* The first delivery names what this version of the reference data does not have; 0: it does not. */
	uint64_t stuck_at_version;
	int64_t stuck_since_ms;
	struct metric *malformed, *unknown;
};

/* Deliveries that wait --------------------------------------------------------------------------------------------- */

static bool add_waiting(struct waiting *waiting, struct delivery *delivery)
{
	if (waiting->count == waiting->capacity) {
		size_t capacity = waiting->capacity == 0 ? 16 : waiting->capacity * 2;
		struct delivery **ring = calloc(capacity, sizeof(struct delivery *));

		if (ring == NULL)
			return false;
		for (size_t i = 0; i < waiting->count; i++)
			ring[i] = waiting->deliveries[(waiting->first + i) % waiting->capacity];
		free(waiting->deliveries);
		*waiting = (struct waiting){.deliveries = ring, .count = waiting->count, .capacity = capacity};
	}
	waiting->deliveries[(waiting->first + waiting->count++) % waiting->capacity] = delivery;
	return true;
}

static struct delivery *first_waiting(const struct waiting *waiting)
{
	return waiting->count == 0 ? NULL : waiting->deliveries[waiting->first];
}

static void remove_first(struct waiting *waiting)
{
	waiting->first = (waiting->first + 1) % waiting->capacity;
	waiting->count--;
}

/* Batches ---------------------------------------------------------------------------------------------------------- */

/* False: it is about something that may come with the next version of the reference data. */
static bool read_item(
	struct counter *counter, struct batch *batch, struct delivery *delivery, size_t item, bool patient)
{
	const Sangkien__Wire__Item *from = delivery_item(delivery, item);
	struct verdict *verdict = &batch->verdicts[batch->count];
	const char *why;
	enum verdict_fault fault = verdict_read((struct bytes){from->body.data, from->body.len}, batch->reference,
		delivery_arena(delivery), verdict, &why);

	if (fault == VERDICT_UNKNOWN && patient)
		return false;
	if (fault == VERDICT_FINE) {
		verdict->delivery = (uint32_t)batch->delivery_count;
		verdict->item = (uint32_t)item;
		batch->count++;
		return true;
	}
	metric_add(fault == VERDICT_UNKNOWN ? counter->unknown : counter->malformed, 1);
	delivery_reject(delivery, item, fault == VERDICT_TOO_MUCH, why);
	return true;
}

/* Waits for a campaign or unit that other services knew before us, but not for ever. */
static bool read_delivery(struct counter *counter, struct batch *batch, struct delivery *delivery)
{
	size_t before = batch->count;
	int64_t now = clock_monotonic_ms();
	bool patient = counter->stuck_at_version == 0 || now - counter->stuck_since_ms < REFERENCE_WAIT_MS;

	for (size_t item = 0; item < delivery_count(delivery); item++) {
		if (read_item(counter, batch, delivery, item, patient))
			continue;
		if (counter->stuck_at_version == 0)
			counter->stuck_since_ms = now;
		counter->stuck_at_version = batch->reference->version;
		batch->count = before;
		return false;
	}
	counter->stuck_at_version = 0;
	return true;
}

static bool is_stuck(const struct counter *counter, const struct reference *reference)
{
	return counter->stuck_at_version == reference->version &&
	       clock_monotonic_ms() - counter->stuck_since_ms < REFERENCE_WAIT_MS;
}

/* The same verdict may have come twice; the second is answered by the first. */
static void sort_verdicts(struct batch *batch)
{
	size_t kept = 0;

	qsort(batch->verdicts, batch->count, sizeof(*batch->verdicts), id128_compare_rows);
	for (size_t i = 0; i < batch->count; i++)
		if (kept == 0 || !id128_equal(&batch->verdicts[kept - 1].id, &batch->verdicts[i].id))
			batch->verdicts[kept++] = batch->verdicts[i];
	batch->count = kept;
}

/* Joins what waits. */
static void fill(struct counter *counter, struct batch *batch)
{
	struct delivery *delivery;

	while (batch->delivery_count < BATCH_DELIVERIES_MAX && batch->count < counter->options.batch_verdicts &&
		(delivery = first_waiting(&counter->waiting)) != NULL &&
		batch->count + delivery_count(delivery) <= BATCH_VERDICTS_MAX) {
		if (!read_delivery(counter, batch, delivery))
			break;
		remove_first(&counter->waiting);
		batch->deliveries[batch->delivery_count++] = delivery;
	}
	sort_verdicts(batch);
}

static void release(struct counter *counter, struct batch *batch)
{
	reference_release(counter->options.reference, &batch->reference);
	counter->idle[counter->idle_count++] = batch;
}

/* Of what waits; false: nothing that can be decided now. */
static bool start_batch(struct counter *counter)
{
	struct batch *batch = counter->idle[counter->idle_count - 1];
	bool taken;

	batch->reference = reference_acquire(counter->options.reference);
	if (batch->reference == NULL)
		return false;
	counter->idle_count--;
	arena_reset(batch->arena);
	batch->count = batch->delivery_count = 0;
	batch->committed = (struct committed){.answers = counter->options.answers};
	if (!is_stuck(counter, batch->reference))
		fill(counter, batch);
	if (batch->delivery_count == 0) {
		release(counter, batch);
		return false;
	}
	taken = mailbox_push(counter->options.to_ledger, batch);
	assert(taken);
	return true;
}

/* One batch at the ledger and one before it: what arrives meanwhile is joined. */
static void start_batches(struct counter *counter)
{
	while (counter->idle_count > 0 && counter->waiting.count > 0 &&
		mailbox_count(counter->options.to_ledger) == 0 && start_batch(counter))
		;
}

static void on_answers(void *context)
{
	struct counter *counter = context;
	void *letters[BATCHES];
	size_t count = mailbox_take(counter->options.answers, letters, BATCHES);

	for (size_t i = 0; i < count; i++) {
		struct batch *batch = letters[i];

		answers_give(counter->answers, batch);
		failpoint("quota-after-answer");
		for (size_t k = 0; k < batch->delivery_count; k++)
			delivery_done(&batch->deliveries[k]);
		release(counter, batch);
	}
	start_batches(counter);
}

static void on_tick(void *context)
{
	start_batches(context);
}

void on_verdict_reached(struct delivery *delivery, void *context)
{
	struct counter *counter = context;

	if (delivery_count(delivery) > BATCH_VERDICTS_MAX || !add_waiting(&counter->waiting, delivery)) {
		for (size_t item = 0; item < delivery_count(delivery); item++)
			delivery_reject(delivery, item, true, "no room for the batch");
		delivery_done(&delivery);
		return;
	}
	start_batches(counter);
}

bool counter_is_idle(const struct counter *counter)
{
	return counter->idle_count == BATCHES && counter->waiting.count == 0;
}

struct counter *counter_open(const struct counter_options *options)
{
	struct counter *counter = calloc(1, sizeof(*counter));
	struct metrics *metrics = service_metrics(options->service);

	if (counter == NULL)
		return NULL;
	counter->options = *options;
	counter->malformed = metrics_counter(
		metrics, "sangkien_quota_verdicts_malformed_total", NULL, "Verdicts that are none: poison");
	counter->unknown = metrics_counter(metrics, "sangkien_quota_verdicts_unknown_total", NULL,
		"Verdicts of a campaign, unit or version of the rules that is not known here (yet)");
	counter->answers = answers_open(options->decisions, options->outbox);
	if (counter->answers == NULL)
		goto fail;
	for (size_t i = 0; i < BATCHES; i++) {
		counter->batches[i] = calloc(1, sizeof(*counter->batches[i]));
		if (counter->batches[i] == NULL)
			goto fail;
		counter->batches[i]->arena = arena_new(ARENA_BYTES_MAX);
		if (counter->batches[i]->arena == NULL)
			goto fail;
		counter->idle[counter->idle_count++] = counter->batches[i];
	}
	service_on_fd(options->service, mailbox_fd(options->answers), on_answers, counter);
	service_every(options->service, TICK_MS, on_tick, counter);
	return counter;
fail:
	counter_close(&counter);
	return NULL;
}

static void free_batch(struct counter *counter, struct batch **handle)
{
	struct batch *batch = *handle;

	*handle = NULL;
	if (batch == NULL)
		return;
	if (batch->reference != NULL)
		reference_release(counter->options.reference, &batch->reference);
	arena_free(&batch->arena);
	free(batch);
}

void counter_close(struct counter **handle)
{
	struct counter *counter = *handle;

	*handle = NULL;
	if (counter == NULL)
		return;
	for (size_t i = 0; i < BATCHES; i++)
		free_batch(counter, &counter->batches[i]);
	answers_close(&counter->answers);
	free(counter->waiting.deliveries);
	free(counter);
}
