#include "services/intake/rate_limit.h"

#include <stdlib.h>
#include <string.h>

enum { PROBES = 8, TIMES_MAX = 256 /* no campaign's limit is larger here */ };

struct rate_person {
	uint8_t person[PERSON_SIZE];
	uint32_t capacity, count, last; /* a ring of times; `last` is where the newest stands */
	int64_t seen_ms;                /* 0: nobody's place */
	int64_t *times_ms;
};

struct rate_table {
	size_t capacity;
	struct rate_person people[];
};

struct rate_table *rate_table_new(size_t people_max)
{
	struct rate_table *table = calloc(1, sizeof(*table) + people_max * sizeof(table->people[0]));
	assert(people_max >= PROBES && (people_max & (people_max - 1)) == 0);
	if (table != NULL)
		table->capacity = people_max;
	return table;
}

void rate_table_free(struct rate_table **table)
{
	for (size_t i = 0; *table != NULL && i < (*table)->capacity; i++)
		free((*table)->people[i].times_ms);
	free(*table);
	*table = NULL;
}

/* The person's place; with `take` a free one, or that of whom nobody has seen for longest. The hash is keyed, so
 * nobody can choose where it falls. */
static struct rate_person *find(struct rate_table *table, const uint8_t person[PERSON_SIZE], bool take)
{
	struct rate_person *oldest = NULL;
	uint64_t hash;
	memcpy(&hash, person, sizeof(hash));
	for (size_t i = 0; i < PROBES; i++) {
		struct rate_person *place = &table->people[(hash + i) & (table->capacity - 1)];
		if (place->seen_ms != 0 && memcmp(place->person, person, PERSON_SIZE) == 0)
			return place;
		if (oldest == NULL || place->seen_ms < oldest->seen_ms)
			oldest = place;
	}
	if (!take)
		return NULL;
	memcpy(oldest->person, person, PERSON_SIZE);
	oldest->count = 0;
	return oldest;
}

/* `back` 0 is the newest. */
static int64_t time_of(const struct rate_person *place, uint32_t back)
{
	return place->times_ms[(place->last + place->capacity - back) % place->capacity];
}

/* Keeps the newest `count` where the ring has to grow. */
static bool make_room(struct rate_person *place, uint32_t limit)
{
	if (place->capacity >= limit)
		return true;
	int64_t *grown = malloc(limit * sizeof(*grown));
	if (grown == NULL)
		return false;
	for (uint32_t i = 0; i < place->count; i++)
		grown[place->count - 1 - i] = time_of(place, i);
	free(place->times_ms);
	place->times_ms = grown;
	place->capacity = limit;
	place->last = place->count > 0 ? place->count - 1 : limit - 1;
	return true;
}

int64_t rate_table_check(struct rate_table *table, const uint8_t person[PERSON_SIZE], uint32_t limit, int64_t window_ms,
	bool charge, int64_t now_ms)
{
	limit = limit < TIMES_MAX ? limit : TIMES_MAX;
	struct rate_person *place = find(table, person, charge);
	if (place == NULL || limit == 0)
		return 0;
	if (place->count >= limit) {
		int64_t free_at_ms = time_of(place, limit - 1) + window_ms;
		if (free_at_ms > now_ms)
			return free_at_ms - now_ms;
	}
	if (!charge || !make_room(place, limit))
		return 0;
	place->last = (place->last + 1) % place->capacity;
	place->times_ms[place->last] = now_ms;
	place->count += place->count < place->capacity ? 1 : 0;
	place->seen_ms = now_ms;
	return 0;
}

void rate_table_refund(struct rate_table *table, const uint8_t person[PERSON_SIZE])
{
	struct rate_person *place = find(table, person, false);
	if (place == NULL || place->count == 0)
		return;
	place->last = (place->last + place->capacity - 1) % place->capacity;
	place->count--;
}
