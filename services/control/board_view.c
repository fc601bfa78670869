#include "services/control/board_view.h"

#include "common/runtime/clock.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TIMEOUT_MS = 5000, POLL_NS = 20000000 };

struct redis *board_redis(const struct rundir *run)
{
	char address[RUNDIR_FILE_MAX], password_file[RUNDIR_FILE_MAX];

	signal(SIGPIPE, SIG_IGN); /* hiredis writes to a connection that may have gone */
	return redis_open(rundir_redis_address(run, address), "control", rundir_redis_password_file(run, password_file),
		TIMEOUT_MS);
}

static bool parse_number(const redisReply *reply, int64_t *number)
{
	char *end;

	if (reply->type != REDIS_REPLY_STRING)
		return false;
	*number = strtoll(reply->str, &end, 10);
	return end != reply->str && *end == '\0';
}

enum board_state board_meta_read(struct redis *redis, uint32_t campaign, struct board_meta *meta)
{
	CLEANUP(redis_reply_clear)
	redisReply *reply = redis_command(redis, "HMGET board:{c%u}:meta generation applied", campaign);
	int64_t generation;

	if (reply == NULL || reply->type != REDIS_REPLY_ARRAY || reply->elements != 2)
		return BOARD_AWAY;
	if (!parse_number(reply->element[0], &generation) || !parse_number(reply->element[1], &meta->applied))
		return BOARD_MISSING;
	meta->generation = (uint64_t)generation;
	return BOARD_THERE;
}

enum board_state board_await(
	struct redis *redis, uint32_t campaign, int64_t version, int64_t deadline_ms, struct board_meta *meta)
{
	const struct timespec pause = {.tv_nsec = POLL_NS};

	for (;;) {
		*meta = (struct board_meta){.applied = -1};
		enum board_state state = board_meta_read(redis, campaign, meta);
		if ((state == BOARD_THERE && meta->applied >= version) || clock_monotonic_ms() >= deadline_ms)
			return state;
		nanosleep(&pause, NULL);
	}
}

static int by_unit(const void *a, const void *b)
{
	uint32_t left = ((const struct board_row *)a)->unit, right = ((const struct board_row *)b)->unit;

	return left < right ? -1 : left > right;
}

/* "version entered counted people awarded" */
static bool parse_row(const redisReply *field, const redisReply *value, struct board_row *row)
{
	int64_t *const figures[] = {&row->version, &row->entered, &row->counted, &row->people, &row->awarded};
	char *at = value->str, *end;

	row->unit = (uint32_t)strtoul(field->str, &end, 10);
	if (end == field->str || *end != '\0')
		return false;
	for (size_t i = 0; i < ARRAY_LENGTH(figures); i++, at = end) {
		*figures[i] = strtoll(at, &end, 10);
		if (end == at)
			return false;
	}
	return *at == '\0';
}

bool board_rows_read(struct redis *redis, uint32_t campaign, uint64_t generation, uint32_t parent, uint32_t phase,
	struct board_row **rows, size_t *count)
{
	CLEANUP(redis_reply_clear)
	redisReply *reply = redis_command(
		redis, "HGETALL board:{c%u}:g%llu:%u:%u", campaign, (unsigned long long)generation, parent, phase);

	*rows = NULL;
	*count = 0;
	if (reply == NULL || reply->type != REDIS_REPLY_ARRAY)
		return false;
	*rows = calloc(reply->elements / 2 + 1, sizeof(**rows));
	assert(*rows != NULL);
	for (size_t i = 0; i + 1 < reply->elements; i += 2)
		if (!parse_row(reply->element[i], reply->element[i + 1], &(*rows)[(*count)++]))
			return false;
	qsort(*rows, *count, sizeof(**rows), by_unit);
	return true;
}

bool board_forget(struct redis *redis, uint32_t campaign)
{
	CLEANUP(redis_reply_clear) redisReply *reply = redis_command(redis, "DEL board:{c%u}:meta", campaign);

	return reply != NULL;
}
