#include "services/leaderboard/watch.h"

#include "common/runtime/clock.h"
#include "common/runtime/log.h"
#include "common/runtime/redis.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TURN_MS = 250, DEADLINE_MS = 1000, LOAD_DEADLINE_MS = 20000, REDIS_TIMEOUT_MS = 500 };
enum { PATIENCE_MS = 3000, PATIENCE_AWAY_MS = 200 };

struct watch {
	struct watch_options options;
	struct pg *pg;
	struct redis *redis;
	struct metric *behind;
	pthread_t thread;
	pthread_mutex_t mutex; /* of what follows */
	pthread_cond_t wake;
	bool closing;
	struct versions *versions;
	struct targets *targets;
};

static void note_applied(struct watch *watch, uint32_t campaign, uint64_t applied)
{
	pthread_mutex_lock(&watch->mutex);
	versions_applied(watch->versions, campaign, applied);
	pthread_mutex_unlock(&watch->mutex);
}

static void note_version(struct watch *watch, uint32_t campaign, uint64_t version)
{
	pthread_mutex_lock(&watch->mutex);
	bool is_ahead = versions_stored(watch->versions, campaign, version);
	pthread_mutex_unlock(&watch->mutex);
	if (is_ahead)
		log_warn("redis_board_ahead", KV_U64("campaign", campaign), KV_U64("version", version));
}

/* Also asks for the version of the reference data, that says when targets are to be read again. */
static bool ask_postgresql(struct watch *watch, uint64_t *reference)
{
	CLEANUP(pg_result_clear) PGresult *rows = NULL;
	int64_t deadline = clock_monotonic_ms() + DEADLINE_MS;
	if (!pg_ready(watch->pg, deadline))
		return false;
	pg_params(watch->pg);
	/* One row a campaign; a board that never moved is version 0. */
	if (pg_run(watch->pg,
		    "SELECT r.version, c.id, coalesce(b.version, 0) FROM reference_version r "
		    "LEFT JOIN campaign c ON true LEFT JOIN board b ON b.campaign_id = c.id",
		    &rows, deadline) != PG_OK ||
		PQntuples(rows) < 1)
		return false;
	*reference = (uint64_t)pg_get_i64(rows, 0, 0);
	for (int row = 0; row < PQntuples(rows); row++)
		if (!pg_get_null(rows, row, 1))
			note_version(watch, (uint32_t)pg_get_i16(rows, row, 1), (uint64_t)pg_get_i64(rows, row, 2));
	pthread_mutex_lock(&watch->mutex);
	versions_postgresql_answered(watch->versions, clock_monotonic_ms());
	pthread_mutex_unlock(&watch->mutex);
	return true;
}

/* Anew with the reference data, and with the day: targets follow the member counts by date. */
static void load_targets(struct watch *watch, uint64_t reference)
{
	int32_t today = clock_vietnam_day(clock_now_us());
	if (watch->targets && targets_version(watch->targets) == targets_version_of(reference, today))
		return;
	struct targets *newest = targets_load(watch->pg, reference, today, clock_monotonic_ms() + LOAD_DEADLINE_MS);
	if (!newest)
		return;
	pthread_mutex_lock(&watch->mutex);
	struct targets *before = watch->targets;
	watch->targets = newest;
	pthread_mutex_unlock(&watch->mutex);
	targets_release(&before);
	log_info("targets_loaded", KV_U64("version", reference));
}

/* True: Redis answered. */
static bool ask_redis(struct watch *watch)
{
	const struct reference *reference = reference_acquire(watch->options.reference);
	size_t count = reference ? reference->campaign_count : 0;
	bool answers = redis_ready(watch->redis);
	for (size_t i = 0; answers && i < count; i++) {
		uint32_t campaign = reference->campaigns[i].id;
		CLEANUP(redis_reply_clear)
		redisReply *reply = redis_command(watch->redis, "HGET board:{c%u}:meta applied", campaign);
		answers = reply != NULL;
		if (answers)
			note_applied(watch, campaign,
				reply->type == REDIS_REPLY_STRING ? strtoull(reply->str, NULL, 10) : 0);
	}
	reference_release(watch->options.reference, &reference);
	pthread_mutex_lock(&watch->mutex);
	if (answers)
		versions_redis_answered(watch->versions, clock_monotonic_ms());
	pthread_mutex_unlock(&watch->mutex);
	return answers;
}

