/* common/runtime/redis.h over the model of Redis: connections, and commands whose answer is lost. */
#include "common/runtime/redis.h"
#include "tests/simulation/happened.h"
#include "tests/simulation/redis_model.h"
#include "tests/simulation/shell.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PIPELINE_MAX = 256, WORDS_MAX = 32, TRIP_LEAST_US = 20, TRIP_MOST_US = 150, BACK_OFF_US = 20 * MS };

struct command {
	size_t count;
	char **words;
	size_t *sizes;
};

struct redis {
	bool connected;
	uint64_t life;
	struct command queue[PIPELINE_MAX];
	redisReply *replies[PIPELINE_MAX];
	size_t queued, sent, taken;
};

struct redis *redis_open(const char *address, const char *user, const char *password_file, uint32_t timeout_ms)
{
	struct redis *redis = calloc(1, sizeof(*redis));

	(void)address;
	(void)user;
	(void)password_file;
	(void)timeout_ms;
	assert(redis != NULL);
	return redis;
}

void redis_close(struct redis **redis)
{
	*redis = NULL;
}

void redis_reply_clear(redisReply **reply)
{
	redis_release(*reply);
	*reply = NULL;
}

static void trip(void)
{
	fiber_sleep(world_between(TRIP_LEAST_US, TRIP_MOST_US));
}

static bool lose(struct redis *redis)
{
	redis->connected = false;
	redis->queued = redis->sent = redis->taken = 0;
	return false;
}

static bool is_there(struct redis *redis)
{
	if (redis->connected && (redis->life != redis_life() || redis_is_away()))
		return lose(redis);
	return redis->connected;
}

bool redis_ready(struct redis *redis)
{
	if (is_there(redis))
		return true;
	trip();
	if (redis_is_away()) {
		fiber_sleep(BACK_OFF_US);
		return false;
	}
	redis->connected = true;
	redis->life = redis_life();
	return true;
}

bool redis_append(struct redis *redis, int argc, const char **argv, const size_t *sizes)
{
	struct command *command = &redis->queue[redis->queued];

	if (!redis->connected)
		return false;
	assert(redis->queued < PIPELINE_MAX);
	command->count = (size_t)argc;
	command->words = calloc(command->count, sizeof(char *));
	command->sizes = calloc(command->count, sizeof(size_t));
	assert(command->words != NULL && command->sizes != NULL);
	for (size_t i = 0; i < command->count; i++) {
		size_t size = sizes ? sizes[i] : strlen(argv[i]);

		command->words[i] = malloc(size + 1);
		assert(command->words[i] != NULL);
		memcpy(command->words[i], argv[i], size);
		command->words[i][size] = '\0';
		command->sizes[i] = size;
	}
	redis->queued++;
	return true;
}

static void run(struct redis *redis, size_t at)
{
	struct command *command = &redis->queue[at];

	redis->replies[at] = redis_execute(command->count, (const char *const *)command->words, command->sizes);
	for (size_t i = 0; i < command->count; i++)
		free(command->words[i]);
	free(command->words);
	free(command->sizes);
}

/* What is queued travels together; a part of it may arrive. */
static bool send_all(struct redis *redis)
{
	machine_step("Redis");
	trip();
	for (; redis->sent < redis->queued; redis->sent++) {
		if (!is_there(redis) || happens(REDIS_COMMAND_LOST, chances.redis_lost))
			return lose(redis);
		run(redis, redis->sent);
	}
	machine_step("Redis' answer");
	trip();
	return is_there(redis) && !happens(REDIS_COMMAND_LOST, chances.redis_lost);
}

redisReply *redis_collect(struct redis *redis)
{
	redisReply *reply;

	if (!redis->connected || redis->taken == redis->queued)
		return NULL;
	if (redis->sent < redis->queued && !send_all(redis)) {
		lose(redis);
		return NULL;
	}
	reply = redis->replies[redis->taken++];
	if (redis->taken == redis->queued)
		redis->queued = redis->sent = redis->taken = 0;
	if (reply->type != REDIS_REPLY_ERROR)
		return reply;
	redis_release(reply);
	return NULL;
}

redisReply *redis_run(struct redis *redis, int argc, const char **argv, const size_t *sizes)
{
	if (!redis_ready(redis) || !redis_append(redis, argc, argv, sizes))
		return NULL;
	return redis_collect(redis);
}

redisReply *redis_command(struct redis *redis, const char *format, ...)
{
	char line[512], *rest = line, *word;
	const char *words[WORDS_MAX];
	va_list arguments;
	int count = 0;

	va_start(arguments, format);
	vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	while ((word = strsep(&rest, " ")) && count < WORDS_MAX)
		words[count++] = word;
	return redis_run(redis, count, words, NULL);
}
