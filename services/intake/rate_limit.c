#include "services/intake/rate_limit.h"

#include "common/runtime/clock.h"

#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PEOPLE_MAX = 1 << 16, KEY_TEXT_SIZE = 48, MS_A_SECOND = 1000, REDIS_TIMEOUT_MS = 200 };

struct rate_shared {
	pthread_mutex_t lock;
	struct rate_table *table;
};

struct rate_limit {
	struct rate_shared *shared;
	struct redis *redis;
};

/* A person's list holds the times of the last `limit` submissions, so it is exact and bounded. Redis' own clock: the
 * instances' may differ by what law 6 allows. One key a call, for Redis Cluster. */
static const char JUDGE[] = "local now = redis.call('TIME') "
			    "local ms = now[1] * 1000 + math.floor(now[2] / 1000) "
			    "local limit, window = tonumber(ARGV[1]), tonumber(ARGV[2]) "
			    "local oldest = redis.call('LINDEX', KEYS[1], -limit) "
			    "if oldest and oldest + window > ms then return oldest + window - ms end "
			    "if ARGV[3] == '1' then "
			    "redis.call('RPUSH', KEYS[1], ms) "
			    "redis.call('LTRIM', KEYS[1], -limit, -1) "
			    "redis.call('PEXPIRE', KEYS[1], window) "
			    "end return 0";

struct rate_shared *rate_shared_new(void)
{
	struct rate_shared *shared = calloc(1, sizeof(*shared));
	if (shared == NULL)
		return NULL;
	pthread_mutex_init(&shared->lock, NULL);
	shared->table = rate_table_new(PEOPLE_MAX);
	if (shared->table == NULL)
		rate_shared_free(&shared);
	return shared;
}

void rate_shared_free(struct rate_shared **shared)
{
	if (*shared == NULL)
		return;
	pthread_mutex_destroy(&(*shared)->lock);
	rate_table_free(&(*shared)->table);
	free(*shared);
	*shared = NULL;
}

struct rate_limit *rate_limit_new(
	struct rate_shared *shared, const char *address, const char *user, const char *password_file)
{
	struct rate_limit *limit = calloc(1, sizeof(*limit));
	if (limit == NULL)
		return NULL;
	limit->shared = shared;
	limit->redis = redis_open(address, user, password_file, REDIS_TIMEOUT_MS);
	if (limit->redis == NULL)
		rate_limit_free(&limit);
	return limit;
}

void rate_limit_free(struct rate_limit **limit)
{
	if (*limit == NULL)
		return;
	redis_close(&(*limit)->redis);
	free(*limit);
	*limit = NULL;
}

static bool is_judged(const struct arrival *arrival)
{
	return arrival->limited && arrival->result == RESULT_NONE;
}

/* What is refused for another reason is not counted, but over the limit that is the answer (the table's order). */
static bool is_charged(const struct arrival *arrival)
{
	return arrival->refusal == PROBLEM_NONE;
}

static void settle(struct arrival *arrival, int64_t wait_ms)
{
	if (wait_ms == 0) {
		arrival->charged = is_charged(arrival);
		return;
	}
	arrival_refuse(arrival, PROBLEM_RATE_LIMITED);
	arrival->retry_after_s = (uint32_t)((wait_ms + MS_A_SECOND - 1) / MS_A_SECOND);
}

static void key_of(const struct arrival *arrival, char key[KEY_TEXT_SIZE])
{
	char hex[PERSON_SIZE * 2 + 1];
	sodium_bin2hex(hex, sizeof(hex), arrival->submission.person, PERSON_SIZE);
	snprintf(key, KEY_TEXT_SIZE, "rate:{%s}", hex);
}

static bool ask(struct rate_limit *limit, const struct arrival *arrival)
{
	char key[KEY_TEXT_SIZE], most[16], window[24];
	key_of(arrival, key);
	snprintf(most, sizeof(most), "%u", arrival->person_limit);
	snprintf(window, sizeof(window), "%llu", (unsigned long long)arrival->person_window_s * MS_A_SECOND);
	const char *argv[] = {"EVAL", JUDGE, "1", key, most, window, is_charged(arrival) ? "1" : "0"};
	size_t sizes[ARRAY_LENGTH(argv)];
	for (size_t i = 0; i < ARRAY_LENGTH(argv); i++)
		sizes[i] = strlen(argv[i]);
	return redis_append(limit->redis, ARRAY_LENGTH(argv), argv, sizes);
}

static void judge_alone(struct rate_limit *limit, struct arrival *arrival)
{
	pthread_mutex_lock(&limit->shared->lock);
	int64_t wait_ms = rate_table_check(limit->shared->table, arrival->submission.person, arrival->person_limit,
		(int64_t)arrival->person_window_s * MS_A_SECOND, is_charged(arrival), clock_monotonic_ms());
	pthread_mutex_unlock(&limit->shared->lock);
	settle(arrival, wait_ms);
}

static bool judge_shared(struct rate_limit *limit, struct arrival *const *arrivals, size_t count)
{
	if (!redis_ready(limit->redis))
		return false;
	for (size_t i = 0; i < count; i++) {
		if (is_judged(arrivals[i]) && !ask(limit, arrivals[i]))
			break;
	}
	/* After a loss there is nothing to collect: NULL for all the rest. */
	for (size_t i = 0; i < count; i++) {
		if (!is_judged(arrivals[i]))
			continue;
		CLEANUP(redis_reply_clear) redisReply *reply = redis_collect(limit->redis);
		if (reply == NULL || reply->type != REDIS_REPLY_INTEGER)
			judge_alone(limit, arrivals[i]);
		else
			settle(arrivals[i], reply->integer);
	}
	return true;
}

bool rate_limit_judge(struct rate_limit *limit, struct arrival *const *arrivals, size_t count)
{
	size_t judged = 0;
	for (size_t i = 0; i < count; i++)
		judged += is_judged(arrivals[i]) ? 1 : 0;
	if (judged == 0 || judge_shared(limit, arrivals, count))
		return true;
	for (size_t i = 0; i < count; i++) {
		if (is_judged(arrivals[i]))
			judge_alone(limit, arrivals[i]);
	}
	return false;
}

static bool give_back(struct rate_limit *limit, const struct arrival *arrival)
{
	char key[KEY_TEXT_SIZE];
	key_of(arrival, key);
	const char *argv[] = {"RPOP", key};
	const size_t sizes[] = {4, strlen(key)};
	return redis_append(limit->redis, ARRAY_LENGTH(argv), argv, sizes);
}

void rate_limit_refund(struct rate_limit *limit, struct arrival *const *arrivals, size_t count)
{
	size_t asked = 0;
	for (size_t i = 0; i < count; i++) {
		if (!arrivals[i]->charged)
			continue;
		arrivals[i]->charged = false;
		pthread_mutex_lock(&limit->shared->lock);
		rate_table_refund(limit->shared->table, arrivals[i]->submission.person);
		pthread_mutex_unlock(&limit->shared->lock);
		asked += redis_ready(limit->redis) && give_back(limit, arrivals[i]) ? 1 : 0;
	}
	while (asked-- > 0) {
		CLEANUP(redis_reply_clear) redisReply *reply = redis_collect(limit->redis);
		(void)reply;
	}
}
