#include "services/intake/receipt_writer.h"

#include "services/intake/scribe.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { IDLE_MS = 1000 };

struct writer_thread {
	pthread_t handle;
	struct receipt_writer *writer;
	struct scribe scribe;
};

struct receipt_writer {
	struct receipt_writer_options options;
	struct mailbox *queue;
	atomic_size_t queue_bytes, under_way;
	atomic_bool closing;
	struct rate_shared *rates;
	uint32_t started;
	struct writer_thread *threads[WRITERS_MAX];
};

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

static void take(struct writer_thread *thread, void **letters, size_t count)
{
	struct arrival *arrivals[BATCH_ROWS_MAX];
	for (size_t i = 0; i < count; i++)
		arrivals[i] = letters[i];
	count = begin(thread->writer, arrivals, count);
	for (size_t done = 0; done < count;) {
		size_t fit = fitting(arrivals + done, count - done);
		scribe_process(&thread->scribe, arrivals + done, fit);
		done += fit;
	}
}

static void *run(void *context)
{
	struct writer_thread *thread = context;
	struct receipt_writer *writer = thread->writer;
	void *letters[BATCH_ROWS_MAX];
	for (;;) {
		int wait_ms = thread->scribe.away ? SCRIBE_AWAY_MS : IDLE_MS;
		size_t count = mailbox_wait(writer->queue, letters, BATCH_ROWS_MAX, wait_ms);
		metric_set(writer->options.metrics->queue, (int64_t)mailbox_count(writer->queue));
		if (count > 0)
			take(thread, letters, count);
		else if (atomic_load(&writer->closing))
			return NULL;
		else
			scribe_is_ready(&thread->scribe, SCRIBE_AWAY_MS);
	}
}

static void thread_free(struct writer_thread **thread)
{
	if (*thread == NULL)
		return;
	rate_limit_free(&(*thread)->scribe.rates);
	ledger_close(&(*thread)->scribe.ledger);
	free(*thread);
	*thread = NULL;
}

static struct writer_thread *thread_new(struct receipt_writer *writer)
{
	const struct receipt_writer_options *options = &writer->options;
	struct writer_thread *thread = calloc(1, sizeof(*thread));
	if (thread == NULL)
		return NULL;
	thread->writer = writer;
	thread->scribe = (struct scribe){
		.service = options->service,
		.ledger = ledger_open(options->conninfo, "intake receipt_writer"),
		.rates = rate_limit_new(
			writer->rates, options->redis_address, options->redis_user, options->redis_password_file),
		.dispatch = options->dispatch,
		.waiters = options->waiters,
		.http_mailbox = options->http_mailbox,
		.metrics = options->metrics,
		.under_way = &writer->under_way,
		.queue_bytes = &writer->queue_bytes,
		.away = true,
	};
	if (thread->scribe.ledger == NULL || thread->scribe.rates == NULL ||
		pthread_create(&thread->handle, NULL, run, thread) != 0)
		thread_free(&thread);
	return thread;
}

static bool start(struct receipt_writer *writer)
{
	while (writer->started < writer->options.writers) {
		struct writer_thread *thread = thread_new(writer);
		if (thread == NULL)
			return false;
		pthread_setname_np(thread->handle, "receipt_writer");
		writer->threads[writer->started++] = thread;
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
		pthread_join(writer->threads[i]->handle, NULL);
		thread_free(&writer->threads[i]);
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
