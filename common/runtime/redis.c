#include "common/runtime/redis.h"

#include "common/runtime/backoff.h"
#include "common/runtime/clock.h"
#include "common/runtime/log.h"
#include "common/runtime/random.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BACKOFF_LEAST_MS = 50, BACKOFF_MOST_MS = 2000, PASSWORD_SIZE = 512, COMPLAINT_EVERY_MS = 5000 };

struct redis {
	char *address, *user, *password_file;
	struct timeval timeout;
	redisContext *context; /* NULL: none; after any error a new one, redisReconnect() loses AUTH and timeout */
	size_t pending;        /* appended on this context and not collected */
	struct backoff backoff;
	int64_t not_before_ms;
	bool away; /* the loss has been said */
	int64_t away_since_ms;
	int64_t complained_ms; /* of an error reply, 0: never */
	uint64_t unsaid;       /* error replies since */
};

static char *copy_text(const char *text)
{
	return text == NULL || text[0] == '\0' ? NULL : strdup(text);
}

struct redis *redis_open(const char *address, const char *user, const char *password_file, uint32_t timeout_ms)
{
	struct redis *redis = calloc(1, sizeof(*redis));

	if (redis == NULL)
		return NULL;
	redis->address = strdup(address);
	redis->user = copy_text(user);
	redis->password_file = copy_text(password_file);
	redis->timeout = (struct timeval){.tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000L};
	redis->backoff = (struct backoff){.least_ms = BACKOFF_LEAST_MS, .most_ms = BACKOFF_MOST_MS};
	if (redis->address == NULL)
		redis_close(&redis);
	return redis;
}

void redis_close(struct redis **handle)
{
	struct redis *redis = *handle;

	*handle = NULL;
	if (redis == NULL)
		return;
	if (redis->context != NULL)
		redisFree(redis->context);
	free(redis->address);
	free(redis->user);
	free(redis->password_file);
	free(redis);
}

void redis_reply_clear(redisReply **reply)
{
	if (*reply != NULL)
		freeReplyObject(*reply);
	*reply = NULL;
}

static void lose(struct redis *redis, const char *why)
{
	if (!redis->away) {
		redis->away = true;
		redis->away_since_ms = clock_monotonic_ms();
		log_warn("redis_away", KV_TEXT("why", why));
	}
	/* `why` may be the context's own text, so it goes last. */
	if (redis->context != NULL)
		redisFree(redis->context);
	redis->context = NULL;
	redis->pending = 0;
	redis->not_before_ms = clock_monotonic_ms() + backoff_next_ms(&redis->backoff, random_u32());
}

/* Under a storm of one error a line in five seconds says it, with the number of those between. */
static void complain(struct redis *redis, const char *error)
{
	int64_t now = clock_monotonic_ms();

	if (redis->complained_ms != 0 && now - redis->complained_ms < COMPLAINT_EVERY_MS) {
		redis->unsaid++;
		return;
	}
	log_error("redis_error", KV_TEXT("error", error), KV_U64("unsaid", redis->unsaid));
	redis->complained_ms = now;
	redis->unsaid = 0;
}

static bool starts_with(const char *text, const char *beginning)
{
	return strncmp(text, beginning, strlen(beginning)) == 0;
}

/* Errors come as replies. These say that this connection will not serve: a replica after a failover, a server that
 * still loads its data, an account that is gone. */
static bool is_of_connection(const char *error)
{
	static const char *const beginnings[] = {"READONLY", "LOADING", "MASTERDOWN", "NOAUTH", "WRONGPASS"};

	for (size_t i = 0; i < ARRAY_LENGTH(beginnings); i++)
		if (starts_with(error, beginnings[i]))
			return true;
	return false;
}

static redisReply *take(struct redis *redis, redisReply *reply)
{
	if (reply == NULL) {
		lose(redis, redis->context->errstr);
		return NULL;
	}
	if (reply->type != REDIS_REPLY_ERROR)
		return reply;
	complain(redis, reply->str);
	if (is_of_connection(reply->str))
		lose(redis, reply->str);
	freeReplyObject(reply);
	return NULL;
}

