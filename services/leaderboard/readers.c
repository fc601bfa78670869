#include "services/leaderboard/readers.h"

#include "common/runtime/clock.h"

#include <pthread.h>
#include <stdlib.h>

enum { REDIS_TIMEOUT_MS = 1000 };

struct reader_thread {
	struct readers *readers;
	struct board_reader reader;
	pthread_t thread;
	bool started;
};

struct readers {
	struct mailbox *jobs, *answers;
	uint32_t count;
	struct reader_thread threads[];
};

struct job *job_new(enum job_kind kind, size_t count)
{
	struct job *job = calloc(1, sizeof(*job) + count * sizeof(struct tracking));
	if (!job)
		return NULL;
	job->kind = kind;
	job->count = count;
	return job;
}

void job_free(struct job **job)
{
	struct job *it = *job;
	*job = NULL;
	if (!it)
		return;
	board_view_release(&it->view);
	buffer_deinit(&it->json);
	for (size_t i = 0; i < it->count; i++)
		tracking_clear(&it->trackings[i]);
	free(it);
}

static void do_job(struct board_reader *reader, struct job *job)
{
	int64_t deadline = clock_monotonic_ms() + watch_patience_ms(reader->watch);
	switch (job->kind) {
	case JOB_BOARD:
		job->view = board_read(reader, &job->query);
		job->failed = job->view == NULL;
		break;
	case JOB_PROGRESS:
		job->failed = !progress_read(reader, &job->progress, &job->json);
		break;
	case JOB_HISTORY:
		job->failed = !history_read(reader, &job->history, &job->json);
		break;
	case JOB_UNITS:
		job->failed = !past_units_read(reader, &job->units, &job->json, &job->unknown_unit);
		break;
	case JOB_TRACK:
		job->failed = !tracking_read(reader->pg, job->trackings, job->count, deadline);
		break;
	case JOB_POLL:
		job->failed = !tracking_find_changed(reader->pg, job->trackings, job->count, &job->changed, deadline) ||
			      !tracking_read(reader->pg, job->trackings, job->changed, deadline);
		break;
	}
}

static void *run(void *context)
{
	struct reader_thread *thread = context;
	struct readers *readers = thread->readers;
	void *letter;
	/* A closed mailbox gives what is left in it, then nothing. */
	while (mailbox_wait(readers->jobs, &letter, 1, -1) == 1) {
		struct job *job = letter;
		do_job(&thread->reader, job);
		if (!mailbox_push(readers->answers, job))
			job_free(&job);
	}
	return NULL;
}

static bool start(struct reader_thread *thread, struct readers *readers, const struct readers_options *options)
{
	thread->readers = readers;
	thread->reader = (struct board_reader){.pg = pg_open(options->conninfo, "leaderboard"),
		.redis =
			redis_open(options->redis, options->redis_user, options->redis_password_file, REDIS_TIMEOUT_MS),
		.watch = options->watch,
		.reference = options->reference};
	thread->started =
		thread->reader.pg && thread->reader.redis && pthread_create(&thread->thread, NULL, run, thread) == 0;
	return thread->started;
}

struct readers *readers_open(const struct readers_options *options)
{
	struct readers *readers = calloc(1, sizeof(*readers) + options->threads * sizeof(struct reader_thread));
	if (!readers)
		return NULL;
	readers->count = options->threads;
	readers->answers = options->answers;
	readers->jobs = mailbox_new(READERS_JOBS_MAX);
	bool started = readers->jobs != NULL;
	for (uint32_t i = 0; started && i < options->threads; i++)
		started = start(&readers->threads[i], readers, options);
	if (!started)
		readers_close(&readers);
	return readers;
}

void readers_close(struct readers **readers)
{
	struct readers *it = *readers;
	*readers = NULL;
	if (!it)
		return;
	if (it->jobs)
		mailbox_close(it->jobs);
	for (uint32_t i = 0; i < it->count; i++) {
		if (it->threads[i].started)
			pthread_join(it->threads[i].thread, NULL);
		pg_close(&it->threads[i].reader.pg);
		redis_close(&it->threads[i].reader.redis);
	}
	void *letter;
	while (it->jobs && mailbox_take(it->jobs, &letter, 1) == 1) {
		struct job *job = letter;
		job_free(&job);
	}
	mailbox_free(&it->jobs);
	free(it);
}

bool readers_ask(struct readers *readers, struct job *job)
{
	return mailbox_push(readers->jobs, job);
}