static void show_behind(struct watch *watch)
{
	pthread_mutex_lock(&watch->mutex);
	uint64_t behind = versions_behind(watch->versions);
	pthread_mutex_unlock(&watch->mutex);
	metric_set(watch->behind, (int64_t)behind);
}

static void turn(struct watch *watch)
{
	uint64_t reference = 0;
	/* In this order (versions.h). */
	bool redis = ask_redis(watch);
	bool postgresql = ask_postgresql(watch, &reference);
	if (postgresql)
		load_targets(watch, reference);
	show_behind(watch);
	service_condition(watch->options.service, "postgresql-or-redis", postgresql || redis,
		"neither PostgreSQL nor Redis answers");
}

/* False: closing. */
static bool rest(struct watch *watch)
{
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += TURN_MS * 1000000L;
	until.tv_sec += until.tv_nsec / 1000000000L;
	until.tv_nsec %= 1000000000L;
	pthread_mutex_lock(&watch->mutex);
	while (!watch->closing && pthread_cond_timedwait(&watch->wake, &watch->mutex, &until) == 0)
		;
	bool closing = watch->closing;
	pthread_mutex_unlock(&watch->mutex);
	return !closing;
}

static void *run(void *context)
{
	do
		turn(context);
	while (rest(context));
	return NULL;
}

static void watch_free(struct watch *watch)
{
	pg_close(&watch->pg);
	redis_close(&watch->redis);
	targets_release(&watch->targets);
	versions_free(&watch->versions);
	free(watch);
}

static void init_wake(struct watch *watch)
{
	pthread_condattr_t monotonic;
	pthread_mutex_init(&watch->mutex, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&watch->wake, &monotonic);
	pthread_condattr_destroy(&monotonic);
}

struct watch *watch_open(const struct watch_options *options)
{
	struct watch *watch = calloc(1, sizeof(*watch));
	if (!watch)
		return NULL;
	watch->options = *options;
	watch->behind = metrics_gauge(service_metrics(options->service), "sangkien_leaderboard_redis_behind_versions",
		NULL, "Versions that Redis is behind the newest board, all campaigns together");
	watch->versions = versions_new();
	watch->pg = pg_open(options->conninfo, "leaderboard watch");
	watch->redis = redis_open(options->redis, options->redis_user, options->redis_password_file, REDIS_TIMEOUT_MS);
	init_wake(watch);
	service_condition(options->service, "postgresql-or-redis", false, "not asked yet");
	if (watch->versions && watch->pg && watch->redis && pthread_create(&watch->thread, NULL, run, watch) == 0)
		return watch;
	watch_free(watch);
	return NULL;
}

void watch_close(struct watch **watch)
{
	struct watch *it = *watch;
	*watch = NULL;
	if (!it)
		return;
	pthread_mutex_lock(&it->mutex);
	it->closing = true;
	pthread_cond_signal(&it->wake);
	pthread_mutex_unlock(&it->mutex);
	pthread_join(it->thread, NULL);
	pthread_cond_destroy(&it->wake);
	pthread_mutex_destroy(&it->mutex);
	watch_free(it);
}

struct watch_state watch_state(struct watch *watch, uint32_t campaign)
{
	int64_t now_ms = clock_monotonic_ms();
	pthread_mutex_lock(&watch->mutex);
	struct watch_state state = {.newest = versions_newest(watch->versions, campaign, now_ms),
		.targets = targets_version(watch->targets)};
	pthread_mutex_unlock(&watch->mutex);
	return state;
}

uint32_t watch_patience_ms(struct watch *watch)
{
	return watch_state(watch, 0).newest.postgresql ? PATIENCE_MS : PATIENCE_AWAY_MS;
}

struct targets *watch_targets(struct watch *watch)
{
	pthread_mutex_lock(&watch->mutex);
	struct targets *targets = targets_hold(watch->targets);
	pthread_mutex_unlock(&watch->mutex);
	return targets;
}
