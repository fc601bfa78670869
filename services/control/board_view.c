#include "services/control/board_view.h"

#include "common/runtime/clock.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TIMEOUT_MS = 5000, POLL_NS = 20000000, SCAN_KEYS = 1000 };

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
	redisReply *reply = redis_command(redis, "HMGET board:{c%u}:meta generation applied tree", campaign);
	int64_t generation;

	if (reply == NULL || reply->type != REDIS_REPLY_ARRAY || reply->elements != 3)
		return BOARD_AWAY;
	if (!parse_number(reply->element[0], &generation) || !parse_number(reply->element[1], &meta->applied))
		return BOARD_MISSING;
	if (!parse_number(reply->element[2], &meta->tree))
		meta->tree = 0;
	meta->generation = (uint64_t)generation;
	return BOARD_THERE;
}

bool board_has(const struct board_meta *meta, int64_t version, int64_t tree)
{
	return meta->applied >= version && (meta->tree == 0 || meta->tree >= tree);
}

enum board_state board_await(struct redis *redis, uint32_t campaign, int64_t version, int64_t tree, int64_t deadline_ms,
	struct board_meta *meta)
{
	const struct timespec pause = {.tv_nsec = POLL_NS};

	for (;;) {
		*meta = (struct board_meta){.applied = -1};
		enum board_state state = board_meta_read(redis, campaign, meta);
		if ((state == BOARD_THERE && board_has(meta, version, tree)) || clock_monotonic_ms() >= deadline_ms)
			return state;
		nanosleep(&pause, NULL);
	}
}

/* "version entered counted people awarded" */
static bool parse_figures(const redisReply *value, struct board_row *row)
{
	int64_t *const figures[] = {&row->version, &row->entered, &row->counted, &row->people, &row->awarded};
	char *at = value->str, *end;

	for (size_t i = 0; i < ARRAY_LENGTH(figures); i++, at = end) {
		*figures[i] = strtoll(at, &end, 10);
		if (end == at)
			return false;
	}
	return *at == '\0';
}

/* Places: a parent and a phase have one key --------------------------------------------------------------------- */

struct place {
	uint32_t parent, phase;
};
struct places {
	struct place *places;
	size_t count, size;
};

static void places_free(struct places *places)
{
	free(places->places);
}

/* A number that `stop` ends, and where. */
static bool parse_u32(const char *text, char stop, uint32_t *number, const char **after)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (end == text || *end != stop || value > UINT32_MAX)
		return false;
	*number = (uint32_t)value;
	*after = end;
	return true;
}

/* Other names (the set of a generation's keys) are no place. */
static void add_place(struct places *places, const char *name)
{
	struct place place;
	const char *end;

	if (!parse_u32(name, ':', &place.parent, &end) || !parse_u32(end + 1, '\0', &place.phase, &end))
		return;
	if (places->count == places->size) {
		places->size = 2 * places->size + 64;
		places->places = reallocarray(places->places, places->size, sizeof(place));
		assert(places->places != NULL);
	}
	places->places[places->count++] = place;
}

static int by_place(const void *left, const void *right)
{
	const struct place *a = left, *b = right;

	if (a->parent != b->parent)
		return a->parent < b->parent ? -1 : 1;
	return (a->phase > b->phase) - (a->phase < b->phase);
}

/* By the keys there are, not by those that quota noted: a stranger notes nothing. */
static bool find_places(struct redis *redis, const char *prefix, struct places *places)
{
	char cursor[32] = "0";

	do {
		CLEANUP(redis_reply_clear)
		redisReply *reply = redis_command(redis, "SCAN %s MATCH %s* COUNT %d", cursor, prefix, SCAN_KEYS);
		if (reply == NULL || reply->type != REDIS_REPLY_ARRAY || reply->elements != 2)
			return false;
		snprintf(cursor, sizeof(cursor), "%s", reply->element[0]->str);
		for (size_t i = 0; i < reply->element[1]->elements; i++)
			add_place(places, reply->element[1]->element[i]->str + strlen(prefix));
	} while (strcmp(cursor, "0") != 0);
	if (places->count > 0)
		qsort(places->places, places->count, sizeof(*places->places), by_place);
	return true;
}

/* Rows ---------------------------------------------------------------------------------------------------------- */

struct row_list {
	struct board_row *rows;
	size_t count, size;
};

static struct board_row *add_row(struct row_list *list, const struct place *place)
{
	if (list->count == list->size) {
		list->size = 2 * list->size + 1024;
		list->rows = reallocarray(list->rows, list->size, sizeof(*list->rows));
		assert(list->rows != NULL);
	}
	list->rows[list->count] = (struct board_row){.parent = place->parent, .phase = place->phase};
	return &list->rows[list->count++];
}

/* A key that holds something else than rows answers with an error, as a Redis that is away gives nothing. */
static bool is_of_another_kind(struct redis *redis, const char *prefix, const struct place *place)
{
	CLEANUP(redis_reply_clear)
	redisReply *reply = redis_command(redis, "TYPE %s%u:%u", prefix, place->parent, place->phase);

	return reply != NULL && reply->type == REDIS_REPLY_STATUS && strcmp(reply->str, "hash") != 0;
}

static bool read_place(struct redis *redis, const char *prefix, const struct place *place, struct row_list *list)
{
	CLEANUP(redis_reply_clear)
	redisReply *reply = redis_command(redis, "HGETALL %s%u:%u", prefix, place->parent, place->phase);

	if (reply == NULL || reply->type != REDIS_REPLY_ARRAY) {
		if (!is_of_another_kind(redis, prefix, place))
			return false;
		add_row(list, place);
		return true;
	}
	for (size_t i = 0; i + 1 < reply->elements; i += 2) {
		struct board_row *row = add_row(list, place);
		const char *end;

		row->readable = parse_u32(reply->element[i]->str, '\0', &row->unit, &end) &&
				parse_figures(reply->element[i + 1], row);
	}
	return true;
}

static int by_unit(const void *left, const void *right)
{
	const struct board_row *a = left, *b = right;
	int order = by_place(&(struct place){a->parent, a->phase}, &(struct place){b->parent, b->phase});

	if (order != 0)
		return order;
	return (a->unit > b->unit) - (a->unit < b->unit);
}

bool board_rows_read(
	struct redis *redis, uint32_t campaign, uint64_t generation, struct board_row **rows, size_t *count)
{
	CLEANUP(places_free) struct places places = {0};
	struct row_list list = {0};
	char prefix[64];
	bool read;

	snprintf(prefix, sizeof(prefix), "board:{c%u}:g%" PRIu64 ":", campaign, generation);
	read = find_places(redis, prefix, &places);
	for (size_t i = 0; read && i < places.count; i++)
		if (i == 0 || by_place(&places.places[i], &places.places[i - 1]) != 0) /* SCAN may name one twice */
			read = read_place(redis, prefix, &places.places[i], &list);
	if (list.count > 0)
		qsort(list.rows, list.count, sizeof(*list.rows), by_unit);
	*rows = list.rows;
	*count = list.count;
	return read;
}

bool board_forget(struct redis *redis, uint32_t campaign)
{
	CLEANUP(redis_reply_clear) redisReply *reply = redis_command(redis, "DEL board:{c%u}:meta", campaign);

	return reply != NULL;
}
