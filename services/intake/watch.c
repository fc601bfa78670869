#include "services/intake/watch.h"

#include "common/runtime/clock.h"
#include "common/runtime/log.h"
#include "services/intake/find_decisions.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

enum {
	TOKENS_EVERY_MS = 250,
	CLOCK_EVERY_MS = 10000,
	CONNECT_MS = 1000,
	STATEMENT_MS = 5000,
	NAP_MS = 50,
	LOOK_MAX = 512
};

struct watch {
	struct service *service;
	struct tokens *tokens;
	struct waiters *waiters;
	struct receipt_clock *clock;
	struct intake_metrics *metrics;
	struct pg *pg;
	pthread_t thread;
	atomic_bool closing;
	int64_t tokens_at_ms, clock_at_ms;
};

static void read_tokens(struct watch *watch, int64_t now_ms)
{
	if (now_ms < watch->tokens_at_ms)
		return;
	watch->tokens_at_ms = now_ms + TOKENS_EVERY_MS;
	if (!tokens_load(watch->tokens, watch->pg, now_ms + STATEMENT_MS))
		log_warn("tokens_not_read", KV_TEXT("why", pg_error(watch->pg)));
}

/* The time of receipt decides, so an instance whose clock is off must not give any. */
static void check_clock(struct watch *watch, int64_t now_ms)
{
	int64_t offset_us, wall_us = clock_now_us(), monotonic_us = clock_monotonic_ms() * 1000;
	if (now_ms < watch->clock_at_ms)
		return;
	if (pg_clock_offset(watch->pg, &offset_us, now_ms + STATEMENT_MS) != PG_OK)
		return; /* again at once; what was known holds */
	watch->clock_at_ms = now_ms + CLOCK_EVERY_MS;
	receipt_clock_compare(watch->clock, wall_us, monotonic_us, offset_us);
	bool agrees = atomic_load(&watch->clock->agrees);
	metric_set(watch->metrics->clock_offset, offset_us);
	service_condition(watch->service, "clock", agrees,
		agrees ? NULL : "this machine's clock is more than a second off PostgreSQL's");
	if (!agrees)
		log_error("clock_off", KV_I64("offset_us", offset_us));
}

struct look {
	struct waiters *waiters;
	struct id128 submissions[LOOK_MAX];
};

static void tell(size_t at, struct decision *decision, void *context)
{
	struct look *look = context;
	waiters_tell(look->waiters, &look->submissions[at], decision);
}

static void look_for_waiters(struct watch *watch, int64_t now_ms)
{
	struct look look = {.waiters = watch->waiters};
	size_t count = waiters_due(watch->waiters, now_ms, look.submissions, LOOK_MAX);
	if (count > 0 &&
		find_decisions(watch->pg, look.submissions, count, tell, &look, now_ms + STATEMENT_MS) != PG_OK)
		log_warn("decisions_not_read", KV_TEXT("why", pg_error(watch->pg)));
}

static void *run(void *context)
{
	struct watch *watch = context;
	const struct timespec nap = {.tv_nsec = NAP_MS * 1000000L};
	while (!atomic_load(&watch->closing)) {
		int64_t now_ms = clock_monotonic_ms();
		if (pg_ready(watch->pg, now_ms + CONNECT_MS)) {
			read_tokens(watch, now_ms);
			check_clock(watch, now_ms);
			look_for_waiters(watch, now_ms);
		}
		nanosleep(&nap, NULL);
	}
	return NULL;
}

struct watch *watch_open(struct service *service, const char *conninfo, struct tokens *tokens, struct waiters *waiters,
	struct receipt_clock *clock, struct intake_metrics *metrics)
{
	struct watch *watch = calloc(1, sizeof(*watch));
	if (watch == NULL)
		return NULL;
	watch->service = service;
	watch->tokens = tokens;
	watch->waiters = waiters;
	watch->clock = clock;
	watch->metrics = metrics;
	watch->pg = pg_open_by_key(conninfo, "intake watch");
	service_condition(service, "clock", false, "not compared with PostgreSQL's yet");
	if (watch->pg != NULL && pthread_create(&watch->thread, NULL, run, watch) == 0) {
		pthread_setname_np(watch->thread, "watch");
		return watch;
	}
	pg_close(&watch->pg);
	free(watch);
	return NULL;
}

void watch_close(struct watch **watch)
{
	if (*watch == NULL)
		return;
	atomic_store(&(*watch)->closing, true);
	pthread_join((*watch)->thread, NULL);
	pg_close(&(*watch)->pg);
	free(*watch);
	*watch = NULL;
}
