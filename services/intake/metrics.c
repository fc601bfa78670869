#include "services/intake/metrics.h"

#include <stdio.h>

/* Problems of one status share a counter. */
static void open_refusals(struct intake_metrics *intake, struct metrics *metrics)
{
	for (int problem = PROBLEM_NONE + 1; problem < PROBLEM_COUNT; problem++) {
		int status = problem_words((enum problem)problem)->status;
		char labels[24];
		for (int before = PROBLEM_NONE + 1; before < problem; before++) {
			if (problem_words((enum problem)before)->status == status)
				intake->refused[problem] = intake->refused[before];
		}
		if (intake->refused[problem] != NULL)
			continue;
		snprintf(labels, sizeof(labels), "status=\"%d\"", status);
		intake->refused[problem] = metrics_counter(metrics, "sangkien_intake_refused_submissions_total", labels,
			"Submissions that were not taken in, by status of the answer");
	}
}

void intake_metrics_open(struct intake_metrics *intake, struct metrics *metrics)
{
	*intake = (struct intake_metrics){0};
	open_refusals(intake, metrics);
	intake->accepted = metrics_counter(
		metrics, "sangkien_intake_accepted_submissions_total", NULL, "Submissions made durable");
	intake->replayed = metrics_counter(
		metrics, "sangkien_intake_replayed_submissions_total", NULL, "Repeats that got the original's receipt");
	intake->reviews_made = metrics_counter(
		metrics, "sangkien_intake_reviews_answered_total", "status=\"200\"", "Reviews answered");
	intake->reviews_refused = metrics_counter(
		metrics, "sangkien_intake_reviews_answered_total", "status=\"refused\"", "Reviews answered");
	intake->questions_answered = metrics_counter(metrics, "sangkien_intake_questions_answered_total",
		"status=\"200\"", "Questions about texts answered");
	intake->questions_refused = metrics_counter(metrics, "sangkien_intake_questions_answered_total",
		"status=\"refused\"", "Questions about texts answered");
	intake->commits = metrics_counter(metrics, "sangkien_intake_commits_total", NULL, "Batches committed");
	intake->commit_rows = metrics_histogram(
		metrics, "sangkien_intake_commit_kilorows", NULL, "Submissions in a commit, in thousands");
	intake->commit_latency = metrics_histogram(
		metrics, "sangkien_intake_commit_seconds", NULL, "From BEGIN to the answer to COMMIT");
	intake->outcomes_unknown = metrics_counter(metrics, "sangkien_intake_unknown_outcomes_total", NULL,
		"Batches whose COMMIT got no answer, whether learnt later or not");
	intake->queue = metrics_gauge(metrics, "sangkien_intake_queue_submissions", NULL, "Waiting for a writer");
	intake->window = metrics_gauge(
		metrics, "sangkien_intake_window_submissions", NULL, "Under way in the pipeline, by this instance");
	intake->dispatched = metrics_counter(
		metrics, "sangkien_intake_dispatched_submissions_total", NULL, "Handed to the pipeline");
	intake->redispatched = metrics_counter(metrics, "sangkien_intake_redispatched_submissions_total", NULL,
		"Handed to the pipeline again because no decision came");
	intake->decisions = metrics_counter(
		metrics, "sangkien_intake_decisions_total", NULL, "Decisions that freed a place in the window");
	intake->poisoned =
		metrics_counter(metrics, "sangkien_intake_quarantined_submissions_total", NULL, "Put into quarantine");
	intake->pending = metrics_gauge(metrics, "sangkien_intake_pending_submissions", NULL,
		"Stored and undecided for longer than the lease, as the sweeper last counted");
	intake->pending_age = metrics_gauge(
		metrics, "sangkien_intake_pending_oldest_seconds", NULL, "Age of the oldest undecided submission");
	intake->swept = metrics_counter(
		metrics, "sangkien_intake_swept_submissions_total", NULL, "Fed into the window by the sweeper");
	intake->sweeper_epoch = metrics_gauge(metrics, "sangkien_intake_sweeper_epoch", NULL,
		"Epoch of the sweeper's role where this instance holds it, else 0");
	intake->redis = metrics_gauge(
		metrics, "sangkien_intake_redis_up", NULL, "1: the rate limit is shared, 0: each instance on its own");
	intake->clock_offset = metrics_gauge(
		metrics, "sangkien_intake_clock_offset_microseconds", NULL, "This machine's clock less PostgreSQL's");
}