static redisContext *connect_context(const struct redis *redis)
{
	const char *colon = strrchr(redis->address, ':');
	char host[256];

	if (starts_with(redis->address, "unix:"))
		return redisConnectUnixWithTimeout(redis->address + strlen("unix:"), redis->timeout);
	if (colon == NULL || (size_t)(colon - redis->address) >= sizeof(host))
		return redisConnectWithTimeout(redis->address, 6379, redis->timeout);
	snprintf(host, sizeof(host), "%.*s", (int)(colon - redis->address), redis->address);
	return redisConnectWithTimeout(host, (int)strtol(colon + 1, NULL, 10), redis->timeout);
}

/* Read anew at each connection, so that a changed password needs no restart. */
static bool read_password(const char *path, char password[PASSWORD_SIZE])
{
	FILE *file = fopen(path, "re");
	bool read;

	if (file == NULL)
		return false;
	read = fgets(password, PASSWORD_SIZE, file) != NULL;
	fclose(file);
	if (read)
		password[strcspn(password, "\r\n")] = '\0';
	return read;
}

static bool authenticate(struct redis *redis)
{
	CLEANUP(redis_reply_clear) redisReply *reply = NULL;
	char password[PASSWORD_SIZE] = "";

	if (redis->password_file == NULL)
		return true;
	if (!read_password(redis->password_file, password)) {
		lose(redis, "its password file cannot be read");
		return false;
	}
	if (redis->user != NULL)
		reply = redisCommand(redis->context, "AUTH %s %s", redis->user, password);
	else
		reply = redisCommand(redis->context, "AUTH %s", password);
	explicit_bzero(password, sizeof(password));
	if (reply != NULL && reply->type != REDIS_REPLY_ERROR)
		return true;
	lose(redis, reply == NULL ? redis->context->errstr : reply->str);
	return false;
}

static bool connect_now(struct redis *redis)
{
	redis->context = connect_context(redis);
	if (redis->context == NULL || redis->context->err != 0) {
		lose(redis, redis->context == NULL ? "out of memory" : redis->context->errstr);
		return false;
	}
	if (redisSetTimeout(redis->context, redis->timeout) != REDIS_OK) {
		lose(redis, redis->context->errstr);
		return false;
	}
	return authenticate(redis);
}

bool redis_ready(struct redis *redis)
{
	if (redis->context != NULL && redis->context->err == 0)
		return true;
	if (redis->context != NULL)
		lose(redis, redis->context->errstr);
	if (clock_monotonic_ms() < redis->not_before_ms || !connect_now(redis))
		return false;
	if (redis->away)
		log_info("redis_back", KV_I64("away_ms", clock_monotonic_ms() - redis->away_since_ms));
	redis->away = false;
	backoff_reset(&redis->backoff);
	return true;
}

redisReply *redis_run(struct redis *redis, int argc, const char **argv, const size_t *sizes)
{
	assert(redis->pending == 0);
	if (!redis_ready(redis))
		return NULL;
	return take(redis, redisCommandArgv(redis->context, argc, argv, sizes));
}

redisReply *redis_command(struct redis *redis, const char *format, ...)
{
	redisReply *reply;
	va_list values;

	assert(redis->pending == 0);
	if (!redis_ready(redis))
		return NULL;
	va_start(values, format);
	reply = redisvCommand(redis->context, format, values);
	va_end(values);
	return take(redis, reply);
}

bool redis_append(struct redis *redis, int argc, const char **argv, const size_t *sizes)
{
	/* On a new connection in the middle of a pipeline the first commands' answers would be missing. */
	if (redis->pending == 0 ? !redis_ready(redis) : redis->context == NULL)
		return false;
	if (redisAppendCommandArgv(redis->context, argc, argv, sizes) != REDIS_OK) {
		lose(redis, redis->context->errstr);
		return false;
	}
	redis->pending++;
	return true;
}

redisReply *redis_collect(struct redis *redis)
{
	void *reply = NULL;

	/* Nothing is on its way: the connection was lost since, and waiting would only run into the timeout. */
	if (redis->context == NULL || redis->pending == 0)
		return NULL;
	redis->pending--;
	if (redisGetReply(redis->context, &reply) != REDIS_OK)
		reply = NULL;
	return take(redis, reply);
}
