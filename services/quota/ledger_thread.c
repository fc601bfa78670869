#include "services/quota/ledger_thread.h"

#include "common/runtime/clock.h"
#include "services/quota/batch.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { PROBE_EVERY_MS = 500 };

struct ledger_thread {
	struct ledger_thread_options options;
	struct metric *decided, *revised, *not_now, *fenced, *refused, *transactions, *collisions, *seconds;
	atomic_bool closing;
	pthread_t thread;
};

static void count_fates(struct ledger_thread *thread, const struct batch *batch)
{
	uint64_t not_now = 0, fenced = 0, refused = 0, revised = 0;

	for (size_t i = 0; i < batch->count; i++) {
		not_now += batch->verdicts[i].fate == FATE_NOT_NOW;
		fenced += batch->verdicts[i].fate == FATE_NOT_NOW && batch->verdicts[i].is_fenced;
		refused += batch->verdicts[i].fate == FATE_REFUSED;
	}
	for (size_t i = 0; i < batch->committed.result.change_count; i++)
		revised += batch->committed.result.changes[i].decision.revision > 1;
	metric_add(thread->decided, batch->committed.result.change_count - revised);
	metric_add(thread->revised, revised);
	metric_add(thread->not_now, not_now);
	metric_add(thread->fenced, fenced);
	metric_add(thread->refused, refused);
	metric_add(thread->transactions, batch->committed.result.transactions);
	metric_add(thread->collisions, batch->committed.result.collisions);
}

static void decide(struct ledger_thread *thread, struct batch *batch)
{
	int64_t began_us = clock_monotonic_ms() * 1000;

	ledger_decide(thread->options.ledger, batch->reference, batch->verdicts, batch->count, batch->arena,
		&batch->committed.result);
	metric_observe_us(thread->seconds, clock_monotonic_ms() * 1000 - began_us);
	count_fates(thread, batch);
}

static void *run(void *context)
{
	struct ledger_thread *thread = context;

	while (!atomic_load(&thread->closing)) {
		void *letter;
		bool taken;

		if (mailbox_wait(thread->options.in, &letter, 1, PROBE_EVERY_MS) == 0) {
			ledger_probe(thread->options.ledger);
			continue;
		}
		decide(thread, letter);
		taken = mailbox_push(thread->options.out, letter);
		assert(taken);
	}
	return NULL;
}

static void register_metrics(struct ledger_thread *thread)
{
	struct metrics *metrics = thread->options.metrics;

	thread->decided =
		metrics_counter(metrics, "sangkien_quota_submissions_decided_total", NULL, "First decisions made");
	thread->revised = metrics_counter(
		metrics, "sangkien_quota_decisions_revised_total", NULL, "Decisions that others have followed");
	thread->not_now = metrics_counter(metrics, "sangkien_quota_verdicts_sent_back_total", NULL,
		"Verdicts of a passed epoch, or whose original does not stand");
	thread->fenced = metrics_counter(metrics, "sangkien_quota_verdicts_fenced_total", NULL,
		"Of those sent back: verdicts of an index that has been rebuilt since");
	thread->refused =
		metrics_counter(metrics, "sangkien_quota_verdicts_refused_total", NULL, "Verdicts that are poison");
	thread->transactions =
		metrics_counter(metrics, "sangkien_quota_transactions_total", NULL, "Transactions committed");
	thread->collisions = metrics_counter(metrics, "sangkien_quota_transactions_repeated_total", NULL,
		"Transactions run again because another was faster");
	thread->seconds = metrics_histogram(metrics, "sangkien_quota_batch_seconds", NULL,
		"From a batch's beginning to the end of its last transaction");
}

struct ledger_thread *ledger_thread_open(const struct ledger_thread_options *options)
{
	struct ledger_thread *thread = calloc(1, sizeof(*thread));

	if (thread == NULL)
		return NULL;
	thread->options = *options;
	register_metrics(thread);
	if (pthread_create(&thread->thread, NULL, run, thread) != 0) {
		free(thread);
		return NULL;
	}
	return thread;
}

void ledger_thread_close(struct ledger_thread **handle)
{
	struct ledger_thread *thread = *handle;

	*handle = NULL;
	if (thread == NULL)
		return;
	atomic_store(&thread->closing, true);
	mailbox_close(thread->options.in);
	pthread_join(thread->thread, NULL);
	free(thread);
}
