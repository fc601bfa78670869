#include "services/leaderboard/versions.h"

#include <stdlib.h>

struct seen {
	uint32_t campaign;
	uint64_t version; /* PostgreSQL's */
	uint64_t applied; /* Redis's, 0 where it has none */
	bool alien;
};

struct versions {
	struct seen seen[VERSIONS_CAMPAIGNS_MAX]; /* campaigns in no order: there are few */
	size_t count;
	int64_t postgresql_at_ms, redis_at_ms; /* last answer; 0: never */
};

struct versions *versions_new(void)
{
	return calloc(1, sizeof(struct versions));
}

void versions_free(struct versions **versions)
{
	free(*versions);
	*versions = NULL;
}

static const struct seen *find_seen(const struct versions *versions, uint32_t campaign)
{
	for (size_t i = 0; i < versions->count; i++)
		if (versions->seen[i].campaign == campaign)
			return &versions->seen[i];
	return NULL;
}

/* NULL: too many campaigns. */
static struct seen *take_seen(struct versions *versions, uint32_t campaign)
{
	const struct seen *seen = find_seen(versions, campaign);

	if (seen)
		return &versions->seen[seen - versions->seen];
	if (versions->count == VERSIONS_CAMPAIGNS_MAX)
		return NULL;
	versions->seen[versions->count] = (struct seen){.campaign = campaign};
	return &versions->seen[versions->count++];
}

void versions_applied(struct versions *versions, uint32_t campaign, uint64_t applied)
{
	struct seen *seen = take_seen(versions, campaign);

	if (seen)
		seen->applied = applied;
}

void versions_redis_answered(struct versions *versions, int64_t now_ms)
{
	versions->redis_at_ms = now_ms;
}

bool versions_stored(struct versions *versions, uint32_t campaign, uint64_t version)
{
	struct seen *seen = take_seen(versions, campaign);
	bool was_alien = seen && seen->alien;

	if (!seen)
		return false;
	seen->version = version;
	seen->alien = seen->applied > version;
	return seen->alien && !was_alien;
}

void versions_postgresql_answered(struct versions *versions, int64_t now_ms)
{
	versions->postgresql_at_ms = now_ms;
}

uint64_t versions_behind(const struct versions *versions)
{
	uint64_t behind = 0;

	for (size_t i = 0; i < versions->count; i++)
		if (versions->seen[i].version > versions->seen[i].applied)
			behind += versions->seen[i].version - versions->seen[i].applied;
	return behind;
}

static bool is_recent(int64_t at_ms, int64_t now_ms)
{
	return at_ms != 0 && now_ms - at_ms < VERSIONS_FRESH_MS;
}

struct newest versions_newest(const struct versions *versions, uint32_t campaign, int64_t now_ms)
{
	const struct seen *seen = find_seen(versions, campaign);
	struct newest newest = {.postgresql = is_recent(versions->postgresql_at_ms, now_ms)};

	if (!seen)
		return newest;
	newest.redis_is_alien = seen->alien;
	newest.version = seen->version;
	if (!newest.postgresql && !seen->alien && seen->applied > seen->version)
		newest.version = seen->applied;
	newest.redis_is_level =
		is_recent(versions->redis_at_ms, now_ms) && !seen->alien && seen->applied == newest.version;
	return newest;
}

bool newest_may_show(const struct newest *newest, bool from_redis, uint64_t version)
{
	return version >= newest->version && !(from_redis && newest->redis_is_alien);
}

bool newest_is_current(const struct newest *newest, bool from_redis)
{
	return !from_redis || newest->postgresql;
}

/* PostgreSQL stood in for Redis, which is back. */
static bool has_stood_in(const struct newest *newest, const struct shown *shown, int64_t now_us)
{
	return !shown->from_redis && newest->redis_is_level && now_us - shown->as_of_us > VERSIONS_STAND_IN_US;
}

bool newest_still_holds(const struct newest *newest, const struct shown *shown, int64_t now_us)
{
	return newest_may_show(newest, shown->from_redis, shown->version) && shown->current == newest->postgresql &&
	       !has_stood_in(newest, shown, now_us);
}
