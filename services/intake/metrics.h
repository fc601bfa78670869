/* What intake counts. */
#ifndef SANGKIEN_INTAKE_METRICS_H
#define SANGKIEN_INTAKE_METRICS_H

#include "common/runtime/metrics.h"
#include "services/intake/problem.h"

struct intake_metrics {
	struct metric *accepted, *replayed;
	struct metric *refused[PROBLEM_COUNT]; /* one a status: problems of the same status share it */
	struct metric *reviews_made, *reviews_refused;
	struct metric *questions_answered, *questions_refused;
	struct metric *commits, *commit_rows, *commit_latency, *outcomes_unknown;
	struct metric *queue;
	struct metric *window, *dispatched, *redispatched, *decisions, *poisoned;
	struct metric *pending, *pending_age, *swept, *sweeper_epoch;
	struct metric *redis, *clock_offset;
};

void intake_metrics_open(struct intake_metrics *intake, struct metrics *metrics);

#endif
